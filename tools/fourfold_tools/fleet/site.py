"""A site: the fleet's store opened by one process, and the worker that it is while it is open."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from fourfold_tools.errors import Denied
from fourfold_tools.fleet.agent import Agent
from fourfold_tools.fleet.contract import AgentTask, Outcome
from fourfold_tools.fleet.journal import Journal
from fourfold_tools.fleet.presence import is_here, this_worker
from fourfold_tools.fleet.queue import Listener
from fourfold_tools.fleet.store import Store, url_of
from fourfold_tools.fleet.worker import Place, Worker
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.owner import is_alive


class Folder:
    """The task's folder as it is: what an agent changes there is changed."""

    async def enter(self, task: AgentTask) -> str:
        return task.folder

    async def leave(self, task: AgentTask, outcome: Outcome | None) -> Outcome | None:
        return outcome


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
            async with Worker(this_worker(), store, agent, _place, settings, slots).at_work():
                yield store
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


def _place(task: AgentTask) -> Place:
    return Folder()


def refuse_second(journal: Journal, plan: str) -> None:
    """Raises Denied where another process of this machine carries the plan out."""
    deployer = journal.deployer_of(plan)
    if deployer and deployer != this_worker() and is_here(deployer) and is_alive(deployer.rpartition("/")[2]):
        raise Denied(f"plan {plan} is being carried out by process {deployer.rpartition('/')[2]}")
