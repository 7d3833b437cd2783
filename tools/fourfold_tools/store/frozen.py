"""Frozen results: a step's result as the two JSON texts that the store keeps, and back."""

import os
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import AnyOutput, BashOutput, FetchOutput, GlobOutput, GrepOutput, ReadOutput
from fourfold_tools.model.result import StepResult

_OUTPUTS: dict[str, type] = {
    "read": ReadOutput,
    "grep": GrepOutput,
    "glob": GlobOutput,
    "bash": BashOutput,
    "fetch": FetchOutput,
}


@cache
def _result_adapter() -> TypeAdapter[StepResult]:
    return TypeAdapter(StepResult)


@cache
def _output_adapter(op: str) -> TypeAdapter[Any]:
    return TypeAdapter(_OUTPUTS[op])


def freeze(result: StepResult) -> tuple[bytes, bytes | None]:
    """A result as two JSON texts in UTF-8, its output apart."""
    bare = replace(result, output=None)
    try:
        head = _result_adapter().dump_json(bare, exclude_defaults=True)
    except PydanticSerializationError:  # a name in its effects is not UTF-8
        shown = replace(bare, effects=_shown(bare.effects) if bare.effects else None)
        head = _result_adapter().dump_json(shown, exclude_defaults=True)
    return head, None if result.output is None else _output_adapter(result.op).dump_json(result.output)


def _shown(effects: Effects) -> Effects:
    """The effects with each byte of a name that is not UTF-8 as `\\xNN`."""

    def told(patterns: frozenset[str]) -> frozenset[str]:
        return frozenset(os.fsencode(p).decode("utf-8", "backslashreplace") for p in patterns)

    return replace(effects, reads=told(effects.reads), writes=told(effects.writes))


def thaw(head: str | bytes, output: str | bytes | None) -> StepResult:
    result = _result_adapter().validate_json(head)
    if output is None:
        return result
    restored: AnyOutput = _output_adapter(result.op).validate_json(output)
    return replace(result, output=restored)
