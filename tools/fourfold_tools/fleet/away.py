"""Away: a checkout on a machine that does not have the project; commits come and go as bundles."""

import os
from pathlib import Path

import anyio
import anyio.to_thread

from fourfold_tools.errors import NotFound
from fourfold_tools.fleet.bundles import Bundles
from fourfold_tools.fleet.checkout import Tree
from fourfold_tools.fleet.contract import AgentTask, Checkout, Outcome
from fourfold_tools.fleet.repository import Repository


class Copies:
    """This process's copies of the projects whose tasks it runs: a bare repository for each plan."""

    def __init__(self, below: Path, bundles: Bundles) -> None:
        self._below = below
        self._bundles = bundles
        self._locks: dict[str, anyio.Lock] = {}
        self.threads = anyio.CapacityLimiter(2)

    async def with_commit(self, plan: str, checkout: Checkout) -> Repository:
        """The copy of a plan's project, with everything that the checkout needs.

        Raises:
            NotFound: a bundle is gone (the deployment has ended). GitFailed: it does not hold what it should.
        """
        home = Repository(str(self._below / f"{plan}.git"))
        async with self._locks.setdefault(plan, anyio.Lock()):
            if await anyio.to_thread.run_sync(_made, home.top, limiter=self.threads):
                await home.git("init", "--quiet", "--bare")
            if not await home.has(checkout.start):
                await self._fetch(home, start_of(plan, checkout.start))
            if checkout.brings:
                await self._fetch(home, checkout.brings)
        return home

    async def send(self, home: Repository, name: str, plan: str, checkout: Checkout, commit: str) -> None:
        """Put what was made on top of the checkout's base where the deployer finds it."""
        data = await home.bundle({f"refs/heads/{checkout.branch}": commit}, checkout.base)
        await anyio.to_thread.run_sync(self._bundles.put, name, plan, data, limiter=self.threads)

    async def _fetch(self, home: Repository, name: str) -> None:
        data = await anyio.to_thread.run_sync(self._bundles.get, name, limiter=self.threads)
        if data is None:
            raise NotFound(f"no bundle {name} in the fleet's database: its deployment has ended")
        await home.unbundle(data, "refs/*:refs/*")


class AwayCheckout:
    """A worktree of a copy. Mutable: where it lies."""

    def __init__(self, copies: Copies, tree: Tree) -> None:
        self._copies = copies
        self._tree = tree
        self._home = Repository("")

    async def enter(self, task: AgentTask) -> str:
        """Raises NotFound and GitFailed as for Copies."""
        assert task.checkout is not None
        self._home = await self._copies.with_commit(task.plan, task.checkout)
        return await self._tree.grow(self._home, task.checkout)

    async def leave(self, task: AgentTask, outcome: Outcome | None) -> Outcome | None:
        return await self._tree.harvest(task, outcome, self._keep)

    async def clear(self, task: AgentTask) -> None:
        await self._tree.fell(self._home)

    async def _keep(self, task: AgentTask, commit: str) -> None:
        assert task.checkout is not None
        await self._copies.send(self._home, result_of(task.key, commit), task.plan, task.checkout, commit)


def _made(folder: str) -> bool:
    """Whether this call has made the folder; it is there afterwards."""
    try:
        os.makedirs(folder, mode=0o700)
    except FileExistsError:
        return False
    return True


def start_of(plan: str, commit: str) -> str:
    """The bundle with the whole history of the commit that a deployment began with."""
    return f"{plan}:{commit}"


def result_of(key: str, commit: str) -> str:
    """The bundle with what an attempt has made; a worker that was given up and comes back replaces nobody's."""
    return f"{key}:{commit}"
