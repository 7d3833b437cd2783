"""Usage: its contract form, its line, and what it leaves of a request."""

import pytest

from fourfold_tools.context.levels import Stage, stage_at
from fourfold_tools.context.usage import Source, Usage


def at(used: int, window: int = 200_000, **fields: object) -> Usage:
    percent = 100 * used / window
    return Usage(used, window, percent, stage_at(percent), "transcript", **fields)  # type: ignore[arg-type]  (test data)


@pytest.mark.parametrize(
    ("source", "turns_old", "line"),
    [
        ("transcript", 0, "context 41 % (transcript)"),
        ("transcript", 1, "context 41 % (transcript, 1 turn old)"),
        ("hook", 2, "context 41 % (hook, 2 turns old)"),
        ("argument", None, "context 41 % (argument)"),
        ("estimate", 1, "context 41 % (estimate, 1 turn old)"),
    ],
)
def test_the_line_says_source_and_age(source: Source, turns_old: int | None, line: str) -> None:
    assert Usage(82_000, 200_000, 41.0, source=source, turns_old=turns_old).text() == line


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    assert Usage().text() == "context unknown"
    assert Usage().data() == {
        "used_tokens": None,
        "window_tokens": None,
        "percent": None,
        "level": "normal",
        "source": "estimate",
        "model": None,
        "age_s": None,
        "turns_old": None,
    }


def test_the_object_holds_every_field_of_the_contract() -> None:
    usage = at(176_000, model="claude-sonnet-4-5", age_s=2.345, turns_old=0)
    assert usage.data() == {
        "used_tokens": 176_000,
        "window_tokens": 200_000,
        "percent": 88.0,
        "level": "scaled_down",
        "source": "transcript",
        "model": "claude-sonnet-4-5",
        "age_s": 2.3,
        "turns_old": 0,
    }


@pytest.mark.parametrize(
    ("used", "asked", "left"),
    [
        (80_000, 12_500, 12_500),
        (140_000, 12_500, 12_500),
        (150_000, 12_500, 10_000),
        (176_000, 12_500, 3_500),
        (186_000, 12_500, 1_250),
        (189_500, 12_500, 500),
        (192_000, 12_500, 1_250),
        (199_900, 12_500, 100),
        (210_000, 12_500, 0),
    ],
)
def test_a_budget_shrinks_with_the_level_and_stays_inside_the_room_that_is_left(
    used: int, asked: int, left: int
) -> None:
    assert at(used).budget_tokens(asked) == left


def test_a_budget_is_whole_where_nothing_is_known() -> None:
    assert Usage().budget_tokens(12_500) == 12_500


def test_the_usage_after_a_delivery_is_predicted_with_its_level() -> None:
    after = at(180_000, model="m").after(11_000)
    assert (after.used_tokens, after.percent, after.level, after.model) == (191_000, 95.5, "handoff", "m")
    assert Usage().after(5_000) == Usage()


def test_a_prediction_never_comes_down() -> None:
    held = Usage(136_000, 200_000, 68.0, Stage.LIMITED, "transcript")
    assert held.after(100).level == "limited"
