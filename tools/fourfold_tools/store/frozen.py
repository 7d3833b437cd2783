"""Frozen results: a step's result as the two byte strings that the store keeps, and back."""

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


_SMALL_CHARS = 1_024  # of a text that is written with the rest of its output


@cache
def _result_adapter() -> TypeAdapter[StepResult]:
    return TypeAdapter(StepResult)


@cache
def _output_adapter(op: str) -> TypeAdapter[Any]:
    return TypeAdapter(_OUTPUTS[op])


def freeze(result: StepResult) -> tuple[bytes, bytes | None]:
    """A result as JSON in UTF-8, and its output apart: as JSON too, a large text raw behind it, after a NUL.

    JSON holds no NUL, and to write megabytes as a JSON string costs ten times as much as to copy them.
    """
    bare = replace(result, output=None)
    try:
        head = _result_adapter().dump_json(bare, exclude_defaults=True)
    except PydanticSerializationError:  # a name in its effects is not UTF-8
        shown = replace(bare, effects=_shown(bare.effects) if bare.effects else None)
        head = _result_adapter().dump_json(shown, exclude_defaults=True)
    return head, None if result.output is None else _freeze_output(result.op, result.output)


def _freeze_output(op: str, output: AnyOutput) -> bytes:
    adapter = _output_adapter(op)
    if isinstance(output, BashOutput) or len(output.text) <= _SMALL_CHARS:
        return adapter.dump_json(output)
    return b"\0".join([adapter.dump_json(replace(output, text="")), output.text.encode()])


def _shown(effects: Effects) -> Effects:
    """The effects with each byte of a name that is not UTF-8 as `\\xNN`."""

    def told(patterns: frozenset[str]) -> frozenset[str]:
        return frozenset(os.fsencode(p).decode("utf-8", "backslashreplace") for p in patterns)

    return replace(effects, reads=told(effects.reads), writes=told(effects.writes))


def thaw(head: str | bytes, output: str | bytes | None) -> StepResult:
    result = _result_adapter().validate_json(head)
    if output is None:
        return result
    data = output.encode() if isinstance(output, str) else output
    told, raw, text = data.partition(b"\0")
    restored: AnyOutput = _output_adapter(result.op).validate_json(told)
    if raw and not isinstance(restored, BashOutput):
        restored = replace(restored, text=text.decode())
    return replace(result, output=restored)
