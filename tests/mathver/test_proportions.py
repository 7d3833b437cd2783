"""Shares: published values, and coverage computed exactly from the binomial."""

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.mathver.proportions import lower_share, newcombe, upper_share, wilson


@pytest.mark.parametrize(("trials", "bound"), [(30, 0.0950), (60, 0.0487), (149, 0.0199)])
def test_without_hits_the_bound_is_one_minus_a_root_of_five_percent(trials: int, bound: float) -> None:
    assert upper_share(0, trials) == pytest.approx(bound, abs=5e-5)


def test_149_clean_trials_are_the_first_that_rule_out_two_percent() -> None:
    assert upper_share(0, 148) > 0.02 > upper_share(0, 149)


def test_published_intervals() -> None:
    assert upper_share(1, 100) == pytest.approx(0.0466, abs=1e-4)
    assert wilson(20, 20) == (pytest.approx(0.839, abs=5e-4), 1.0)
    assert newcombe(96, 100, 97, 100) == (pytest.approx(-0.072, abs=5e-4), pytest.approx(0.050, abs=5e-4))


def test_nothing_tried_says_nothing() -> None:
    assert (lower_share(0, 0), upper_share(0, 0)) == (0.0, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)
    assert newcombe(0, 0, 1, 2) == (-1.0, 1.0)


@settings(max_examples=40)
@given(st.integers(1, 25), st.floats(0.01, 0.99))
def test_the_exact_bounds_miss_the_truth_in_at_most_five_percent(trials: int, share: float) -> None:
    chance = {k: comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)}
    assert sum(p for k, p in chance.items() if upper_share(k, trials) < share) <= 0.05 + 1e-9
    assert sum(p for k, p in chance.items() if lower_share(k, trials) > share) <= 0.05 + 1e-9


@given(st.integers(1, 60), st.data())
def test_every_interval_holds_its_own_share(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    low, high = wilson(hits, trials)
    assert low <= hits / trials <= high
    assert lower_share(hits, trials) <= hits / trials <= upper_share(hits, trials)
    a, b = newcombe(hits, trials, trials - hits, trials)
    assert a <= (2 * hits - trials) / trials <= b
