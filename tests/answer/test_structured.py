"""The JSON form: valid, with the contract's fields, within its budget, nothing lost."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reports import BUDGETS, many_results, printed, report_of, step_result

from fourfold_tools.answer.structured import dumps, error_groups_of, render_json, run_data
from fourfold_tools.answer.words import body_of
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.tokens import estimate
from fourfold_tools.model.output import (
    AnyOutput,
    BashOutput,
    FetchOutput,
    GlobOutput,
    GrepOutput,
    ReadOutput,
)
from fourfold_tools.model.result import StepResult

STATE_DIR = "/home/someone/.local/state/fourfold/runs/r-8kq2"
FRAME = {"run", "steps", "errors", "mathver", "context", "signals"}
ENTRY = {
    "id",
    "op",
    "state",
    "code",
    "attempts",
    "started_s",
    "duration_s",
    "cpu_s",
    "max_rss_bytes",
    "tokens",
    "truncated",
    "effects",
    "output",
    "error",
    "blocked_by",
    "spill",
}
MANY_SIGNALS = [Signal("pressure", "cpu", f"tasks waited {n} % of the time", "fewer at once") for n in range(40)]


def spill(name: str) -> str:
    return f"{STATE_DIR}/{name}.txt"


@given(many_results(), BUDGETS, st.sampled_from([[], MANY_SIGNALS[:2], MANY_SIGNALS]))
@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_object_holds_its_budget_and_hides_nothing(
    results: list[StepResult], budget: int, signals: list[Signal]
) -> None:
    report = report_of(results, signals=signals)
    data, answer = render_json(report, budget, spill)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(text) == data
    assert len(text) / 4 <= budget
    assert estimate(text, "prose") <= budget
    assert set(data) >= FRAME
    assert len(data["mathver"]["lines"]) == 4
    check_nothing_is_lost(results, data, {cut.path: cut.body for cut in answer.cuts})


def check_nothing_is_lost(results: list[StepResult], data: dict[str, Any], files: dict[str, str | None]) -> None:
    assert all(path in dumps(data) for path in files)
    entries = {entry["id"]: entry for entry in data["steps"]}
    folded = data.get("folded")
    whole = {} if folded is None else {e["id"]: e for e in json.loads(str(files[folded["whole"]]))["steps"]}
    for result in results:
        output = None if result.output is None else result.output.data()
        entry = entries.get(result.id)
        if entry is None:
            assert whole[result.id]["output"] == output
            continue
        assert set(entry) >= ENTRY
        assert (entry["state"], entry["code"]) == (result.state, result.code)
        assert entry["truncated"] == (entry["output"] != output)
        if entry["truncated"]:
            assert entry["spill"] in files
            assert files[entry["spill"]] in {None, body_of(result).whole()}
    if folded is not None:
        problems = [r.state for r in results if r.state != "ok"]
        assert folded["states"] == {state: problems.count(state) for state in set(problems)}


def test_the_whole_run_is_the_same_object_uncut() -> None:
    results = [step_result(0, output=printed("x\n" * 100_000))]
    data = run_data(report_of(results))
    assert set(data) >= FRAME
    assert data["steps"][0]["output"]["stdout"] == "x\n" * 100_000
    assert data["steps"][0]["truncated"] is False


@pytest.mark.parametrize(
    ("op", "output", "expected"),
    [
        (
            "read",
            ReadOutput("/w/a", "x\ny\n", 3, 2, 9),
            {"path": "/w/a", "text": "x\ny\n", "start_line": 3, "line_count": 2, "total_lines": 9},
        ),
        (
            "grep",
            GrepOutput("a:1:x", (("a", 1),), 1),
            {"paths": ["a"], "count": 1, "matches": [{"path": "a", "line": 1, "text": "x"}]},
        ),
        ("glob", GlobOutput("a\nb", ("a", "b"), 2), {"paths": ["a", "b"]}),
        ("bash", BashOutput("oe", "o", "e", 3), {"stdout": "o", "stderr": "e", "exit_code": 3}),
        (
            "fetch",
            FetchOutput("http://x", 200, "text/html", "t", "hit"),
            {"url": "http://x", "status": 200, "content_type": "text/html", "text": "t", "cache": "hit"},
        ),
    ],
)
def test_each_op_has_the_fields_of_the_contract(op: str, output: AnyOutput, expected: dict[str, object]) -> None:
    [entry] = run_data(report_of([step_result(0, op=op, title=op, output=output)]))["steps"]
    assert entry["output"] == expected
    assert entry["error"] is None


def test_failures_are_grouped_by_code_and_message_most_frequent_first() -> None:
    def failed(number: int, message: str) -> StepResult:
        return step_result(number, state="failed", code="not_found", message=message, output=None)

    results = [
        failed(0, "rare"),
        failed(1, "often"),
        failed(2, "often"),
        step_result(3, output=printed("fine")),
        step_result(4, state="skipped", blocked_by=("s1",), output=None),
    ]
    assert error_groups_of(results) == [
        {"code": "not_found", "message": "often", "count": 2, "steps": ["s2", "s3"]},
        {"code": "not_found", "message": "rare", "count": 1, "steps": ["s1"]},
    ]


def test_sub_steps_name_their_parent_and_shared_results_their_leader() -> None:
    results = [
        step_result(0, id="a.1", index=(0, 1), parent="a", output=printed("x")),
        step_result(1, id="b", same_as="a.1", output=printed("x")),
    ]
    first, second = run_data(report_of(results))["steps"]
    assert first["parent"] == "a"
    assert second["same_as"] == "a.1"


def test_under_a_small_budget_the_verification_is_its_lines_and_state() -> None:
    data, _ = render_json(report_of([step_result(0, output=printed("x"))]), 1_999, spill)
    assert set(data["mathver"]) == {"lines", "state"}
    data, _ = render_json(report_of([step_result(0, output=printed("x"))]), 8_000, spill)
    assert set(data["mathver"]) >= {"time_comparison", "resource_usage", "quality_check", "context_usage", "ratios"}
