"""The scheduler with an op that does as it is told: order, width, isolation, ends and cancellation."""

import anyio
import engine_fakes as fakes
import pytest
from engine_fakes import limiter, scheduler
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.retry import RetryRule
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.result import Failure, StepResult

pytestmark = pytest.mark.anyio


def states(results: list[StepResult]) -> dict[str, str]:
    return {r.id: r.state for r in results}


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int]], int]:
    n = draw(st.integers(1, 14))
    commands = draw(st.lists(st.sampled_from(["ok", "ok", "ok", "fail", "break"]), min_size=n, max_size=n))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=20))
    return commands, [(min(p), max(p)) for p in pairs if p[0] != p[1]], draw(st.integers(1, 5))


@given(batches())
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_step_ends_once_after_its_needs_and_the_width_holds(
    batch: tuple[list[str], list[tuple[int, int]], int],
) -> None:
    commands, edges, width = batch

    async def main() -> None:
        op = fakes.FakeOp(read_only=False)
        run = scheduler(fakes.work_of([fakes.bash(c) for c in commands], edges, op=op, width=width))
        results = await run.run()
        assert [r.id for r in results] == [f"s{i + 1}" for i in range(len(commands))]
        assert [r.id for r in run._journal.ends].count("s1") == 1
        assert sorted(r.id for r in run._journal.ends) == sorted(r.id for r in results)
        assert op.most <= width
        assert len(set(op.started)) == len(op.started)
        for before, after in edges:
            if f"s{after + 1}" in op.started:
                assert op.ended.index(f"s{before + 1}") < op.started.index(f"s{after + 1}")
        bad = {i for i, c in enumerate(commands) if c != "ok"}
        for i, result in enumerate(results):
            blocked = any(b == i and states(results)[f"s{a + 1}"] != "ok" for a, b in edges)
            expected = "skipped" if blocked else "failed" if i in bad else "ok"
            assert result.state == expected

    anyio.run(main)


async def test_the_longest_chain_starts_first_and_ties_go_by_submission() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("ok") for _ in range(5)]
    work = fakes.work_of(steps, [(3, 4)], op=op, width=1, weights=[1.0, 2.0, 1.0, 1.5, 1.0])
    await scheduler(work).run()
    assert op.started == ["s4", "s2", "s1", "s3", "s5"]


async def test_a_step_starts_when_its_own_needs_end_not_when_a_level_does() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hold slow"), fakes.bash("ok"), fakes.bash("ok")]
    op.on_start = lambda name: op.gate("slow").set() if name == "s3" else None
    with anyio.fail_after(10):  # s1 is held until s3 starts: with levels this would never end
        results = await scheduler(fakes.work_of(steps, [(1, 2)], op=op)).run()
    assert states(results) == {"s1": "ok", "s2": "ok", "s3": "ok"}


async def test_a_skipped_step_names_the_first_cause() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("fail"), fakes.bash("ok"), fakes.bash("ok"), fakes.bash("ok")]
    results = await scheduler(fakes.work_of(steps, [(0, 1), (1, 2)], op=op)).run()
    assert [r.blocked_by for r in results] == [(), ("s1",), ("s1",), ()]


async def test_a_conflict_orders_but_does_not_skip() -> None:
    op = fakes.FakeOp(read_only=False)
    writes = Effects(writes=frozenset({"/w/a"}))
    results = await scheduler(
        fakes.work_of([fakes.bash("fail"), fakes.bash("ok")], op=op, effects=[writes, writes])
    ).run()
    assert states(results) == {"s1": "failed", "s2": "ok"}
    assert op.most == 1


async def test_a_broken_op_fails_its_step_without_its_words_and_no_other() -> None:
    op = fakes.FakeOp(read_only=False)
    results = await scheduler(fakes.work_of([fakes.bash("break"), fakes.bash("ok")], op=op)).run()
    assert [r.code for r in results] == ["internal", None]
    assert "broken op" not in results[0].message


@pytest.mark.parametrize("k", range(20))
async def test_cancelling_at_step_k_keeps_what_ended_and_leaves_nothing_running(k: int) -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("ok") for _ in range(20)]
    edges = [(i, i + 2) for i in range(18)]
    run = scheduler(fakes.work_of(steps, edges, op=op, width=3))
    with anyio.CancelScope() as scope:
        op.on_start = lambda name: scope.cancel() if name == f"s{k + 1}" else None
        await run.run()
    assert op.active == 0
    got = states(run.ledger.ordered())
    assert sorted(got) == sorted(f"s{i + 1}" for i in range(20))
    assert got[f"s{k + 1}"] in {"cancelled", "ok"}
    assert {name for name, state in got.items() if state == "ok"} <= set(op.ended)
    assert all(state in {"ok", "cancelled", "skipped"} for state in got.values())


@pytest.mark.parametrize("k", range(6))
async def test_a_step_that_hangs_past_its_bound_times_out_alone(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fourfold_tools.engine.scheduler._HANG_GRACE_S", 0.01)
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hang" if i == k else "ok", timeout_s=0.01 if i == k else None) for i in range(6)]
    results = await scheduler(fakes.work_of(steps, op=op)).run()
    assert {r.id for r in results if r.state == "timed_out"} == {f"s{k + 1}"}
    assert sum(r.state == "ok" for r in results) == 5


async def test_past_the_deadline_what_runs_times_out_and_what_waits_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fourfold_tools.engine.scheduler._HANG_GRACE_S", 0.01)
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hang"), fakes.bash("ok"), fakes.bash("ok")]
    results = await scheduler(fakes.work_of(steps, [(0, 1)], op=op, width=1, deadline_s=0.05)).run()
    assert [(r.state, r.code) for r in results] == [("timed_out", "timed_out"), *[("skipped", "timed_out")] * 2]


async def test_on_error_stop_starts_nothing_new_and_lets_what_runs_end() -> None:
    op = fakes.FakeOp(read_only=False)
    steps = [fakes.bash("hold it"), fakes.bash("fail"), fakes.bash("ok"), fakes.bash("ok")]
    run = scheduler(fakes.work_of(steps, [(0, 3)], op=op, width=2, stop_on_error=True))
    async with anyio.create_task_group() as tasks:
        results: list[StepResult] = []

        async def go() -> None:
            results.extend(await run.run())

        tasks.start_soon(go)
        await anyio.wait_all_tasks_blocked()
        op.gate("it").set()
    assert [(r.state, r.code) for r in results] == [
        ("ok", None),
        ("failed", "exit_status"),
        ("skipped", "cancelled"),
        ("skipped", "cancelled"),
    ]


async def test_identical_steps_that_only_read_run_once() -> None:
    op = fakes.FakeOp()
    steps = [fakes.bash("ok"), fakes.bash("ok"), fakes.bash("ok"), fakes.bash("ok other")]
    results = await scheduler(fakes.work_of(steps, op=op)).run()
    assert sorted(op.started) == ["s1", "s4"]
    assert [r.same_as for r in results] == [None, "s1", "s1", None]


async def test_identical_steps_with_different_steps_before_them_run_each() -> None:
    op = fakes.FakeOp()
    steps = [fakes.bash("ok"), fakes.bash("ok between"), fakes.bash("ok")]
    await scheduler(fakes.work_of(steps, [(0, 1), (1, 2)], op=op)).run()
    assert op.started == ["s1", "s2", "s3"]


async def test_identical_steps_that_write_run_each() -> None:
    op = fakes.FakeOp(read_only=False)
    await scheduler(fakes.work_of([fakes.bash("ok"), fakes.bash("ok")], op=op)).run()
    assert sorted(op.started) == ["s1", "s2"]


@pytest.mark.parametrize(("read_only", "attempts"), [(True, 3), (False, 1)])
async def test_only_a_step_that_may_be_repeated_is_tried_again(read_only: bool, attempts: int) -> None:
    op = fakes.FakeOp(read_only=read_only)
    op.failures["s1"] = [Failure("network", "reset", retryable=True)] * 2
    [result] = await scheduler(fakes.work_of([fakes.bash("ok")], op=op)).run()
    assert result.attempts == attempts
    assert result.state == ("ok" if read_only else "failed")


async def test_a_class_short_of_room_runs_one_at_a_time_and_widens_again_as_steps_end_well() -> None:
    op = fakes.FakeOp()
    for name in ("s1", "s2"):
        op.failures[name] = [Failure("contention", "out of processes", retryable=True)]
    at_once: list[int] = []

    def look(name: str) -> None:
        if run.changes:
            at_once.append(op.active)

    op.on_start = look
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(40)], op=op, width=4))
    results = await run.run()
    assert all(r.state == "ok" for r in results)
    assert [(c.key, c.before, c.after) for c in run.changes] == [
        ("process", 4, 1),
        ("process", 1, 2),
        ("process", 2, 4),
    ]
    assert [c.reason for c in run.changes] == [
        "steps failed for want of shared things",
        *["steps end well again"] * 2,
    ]
    assert at_once[:3] == [1] * 3, "while it is narrow one runs at a time"
    assert max(at_once) == 4, "in the end as many as before"


async def test_one_failure_for_want_of_room_narrows_nothing() -> None:
    op = fakes.FakeOp()
    op.failures["s1"] = [Failure("contention", "out of processes", retryable=True)]
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(8)], op=op, width=4))
    await run.run()
    assert run.changes == []


async def test_a_narrow_class_takes_no_companions_into_its_calls() -> None:
    op = fakes.FakeOp(group_size=4, grouped=True)
    for name in ("s1", "s2"):
        op.failures[name] = [Failure("contention", "no room", retryable=True)]
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(20)], op=op, width=2))
    results = await run.run()
    assert (run.changes[0].before, run.changes[0].after) == (2, 1)
    groups = {r.id: r.group for r in results}
    assert [groups[f"s{n}"] for n in (3, 4, 5, 8)] == ["s1", "s1", "s5", "s5"], "under way before the trouble"
    assert [groups[f"s{n}"] for n in (1, 2, 9, 10)] == [None] * 4, "after it, one at a time"
    assert groups["s20"] is not None, "and together again in the end"


async def test_what_was_under_way_before_the_trouble_says_nothing_about_the_time_after_it() -> None:
    op = fakes.FakeOp(group_size=20, grouped=True)
    for name in ("s1", "s2"):
        op.failures[name] = [Failure("contention", "no room")]
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(20)], op=op, width=2))
    await run.run()
    assert [(c.before, c.after) for c in run.changes] == [(2, 1)]


async def test_two_runs_share_slots_step_by_step() -> None:
    shared = limiter(slots=1)
    op = fakes.FakeOp(read_only=False)
    long = scheduler(fakes.work_of([fakes.bash("ok", id=f"a{i}") for i in range(30)], op=op), shared)
    short = scheduler(fakes.work_of([fakes.bash("ok", id=f"b{i}") for i in range(3)], op=op), shared)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(long.run)
        tasks.start_soon(short.run)
    assert op.most == 1
    last = max(op.started.index(f"b{i}") for i in range(3))
    assert last <= 8, op.started


async def test_two_runs_that_write_one_path_take_turns() -> None:
    locks = PathLocks()
    op = fakes.FakeOp(read_only=False)
    writes = [Effects(writes=frozenset({"/w/**"}))]
    runs = [scheduler(fakes.work_of([fakes.bash("ok")], op=op, effects=writes), locks=locks) for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for run in runs:
            tasks.start_soon(run.run)
    assert op.most == 1
    assert len(op.ended) == 5


async def test_thousands_of_steps_never_make_more_tasks_than_the_width() -> None:
    op = fakes.FakeOp(read_only=False)
    before = len(anyio.get_running_tasks())
    most = 0

    def count(_: str) -> None:
        nonlocal most
        most = max(most, len(anyio.get_running_tasks()) - before)

    op.on_start = count
    results = await scheduler(fakes.work_of([fakes.bash("ok")] * 2_000, op=op, width=8)).run()
    assert len(results) == 2_000
    assert 1 <= most <= 8


@pytest.mark.parametrize(
    ("more", "attempts"),
    [({"idempotent": True, "retries": 3}, 4), ({"idempotent": True}, 1), ({"retries": 3}, 1)],
)
async def test_a_failing_command_is_tried_again_only_where_the_caller_asks_for_it(
    more: dict[str, object], attempts: int
) -> None:
    op = fakes.FakeOp(read_only=False)
    [result] = await scheduler(fakes.work_of([fakes.bash("fail", **more)], op=op)).run()
    assert result.attempts == attempts


NO_RETRY = RetryRule(0, 20.0, 0.0, 0.0)


def asked_less(*names: str) -> fakes.FakeOp:
    op = fakes.FakeOp(resource="net", hosts="example.com")
    for name in names:
        op.failures[name] = [Failure("network", "HTTP 429", retryable=True, busy=True)]
    return op


async def test_a_host_that_asks_for_less_gets_half_and_its_good_answers_bring_it_back() -> None:
    shared, op = limiter(), asked_less("s1")
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(40)], op=op), shared)
    results = await run.run()
    assert all(r.state == "ok" for r in results)
    host = "net:example.com"
    assert [(c.key, c.before, c.after) for c in run.changes] == [
        (host, 8, 4),
        (host, 4, 5),
        (host, 5, 6),
        (host, 6, 7),
        (host, 7, 8),
    ]
    assert shared.total(host) == 8
    assert host not in shared.totals, "nothing is kept of a host that is well again"


async def test_what_was_under_way_together_slows_a_host_down_once() -> None:
    shared, op = limiter(), asked_less("s1", "s2", "s3", "s4")
    steps = [fakes.bash(f"ok {i}") for i in range(4)]
    run = scheduler(fakes.work_of(steps, op=op, width=4, retry=NO_RETRY), shared)
    await run.run()
    assert [(c.before, c.after) for c in run.changes] == [(8, 4)]


async def test_a_request_sent_after_a_host_was_slowed_down_slows_it_further() -> None:
    shared, op = limiter(), asked_less("s1", "s2", "s3")
    steps = [fakes.bash(f"ok {i}") for i in range(3)]
    run = scheduler(fakes.work_of(steps, op=op, width=1, retry=NO_RETRY), shared)
    await run.run()
    assert [(c.before, c.after) for c in run.changes] == [(8, 4), (4, 2), (2, 1)]


async def test_a_host_slowed_down_in_one_run_stays_so_in_the_next() -> None:
    shared = limiter()
    await scheduler(fakes.work_of([fakes.bash("ok")], op=asked_less("s1")), shared).run()
    assert shared.total("net:example.com") == 4
    run = scheduler(fakes.work_of([fakes.bash(f"ok {i}") for i in range(4)], op=asked_less()), shared)
    await run.run()
    assert [(c.before, c.after) for c in run.changes] == [(4, 5)]
