"""Progress: what a run says of itself while it lasts, throttled, monotone, with a heartbeat."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio

from fourfold_tools.answer.words import seconds
from fourfold_tools.caller import Report
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.live.again import Again

_LEAST_S = 0.1  # at most ten notifications a second (contract)
_HEARTBEAT_S = 10.0  # a third of the shortest idle limit that the client can be given (30 s)


class Progress:
    """One run's progress. Mutable: the newest state waits here for its turn.

    The value is the number of ended steps; a heartbeat raises it by a fraction, so that it never stands still.
    again: the verification under way. verified: there will be one, which counts as one step more.
    """

    def __init__(
        self, total: int, report: Report, again: Callable[[], Again | None] = lambda: None, *, verified: bool = False
    ) -> None:
        self._total = total
        self._of = float(total + verified)
        self._report = report
        self._again = again
        self._news = anyio.Event()
        self._message = ""
        self._done = 0
        self._value = -1.0

    def changed(self, run: Scheduler) -> None:
        """Take in the run's state; called by the scheduler at every start and end."""
        done = self._total - run.ledger.open
        if done > self._done:
            self._done = done
            self._news.set()
        again = self._again()
        self._message = _message(run, done, self._total) + ("" if again is None else f" · {again.text()}")

    async def tell(self, run: Scheduler) -> None:
        """Report until cancelled."""
        while True:
            with anyio.move_on_after(_HEARTBEAT_S):
                await self._news.wait()
            self._news = anyio.Event()
            self.changed(run)
            self._value = max(self._value + 0.001, float(self._done))
            await self._report(self._value, self._of, self._message)
            await anyio.sleep(_LEAST_S)


async def tell_again(again: Callable[[], Again | None], report: Report) -> None:
    """Report the verification of a stored run until cancelled: only a heartbeat."""
    value = 0.0
    while True:
        await anyio.sleep(_HEARTBEAT_S)
        if (now := again()) is not None:
            value = max(value + 0.001, float(now.done))
            await report(value, now.count + 1.0, now.text())


@asynccontextmanager
async def telling(tell: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """While it lasts `tell`, which tells until it is cancelled, does its work."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        yield
        tasks.cancel_scope.cancel()


def _message(run: Scheduler, done: int, total: int) -> str:
    """`5/12 steps · tests running 14 s`: the longest running step stands for all."""
    text = f"{done}/{total} steps"
    if run.running:
        unit, since = min(run.running.items(), key=lambda item: item[1])
        others = f" and {len(run.running) - 1} more" if len(run.running) > 1 else ""
        text += f" · {unit.id}{others} running {seconds(run.now_s() - since)}"
    return text
