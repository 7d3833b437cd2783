"""The context line: what a batch saves against separate calls, and what it may not claim."""

from dataclasses import replace

import pytest
from mathver_runs import TOKENS

from fourfold_tools.mathver.context_usage import use_of_context


def test_the_same_bodies_as_separate_calls_cost_their_overhead_more() -> None:
    found = use_of_context(16, TOKENS)
    assert found.separate == 300 + 16 * 120
    assert found.one_per_turn == 300 + 16 * 120 + 15 * 50
    assert found.saving == pytest.approx(1 - 900 / 2220)
    assert found.per_1000 == pytest.approx(16 / 0.9)
    assert found.verdict.state == "VALID"


def test_what_was_cut_is_saved_on_neither_side() -> None:
    assert use_of_context(16, replace(TOKENS, cut=50_000)).separate == use_of_context(16, TOKENS).separate


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"calibrated": False}, "UNVERIFIED"),
        ({"call_overhead": None}, "UNVERIFIED"),
        ({"call_overhead": 38.0}, "UNVERIFIED"),
        ({"call_overhead": 5.0}, "INVALID"),
        ({"bodies": 1000}, "INVALID"),
    ],
)
def test_a_saving_must_be_calibrated_and_beyond_the_error(changes: dict[str, object], state: str) -> None:
    assert use_of_context(16, replace(TOKENS, **changes)).verdict.state == state  # type: ignore[arg-type]  # the table's values fit


def test_without_a_count_there_are_no_numbers() -> None:
    found = use_of_context(3, None)
    assert (found.delivered, found.separate, found.saving, found.per_1000) == (None, None, None, None)
    assert found.verdict.state == "UNVERIFIED"
    data = found.data()
    assert data["basis"] == {"results": "measured", "delivered_tokens": "missing", "sequential_tokens": "missing"}


def test_without_a_known_turn_the_dearer_baseline_is_left_open() -> None:
    assert use_of_context(16, replace(TOKENS, turn_overhead=None)).one_per_turn is None
