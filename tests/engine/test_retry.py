"""The retry rule and its budget: both bounds, monotone to the cap, near a tenth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.retry import RetryBudget, RetryRule
from fourfold_tools.model.result import Failure

RULES = st.builds(
    RetryRule,
    retries=st.integers(0, 10),
    max_s=st.floats(0, 1e4),
    base_s=st.floats(0, 100),
    cap_s=st.floats(0, 100),
)
RETRYABLE = Failure("network", "reset", retryable=True)
CHANCE = st.floats(0, 1)


@given(RULES, st.integers(1, 12), st.floats(0, 1e4), CHANCE)
def test_both_bounds_hold(rule: RetryRule, attempts: int, elapsed: float, chance: float) -> None:
    wait = rule.wait_s(RETRYABLE, attempts, elapsed, chance)
    if attempts > rule.retries:
        assert wait is None
    if wait is not None:
        assert 0 <= wait <= rule.cap_s
        assert elapsed + wait <= rule.max_s


@given(RULES, CHANCE)
def test_waits_grow_to_the_cap_and_no_further(rule: RetryRule, chance: float) -> None:
    unbounded = RetryRule(60, 1e9, rule.base_s, rule.cap_s)
    waits = [unbounded.wait_s(RETRYABLE, attempts, 0.0, chance) for attempts in range(1, 60)]
    assert None not in waits
    numbers = [w for w in waits if w is not None]
    assert numbers == sorted(numbers)
    if rule.base_s > 0.001:
        assert numbers[-1] == pytest.approx(chance * rule.cap_s)


@given(RULES, st.floats(0, 1e5), CHANCE)
def test_a_server_that_says_when_is_not_asked_earlier(rule: RetryRule, after: float, chance: float) -> None:
    wait = rule.wait_s(Failure("network", "429", retryable=True, retry_after_s=after), 1, 0.0, chance)
    assert wait is None or wait >= after
    if after > rule.max_s:
        assert wait is None


@given(RULES, CHANCE)
def test_what_cannot_get_better_is_not_tried_again(rule: RetryRule, chance: float) -> None:
    assert rule.wait_s(Failure("not_found", "no such file"), 1, 0.0, chance) is None


@given(st.lists(st.booleans(), max_size=400))
def test_retries_stay_within_what_was_filled_in(tries: list[bool]) -> None:
    budget = RetryBudget(0.1, 10.0)
    firsts = retries = 0
    for first in tries:
        if first:
            budget.first_attempt()
            firsts += 1
        else:
            retries += budget.spend()
    assert retries <= 10 + 0.1 * firsts + 1e-6


def test_an_empty_budget_refuses_until_first_attempts_have_filled_it() -> None:
    budget = RetryBudget(0.125, 1.0)
    assert budget.spend()
    assert not budget.spend()
    for _ in range(8):
        assert not budget.spend()
        budget.first_attempt()
    assert budget.spend()


def test_the_budget_never_holds_more_than_its_most() -> None:
    budget = RetryBudget(0.1, 2.0)
    for _ in range(1000):
        budget.first_attempt()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
