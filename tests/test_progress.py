"""Progress on a clock that jumps: at most ten a second, never backwards, a heartbeat in time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import anyio
import engine_fakes as fakes

from fourfold_tools.caller import Report
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.live.again import Again
from fourfold_tools.model.result import Outcome
from fourfold_tools.ops.base import Call
from fourfold_tools.progress import Progress, tell_again

Told = tuple[float, float, float, str]


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__(_Jump(self))
        self.now = 1_000.0

    def time(self) -> float:
        return self.now


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self._loop.now += timeout
        return ready


class TimedOp(fakes.FakeOp):
    """Takes as many seconds as its command says."""

    async def _do(self, call: Call, words: list[str]) -> Outcome:
        await anyio.sleep(float(words[0]))
        return fakes.said(call.id)


def told_by(seconds: list[float], width: int, slow_client_s: float = 0.0) -> list[Told]:
    """(when, value, total, message) of a run of steps that take so long."""
    out: list[Told] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def report(value: float, total: float, message: str) -> None:
            out.append((loop.time() - start, value, total, message))
            await anyio.sleep(slow_client_s)

        run = run_of(seconds, width, loop)
        progress = Progress(len(seconds), report)
        run.on_change = progress.changed
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(progress.tell, run)
            await run.run()
            tasks.cancel_scope.cancel()

    anyio.run(main, backend_options={"loop_factory": JumpingLoop})
    return out


def run_of(seconds: list[float], width: int, loop: asyncio.AbstractEventLoop) -> Scheduler:
    steps = [fakes.bash(f"{s} {i}") for i, s in enumerate(seconds)]
    work = fakes.work_of(steps, op=TimedOp(read_only=False), width=width, deadline_s=10_000, timeout_s=9_000)
    return Scheduler(
        work,
        limiter=fakes.limiter(),
        locks=fakes.PathLocks(),
        budget=fakes.RetryBudget(0.1, 10.0),
        journal=fakes.FakeJournal(),
        clock=loop.time,
    )


def verified(tell_of: Callable[[Again, Report, Scheduler], Coroutine[Any, Any, None]]) -> list[Told]:
    """What is told while the one step of a run that has ended runs alone for 25 s."""
    out: list[Told] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        run = run_of([1.0], 1, loop)
        await run.run()
        again = Again(1, 2, clock=loop.time)

        async def report(value: float, total: float, message: str) -> None:
            out.append((loop.time() - again.began, value, total, message))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tell_of, again, report, run)
            with again.alone("s1"):
                await anyio.sleep(25)
            tasks.cancel_scope.cancel()

    anyio.run(main, backend_options={"loop_factory": JumpingLoop})
    return out


def test_a_verification_has_a_heartbeat_and_counts_as_one_step_more() -> None:
    told = verified(lambda again, report, run: Progress(1, report, lambda: again, verified=True).tell(run))
    check(told, 2)
    assert max(b[0] - a[0] for a, b in pairwise([(0.0,), *told])) <= 10.2
    assert told[0][3] == "1/1 steps · verifying · 0 of 2 runs alone · s1 running 10.0 s"


def test_the_verification_of_a_stored_run_has_a_heartbeat_too() -> None:
    told = verified(lambda again, report, run: tell_again(lambda: again, report))
    check(told, 3)
    assert [round(when) for when, *_ in told] == [10, 20]
    assert told[0][3] == "verifying · 0 of 2 runs alone · s1 running 10.0 s"


def check(told: list[Told], total: int) -> None:
    values = [value for _, value, _, _ in told]
    assert all(b > a for a, b in pairwise(values)), "the value never stands still or falls"
    times = [when for when, *_ in told]
    for i, when in enumerate(times):
        assert sum(when - 0.999 < other <= when for other in times[: i + 1]) <= 10
    assert all(t == total for _, _, t, _ in told)
    assert all(0 <= v < total + 1 for v in values)


def test_a_thousand_quick_steps_are_told_ten_times_a_second_at_most() -> None:
    told = told_by([0.01] * 1_000, 4)
    check(told, 1_000)
    assert len(told) >= 20


def test_a_step_that_takes_minutes_has_a_heartbeat_every_ten_seconds() -> None:
    told = told_by([300.0, 1.0], 2)
    check(told, 2)
    gaps = [b[0] - a[0] for a, b in pairwise(told)]
    assert max(gaps) <= 10.2
    assert 29 <= len(told) <= 32
    assert told[-2][1] < 2


def test_each_end_of_a_step_is_told_when_it_comes() -> None:
    told = told_by([1.0, 2.0, 3.0, 9.0], 4)
    check(told, 4)
    assert [round(when) for when, *_ in told] == [1, 2, 3, 9]
    assert [round(value) for _, value, _, _ in told] == [1, 2, 3, 4]


def test_a_client_that_takes_its_time_holds_nothing_up() -> None:
    told = told_by([0.1] * 50, 1, slow_client_s=1.0)
    check(told, 50)
    assert told[-1][0] <= 5.0


def test_the_message_says_how_far_and_what_runs_longest() -> None:
    told = told_by([1.0, 14.0, 20.0], 3)
    assert told[0][3] == "1/3 steps · s2 and 1 more running 1.0 s"
    assert told[-2][3] == "2/3 steps · s3 running 14.0 s"
    assert told[-1][3] == "3/3 steps"
