"""The time line: known truths come out, and what is not known is not claimed."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mathver_runs import STEP, chain, computing, jitter, pair_of, pairs, run, steps

from fourfold_tools.mathver.records import History, Load, Pair, RunRecord
from fourfold_tools.mathver.report import verify_run
from fourfold_tools.mathver.time_comparison import TimeComparison


def time_of(record: RunRecord, alone: list[Pair] | None, seed: int = 1) -> TimeComparison:
    return verify_run(record, alone, "sampled", seed).time


def test_sixteen_sleeps_are_valid_with_the_true_speedup_inside() -> None:
    made = steps(16)
    found = time_of(run(made), pairs(made))
    assert found.verdict.state == "VALID"
    assert found.method == "measured"
    assert found.ci95 is not None
    assert found.ci95[0] < 16 * 0.2 / 0.215 < found.ci95[1]
    assert found.gain_pct == round((found.speedup or 0) * 100 - 100)
    assert found.parallel_efficiency == pytest.approx((found.speedup or 0) / 16)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([4, 8]),
    st.floats(0.0, 0.2),
    st.floats(0.8, 1.2),
    st.booleans(),
    st.booleans(),
)
def test_eight_computing_commands_on_two_cores_never_print_a_valid_gain_above_100_percent(
    seed: int, width: int, sigma: float, slow: float, twice: bool, counted: bool
) -> None:
    rng = random.Random(seed)
    record = computing(8, cores=2, width=width)
    if not counted:
        record = replace(record, steps=tuple(replace(s, cpu_s=None) for s in record.steps), server_cpu_s=None)

    def once() -> float:
        return 0.5 * slow * rng.lognormvariate(0, sigma)

    alone = [pair_of(s, once(), i, seq2_s=once() if twice else None) for i, s in enumerate(record.steps)]
    found = time_of(record, alone)
    assert found.verdict.state != "VALID" or (found.gain_pct or 0) <= 100


def test_reads_that_one_lock_serialises_are_not_called_a_gain() -> None:
    made = [replace(s, op="read", cpu_s=None, started_s=0.0, duration_s=0.4) for s in steps(20)]
    alone = [pair_of(s, 0.01 + 0.0001 * i, i) for i, s in enumerate(made)]
    found = time_of(run(made, wall_s=0.41, server_cpu_s=0.4), alone)
    assert found.verdict.state == "INVALID"
    assert found.verdict.checks["not_slower"] is False
    assert found.gain_pct is not None
    assert found.gain_pct < 0


@pytest.mark.parametrize("record", [run(steps(1)), chain(5), run(steps(4), max_parallel=1, wall_s=0.9), run([])])
def test_one_step_a_chain_and_a_width_of_one_are_not_applicable(record: RunRecord) -> None:
    if record.max_parallel == 1:
        serial = [replace(s, started_s=0.21 * i) for i, s in enumerate(record.steps)]
        record = replace(record, steps=tuple(serial))
    assert time_of(record, None).verdict.state == "NOT_APPLICABLE"
    assert time_of(record, pairs(record.steps)).verdict.state == "NOT_APPLICABLE"


def test_a_graph_that_is_no_chain_is_applicable() -> None:
    a, b, c = steps(3)
    record = run([a, b, replace(c, deps=("s0",), started_s=0.21)], wall_s=0.43)
    assert time_of(record, None).verdict.state == "UNVERIFIED"


def test_nothing_measured_leaves_bounds_and_no_sequential_time() -> None:
    made = steps(16)
    found = time_of(run(made), None)
    assert (found.method, found.sequential_s, found.speedup, found.ci95) == ("bounds", None, None, None)
    assert found.verdict.state == "UNVERIFIED"
    assert found.bounds is not None
    assert found.bounds.basis == "run"
    assert found.bounds.span_s <= found.bounds.lower_s <= found.parallel_s <= found.bounds.upper_s  # type: ignore[operator]  # a run has its time
    assert found.sequential_range_s == (pytest.approx(0.008), pytest.approx(sum(s.duration_s or 0 for s in made)))


def test_too_few_runs_alone_leave_bounds_only() -> None:
    made = steps(40)
    found = time_of(run(made), pairs(made[:5]))
    assert (found.method, found.sequential_s) == ("bounds", None)
    assert "not measured alone" in found.verdict.reason


def test_steps_that_may_not_be_repeated_and_hold_much_of_the_time_leave_it_unverified() -> None:
    made = [replace(s, repeatable=i >= 5) for i, s in enumerate(steps(16))]
    found = time_of(run(made), pairs(made[5:]))
    assert found.verdict.state == "UNVERIFIED"
    assert found.sequential_s is None
    few = [replace(s, repeatable=i >= 2) for i, s in enumerate(steps(16))]
    assert time_of(run(few), pairs(few[2:])).verdict.state == "VALID"


def test_history_gives_numbers_but_no_proof() -> None:
    made = steps(4)
    record = run(made, history=(History("bash/1s", 0.18, 0.2, 0.25, 40, 3600.0),))
    found = verify_run(record, None, "history", 1).time
    assert (found.method, found.verdict.state) == ("history", "UNVERIFIED")
    assert found.sequential_s == pytest.approx(0.8)
    assert found.sequential_range_s == (pytest.approx(0.72), pytest.approx(1.0))
    assert found.ci95 is None
    assert verify_run(record, None, "bounds", 1).time.sequential_s is None


def test_the_weaker_of_what_was_asked_and_what_is_borne_is_used() -> None:
    made = steps(40)
    assert verify_run(run(made), pairs(made[:8]), "measured", 1).time.method == "sampled"
    assert verify_run(run(made), pairs(made), "sampled", 1).time.method == "measured"
    assert verify_run(run(made), pairs(made), "bounds", 1).time.method == "bounds"


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("steps_inside_run", {"wall_s": 0.1}),
        ("width_respected", {"max_parallel": 8}),
        ("sample_complete", {"chosen": ("s0", "s1", "gone")}),
        ("gain_possible", {"cores_eff": 0.004}),
    ],
)
def test_each_broken_condition_is_named(check: str, changes: dict[str, object]) -> None:
    made = steps(16)
    found = time_of(run(made, **changes), pairs(made))
    assert found.verdict.checks[check] is False
    assert found.verdict.state in {"INVALID", "UNVERIFIED"}


def test_a_step_that_stands_twice_and_a_pair_without_a_step_are_invalid() -> None:
    made = steps(16)
    assert time_of(run([*made, made[0]]), pairs(made)).verdict.state == "INVALID"
    assert time_of(run(made), [*pairs(made), replace(pairs(made)[0], id="x")]).verdict.state == "INVALID"


def test_runs_alone_that_came_first_warmed_the_caches_and_prove_nothing() -> None:
    made = steps(16)
    found = time_of(run(made), pairs(made, before=True))
    assert found.verdict.checks["order_fair"] is False
    assert found.verdict.state == "UNVERIFIED"


def test_a_group_takes_one_place_and_its_steps_may_gain_more_than_the_width() -> None:
    made = [replace(s, op="grep", group=f"g{i % 2}", cpu_s=0.01) for i, s in enumerate(steps(16))]
    found = time_of(run(made, max_parallel=2), pairs(made))
    assert found.verdict.checks["width_respected"] is True
    assert found.verdict.state == "VALID"
    alone = [replace(s, group=None) for s in made]
    assert time_of(run(alone, max_parallel=2), pairs(alone)).verdict.state == "INVALID"


def test_a_step_that_waited_between_attempts_does_not_count_as_width() -> None:
    made = [replace(s, attempts=2 if i == 0 else 1) for i, s in enumerate(steps(16))]
    assert time_of(run(made, max_parallel=15), pairs(made)).verdict.checks["width_respected"] is True


def test_work_that_waits_in_part_may_gain_more_than_the_cores() -> None:
    made = [replace(s, cpu_s=0.05) for s in steps(8)]
    found = time_of(run(made, wall_s=0.26), pairs(made))
    assert found.verdict.state == "VALID"
    assert found.limits is not None
    assert found.limits.by_cpu == pytest.approx(8, rel=0.05)
    assert (found.gain_pct or 0) > 400


def test_an_interval_that_straddles_no_gain_is_unverified() -> None:
    rng = random.Random(4)
    made = [replace(s, cpu_s=0.01) for s in steps(10)]
    found = time_of(
        run(made, wall_s=1.9), [pair_of(s, 0.2 * rng.lognormvariate(0, 0.5), i) for i, s in enumerate(made)]
    )
    assert found.ci95 is not None
    assert found.ci95[0] <= 1 < found.ci95[1]
    assert found.verdict.state == "UNVERIFIED"


def test_the_disclosure_says_what_is_measured_and_what_is_estimated() -> None:
    made = steps(40)
    data = time_of(run(made), pairs(made[:10])).data()
    assert data["basis"] == {"parallel_s": "measured", "sequential_s": "estimated", "speedup": "estimated"}
    assert (data["n"], data["m"], data["seed"]) == (40, 10, 1)
    assert data["strata"] == [{"name": "bash/1s", "n": 40, "m": 10, "standing": "sampled"}]
    assert set(data) >= {"method", "sequential_s", "parallel_s", "speedup", "gain_pct", "parallel_efficiency", "ci95"}
    assert set(data["bounds"]) >= {"work_s", "span_s", "lower_s", "upper_s"}


def test_skipped_steps_are_no_part_of_the_comparison() -> None:
    made = [*steps(16), replace(STEP, id="later", state="skipped", started_s=None, duration_s=None, cpu_s=None)]
    found = time_of(run(made, max_parallel=16), pairs(made[:16]))
    assert (found.n, found.verdict.state) == (16, "VALID")


def test_losing_the_run_alone_that_raised_a_doubt_does_not_end_the_doubt() -> None:
    made = [replace(s, cpu_s=0.01) for s in steps(10)]
    kept = [pair_of(s, 0.2 * jitter(i), i) for i, s in enumerate(made[1:])]
    doubt = pair_of(made[0], 6.0, 9)
    record = run(made, wall_s=1.5, chosen=tuple(s.id for s in made))
    assert time_of(record, [*kept, doubt]).verdict.state == "UNVERIFIED"
    assert time_of(record, kept).verdict.state == "UNVERIFIED"
    # Nobody wrote down what was drawn: then the loss cannot be seen.
    assert time_of(replace(record, chosen=None), kept).verdict.state == "VALID"


def test_a_speedup_above_the_width_is_unverified_while_its_interval_reaches_below() -> None:
    rng = random.Random(6)
    made = [replace(s, cpu_s=0.01, started_s=0.21 * (i // 4), duration_s=0.2) for i, s in enumerate(steps(12))]
    alone = [pair_of(s, 0.26 * rng.lognormvariate(0, 0.3), i) for i, s in enumerate(made)]
    found = time_of(run(made, wall_s=0.64, max_parallel=4), alone)
    assert (found.speedup or 0) > 4.3
    assert found.verdict.checks["within_schedule"] is False
    assert found.verdict.checks["gain_possible"] is True
    assert found.verdict.state == "UNVERIFIED"


def test_work_that_computes_three_quarters_of_its_time_is_held_to_the_cores() -> None:
    made = [replace(s, cpu_s=0.2 * (0.7 if i % 2 else 0.9)) for i, s in enumerate(steps(8))]
    found = time_of(run(made, wall_s=0.9), pairs(made))
    assert found.limits is not None
    assert found.limits.cpu_bound
    assert found.limits.by_cpu == pytest.approx(2)


@pytest.mark.parametrize(("cpu_s", "idle"), [(0.001, True), (0.1, False), (None, False)])
def test_a_busy_machine_only_matters_to_steps_that_compute(cpu_s: float | None, idle: bool) -> None:
    made = [replace(s, cpu_s=cpu_s) for s in steps(16)]
    found = time_of(run(made, cores_eff=16.0, load_alone=Load(cpu=(0.9, 0.7))), pairs(made))
    assert found.verdict.checks["idle_machine"] is idle
    assert (found.verdict.state == "VALID") is idle
