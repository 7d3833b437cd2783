"""Where the caller's context is predicted to cross a threshold, and how many launches it bears."""

import pytest

from fourfold_tools.context.levels import stage_at
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.handoff_points import affordable, handoff_points


def at(percent: float) -> Usage:
    return Usage(int(1_000 * percent), 100_000, percent, stage_at(percent))


def test_each_threshold_is_named_once_with_the_task_that_crosses_it() -> None:
    ends = [(3.0, "c", 10_000), (1.0, "a", 10_000), (2.0, "b", 20_000)]
    found = handoff_points(at(59), ends)
    assert [(p.percent, p.after, p.at_min, p.predicted_percent) for p in found] == [
        (70, "b", 2.0, 89.0),
        (90, "c", 3.0, 99.0),
        (95, "c", 3.0, 99.0),
    ]


def test_nothing_is_predicted_where_nobody_knows_the_usage() -> None:
    assert handoff_points(Usage(), [(1.0, "a", 10_000)]) == []


@pytest.mark.parametrize(
    ("percent", "tokens_each", "fits"),
    [(10, 1_000, 8), (80, 5_000, 3), (94, 5_000, 1), (96, 1, 0)],
)
def test_launches_are_as_many_as_their_reports_leave_room_for(percent: float, tokens_each: int, fits: int) -> None:
    assert affordable(at(percent), 8, tokens_each) == fits


def test_an_unknown_usage_limits_nothing() -> None:
    assert affordable(Usage(), 8, 10_000) == 8
