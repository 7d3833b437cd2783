"""What waits and why, while a run is under way and in its results."""

from dataclasses import replace

import anyio
import engine_fakes as fakes
import pytest
from engine_fakes import limiter, scheduler

from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.result import Failure

pytestmark = pytest.mark.anyio


def reasons(run: Scheduler) -> dict[str, str]:
    return {w.id: w.reason for w in run.waiting(64)[0]}


async def seen_while(run: Scheduler, op: fakes.FakeOp, gate: str, started: int) -> dict[str, str]:
    """The reasons at the moment when `started` steps have started; then the gate is opened and the run ends."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.run)
        with anyio.fail_after(10):
            while len(op.started) < started:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
        seen = reasons(run)
        op.gate(gate).set()
    return seen


async def test_a_step_behind_others_names_those_that_still_run() -> None:
    op = fakes.FakeOp()
    steps = [fakes.bash("hold a"), fakes.bash("ok"), fakes.bash("ok")]
    seen = await seen_while(scheduler(fakes.work_of(steps, [(0, 2), (1, 2)], op=op)), op, "a", 2)
    assert seen == {"s3": "after s1"}


async def test_only_the_first_are_named_and_all_are_counted() -> None:
    op = fakes.FakeOp(read_only=False)
    work = fakes.work_of([fakes.bash("hold a"), *[fakes.bash("ok") for _ in range(9)]], [(0, 9)], op=op, width=1)
    run = scheduler(work)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.run)
        await anyio.wait_all_tasks_blocked()
        rows, count = run.waiting(3)
        op.gate("a").set()
    assert ([w.id for w in rows], count) == (["s2", "s3", "s4"], 9)


async def test_a_ready_step_is_kept_by_the_width_of_the_run() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hold a"), fakes.bash("ok")]
    assert await seen_while(scheduler(fakes.work_of(steps, op=op, width=1)), op, "a", 1) == {"s2": "width"}


async def test_a_ready_step_is_kept_by_a_full_class_of_slots() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hold a"), fakes.bash("ok")]
    run = scheduler(fakes.work_of(steps, op=op), limiter(slots=1))
    assert await seen_while(run, op, "a", 1) == {"s2": "slot process"}
    assert run.waiting(64) == ([], 0)


async def test_a_step_kept_by_a_path_names_the_step_that_holds_it() -> None:
    op = fakes.FakeOp(read_only=False)
    ref = {"from": "s1", "field": "lines"}  # what such a step touches is known only when it is ready
    steps = [fakes.bash("say 1"), fakes.bash("hold a", args=ref), fakes.bash("ok", args=ref)]
    work = fakes.work_of(steps, [(0, 1), (0, 2)], op=op)
    write = Effects(writes=frozenset({"/x"}))
    seen = await seen_while(scheduler(replace(work, effects_of=lambda _: write)), op, "a", 2)
    assert seen == {"s3": "path held by s2"}


async def test_a_step_kept_by_another_runs_path_says_so() -> None:
    op, locks = fakes.FakeOp(read_only=False), PathLocks()
    write = [Effects(writes=frozenset({"/x"}))]
    first, second = (
        scheduler(fakes.work_of([fakes.bash("hold a")], op=op, effects=write), locks=locks) for _ in range(2)
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first.run)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(second.run)
        await anyio.wait_all_tasks_blocked()
        assert reasons(second) == {"s1": "path held by another run"}
        op.gate("a").set()


async def test_an_identical_step_says_whom_it_follows() -> None:
    op = fakes.FakeOp(read_only=True)
    steps = [fakes.bash("hold a"), fakes.bash("hold a")]
    assert await seen_while(scheduler(fakes.work_of(steps, op=op)), op, "a", 1) == {"s2": "same as s1"}


async def test_each_try_of_a_step_is_kept_with_its_times_and_code() -> None:
    op = fakes.FakeOp(read_only=True)
    op.failures["s1"] = [Failure("network", "reset", retryable=True), Failure("network", "reset", retryable=True)]
    (result,) = await scheduler(fakes.work_of([fakes.bash("ok")], op=op)).run()
    assert [t.code for t in result.tries] == ["network", "network", None]
    assert all(a.ended_s <= b.started_s for a, b in zip(result.tries, result.tries[1:], strict=False))
    assert result.started_s == result.tries[0].started_s


async def test_a_step_that_gives_up_waiting_for_a_try_has_its_last_failure_once() -> None:
    op = fakes.FakeOp(read_only=True)
    op.failures["s1"] = [Failure("network", "reset", retryable=True, retry_after_s=5.0)]
    (result,) = await scheduler(fakes.work_of([fakes.bash("ok")], op=op, deadline_s=0.05)).run()
    assert result.attempts == 1
    assert [t.code for t in result.tries] == ["network"]


async def test_a_step_that_ran_at_once_has_neither_tries_nor_a_wait() -> None:
    op = fakes.FakeOp()
    (result,) = await scheduler(fakes.work_of([fakes.bash("ok")], op=op)).run()
    assert (result.tries, result.waited_for) == ((), "")


async def test_the_result_says_what_kept_it_waiting() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hold a"), fakes.bash("ok")]
    run = scheduler(fakes.work_of(steps, op=op), limiter(slots=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.run)
        await anyio.wait_all_tasks_blocked()
        op.gate("a").set()
    assert [r.waited_for for r in run.ledger.ordered()] == ["", "slot process"]
