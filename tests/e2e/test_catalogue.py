"""The catalogue as clients get it: its size, its annotations, and that it says what the request models take."""

import json
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from mcp_client import LEGACY, MODERN, Place, wire
from pydantic import BaseModel

from fourfold_server.catalogue import INSTRUCTIONS, TOOLS
from fourfold_tools.handoff import HandoffRequest
from fourfold_tools.model.plan_request import CheckpointRequest, FinishedTask, PlanRequest, PlanTask
from fourfold_tools.model.request import (
    BashStep,
    BatchRequest,
    FetchStep,
    GlobStep,
    GrepStep,
    InspectRequest,
    ReadStep,
)
from fourfold_tools.status import StatusRequest
from fourfold_tools.verify import MeasuredNumbers, StreamNumbers, VerifyRequest

# The contract's table: what each tool may say of itself.
READ_ONLY = {"readOnlyHint": True, "openWorldHint": False}
ANNOTATIONS: dict[str, dict[str, bool]] = {
    "inspect": {**READ_ONLY, "idempotentHint": True},
    "batch": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True},
    "plan": {"readOnlyHint": True},
    "checkpoint": {"readOnlyHint": True},
    "handoff": {"readOnlyHint": True},
    "verify": {"openWorldHint": True},
    "status": {"readOnlyHint": True},
}
LOADED_FIRST = {"inspect", "batch", "plan"}
REQUESTS: dict[str, type[BaseModel]] = {
    "inspect": InspectRequest,
    "batch": BatchRequest,
    "plan": PlanRequest,
    "checkpoint": CheckpointRequest,
    "handoff": HandoffRequest,
    "verify": VerifyRequest,
    "status": StatusRequest,
}
LOCAL: tuple[type[BaseModel], ...] = (ReadStep, GrepStep, GlobStep)
STEPS: dict[str, tuple[type[BaseModel], ...]] = {"inspect": LOCAL, "batch": (*LOCAL, BashStep, FetchStep)}
JSON_TYPES: dict[str, set[type]] = {
    "string": {str},
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
    "array": {list, tuple},
    "object": {dict},
}


@pytest.fixture(scope="module", params=[LEGACY, MODERN])
def listed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The line on the wire that answers tools/list."""
    with wire(Place.below(tmp_path_factory.mktemp("catalogue")), request.param) as line:
        line.ask("tools/list")
        return line.said[-1]


def tools_of(line: str) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = json.loads(line)["result"]["tools"]
    return tools


def test_all_definitions_together_cost_at_most_three_thousand_tokens(listed: str) -> None:
    assert len(listed) <= 12_000


def test_no_description_is_cut_by_the_client(listed: str) -> None:
    assert {
        t["name"]: len(t["description"]) for t in tools_of(listed) if not 0 < len(t["description"]) <= 4_096
    } == {}
    assert 0 < len(INSTRUCTIONS) <= 4_096


def test_each_tool_has_the_annotations_of_the_contract(listed: str) -> None:
    for tool in tools_of(listed):
        wanted = ANNOTATIONS[tool["name"]]
        assert {key: tool["annotations"].get(key) for key in wanted} == wanted, tool["name"]


def test_core_tools_are_loaded_first_and_the_others_can_be_searched_for(listed: str) -> None:
    for tool in tools_of(listed):
        core = tool["name"] in LOADED_FIRST
        assert tool["_meta"].get("anthropic/alwaysLoad") is (True if core else None), tool["name"]
        assert bool(tool["_meta"].get("anthropic/searchHint")) is not core, tool["name"]


def test_answers_that_can_be_long_may_arrive_inline(listed: str) -> None:
    sizes = {tool["name"]: tool["_meta"].get("anthropic/maxResultSizeChars") for tool in tools_of(listed)}
    assert {sizes[name] for name in sizes if name in {"inspect", "batch", "plan", "status"}} == {500_000}


def test_every_schema_is_a_plain_object_that_refuses_unknown_arguments(listed: str) -> None:
    for tool in tools_of(listed):
        schema = tool["inputSchema"]
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False, tool["name"]
        assert not {"oneOf", "anyOf", "allOf", "$defs"} & set(schema), tool["name"]
        assert "outputSchema" not in tool


def schema_of(name: str) -> dict[str, Any]:
    return next(tool.input_schema for tool in TOOLS if tool.name == name)


def step_schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = schema_of(name)["properties"]["steps"]["items"]
    return schema


def fields_of(*models: type[BaseModel]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def test_every_tool_that_is_listed_is_compared_with_its_model() -> None:
    assert {tool.name for tool in TOOLS} == set(REQUESTS) == set(ANNOTATIONS)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_tool_lists_exactly_the_arguments_its_model_takes(name: str) -> None:
    assert set(schema_of(name)["properties"]) == fields_of(REQUESTS[name])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_tool_requires_exactly_what_its_model_requires(name: str) -> None:
    wanted = {field for field, info in REQUESTS[name].model_fields.items() if info.is_required()}
    assert set(schema_of(name).get("required", [])) == wanted


@pytest.mark.parametrize("name", STEPS)
def test_a_step_lists_exactly_the_arguments_of_its_ops(name: str) -> None:
    schema = step_schema(name)
    assert set(schema["properties"]) == fields_of(*STEPS[name])
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["op"]
    assert schema["properties"]["op"]["enum"] == [op_of(model) for model in STEPS[name]]


def op_of(model: type[BaseModel]) -> str:
    [op] = get_args(model.model_fields["op"].annotation)
    return cast("str", op)


def kinds_in(annotation: object) -> set[Any]:
    """Every plain type and literal value that stands anywhere in an annotation."""
    parts = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {dict}
    if not parts:
        return {annotation}
    origin = getattr(annotation, "__origin__", None)
    own = {origin} if origin in {list, tuple, dict} else set[Any]()
    return own.union(*(kinds_in(part) for part in parts if not hasattr(part, "metadata")))


def pairs_of(name: str) -> list[tuple[str, dict[str, Any], list[object]]]:
    """Each argument with its schema and the annotations of the models that have it."""
    models = [REQUESTS[name]]
    rows = [(key, part, [m.model_fields[key].annotation for m in models]) for key, part in _own(schema_of(name))]
    if name in STEPS:
        rows += [
            (key, part, [m.model_fields[key].annotation for m in STEPS[name] if key in m.model_fields])
            for key, part in _own(step_schema(name))
        ]
    return rows


def _own(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(key, part) for key, part in schema["properties"].items() if key not in {"steps", "op"}]


@pytest.mark.parametrize("name", REQUESTS)
def test_types_and_choices_are_those_of_the_models(name: str) -> None:
    for key, part, annotations in pairs_of(name):
        taken = set[Any]().union(*map(kinds_in, annotations)) - {type(None)}
        if "enum" in part:
            assert set(part["enum"]) == taken, key
        elif "type" in part:
            assert JSON_TYPES[part["type"]] & taken, f"{key}: {part['type']} is none of {taken}"


NESTED: dict[tuple[str, str], type[BaseModel]] = {
    ("plan", "tasks"): PlanTask,
    ("checkpoint", "finished"): FinishedTask,
}
IN_WORDS: dict[tuple[str, str], type[BaseModel]] = {
    ("verify", "measured"): MeasuredNumbers,
    ("verify", "streams"): StreamNumbers,
}


@pytest.mark.parametrize(("name", "argument"), NESTED)
def test_what_stands_inside_an_argument_is_what_its_model_takes(name: str, argument: str) -> None:
    schema = schema_of(name)["properties"][argument]
    schema = schema.get("items", schema)
    model = NESTED[name, argument]
    assert set(schema["properties"]) == fields_of(model)
    assert schema["additionalProperties"] is False
    assert set(schema.get("required", [])) == {f for f, info in model.model_fields.items() if info.is_required()}


@pytest.mark.parametrize(("name", "argument"), IN_WORDS)
def test_what_a_schema_says_in_words_names_every_field_of_the_model(name: str, argument: str) -> None:
    words = schema_of(name)["properties"][argument]["description"]
    assert {field for field in fields_of(IN_WORDS[name, argument]) if field not in words} == set()


@pytest.mark.parametrize("op", ["bash", "fetch"])
def test_inspect_takes_no_shell_and_no_network(op: str, tmp_path: Path) -> None:
    arguments = {"bash": {"command": "true"}, "fetch": {"url": "http://127.0.0.1/"}}[op]
    with wire(Place.below(tmp_path)) as line:
        steps = {"steps": [{"op": op, **arguments}]}
        result = line.ask("tools/call", {"name": "inspect", "arguments": steps})
    assert result["isError"] is True
    assert [b["text"] for b in result["content"]] == [
        f"steps[0]: unknown op '{op}' (string); expected read, grep, glob"
    ]
