"""A checkout: a git worktree of its own for one attempt, and what it holds at the end as a commit."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from fourfold_tools.errors import FourfoldError
from fourfold_tools.fleet.contract import AgentTask, Checkout, Outcome
from fourfold_tools.fleet.repository import Repository
from fourfold_tools.store.owner import is_alive, this_process


class Tree:
    """One worktree, from its making to its removal. Mutable: where it lies."""

    def __init__(self, below: Path, disk: CapacityLimiter) -> None:
        self._below = below
        self._disk = disk
        self._tree = Repository("")

    async def grow(self, home: Repository, checkout: Checkout) -> str:
        """The folder in which an agent works.

        Raises:
            GitFailed: git cannot make it.
        """
        folder = await anyio.to_thread.run_sync(self._fresh, limiter=self._disk)
        self._tree = Repository(folder)
        try:
            await home.git("worktree", "add", "--quiet", "--detach", "--force", folder, checkout.base)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(remove, folder, limiter=self._disk)
            raise
        return f"{folder}/{checkout.inside}" if checkout.inside else folder

    async def harvest(
        self, task: AgentTask, outcome: Outcome | None, keep: Callable[[AgentTask, str], Awaitable[None]]
    ) -> Outcome | None:
        """Commit what a task that ended well has left, and hand the commit to `keep`."""
        if outcome is None or outcome.state != "ok":
            return outcome
        try:
            outcome = await self._committed(task, outcome)
            if outcome.commit is not None:
                await keep(task, outcome.commit)
        except FourfoldError as exc:
            return outcome.model_copy(update={"state": "failed", "summary": exc.message, "commit": None})
        return outcome

    async def fell(self, home: Repository) -> None:
        """Remove the worktree, where there is one."""
        if self._tree.top:
            with contextlib.suppress(FourfoldError):  # not `prune`, which may meet one that is just being made
                await home.git("worktree", "remove", "--force", "--force", self._tree.top)
            await anyio.to_thread.run_sync(remove, self._tree.top, limiter=self._disk)

    async def _committed(self, task: AgentTask, outcome: Outcome) -> Outcome:
        assert task.checkout is not None
        if await self._tree.is_just(task.checkout.base):
            return outcome
        message = f"{task.title}\n\nTask {task.task} of plan {task.plan}, attempt {task.attempt}."
        commit = await self._tree.commit_all(message)
        if commit == task.checkout.base:
            return outcome
        made = await self._tree.names("diff", "--name-only", "-z", task.checkout.base, commit)
        named = _named(made, task.checkout.inside)
        return outcome.model_copy(update={"commit": commit, "outputs": named})

    def _fresh(self) -> str:
        self._below.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.mkdtemp(prefix="tree-", dir=os.path.realpath(self._below))


class LocalCheckout:
    """A worktree of the deployer's own repository."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    async def enter(self, task: AgentTask) -> str:
        """Raises GitFailed where git cannot make it."""
        assert task.checkout is not None
        return await self._tree.grow(Repository(task.checkout.repository), task.checkout)

    async def leave(self, task: AgentTask, outcome: Outcome | None) -> Outcome | None:
        return await self._tree.harvest(task, outcome, _branch)

    async def clear(self, task: AgentTask) -> None:
        assert task.checkout is not None
        await self._tree.fell(Repository(task.checkout.repository))


async def _branch(task: AgentTask, commit: str) -> None:
    assert task.checkout is not None
    home = Repository(task.checkout.repository)
    await home.git("update-ref", f"refs/heads/{task.checkout.branch}", commit)


def _named(paths: Sequence[str], inside: str) -> tuple[str, ...]:
    """Paths of the repository as the project names them."""
    return tuple(os.path.relpath(path, inside) if inside else path for path in paths)


def mine(below: Path) -> Path:
    """This process's own folder for checkouts; what processes that were killed have left is removed."""
    for folder in below.iterdir() if below.is_dir() else ():
        if not is_alive(folder.name.replace("-", ":")):
            remove(str(folder))
    return below / this_process().replace(":", "-")


def remove(folder: str) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
