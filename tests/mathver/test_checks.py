"""States: worst first, and a sentence for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.mathver.checks import STATES, Check, State, judge, not_applicable, worst

checks = st.lists(
    st.builds(Check, st.text(min_size=1), st.booleans(), st.sampled_from(["INVALID", "UNVERIFIED"]), st.text()),
    max_size=6,
)


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([], "NOT_APPLICABLE"),
        (["NOT_APPLICABLE", "VALID"], "VALID"),
        (["VALID", "UNVERIFIED", "NOT_APPLICABLE"], "UNVERIFIED"),
        (["UNVERIFIED", "INVALID", "VALID"], "INVALID"),
    ],
)
def test_the_worst_state_wins_and_not_applicable_does_not_count(states: list[State], found: State) -> None:
    assert worst(states) == found


@given(checks)
def test_valid_needs_every_check_and_failures_only_make_it_worse(made: list[Check]) -> None:
    verdict = judge(made, "proven")
    assert (verdict.state == "VALID") == all(c.holds for c in made)
    assert verdict.state == worst(["VALID", *(c.otherwise for c in made if not c.holds)])
    assert verdict.checks == {c.name: c.holds for c in made}


def test_the_reason_is_that_of_the_first_worst_failure() -> None:
    made = [
        Check("a", False, "UNVERIFIED", "weak"),
        Check("b", False, "INVALID", "wrong"),
        Check("c", False, "INVALID", "also wrong"),
    ]
    assert judge(made, "").reason == "wrong"
    assert judge(made[:1], "").reason == "weak"
    assert judge([], "proven").reason == "proven"


def test_not_applicable_keeps_its_checks() -> None:
    verdict = not_applicable("one step", [Check("a", True, "INVALID", "")])
    assert verdict.data() == {"checks": {"a": True}, "state": "NOT_APPLICABLE", "reason": "one step"}


def test_there_are_four_states() -> None:
    assert set(STATES) == {"VALID", "INVALID", "UNVERIFIED", "NOT_APPLICABLE"}
