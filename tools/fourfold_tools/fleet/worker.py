"""A worker: takes attempts from the queue, runs their agents, and answers for them while it lives."""

import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal

from fourfold_config.settings import Fleet
from fourfold_tools.errors import Contention, FourfoldError
from fourfold_tools.fleet.again import Why
from fourfold_tools.fleet.agent import Agent
from fourfold_tools.fleet.contract import AgentTask, Outcome, outcome_of
from fourfold_tools.fleet.journal import Journal
from fourfold_tools.fleet.presence import Beats
from fourfold_tools.fleet.queue import Listener
from fourfold_tools.fleet.store import Store

T = TypeVar("T")
_log = logging.getLogger("fourfold.fleet")
_LEAVE_S = 5.0  # for the last words of a worker that leaves
Reason = Literal["", "cancelled", "lost", "leaving"]


class Place(Protocol):
    """Where an attempt works: a folder that is there for it, and what its work comes back as."""

    async def enter(self, task: AgentTask) -> str:
        """The folder to work in.

        Raises:
            FourfoldError: it cannot be made.
        """
        ...

    async def leave(self, task: AgentTask, outcome: Outcome | None) -> Outcome | None:
        """The outcome with the commit that its work became."""
        ...

    async def clear(self, task: AgentTask) -> None:
        """Take the folder away; nobody waits for that any more."""
        ...


@dataclass
class _Running:
    """An attempt at work. Mutable: reason, why it is ended before its time."""

    epoch: int
    once: bool
    scope: anyio.CancelScope
    reason: Reason = ""


class Worker:
    """Mutable: what runs, and when the last beat that arrived was sent."""

    def __init__(
        self, name: str, store: Store, agent: Agent, place: Callable[[AgentTask], Place], settings: Fleet, slots: int
    ) -> None:
        self._name = name
        self._store = store
        self._journal = Journal(store)
        self._beats = Beats(store)
        self._agent = agent
        self._place = place
        self._settings = settings
        self._slots = slots
        self._running: dict[str, _Running] = {}
        self._beaten = time.monotonic()
        self._leaving = False
        self._threads = anyio.CapacityLimiter(slots + 4)

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None, None]:
        """Work until the block is left; what runs then is ended, and goes back to the queue where that may be."""
        listener = Listener(self._store.engine, self._name)
        fault: FourfoldError | None = None
        await self._on_thread(self._beats.register, self._name, self._slots)
        async with BlockingPortal() as portal, anyio.create_task_group() as tasks:

            def carry(key: str, epoch: int) -> None:
                portal.call(self._carry, key, epoch)

            await self._on_thread(listener.listen, self._slots, self._settings.poll_s, carry)
            for loop in (self._beat, self._watch, self._fence):
                tasks.start_soon(loop)
            try:
                yield
            except FourfoldError as exc:
                fault = exc  # kept for later: the task groups would wrap it
            finally:
                self._leaving = True
                with anyio.CancelScope(shield=True):
                    for running in self._running.values():
                        self._stop(running, "leaving")
                    tasks.start_soon(self._hurry)
                    await self._on_thread(listener.close)
                    await portal.stop()
                    with contextlib.suppress(Contention):  # its beats stop all the same
                        await self._on_thread(self._beats.leave, self._name)
                tasks.cancel_scope.cancel()
        if fault is not None:
            raise fault

    async def _carry(self, key: str, epoch: int) -> None:
        """One attempt, from its claim to its outcome."""
        task = await self._on_thread(self._journal.claim, key, epoch, self._name)
        if task is None:
            return
        if self._leaving:
            await self._on_thread(self._journal.release, key, epoch, None, "started", 0.0)
            return
        running = self._running[key] = _Running(epoch, task.once, anyio.CancelScope())
        place = self._place(task)
        outcome: Outcome | None = None
        try:
            with running.scope:
                outcome = await self._run(task, place)
        except FourfoldError as exc:
            outcome = Outcome(state="failed", summary=exc.message)
        except Exception as exc:  # the border of an attempt: whatever is wrong with one, it ends
            _log.exception("fleet: %s", key)
            outcome = Outcome(state="failed", summary=f"the worker failed: {type(exc).__name__}: {exc}")
        finally:
            del self._running[key]
        with anyio.CancelScope(shield=True):
            await self._settle(task, running, outcome)
            await place.clear(task)

    async def _run(self, task: AgentTask, place: Place) -> Outcome:
        folder = await place.enter(task)
        outcome: Outcome | None = None
        try:
            ran = await self._agent.run(task, folder)
            outcome = outcome_of(ran, time.time(), self._settings.pause_s)
        finally:
            with anyio.CancelScope(shield=True):
                outcome = await place.leave(task, outcome)
        assert outcome is not None  # nothing was raised
        return outcome

    async def _settle(self, task: AgentTask, running: _Running, outcome: Outcome | None) -> None:
        """Write down how an attempt ended; one that was ended by us goes back, or nobody can know."""
        key, epoch = task.key, running.epoch
        try:
            if outcome is not None and outcome.state == "paused":
                await self._on_thread(self._journal.pause, outcome)
                if running.once and outcome.cost_usd > 0:  # it had begun: it has failed, whatever for
                    outcome = outcome.model_copy(update={"state": "failed"})
            if outcome is not None and outcome.state == "paused":
                await self._on_thread(self._journal.release, key, epoch, "paused", "started", outcome.cost_usd)
            elif outcome is not None:
                await self._on_thread(self._journal.finish, key, epoch, self._name, outcome)
            elif running.once:
                await self._on_thread(self._journal.end, key, epoch, "unknown")
            elif running.reason == "cancelled":
                await self._on_thread(self._journal.end, key, epoch, "cancelled")
            else:
                why: Why = "left" if running.reason == "leaving" else "lost"
                await self._on_thread(self._journal.release, key, epoch, why)
        except Contention as exc:  # whoever takes over finds the intent
            _log.warning("fleet: the end of %s could not be written: %s", key, exc.message)
        self._store.bell.ring()

    # Three loops, so that none waits for another: beats, orders from the database, and the clock alone.

    async def _beat(self) -> None:
        while True:
            sent = time.monotonic()
            try:
                await self._on_thread(self._beats.beat, self._name)
                self._beaten = sent
            except Contention as exc:
                _log.warning("fleet: no beat: %s", exc.message)
            await anyio.sleep(self._settings.beat_s if self._beaten == sent else self._settings.look_s)

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(self._settings.look_s)
            if not self._running:
                continue
            try:
                rows = await self._on_thread(self._journal.watched, list(self._running))
            except Contention:
                continue
            for row in rows:
                running = self._running.get(row.key)
                if running is None:
                    continue
                if row.epoch != running.epoch or row.worker != self._name:
                    self._stop(running, "lost")
                elif row.cancel:
                    self._stop(running, "cancelled")

    async def _fence(self) -> None:
        """End what others may take over once they could take us for dead; what nobody repeats goes on."""
        while True:
            await anyio.sleep(self._settings.look_s)
            if time.monotonic() - self._beaten > self._settings.fence_s:
                for running in self._running.values():
                    if not running.once:
                        self._stop(running, "lost")

    async def _hurry(self) -> None:
        """Whoever leaves does not wait long for a database that is away."""
        await anyio.sleep(self._settings.grace_s + _LEAVE_S)
        self._store.closing.set()

    def _stop(self, running: _Running, reason: Reason) -> None:
        running.reason = running.reason or reason
        running.scope.cancel()

    async def _on_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)
