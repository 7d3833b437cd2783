"""Takeover: what becomes of attempts whose worker has gone."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from fourfold_config.settings import Fleet
from fourfold_tools.errors import Contention
from fourfold_tools.fleet.contract import Outcome
from fourfold_tools.fleet.journal import Attempt, Journal
from fourfold_tools.fleet.presence import Beats, Watcher, is_here
from fourfold_tools.fleet.queue import holder_of
from fourfold_tools.fleet.store import Store

T = TypeVar("T")
_LOOKS = 20  # at who is alive, in the time after which a worker counts as dead; the watcher needs more than four
_MOST_ASKED = 20  # queued attempts that DBOS is asked about in one look


class Takeover:
    """The deployer's watch over the workers. Mutable: when it last looked, and who may still come back."""

    def __init__(self, store: Store, settings: Fleet) -> None:
        self._store = store
        self._settings = settings
        self._journal = Journal(store)
        self._beats = Beats(store)
        self._watcher = Watcher(settings.dead_s)
        self._looked_at = float("-inf")
        self._back_until: dict[str, float] = {}
        self._threads = CapacityLimiter(1)

    async def look(self, attempts: Sequence[Attempt]) -> None:
        """Put back into the queue what a dead worker was at, or note that nobody knows how it ended.

        Does nothing within a twentieth of `dead_s` after the last look.
        """
        now = time.monotonic()
        if now - self._looked_at < self._settings.dead_s / _LOOKS:
            return
        self._looked_at = now
        try:
            beats = await self._db(self._beats.all)
        except Contention:
            return  # the watcher sees the gap
        alive = set(beats) - self._watcher.look(beats, time.monotonic())
        for attempt in attempts:
            if attempt.state == "started" and attempt.worker not in alive:
                await self._settle(attempt)
        for attempt in [a for a in attempts if a.state == "queued"][:_MOST_ASKED]:
            status, executor = await self._db(holder_of, self._store.engine, attempt.key, attempt.epoch)
            if status not in {"ENQUEUED", "DELAYED"} and (status != "PENDING" or executor not in alive):
                await self._db(self._journal.release, attempt.key, attempt.epoch, None, "queued")

    def may_come_back(self, attempts: Sequence[Attempt]) -> bool:
        """Whether a worker that is only cut off may still tell of an attempt that nobody else may begin."""
        now = time.monotonic()
        return any(a.state == "unknown" and now < self._back_until.get(a.key, now) for a in attempts)

    async def _settle(self, attempt: Attempt) -> None:
        if attempt.body.once:
            await self._db(self._journal.end, attempt.key, attempt.epoch, "unknown")
            if not is_here(attempt.worker):
                self._back_until[attempt.key] = time.monotonic() + self._settings.return_s
        elif attempt.epoch > self._settings.takeovers:
            said = f"{attempt.epoch} workers died at it"
            await self._db(self._journal.give_up, attempt.key, attempt.epoch, Outcome(state="failed", summary=said))
        else:
            await self._db(self._journal.release, attempt.key, attempt.epoch, "lost")

    async def _db(self, work: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)
