"""Levels: each threshold at its exact boundary, up and down, and what a stage leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.context.levels import Stage, allow, change, settle, stage_at
from fourfold_tools.context.signals import Signal

GAP = 3.0
percents = st.floats(0, 120)
stages = st.sampled_from(Stage)


@pytest.mark.parametrize(
    ("percent", "level", "heads_only"),
    [
        (0, "normal", False),
        (70, "normal", False),
        (70.0001, "limited", False),
        (84.9999, "limited", False),
        (85, "scaled_down", False),
        (90, "scaled_down", False),
        (90.0001, "scaled_down", True),
        (95, "scaled_down", True),
        (95.0001, "handoff", True),
        (130, "handoff", True),
    ],
)
def test_a_level_begins_exactly_at_its_threshold(percent: float, level: str, heads_only: bool) -> None:
    stage = stage_at(percent)
    assert (stage.level, allow(stage, percent, 8).heads_only) == (level, heads_only)


@pytest.mark.parametrize(
    ("before", "stays_at", "falls_at", "to"),
    [
        (Stage.LIMITED, 67.0001, 67.0, Stage.NORMAL),
        (Stage.SCALED_DOWN, 82.0, 81.9999, Stage.LIMITED),
        (Stage.HEADS_ONLY, 87.0001, 87.0, Stage.SCALED_DOWN),
        (Stage.HANDOFF, 92.0001, 92.0, Stage.HEADS_ONLY),
        (Stage.HANDOFF, 92.0001, 2.0, Stage.NORMAL),
    ],
)
def test_a_stage_is_left_only_three_points_below_its_threshold(
    before: Stage, stays_at: float, falls_at: float, to: Stage
) -> None:
    assert settle(before, stays_at, GAP) is before
    assert settle(before, falls_at, GAP) is to


@given(before=stages, percent=percents)
def test_a_stage_rises_at_once(before: Stage, percent: float) -> None:
    assert settle(before, percent, GAP) >= stage_at(percent)


@given(before=stages, low=percents, rise=st.floats(0, 50))
def test_a_stage_never_falls_when_usage_rises(before: Stage, low: float, rise: float) -> None:
    assert settle(before, low + rise, GAP) >= settle(before, low, GAP)


@given(base=percents, jitter=st.lists(st.floats(0, 2.999), min_size=2, max_size=30))
def test_jitter_below_the_gap_never_goes_back_and_forth(base: float, jitter: list[float]) -> None:
    stage, seen = Stage.NORMAL, []
    for step in jitter:
        stage = settle(stage, base + step, GAP)
        seen.append(stage)
    assert seen == sorted(seen)


@given(before=stages, percent=percents)
def test_a_second_look_at_the_same_usage_changes_nothing(before: Stage, percent: float) -> None:
    once = settle(before, percent, GAP)
    assert settle(once, percent, GAP) is once


@pytest.mark.parametrize(
    ("percent", "asked", "at_once"),
    [
        (70.0, 8, 8),
        (70.0001, 8, 7),
        (72.0, 8, 7),
        (75.0, 10, 8),
        (80.0, 10, 6),
        (80.0, 1, 1),
        (84.9999, 100, 40),
        (85.0, 100, 1),
        (93.0, 8, 1),
        (96.0, 8, 1),
    ],
)
def test_fewer_run_at_once_on_a_line_from_70_to_85_and_one_from_there_on(
    percent: float, asked: int, at_once: int
) -> None:
    assert allow(stage_at(percent), percent, asked).max_parallel == at_once


@given(before=stages, percent=percents, rise=st.floats(0, 50), asked=st.integers(1, 1000))
def test_more_usage_never_allows_more(before: Stage, percent: float, rise: float, asked: int) -> None:
    less = allow(settle(before, percent, GAP), percent, asked)
    more = allow(settle(before, percent + rise, GAP), percent + rise, asked)
    assert 1 <= more.max_parallel <= less.max_parallel <= asked
    assert 0.1 <= more.budget_factor <= less.budget_factor <= 1
    assert more.heads_only >= less.heads_only
    assert more.new_work <= less.new_work


def test_an_unknown_percentage_limits_nothing_by_itself() -> None:
    assert allow(Stage.NORMAL, None, 8).max_parallel == 8
    assert allow(Stage.NORMAL, None, 8).budget_factor == 1


def test_new_work_is_refused_only_in_the_last_stage() -> None:
    assert [stage for stage in Stage if not allow(stage, 50.0, 1).new_work] == [Stage.HANDOFF]


@pytest.mark.parametrize(
    ("before", "after", "percent", "line"),
    [
        (
            Stage.NORMAL,
            Stage.LIMITED,
            72.0,
            "📡 throttle limited: context 72 % is above 70 %: fewer steps at once, smaller answers",
        ),
        (
            Stage.LIMITED,
            Stage.SCALED_DOWN,
            85.0,
            "📡 throttle scaled_down: context 85 % reached 85 %: one step at a time, small answers",
        ),
        (
            Stage.LIMITED,
            Stage.HEADS_ONLY,
            93.0,
            "📡 throttle scaled_down: context 93 % is above 90 %: one step at a time, first lines only",
        ),
        (
            Stage.HEADS_ONLY,
            Stage.HANDOFF,
            96.0,
            "📡 handoff handoff: context 96 % is above 95 %: "
            'a handoff is written, new work is refused unless "force": true',
        ),
        (
            Stage.HANDOFF,
            Stage.NORMAL,
            2.0,
            "📡 throttle normal: context 2 % is 3 points or more below 70 %: full limits again",
        ),
        (
            Stage.SCALED_DOWN,
            Stage.LIMITED,
            81.5,
            "📡 throttle limited: context 81.5 % is 3 points or more below 85 %: "
            "fewer steps at once, smaller answers",
        ),
    ],
)
def test_a_change_of_level_is_announced_with_its_reason(
    before: Stage, after: Stage, percent: float, line: str
) -> None:
    signal = change(before, after, percent, GAP)
    assert signal is not None
    assert signal.line() == line


@pytest.mark.parametrize(("before", "after"), [(s, s) for s in Stage] + [(Stage.SCALED_DOWN, Stage.HEADS_ONLY)])
def test_the_same_level_is_not_announced(before: Stage, after: Stage) -> None:
    assert change(before, after, 91.0, GAP) is None


def test_a_signal_is_an_object_too() -> None:
    assert Signal("pressure", "cpu", "why", "what").data() == {
        "kind": "pressure",
        "level": "cpu",
        "reason": "why",
        "action": "what",
    }
