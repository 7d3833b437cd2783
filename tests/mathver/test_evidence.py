"""Evidence: which steps are measured, which a sample stands for, and of which only bounds are known."""

from dataclasses import replace

import pytest
from mathver_runs import STEP, pair_of, pairs, run, steps

from fourfold_tools.mathver.evidence import weigh


def test_a_census_is_the_sum_of_what_was_measured() -> None:
    made = steps(16)
    alone = pairs(made)
    found = weigh(run(made), alone, 1)
    assert found.standing == "measured"
    assert found.total is not None
    assert found.total.value == pytest.approx(sum(p.seq_s for p in alone))
    assert found.bounded == ()


def test_eight_of_many_stand_for_their_stratum_by_ratio() -> None:
    made = steps(40)
    found = weigh(run(made), [replace(p, seq_s=p.par_s / 2) for p in pairs(made[:8])], 1)
    assert found.standing == "sampled"
    assert found.total is not None
    assert found.total.value == pytest.approx(sum(s.duration_s or 0 for s in made) / 2)
    assert found.alone_s["s39"] == pytest.approx((made[39].duration_s or 0) / 2)


def test_fewer_than_eight_stand_only_for_themselves() -> None:
    made = steps(40)
    found = weigh(run(made), pairs(made[:7]), 1)
    assert len(found.bounded) == 33
    assert not found.sound
    assert found.total is not None
    assert found.total.value < 2


def test_two_runs_alone_count_as_their_mean() -> None:
    made = steps(2)
    found = weigh(run(made), [pair_of(s, 0.2, i, seq2_s=0.4) for i, s in enumerate(made)], 1)
    assert found.alone_s == {"s0": pytest.approx(0.3), "s1": pytest.approx(0.3)}


def test_a_single_reading_without_a_repeat_stands_for_nothing() -> None:
    made = [*steps(4), replace(STEP, id="big", stratum="bash/10s", duration_s=5.0)]
    found = weigh(run(made, wall_s=5.1), [pair_of(made[4], 4.0)], 1)
    assert found.total is None
    assert found.standing == "bounded"


def test_a_single_reading_with_a_repeat_shows_its_own_noise() -> None:
    made = [replace(STEP, id="big", stratum="bash/10s", duration_s=5.0)]
    found = weigh(run(made, wall_s=5.1), [pair_of(made[0], 4.0, seq2_s=4.2)], 1)
    assert found.total is not None
    assert found.total.low < 4.0 < found.total.value < 4.2 < found.total.high


def test_single_readings_of_several_strata_are_judged_together() -> None:
    made = [replace(STEP, id=f"s{i}", stratum=f"bash/{10**i}s", duration_s=10.0**i / 2) for i in range(3)]
    found = weigh(run(made, wall_s=60), [pair_of(s, (s.duration_s or 0) * 0.8, i) for i, s in enumerate(made)], 1)
    assert found.total is not None
    assert found.bounded == ()


def test_one_single_reading_is_judged_with_the_largest_stratum_measured_whole() -> None:
    made = [*steps(9), replace(STEP, id="big", stratum="bash/10s", duration_s=5.0)]
    found = weigh(run(made, wall_s=5.1), [*pairs(made[:9]), pair_of(made[9], 2.5, 9)], 1)
    assert found.total is not None
    assert found.bounded == ()
    # The long step weighs most, so the whole is not known better than one reading is.
    assert found.total.high / found.total.low > 1.3


@pytest.mark.parametrize(
    ("step_changes", "pair_changes", "reason"),
    [
        ({"repeatable": False}, {}, "may not be repeated"),
        ({"state": "timed_out"}, {}, "ended as timed_out in the run"),
        ({}, {"input_changed": True}, "its inputs changed between the runs"),
        ({}, {"seq_ok": False}, "succeeded in one run and failed in the other"),
        ({}, {"seq_s": 0.0}, "was too short for the clock"),
        ({}, {"seq2_s": 0.0}, "was too short for the clock"),
    ],
)
def test_a_pair_of_unlike_runs_is_set_aside_with_its_reason(
    step_changes: dict[str, object], pair_changes: dict[str, object], reason: str
) -> None:
    made = [*steps(15), replace(STEP, id="odd", **step_changes)]  # type: ignore[arg-type]  # the table's values fit
    alone = [*pairs(made[:15]), replace(pair_of(made[15], 0.2), **pair_changes)]  # type: ignore[arg-type]  # as above
    found = weigh(run(made), alone, 1)
    assert found.excluded == {"odd": reason}
    assert [s.id for s in found.bounded] == ["odd"]


def test_a_bounded_step_counts_its_floor_and_widens_the_high_end_to_its_seconds_in_the_run() -> None:
    made = [*steps(15), replace(STEP, id="odd", repeatable=False, cpu_s=0.1)]
    whole, found = weigh(run(made[:15]), pairs(made[:15]), 1), weigh(run(made), pairs(made[:15]), 1)
    assert whole.total is not None
    assert found.total is not None
    assert found.total.value == pytest.approx(whole.total.value + 0.05)
    assert found.total.high == pytest.approx(whole.total.high + 0.2)
    assert found.bounded_share == pytest.approx(0.2 / (0.2 + whole.total.value))


def test_pairs_without_a_step_and_pairs_that_stand_twice_are_faults() -> None:
    made = steps(3)
    alone = pairs(made)
    stranger = replace(alone[0], id="nobody")
    assert weigh(run(made), [*alone, alone[1], stranger], 1).faults == ("nobody", "s1")


@pytest.mark.parametrize("changes", [{"stratum": "read/1s"}, {"par_hash": "another"}])
def test_a_pair_whose_parallel_side_is_another_step_is_a_fault(changes: dict[str, str]) -> None:
    made = steps(3)
    alone = [replace(p, **changes) if p.id == "s1" else p for p in pairs(made)]  # type: ignore[arg-type]  # both are texts
    assert weigh(run(made), alone, 1).faults == ("s1",)


def test_the_high_end_allows_for_slow_moments_that_few_readings_cannot_show() -> None:
    made = steps(9)
    alone = [replace(p, seq_s=p.par_s / 2) for p in pairs(made)]
    found = weigh(run(made), alone, 1).total
    assert found is not None
    assert found.low == pytest.approx(found.value)
    assert found.high == pytest.approx(found.value * 1.1)
