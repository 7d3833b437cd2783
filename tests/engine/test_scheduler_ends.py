"""How runs end early or late: stops, cancellation, deadlines and retries, with whatever waits at that moment."""

from collections import Counter

import anyio
import engine_fakes as fakes
import pytest
from engine_fakes import bash, limiter, scheduler, work_of
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.retry import RetryBudget, RetryRule
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Failure, StepResult

pytestmark = pytest.mark.anyio

RESET = Failure("network", "reset", retryable=True)
READS = Effects(reads=frozenset({"/w/a"}), read_only=True)
WRITES = Effects(writes=frozenset({"/w/a"}))
EACH = {"from": "s1", "field": "lines", "each": True}


def told(results: list[StepResult]) -> dict[str, tuple[str, str | None]]:
    return {r.id: (r.state, r.code) for r in results}


def ends_once(run: Scheduler) -> None:
    assert isinstance(run._journal, fakes.FakeJournal)
    counts = Counter(r.index for r in run._journal.ends)
    assert set(counts.values()) <= {1}, counts
    assert set(counts) == set(run.ledger.results)


async def in_background(run: Scheduler, tasks: anyio.abc.TaskGroup) -> list[StepResult]:
    results: list[StepResult] = []

    async def go() -> None:
        results.extend(await run.run())

    tasks.start_soon(go)
    await anyio.wait_all_tasks_blocked()
    return results


async def test_followers_of_a_step_that_is_tried_again_take_its_last_result() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [RESET, RESET]
    results = await scheduler(work_of([bash("ok"), bash("ok"), bash("ok")], op=op)).run()
    assert [(r.state, r.same_as, r.attempts) for r in results] == [("ok", None, 3), ("ok", "s1", 0), ("ok", "s1", 0)]


async def test_what_waits_for_a_step_that_takes_the_result_of_an_earlier_one_starts_at_once() -> None:
    op = fakes.FakeOp()
    with anyio.fail_after(5):
        run = scheduler(
            work_of([bash("ok"), bash("ok"), bash("ok then")], [(1, 2)], op=op, width=1, weights=[9.0, 1.0, 1.0])
        )
        results = await run.run()
    assert [r.same_as for r in results] == [None, "s1", None]


async def test_followers_of_a_step_that_fails_fail_with_it() -> None:
    op = fakes.FakeOp()
    run = scheduler(work_of([bash("fail"), bash("fail"), bash("ok")], [(1, 2)], op=op))
    results = await run.run()
    assert told(results) == {
        "s1": ("failed", "exit_status"),
        "s2": ("failed", "exit_status"),
        "s3": ("skipped", None),
    }
    assert results[2].blocked_by == ("s2",)
    ends_once(run)


async def test_followers_of_a_cancelled_step_are_cancelled_under_their_own_names() -> None:
    op = fakes.FakeOp()
    steps = [bash("say 2"), bash("hang", args=["item0"]), bash("hang", args=[EACH], id="many")]
    run = scheduler(work_of(steps, [(0, 2), (0, 1)], op=op))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.run)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    ends_once(run)
    got = {r.id: (r.state, r.parent, r.same_as) for r in run.ledger.ordered()}
    assert got["s2"] == ("cancelled", None, None)
    assert got["many.1"] == ("cancelled", "many", "s2")
    assert got["many.2"] == ("cancelled", "many", None)


async def test_a_step_that_waits_for_another_try_ends_as_it_failed_when_the_deadline_passes() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [RESET]
    work = work_of([bash("ok"), bash("ok")], [(0, 1)], op=op, deadline_s=0.05, retry=RetryRule(2, 20.0, 10.0, 10.0))
    run = Scheduler(
        work,
        limiter=limiter(),
        locks=PathLocks(),
        budget=RetryBudget(0.1, 10.0),
        journal=fakes.FakeJournal(),
        chance=lambda: 1.0,
    )
    with anyio.fail_after(5):
        results = await run.run()
    assert told(results) == {"s1": ("failed", "network"), "s2": ("skipped", None)}
    assert results[0].attempts == 1
    assert results[1].blocked_by == ("s1",)
    ends_once(run)


async def test_a_step_that_waits_for_another_try_ends_as_it_failed_when_the_run_stops() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [RESET]
    work = work_of(
        [bash("ok"), bash("hold it"), bash("ok", id="same")],
        op=op,
        stop_on_error=True,
        retry=RetryRule(2, 20.0, 10.0, 10.0),
    )
    run = Scheduler(
        work,
        limiter=limiter(),
        locks=PathLocks(),
        budget=RetryBudget(0.1, 10.0),
        journal=fakes.FakeJournal(),
        chance=lambda: 1.0,
    )
    op.failures["s2"] = [Failure("exit_status", "exit 1")]
    with anyio.fail_after(5):
        results = await run.run()
    assert told(results) == {
        "s1": ("failed", "network"),
        "s2": ("failed", "exit_status"),
        "same": ("failed", "network"),
    }
    ends_once(run)


async def test_without_budget_nothing_is_tried_again() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [RESET]
    [result] = await scheduler(work_of([bash("ok")], op=op), budget=RetryBudget(0.0, 0.5)).run()
    assert (result.state, result.attempts) == ("failed", 1)


async def test_a_step_that_says_no_retries_gets_none() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [RESET]
    [result] = await scheduler(work_of([bash("ok", retries=0)], op=op)).run()
    assert (result.state, result.attempts) == ("failed", 1)


@pytest.mark.parametrize("way", ["stop", "cancel"])
async def test_a_parked_step_leaves_no_claim_behind(way: str) -> None:
    """A run that ends while one of its steps waits for a path must not hold up the other runs."""
    locks = PathLocks()
    op = fakes.FakeOp(read_only=False)
    holder = scheduler(work_of([bash("hold it")], op=op, effects=[WRITES]), locks=locks)
    ends = [bash("ok"), bash("hold slow" if way == "cancel" else "fail")]
    leaver = scheduler(work_of(ends, op=op, effects=[WRITES, Effects()], stop_on_error=True), locks=locks)
    after = scheduler(work_of([bash("ok")], op=op, effects=[WRITES]), locks=locks)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await in_background(holder, tasks)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as inner:
                    inner.start_soon(leaver.run)
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            assert {state for state, _ in told(leaver.ledger.ordered()).values()} & {"skipped"}
            op.gate("it").set()
            await after.run()
    ends_once(leaver)


async def test_identical_readers_that_waited_for_a_path_do_not_hold_up_the_next_writer() -> None:
    locks = PathLocks()
    op = fakes.FakeOp()
    writer = scheduler(work_of([bash("hold it")], op=fakes.FakeOp(gates=op.gates), effects=[WRITES]), locks=locks)
    readers = scheduler(work_of([bash("ok"), bash("ok")], op=op, effects=[READS, READS]), locks=locks)
    next_writer = scheduler(work_of([bash("ok")], op=op, effects=[WRITES]), locks=locks)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await in_background(writer, tasks)
            results = await in_background(readers, tasks)
            op.gate("it").set()
            await anyio.wait_all_tasks_blocked()
            assert [r.same_as for r in results] == [None, "s1"]
            await next_writer.run()


async def test_a_failed_sub_step_stops_a_run_that_stops_on_errors() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [bash("say 6"), bash("fail-if item1", args=[EACH], id="many"), bash("ok", id="last")]
    run = scheduler(work_of(steps, [(0, 1), (1, 2)], op=op, width=1, stop_on_error=True))
    results = await run.run()
    assert op.started == ["s1", "many.1", "many.2"]
    assert told(results)["many.2"] == ("failed", "exit_status")
    assert told(results)["many.3"] == ("skipped", "cancelled")
    assert told(results)["last"][0] == "skipped"
    ends_once(run)


async def test_a_step_that_cannot_take_its_values_stops_the_others_that_became_ready_with_it() -> None:
    op = fakes.FakeOp(read_only=False)
    wrong = bash("ok", id="wrong", cwd={"from": "s1", "field": "exit_code"})
    steps = [bash("say 1"), wrong, bash("ok", id="after")]
    run = scheduler(work_of(steps, [(0, 1), (0, 2)], op=op, stop_on_error=True))
    results = await run.run()
    assert told(results)["wrong"] == ("failed", "invalid_request")
    assert told(results)["after"] == ("skipped", "cancelled")
    assert op.started == ["s1"]
    ends_once(run)


async def test_a_glob_that_expands_after_the_run_has_stopped_starts_nothing() -> None:
    op = fakes.FakeOp()
    found = anyio.Event()

    async def expand(step: AnyStep) -> list[AnyStep]:
        await found.wait()
        return [bash("ok a"), bash("ok b")]

    op.failures["bad"] = [Failure("exit_status", "exit 1")]
    work = work_of([bash("glob", id="many"), bash("ok", id="bad")], op=op, stop_on_error=True, expand=expand)
    run = scheduler(work)
    async with anyio.create_task_group() as tasks:
        results = await in_background(run, tasks)
        found.set()
    assert op.started == ["bad"]
    assert told(results) == {"many": ("skipped", "cancelled"), "bad": ("failed", "exit_status")}
    ends_once(run)


async def test_a_glob_becomes_sub_steps_and_a_glob_without_files_is_no_failure() -> None:
    op = fakes.FakeOp()

    async def expand(step: AnyStep) -> list[AnyStep]:
        return [bash("ok a"), bash("ok b")] if "some" in str(step) else []

    results = await scheduler(work_of([bash("glob some"), bash("glob none")], op=op, expand=expand)).run()
    assert told(results) == {"s1.1": ("ok", None), "s1.2": ("ok", None), "s2": ("ok", None)}
    assert results[2].note


async def test_a_broken_expansion_fails_its_step_alone() -> None:
    op = fakes.FakeOp()

    async def expand(step: AnyStep) -> list[AnyStep]:
        raise ZeroDivisionError

    results = await scheduler(work_of([bash("glob"), bash("ok")], op=op, expand=expand)).run()
    assert told(results) == {"s1": ("failed", "internal"), "s2": ("ok", None)}


@pytest.mark.parametrize(
    ("lines", "max_items", "max_sub_steps", "ran", "word"),
    [(5, 20, 1000, 5, ""), (5, 3, 1000, 3, "2 left out (max_items)"), (5, 20, 4, 4, "1 left out (max_sub_steps)")],
)
async def test_items_beyond_a_bound_are_left_out_and_it_is_said(
    lines: int, max_items: int, max_sub_steps: int, ran: int, word: str
) -> None:
    op = fakes.FakeOp()
    steps = [bash(f"say {lines}"), bash("ok", args=[EACH])]
    work = work_of(steps, [(0, 1)], op=op, max_items=max_items, max_sub_steps=max_sub_steps)
    results = await scheduler(work).run()
    assert [r.id for r in results] == ["s1", *(f"s2.{n}" for n in range(1, ran + 1))]
    assert word in results[1].note


async def test_a_step_whose_items_find_no_room_fails_and_is_not_called_empty() -> None:
    op = fakes.FakeOp()
    steps = [bash("say 4"), bash("ok", args=[EACH]), bash("ok other", args=[EACH])]
    results = await scheduler(work_of(steps, [(0, 1), (0, 2), (1, 2)], op=op, max_sub_steps=4)).run()
    assert told(results)["s3"] == ("failed", "too_large")


async def test_a_group_runs_in_one_call_and_each_of_it_has_its_own_end() -> None:
    op = fakes.FakeOp(grouped=True, group_size=8)
    op.failures["s2"] = [Failure("not_found", "no such file")]
    results = await scheduler(work_of([bash(f"ok {n}") for n in range(4)], op=op, width=2)).run()
    assert [r.state for r in results] == ["ok", "failed", "ok", "ok"]
    assert op.most == 1
    assert {r.group for r in results} == {"s1"}


async def test_a_group_leaves_out_what_waits_for_a_path_and_takes_a_twin_along() -> None:
    locks = PathLocks()
    gates: dict[str, anyio.Event] = {}
    op = fakes.FakeOp(grouped=True, group_size=8, gates=gates)
    writer = scheduler(work_of([bash("hold it")], op=fakes.FakeOp(gates=gates), effects=[WRITES]), locks=locks)
    plain = Effects(read_only=True)
    steps = [bash("ok"), bash("ok", id="twin"), bash("ok waits"), bash("ok more")]
    run = scheduler(work_of(steps, op=op, effects=[plain, plain, READS, plain]), locks=locks)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await in_background(writer, tasks)
            results = await in_background(run, tasks)
            assert sorted(op.ended) == ["s1", "s4"]
            gates["it"].set()
    assert [(r.id, r.state, r.same_as) for r in results] == [
        ("s1", "ok", None),
        ("twin", "ok", "s1"),
        ("s3", "ok", None),
        ("s4", "ok", None),
    ]


async def test_only_steps_that_must_not_be_repeated_are_written_down_before_they_start() -> None:
    op = fakes.FakeOp(read_only=False)
    run = scheduler(work_of([bash("ok"), bash("ok", idempotent=True)], op=op, effects=[Effects(), Effects()]))
    await run.run()
    assert isinstance(run._journal, fakes.FakeJournal)
    assert run._journal.starts == ["s1"]


def finished(index: int, state: str, sub: int = 0, **rest: object) -> StepResult:
    name = f"s{index + 1}" + (f".{sub}" if sub else "")
    values: dict[str, object] = {"id": name, "op": "bash", "state": state, "title": "bash", "index": (index, sub)}
    return StepResult(**{**values, **rest})  # type: ignore[arg-type]


async def test_a_resumed_run_repeats_nothing_and_goes_on_behind_it() -> None:
    op = fakes.FakeOp(read_only=False)
    done = {
        (0, 0): finished(0, "ok", output=fakes.said("item0\nitem1\nitem2").result),
        (1, 1): finished(1, "ok", 1, parent="s2", output=fakes.said("x").result),
        (1, 2): finished(1, "unknown", 2, parent="s2"),
        (3, 0): finished(3, "failed", code="exit_status"),
    }
    steps = [bash("say 3"), bash("ok", args=[EACH]), bash("ok"), bash("fail"), bash("ok")]
    run = scheduler(work_of(steps, [(0, 1), (1, 2), (3, 4)], op=op, done=done))
    results = await run.run()
    assert op.started == ["s2.3"]
    assert {r.id: r.state for r in results} == {
        "s1": "ok",
        "s2.1": "ok",
        "s2.2": "unknown",
        "s2.3": "ok",
        "s3": "skipped",
        "s4": "failed",
        "s5": "skipped",
    }
    assert {r.id: r.blocked_by for r in results if r.blocked_by} == {"s3": ("s2",), "s5": ("s4",)}


async def test_lowering_the_width_while_a_run_lasts_holds_from_then_on() -> None:
    op = fakes.FakeOp(read_only=False)
    run = scheduler(work_of([bash("ok") for _ in range(30)], op=op, width=6))
    late: list[int] = []

    def narrow(name: str) -> None:
        run.width = 2
        if len(op.started) > 8:
            late.append(op.active)

    op.on_start = narrow
    await run.run()
    assert max(late) <= 2


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "a*"]), st.booleans()), min_size=1, max_size=10),
    st.integers(1, 4),
    st.integers(0, 12),
    st.booleans(),
)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_two_runs_over_the_same_paths_always_end_and_leave_the_shared_parts_empty(
    touched: list[tuple[str, bool]], width: int, stop_at: int, cancel: bool
) -> None:
    """Whatever fails or is cancelled, and wherever: nothing hangs, nothing is kept."""
    effects = [
        Effects(writes=frozenset({f"/w/{name}"}))
        if writes
        else Effects(reads=frozenset({f"/w/{name}"}), read_only=True)
        for name, writes in touched
    ]

    async def main() -> None:
        locks, shared = PathLocks(), limiter(slots=2)
        op = fakes.FakeOp()
        steps = [bash("fail" if i == stop_at else "ok", id=f"s{i + 1}") for i in range(len(touched))]
        first = scheduler(work_of(steps, op=op, effects=effects, width=width, stop_on_error=True), shared, locks)
        second = scheduler(work_of(steps[::-1], op=op, effects=effects[::-1], width=width), shared, locks)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(second.run)
                with anyio.CancelScope() as scope:
                    if cancel:
                        op.on_start = lambda _: scope.cancel() if len(op.started) == stop_at else None
                    await first.run()
        ends_once(first)
        ends_once(second)
        assert len(first.ledger.results) == len(second.ledger.results) == len(touched)
        assert shared.in_use() == {}
        assert locks.take(locks.claim(Effects(writes=frozenset({"/w/**"})), lambda: None))

    anyio.run(main)
