"""The resource line: shares of the processors, work inflation, and when a gain is justified."""

from dataclasses import replace

import pytest
from mathver_runs import computing, pair_of, pairs, run, steps

from fourfold_tools.mathver.records import Load, Pair, RunRecord
from fourfold_tools.mathver.report import verify_run
from fourfold_tools.mathver.resource_usage import ResourceUsage


def use_of(record: RunRecord, alone: list[Pair] | None) -> ResourceUsage:
    return verify_run(record, alone, "sampled", 1).resource


def inflated(factor: float) -> tuple[RunRecord, list[Pair]]:
    """Twelve steps that compute half their time alone, and `factor` times as long beside others."""
    made = [replace(s, cpu_s=0.1 * factor) for s in steps(12)]
    record = run(made, wall_s=0.1 * factor * 12 / 8 + 0.2, cores_eff=8.0)
    return record, [replace(p, seq_cpu_s=0.1) for p in pairs(made)]


def test_a_gain_that_costs_nothing_more_is_justified() -> None:
    found = use_of(*inflated(1.0))
    assert (found.optimization, found.verdict.state) == ("justified", "VALID")
    assert found.inflation == pytest.approx(1.0)
    assert found.criteria == {"faster": True, "work_kept": True, "memory_free": True, "not_saturated": True}


def test_shares_count_children_and_server_over_the_effective_cores() -> None:
    record, alone = inflated(1.0)
    found = use_of(record, alone)
    assert found.cpu_s == pytest.approx(12 * 0.1 + 0.01)
    assert found.cpu == pytest.approx(found.cpu_s / (record.wall_s * 8))
    assert found.sequential_cpu == pytest.approx((0.5 + 0.01 / (12 * 0.2)) / 8, rel=0.01)


@pytest.mark.parametrize(("factor", "word", "state"), [(1.2, "justified", "VALID"), (1.4, "not justified", "VALID")])
def test_work_inflation_above_a_quarter_is_not_justified(factor: float, word: str, state: str) -> None:
    found = use_of(*inflated(factor))
    assert (found.optimization, found.verdict.state) == (word, state)


@pytest.mark.parametrize("factor", [0.5, 1.9])
def test_arms_that_did_different_work_are_unverified(factor: float) -> None:
    found = use_of(*inflated(factor))
    assert found.verdict.checks["same_work"] is False
    assert found.verdict.state == "UNVERIFIED"


def test_inflation_of_next_to_nothing_does_not_matter() -> None:
    made = steps(16)
    found = use_of(run(made), [replace(p, seq_cpu_s=0.0003) for p in pairs(made)])
    assert found.inflation == pytest.approx(0.001 / 0.0003)
    assert (found.optimization, found.verdict.state) == ("justified", "VALID")


@pytest.mark.parametrize(
    ("criterion", "changes"),
    [
        ("memory_free", {"peak_rss_bytes": 900, "mem_total_bytes": 1000}),
        ("not_saturated", {"load_parallel": Load(cpu=(0.9, 0.9, 0.1))}),
    ],
)
def test_a_full_memory_or_saturated_processors_are_not_justified(criterion: str, changes: dict[str, object]) -> None:
    record, alone = inflated(1.0)
    found = use_of(replace(record, **changes), alone)  # type: ignore[arg-type]  # the table's values fit
    assert found.criteria[criterion] is False
    assert (found.optimization, found.verdict.state) == ("not justified", "VALID")


@pytest.mark.parametrize(
    "changes",
    [{"peak_rss_bytes": None}, {"load_parallel": None}, {"load_parallel": Load()}, {"mem_total_bytes": None}],
)
def test_what_cannot_be_told_is_not_judged(changes: dict[str, object]) -> None:
    record, alone = inflated(1.0)
    found = use_of(replace(record, **changes), alone)  # type: ignore[arg-type]  # the table's values fit
    assert (found.optimization, found.verdict.state) == ("n/a", "UNVERIFIED")


def test_nothing_run_alone_leaves_the_sequential_side_open() -> None:
    found = use_of(run(steps(16)), None)
    assert found.cpu is not None
    assert (found.sequential_cpu, found.inflation, found.optimization) == (None, None, "n/a")
    assert found.verdict.state == "UNVERIFIED"


def test_more_processor_time_than_there_was_is_invalid() -> None:
    made = [replace(s, cpu_s=0.2) for s in steps(16)]
    assert use_of(run(made), pairs(made)).verdict.checks["time_accounted"] is False


def test_unknown_processor_time_is_not_made_up() -> None:
    made = [replace(s, cpu_s=None) for s in steps(16)]
    found = use_of(run(made, server_cpu_s=None), pairs(made))
    assert (found.cpu, found.cpu_s) == (None, None)
    assert found.verdict.checks["cpu_measured"] is False


def test_work_inside_the_server_is_compared_by_the_servers_own_time() -> None:
    made = [replace(s, op="read", cpu_s=None) for s in steps(16)]
    record = run(made, wall_s=0.5, server_cpu_s=0.6, server_alone_cpu_s=0.4)
    found = use_of(record, pairs(made))
    assert found.inflation == pytest.approx(1.5, rel=0.01)
    assert found.inflation_ci95 is None
    assert found.optimization == "not justified"
    assert found.verdict.state == "UNVERIFIED"


def test_a_gain_that_is_not_verified_justifies_nothing() -> None:
    record = computing(8, cores=2, width=4)
    alone = [pair_of(s, 0.55, i) for i, s in enumerate(record.steps)]
    found = use_of(record, alone)
    assert found.verdict.checks["time_verified"] is False
    assert found.verdict.state == "UNVERIFIED"
