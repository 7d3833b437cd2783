"""The plugin's hook: it stamps a call with its conversation and says whether the client should ask before it runs.

Claude Code calls it before each call of this server's tools, as an unlisted tool: the model does not see it.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fourfold_tools.context.usage import Stamp
from fourfold_tools.model.request import AnyStep, BashStep, BatchRequest, arguments_with_references
from fourfold_tools.ops.permissions.edits import only_edits
from fourfold_tools.runtime import Runtime

_MOST_STAMPS = 256  # calls of one message and a few turns; a stamp is used once
_OPEN_MODES = {"bypassPermissions", "plan"}  # the client asks for nothing, or allows nothing, by itself


class HookRequest(BaseModel):
    """What the hook passes on; names are those of the client's hook input."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str = ""
    transcript_path: str = ""
    agent_id: str = ""
    tool_use_id: str = ""
    tool_name: str = ""
    tool_input: str = ""
    permission_mode: str = ""


def hook(runtime: Runtime, request: HookRequest) -> str:
    """Remember who calls; the decision as the hook JSON that the client obeys."""
    if request.tool_use_id and request.transcript_path:
        stamps = runtime.stamps
        stamps[request.tool_use_id] = Stamp(request.transcript_path, request.agent_id or None)
        while len(stamps) > _MOST_STAMPS:
            stamps.pop(next(iter(stamps)))
    output: dict[str, str] = {"hookEventName": "PreToolUse"}
    if request.permission_mode not in _OPEN_MODES:
        asks = _asks(runtime, request)
        output["permissionDecision"] = "ask" if asks else "allow"
        if asks:
            output["permissionDecisionReason"] = f"fourfold: {'; '.join(asks[:5])}" + (" …" if len(asks) > 5 else "")
    return json.dumps({"hookSpecificOutput": output})


def _asks(runtime: Runtime, request: HookRequest) -> list[str]:
    """Why the client's own tools would ask, one entry per step; nothing for tools that only read or plan."""
    if not request.tool_name.endswith("__batch"):
        return []
    steps = _steps(request.tool_input)
    if steps is None:
        return []  # the call will be refused with its faults; nothing runs
    edits = request.permission_mode == "acceptEdits"
    reasons = [(step, _why(runtime, step, edits=edits)) for step in steps]
    return [f"{step.id if 'id' in step.model_fields_set else step.op}: {why}" for step, why in reasons if why]


def _steps(text: str) -> list[AnyStep] | None:
    try:
        given: Any = json.loads(text)
        parsed = BatchRequest.model_validate(given)
    except (ValueError, ValidationError):
        return None
    return list(parsed.steps or [])


def _why(runtime: Runtime, step: AnyStep, *, edits: bool) -> str | None:
    """Why one step needs the user's word, None when it does not. What is denied fails by itself and needs none.

    edits: the user lets files of the workspace be changed.
    """
    effects = runtime.effects_of(step)
    decision = runtime.permissions.check(step, effects).decision
    if decision in {"allow", "deny"}:
        return None
    if decision == "ask":
        return f"a rule asks before {_what(step)}"
    if isinstance(step, BashStep):
        dynamic = bool(arguments_with_references(step))
        harmless = effects.read_only or (edits and only_edits(step, effects, runtime.workspace))
        return None if harmless and not dynamic else _what(step)
    return _what(step) if step.op == "fetch" else None


def _what(step: AnyStep) -> str:
    text = str(getattr(step, "command", None) or getattr(step, "url", None) or getattr(step, "path", ""))
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else flat[:119] + "…"


def approved_steps(steps: Mapping[int, AnyStep]) -> frozenset[int]:
    """The steps whose whole arguments the user could see when the call was approved: those without references."""
    return frozenset(index for index, step in steps.items() if not arguments_with_references(step))
