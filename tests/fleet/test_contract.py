"""What agents answer, and what is made of it."""

import json
from typing import Any

import pytest

from fourfold_tools.fleet.contract import Outcome, Ran, outcome_of

NOW = 1_800_000_000.0


def _said(answer: dict[str, Any], code: int = 0) -> Outcome:
    return outcome_of(Ran(code, f"some talk\n{json.dumps(answer)}\n", "", 0.5), NOW, 60.0)


def _claude(**more: Any) -> dict[str, Any]:
    usage = {"m": {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 100, "cacheCreationInputTokens": 10}}
    whole = {"type": "result", "subtype": "success", "is_error": False, "result": "", "total_cost_usd": 0.25}
    return {**whole, "modelUsage": usage, **more}


def test_a_plain_program_answers_with_one_object() -> None:
    found = _said({"state": "ok", "summary": "done", "outputs": ["a.md"], "cost_usd": 0.5, "tokens": 9})
    assert found == Outcome(
        state="ok", summary="done", outputs=("a.md",), cost_usd=0.5, tokens=9, minutes=0.5, commit=None, until=None
    )


def test_a_report_of_success_counts_for_nothing_where_the_program_failed() -> None:
    assert _said({"state": "ok"}, code=3).state == "failed"


def test_a_program_without_a_report_fails_with_what_it_said() -> None:
    found = outcome_of(Ran(7, "", "no such module", 0.1), NOW, 60.0)
    assert found.state == "failed"
    assert found.summary == "exit 7 without a report; it said: no such module"


def test_a_wrong_report_says_what_is_wrong() -> None:
    assert "state" in _said({"state": "fine"}).summary


def test_a_program_out_of_time_has_failed() -> None:
    assert outcome_of(Ran(None, "", "", 1.0), NOW, 60.0).summary == "it ran out of time and was ended"


def test_claudes_result_carries_the_report_the_cost_and_all_tokens() -> None:
    found = _said(_claude(structured_output={"state": "ok", "summary": "S", "outputs": []}))
    assert (found.state, found.summary, found.cost_usd, found.tokens) == ("ok", "S", 0.25, 122)


def test_claude_without_a_report_has_failed() -> None:
    assert _said(_claude(result="I think so")).summary.endswith("it said: I think so")


@pytest.mark.parametrize("subtype", ["error_max_turns", "error_max_budget_usd"])
def test_claudes_own_limits_are_failures_that_cost(subtype: str) -> None:
    found = _said(_claude(subtype=subtype, is_error=True), code=1)
    assert (found.state, found.cost_usd) == ("failed", 0.25)
    assert found.summary.startswith(subtype)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("API Error: 429 rate_limit_error", NOW + 60),
        ("Claude AI usage limit reached|1800000900", 1_800_000_900),
        ("usage limit reached|1700000000", NOW),
    ],
)
def test_a_rate_limit_of_claude_is_a_pause_until_its_reset(said: str, until: float) -> None:
    found = _said(_claude(is_error=True, result=said), code=1)
    assert (found.state, found.until) == ("paused", until)


def test_the_status_of_a_refused_request_tells_of_a_rate_limit() -> None:
    refused = _claude(is_error=True, terminal_reason="api_error", api_error_status=429, result="Request rejected")
    assert _said(refused, code=1).state == "paused"
    broken = _claude(is_error=True, terminal_reason="api_error", api_error_status=500, result="Internal error")
    found = _said(broken, code=1)
    assert (found.state, found.summary) == ("failed", "api_error: Internal error")


def test_a_report_that_speaks_of_rate_limits_is_no_pause() -> None:
    report = {"state": "failed", "summary": "the page answers 429 to everyone"}
    assert _said(_claude(structured_output=report)).state == "failed"
    assert _said(report).state == "failed"
