"""Faults: one line per wrong argument, with its path, what came and what is expected; nothing of the library."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.plan_request import PlanRequest
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.verify import VerifyRequest

MANY = "expected a string, a list of strings or a reference"


def faults(request: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        BatchRequest.model_validate(request)
    return [str(fault) for fault in faults_of(caught.value, "")]


def nested(depth: int) -> list[Any]:
    out: list[Any] = []
    for _ in range(depth):
        out = [out]
    return out


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({"op": "nope"}, "steps[0]: unknown op 'nope' (string); expected read, grep, glob, bash, fetch"),
        ({"path": "x"}, "steps[0]: needs `op`"),
        (5, "steps[0]: expected an object, got 5 (integer)"),
        ({"op": "grep"}, "steps[0].pattern: required, but missing"),
        ({"op": "grep", "pattern": 5}, f"steps[0].pattern: {MANY}, got 5 (integer)"),
        ({"op": "grep", "pattern": "x", "glob": 5}, "steps[0].glob: expected a string, got 5 (integer)"),
        (
            {"op": "grep", "pattern": "x", "mode": "all"},
            "steps[0].mode: expected content, files or count, got 'all' (string)",
        ),
        ({"op": "glob", "pattern": "x", "path": ["a"]}, "steps[0].path: expected a string, got ['a'] (list)"),
        ({"op": "glob", "pattern": ""}, "steps[0].pattern: must not be empty, got '' (string)"),
        ({"op": "read", "path": None}, f"steps[0].path: {MANY}, got null"),
        ({"op": "read", "path": []}, "steps[0].path: must not be empty"),
        ({"op": "read", "path": ["a", 5]}, "steps[0].path[1]: expected a string, got 5 (integer)"),
        ({"op": "read", "path": "a", "limit": 0}, "steps[0].limit: expected at least 1, got 0 (integer)"),
        ({"op": "read", "path": "a", "limit": "3"}, "steps[0].limit: expected an integer, got '3' (string)"),
        ({"op": "read", "path": "a", "limit": True}, "steps[0].limit: expected an integer, got True (boolean)"),
        ({"op": "read", "path": "a", "idempotent": True}, "steps[0].idempotent: unknown argument"),
        (
            {"op": "read", "path": "a", "id": "a b"},
            "steps[0].id: expected 1 to 64 letters, digits, _ or -, got 'a b' (string)",
        ),
        ({"op": "read", "path": "a", "needs": "b"}, "steps[0].needs: expected a list, got 'b' (string)"),
        (
            {"op": "read", "path": "x\ud800"},
            "steps[0].path: expected text that is valid Unicode, got 'x\\ud800' (string)",
        ),
        ({"op": "read", "path": {"from": "a"}}, "steps[0].path.field: required, but missing"),
        (
            {"op": "read", "path": {"from": "a", "field": "x", "each": 1}},
            "steps[0].path.each: expected true or false, got 1 (integer)",
        ),
        ({"op": "read", "path": {"from": "a", "field": "x", "all": 1}}, "steps[0].path.all: unknown argument"),
        (
            {"op": "bash", "command": "x", "args": "a"},
            "steps[0].args: expected a list or a reference, got 'a' (string)",
        ),
        ({"op": "bash", "command": "x", "args": [None]}, "steps[0].args[0]: expected a string, got null"),
        ({"op": "bash", "command": "x", "env": {"list": []}}, "steps[0].env.list: expected a string, got [] (list)"),
        (
            {"op": "bash", "command": "x", "timeout_s": math.nan},
            "steps[0].timeout_s: expected a finite number, got nan (number)",
        ),
        ({"op": "bash", "command": "x", "timeout_s": "5"}, "steps[0].timeout_s: expected a number, got '5' (string)"),
        (
            {"op": "bash", "command": "x", "timeout_s": True},
            "steps[0].timeout_s: expected a number, got True (boolean)",
        ),
        ({"op": "bash", "command": "x", "timeout_s": 0}, "steps[0].timeout_s: expected more than 0, got 0 (integer)"),
        (
            {"op": "bash", "command": "x", "timeout_s": 1e9},
            "steps[0].timeout_s: expected at most 86400, got 1000000000.0 (number)",
        ),
        (
            {"op": "bash", "command": {"from": "a", "field": "x"}},
            "steps[0].command: expected a string, got {'from': 'a', 'field': 'x'} (object)",
        ),
        ({"op": "fetch", "url": "x", "headers": {"a": 5}}, "steps[0].headers.a: expected a string, got 5 (integer)"),
    ],
)
def test_a_wrong_argument_of_a_step_is_one_line(step: object, fault: str) -> None:
    assert faults({"steps": [step]}) == [fault]


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ({"max_tokens": 0}, "max_tokens: expected at least 1, got 0 (integer)"),
        ({"deadline_s": math.inf}, "deadline_s: expected a finite number, got inf (number)"),
        ({"verify": "maybe"}, "verify: expected off, sample or full, got 'maybe' (string)"),
        ({"dry_run": "yes"}, "dry_run: expected true or false, got 'yes' (string)"),
        ({"on_eror": "stop"}, "on_eror: unknown argument"),
        ({"steps": []}, "steps: must not be empty, got [] (list)"),
        ({"steps": "read a"}, "steps: expected a list, got 'read a' (string)"),
        ({"resume": 5}, "resume: expected a string, got 5 (integer)"),
    ],
)
def test_a_wrong_option_is_one_line(rest: dict[str, object], fault: str) -> None:
    assert faults({"steps": [{"op": "read", "path": "a"}], **rest}) == [fault]


def test_a_text_or_a_list_that_is_too_long_is_told_by_its_bound() -> None:
    with pytest.raises(ValidationError) as caught:
        PlanRequest.model_validate({"tasks": [{"prompt": "x" * 20_001}]})
    [fault] = faults_of(caught.value, "")
    assert str(fault).startswith("tasks[0].prompt: expected at most 20,000 characters, got 'xxx")
    with pytest.raises(ValidationError) as caught:
        VerifyRequest.model_validate({"runs": ["r-x"] * 51})
    [fault] = faults_of(caught.value, "")
    assert str(fault).startswith("runs: expected at most 50 entries, got ['r-x'")


def test_every_fault_is_told_at_once_in_order() -> None:
    steps = [{"op": "read"}, {"op": "grep", "pattern": 1, "offset": -1}, {"op": "bash", "command": "x", "x": 1}]
    assert [line.split(":")[0] for line in faults({"steps": steps, "bogus": 1})] == [
        "steps[0].path",
        "steps[1].pattern",
        "steps[1].offset",
        "steps[2].x",
        "bogus",
    ]


@pytest.mark.parametrize(
    "value", [nested(150), nested(900), "z" * 100_000, 10**3_000, -(10**5_000), {"a": {"b": [1] * 5_000}}], ids=type
)
def test_a_huge_value_is_shown_in_part(value: object) -> None:
    [line] = faults({"steps": [{"op": "read", "path": "a"}], "verify": value})
    assert line.startswith("verify: expected off, sample or full, got ")
    assert "..." in line
    assert len(line) < 200


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x-1", "steps[0].x-1"),
        ("größe", "steps[0].größe"),
        ("a b", 'steps[0]["a b"]'),
        ("x\nsteps[1].op", 'steps[0]["x\\nsteps[1].op"]'),
        ("x: expected\u202e", 'steps[0]["x: expected\\u202e"]'),
        ("", 'steps[0][""]'),
        ("ab." * 100, f'steps[0]["{"ab." * 19}..."]'),
    ],
)
def test_a_name_that_is_no_plain_word_is_quoted(name: str, shown: str) -> None:
    """Issue 6: a name with a line break in it made two lines of one fault."""
    assert faults({"steps": [{"op": "read", "path": "a", name: 1}]}) == [f"{shown}: unknown argument"]


def test_a_name_of_a_megabyte_costs_no_more_than_it_shows() -> None:
    """Issue 6: such a name full of brackets took memory by the square of its length."""
    [line] = faults({"steps": [{"op": "read", "path": "a", "[{" * 500_000: 1}]})
    assert len(line) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["op", "id", "path", "pattern", "command", "args", "env", "url", "headers", "limit", "glob", "needs", "from", "x"]
)
STEPS = st.dictionaries(NAMES, JSON | st.sampled_from(["read", "grep", "glob", "bash", "fetch"]), max_size=6)


@given(st.lists(STEPS | JSON, min_size=1, max_size=3))
@hypothesis_settings(max_examples=200, deadline=None)
def test_whatever_comes_is_taken_or_refused_in_plain_lines(steps: list[object]) -> None:
    try:
        BatchRequest.model_validate({"steps": steps})
    except ValidationError as exc:
        found = faults_of(exc, "")
        assert found
        for fault in found:
            line = str(fault)
            assert "\n" not in line
            assert "pydantic" not in line
            assert "https://" not in line
            assert "constrained" not in line.split(": ")[0]
            assert line.startswith("steps[")
            assert len(line) < 400
