"""Lanes: each with its own figures, a degraded one named with the steps to run again."""

from dataclasses import replace

import pytest
from mathver_runs import pairs, run, steps

from fourfold_tools.mathver.records import StepRecord
from fourfold_tools.mathver.streams import degraded, lanes


def two_lanes(n: int = 8) -> list[StepRecord]:
    """n steps, alternating between lanes 0 and 1, one after the other in each."""
    return [replace(s, lane=i % 2, started_s=0.21 * (i // 2), duration_s=0.2) for i, s in enumerate(steps(n))]


def test_every_lane_has_its_own_time_resources_and_quality() -> None:
    made = two_lanes()
    first, second = lanes(run(made, wall_s=0.84, max_parallel=2), pairs(made), 1)
    assert (first.lane, first.steps) == (0, ("s0", "s2", "s4", "s6"))
    assert first.busy_s == pytest.approx(0.8)
    assert first.busy == pytest.approx(0.8 / 0.84)
    assert first.alone_s == pytest.approx(0.8, rel=0.02)
    assert first.cpu_s == pytest.approx(0.004)
    assert second.max_rss_bytes == 1_000_000
    assert (first.verdict.state, second.verdict.state) == ("VALID", "VALID")


def test_degradation_in_one_lane_is_named_and_its_open_steps_are_to_run_again() -> None:
    made = [replace(s, repeatable=s.id != "s7") for s in two_lanes()]
    compared = [p for p in pairs(made) if p.id in {"s0", "s2", "s1", "s3"}]
    alone = [replace(p, par_hash="x", seq2_hash="same") if p.id == "s3" else p for p in compared]
    found = lanes(run(made, wall_s=0.84), alone, 1)
    assert degraded(found) == (1,)
    assert found[1].quality.degraded == ("s3",)
    assert (found[1].again, found[1].suspect) == (("s5",), ("s7",))
    assert found[1].verdict.state == "INVALID"
    assert "Lane 1" in found[1].verdict.reason
    assert found[0].again == ()
    assert found[0].verdict.state == "UNVERIFIED"


def test_overlapping_steps_of_a_lane_are_not_counted_twice() -> None:
    made = [replace(s, lane=0, started_s=0.1 * i, duration_s=0.2) for i, s in enumerate(steps(3))]
    (lane,) = lanes(run(made, wall_s=0.5), [], 1)
    assert lane.busy_s == pytest.approx(0.4)
    assert (lane.alone_s, lane.verdict.state) == (None, "UNVERIFIED")


def test_failures_and_unknown_processor_time_are_shown_as_such() -> None:
    made = [replace(s, state="failed" if s.id == "s2" else "ok", cpu_s=None) for s in two_lanes(4)]
    first, _ = lanes(run(made, wall_s=0.5), [], 1)
    assert (first.failed, first.cpu_s) == (("s2",), None)


def test_an_unexplained_difference_leaves_its_lane_unverified() -> None:
    made = two_lanes(4)
    alone = [replace(p, par_hash="x") if p.id == "s1" else p for p in pairs(made)]
    _, second = lanes(run(made, wall_s=0.5), alone, 1)
    assert (second.verdict.state, second.again) == ("UNVERIFIED", ())
