"""Pace: down at repeated trouble, back after streaks, each at its exact number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.pace import FORGOTTEN, MOST_PATIENCE, STREAK, Pace


def after(pace: Pace, good: int, ceiling: int = 8) -> Pace:
    for _ in range(good):
        pace = pace.ended_well(ceiling)
    return pace


ONE_AT_A_TIME = Pace().contended().contended()


def test_one_contention_is_chance_and_two_are_not() -> None:
    assert Pace().contended().limit is None
    assert ONE_AT_A_TIME.limit == 1


@pytest.mark.parametrize(("good", "limit"), [(0, 1), (FORGOTTEN - 1, 1), (FORGOTTEN, None)])
def test_a_contention_is_forgotten_after_so_many_good_ends(good: int, limit: int | None) -> None:
    assert after(Pace().contended(), good).contended().limit == limit


@pytest.mark.parametrize(
    ("good", "limit"),
    [(STREAK - 1, 1), (STREAK, 2), (2 * STREAK - 1, 2), (2 * STREAK, 4), (3 * STREAK - 1, 4), (3 * STREAK, None)],
)
def test_a_class_widens_by_streaks_until_nothing_limits_it(good: int, limit: int | None) -> None:
    assert after(ONE_AT_A_TIME, good, ceiling=8).limit == limit


def test_a_wide_class_needs_a_streak_as_long_as_it_is_wide() -> None:
    wide = Pace(limit=8)
    assert after(wide, 7, ceiling=64).limit == 8
    assert after(wide, 8, ceiling=64).limit == 16


def test_trouble_on_the_way_back_starts_again_and_takes_twice_as_long() -> None:
    again = after(ONE_AT_A_TIME, STREAK).contended()
    assert again.limit == 1
    assert after(again, 2 * STREAK - 1).limit == 1
    assert after(again, 2 * STREAK).limit == 2
    for _ in range(10):
        again = again.contended()
    assert again.patience == MOST_PATIENCE


def test_a_bad_end_breaks_the_streak() -> None:
    assert after(after(ONE_AT_A_TIME, STREAK - 1).contended(), 1).limit == 1


def test_a_class_that_found_its_way_back_is_as_good_as_new_after_a_while() -> None:
    back = after(ONE_AT_A_TIME, 3 * STREAK)
    assert back.limit is None
    assert after(back, FORGOTTEN) == Pace()


@pytest.mark.parametrize(("ceiling", "limits"), [(32, [16, 8, 4, 2, 1, 1]), (5, [2, 1, 1]), (1, [1, 1])])
def test_a_host_that_asks_for_less_gets_half_and_never_nothing(ceiling: int, limits: list[int]) -> None:
    pace, seen = Pace(), list[int | None]()
    for _ in limits:
        pace = pace.busy(ceiling)
        seen.append(pace.limit)
    assert seen == limits


def test_a_host_gets_one_more_for_as_many_good_answers_as_it_may_be_asked() -> None:
    pace, seen = Pace(limit=2), list[int | None]()
    for _ in range(2 + 3 + 4):
        pace = pace.answered(5)
        seen.append(pace.limit)
    assert seen == [2, 3, 3, 3, 4, 4, 4, 4, None]


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=200), st.integers(1, 64))
def test_a_limit_is_at_least_one_below_the_ceiling_and_always_finds_back(events: list[str], ceiling: int) -> None:
    pace = Pace()
    for event in events:
        pace = pace.ended_well(ceiling) if event == "good" else pace.contended()
        assert pace.limit is None or pace.limit == 1 or 1 < pace.limit < ceiling
    for _ in range(8 * (MOST_PATIENCE * 64)):
        pace = pace.ended_well(ceiling)
    assert (pace.limit, pace.trouble, pace.patience) == (None, 0, 1)


@given(st.lists(st.sampled_from(["good", "busy"]), max_size=200), st.integers(1, 64))
def test_a_host_always_finds_back_too(events: list[str], ceiling: int) -> None:
    pace = Pace()
    for event in events:
        pace = pace.answered(ceiling) if event == "good" else pace.busy(ceiling)
        assert pace.limit is None or pace.limit == 1 or 1 < pace.limit < ceiling
    for _ in range(ceiling * ceiling + 1):
        pace = pace.answered(ceiling)
    assert pace.limit is None
