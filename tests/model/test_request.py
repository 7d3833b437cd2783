"""Requests: defaults, what a model holds, references found wherever they stand."""

import pytest
from pydantic import ValidationError

from fourfold_tools.model.request import (
    FIELDS,
    BashStep,
    BatchRequest,
    GrepStep,
    InspectRequest,
    ReadStep,
    references,
)


def one(**step: object) -> object:
    [made] = BatchRequest.model_validate({"steps": [step]}).steps or []
    return made


def test_a_step_is_frozen_and_remembers_what_was_said() -> None:
    step = one(op="grep", pattern="x")
    assert isinstance(step, GrepStep)
    assert step.model_fields_set == {"op", "pattern"}
    assert (step.mode, step.hidden, step.head_limit, step.offset) == ("content", True, None, 0)
    with pytest.raises(ValidationError):
        step.pattern = "y"


def test_text_that_looks_like_a_reference_stays_text() -> None:
    step = one(op="bash", command="echo $100 ${hits}", args=["${hits}", "$1", '{"from": "a", "field": "b"}'])
    assert isinstance(step, BashStep)
    assert references(step.args) == []
    assert step.args == ["${hits}", "$1", '{"from": "a", "field": "b"}']


def test_references_are_found_wherever_an_argument_may_hold_them() -> None:
    step = one(
        op="bash",
        command="x",
        args=["a", {"from": "one", "field": "lines"}, 3],
        env={"A": {"from": "two", "field": "stdout"}},
        stdin={"from": "three", "field": "text", "each": True, "max_items": 7},
    )
    assert isinstance(step, BashStep)
    found = references([step.args, step.env, step.stdin])
    assert [(r.from_, r.field, r.each, r.max_items) for r in found] == [
        ("one", "lines", False, None),
        ("two", "stdout", False, None),
        ("three", "text", True, 7),
    ]


def test_a_step_without_a_name_is_called_after_its_place() -> None:
    read = {"op": "read", "path": "a"}
    steps = BatchRequest.model_validate({"steps": [read, {**read, "id": "own"}, read]}).steps or []
    assert [step.id for step in steps] == ["s1", "own", "s3"]
    assert "id" not in steps[0].model_fields_set


def test_a_request_goes_through_json_and_back() -> None:
    step = one(id="r", op="read", path={"from": "a", "field": "paths", "each": True}, needs=["b"])
    assert isinstance(step, ReadStep)
    again = ReadStep.model_validate_json(step.model_dump_json(by_alias=True, exclude_unset=True))
    assert again == step
    assert again.model_fields_set == step.model_fields_set


@pytest.mark.parametrize("op", ["bash", "fetch"])
def test_inspect_takes_no_shell_and_no_network(op: str) -> None:
    with pytest.raises(ValidationError):
        InspectRequest.model_validate({"steps": [{"op": op, "command": "x", "url": "x"}]})


def test_inspect_is_the_same_batch() -> None:
    asked = InspectRequest.model_validate(
        {"steps": [{"op": "read", "path": "a"}], "max_tokens": 500, "verify": "full"}
    )
    batch = asked.as_batch()
    assert batch.steps == asked.steps
    assert (batch.max_tokens, batch.verify, batch.resume, batch.retry_unknown) == (500, "full", None, False)


@pytest.mark.parametrize("number", [10**30, 2**63, 0])
def test_large_whole_numbers_are_numbers(number: int) -> None:
    step = one(op="read", path="a", offset=number)
    assert isinstance(step, ReadStep)
    assert step.offset == number


def test_every_op_offers_fields() -> None:
    assert set(FIELDS) == {"read", "grep", "glob", "bash", "fetch"}
    assert all(FIELDS.values())
