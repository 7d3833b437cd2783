"""A site: the fleet's store opened by one process, and the worker that it is while it is open."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from fourfold_tools.errors import Denied, NotFound
from fourfold_tools.fleet.agent import Agent
from fourfold_tools.fleet.away import AwayCheckout, Copies
from fourfold_tools.fleet.bundles import Bundles
from fourfold_tools.fleet.checkout import LocalCheckout, Tree, mine, remove
from fourfold_tools.fleet.contract import AgentTask, Outcome
from fourfold_tools.fleet.home import Home
from fourfold_tools.fleet.journal import Journal
from fourfold_tools.fleet.presence import is_here, this_host, this_worker
from fourfold_tools.fleet.queue import Listener
from fourfold_tools.fleet.store import Store, url_of
from fourfold_tools.fleet.worker import Place, Worker
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.owner import is_alive


class Folder:
    """The project's folder as it is: what an agent changes there is changed."""

    async def enter(self, task: AgentTask) -> str:
        """Raises NotFound on a machine that does not have it."""
        if task.home != this_host():
            raise NotFound(f"{task.folder} is a folder of another machine")
        return task.folder

    async def leave(self, task: AgentTask, outcome: Outcome | None) -> Outcome | None:
        return outcome

    async def clear(self, task: AgentTask) -> None:
        """Nothing: the folder stays."""


@asynccontextmanager
async def site(
    runtime: Runtime, slots: int, program: Sequence[str], plan: str | None = None
) -> AsyncGenerator[Store, None]:
    """The store, with this process as a worker of so many agents at once; with none it takes nothing from the queue.

    plan: the one that this process carries out; without the setting of a database it has a file of its own. On a
    shared database every worker runs `per_worker` agents, because the queue knows one number for all.

    Raises:
        Unsupported: the setting names no database that can be used. Denied: another process carries the plan out.
        Contention: the database cannot be reached.
    """
    settings = runtime.settings.fleet
    slots = min(slots, settings.per_worker) and settings.per_worker if settings.database else slots
    store = Store(url_of(settings.database, runtime.state / "fleet" / f"{plan}.sqlite"), settings.database_s)
    threads = anyio.CapacityLimiter(1)
    try:
        await anyio.to_thread.run_sync(store.prepare, limiter=threads)
        if plan is not None:
            await anyio.to_thread.run_sync(refuse_second, Journal(store), plan, limiter=threads)
        if slots:
            agent = Agent(runtime.spawner, settings, program, os.environ)
            below = await anyio.to_thread.run_sync(mine, runtime.state / "fleet" / "checkouts", limiter=threads)
            copies = Copies(below, Bundles(store))
            try:
                async with Worker(
                    this_worker(), store, agent, partial(_place, below, copies), settings, slots
                ).at_work():
                    yield store
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(remove, str(below), limiter=threads)
        else:
            listener = Listener(store.engine, this_worker())
            await anyio.to_thread.run_sync(listener.prepare, limiter=threads)
            try:
                yield store
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(listener.close, limiter=threads)
    finally:
        store.close()


async def home_of(runtime: Runtime, store: Store, plan: str) -> Home:
    """The project of a plan that this process carries out.

    Raises:
        Unsupported: its repository has no commit.
    """
    settings = runtime.settings.fleet
    bundles = Bundles(store) if settings.database else None
    return await Home.of(plan, runtime.workspace.cwd, bundles, settings.max_bundle_bytes)


def _place(below: Path, copies: Copies, task: AgentTask) -> Place:
    """Where an attempt works on this machine."""
    if task.checkout is None:
        return Folder()
    tree = Tree(below, copies.threads)
    if task.home == this_host() and os.path.isdir(task.checkout.repository):
        return LocalCheckout(tree)
    return AwayCheckout(copies, tree)


def refuse_second(journal: Journal, plan: str) -> None:
    """Raises Denied where another process of this machine carries the plan out."""
    deployer = journal.deployer_of(plan)
    if deployer and deployer != this_worker() and is_here(deployer) and is_alive(deployer.rpartition("/")[2]):
        raise Denied(f"plan {plan} is being carried out by process {deployer.rpartition('/')[2]}")
