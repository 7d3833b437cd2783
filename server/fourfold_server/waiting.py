"""The note at the start of a session: is there a handoff of this folder with work left to do?"""

import json
import sys
from pathlib import Path
from typing import Any, cast

from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.runtime import Runtime

_MOST = 3  # newest handoffs that are looked at


async def waiting() -> int:
    """Print the hook output that tells of the newest handoff with work left, else of what a crashed server left."""
    given: Any = {} if sys.stdin.isatty() else json.loads(sys.stdin.read() or "{}")
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    folder = Path(fields["cwd"]) if fields.get("cwd") else Path.cwd()
    async with Runtime.open([folder]) as runtime:
        listed = (await handoff(runtime, HandoffRequest(action="list"))).structured or {}
        for row in listed["handoffs"][:_MOST]:
            loaded = (await handoff(runtime, HandoffRequest(action="load", id=row["id"]))).structured or {}
            if loaded["next"]:
                _tell(_of_handoff(row, len(loaded["next"])))
                return 0
        if listed["unfinished"]:
            _tell(_of_crash(listed["unfinished"]))
    return 0


def _of_handoff(row: dict[str, Any], calls: int) -> str:
    return (
        f"fourfold: handoff {row['id']} of {row['created']} is unfinished ({calls} call{'s' if calls != 1 else ''} "
        f"left; goal: {row['goal']}). If the user wants to go on with it, load it with the `handoff` tool."
    )


def _of_crash(left: list[dict[str, Any]]) -> str:
    """The newest first; the others are counted."""
    more = f" ({len(left) - 1} more: `handoff` with action list)" if len(left) > 1 else ""
    call = f"`{left[0]['tool']}` with {json.dumps(left[0]['arguments'])}"
    return f"fourfold: {left[0]['what']}{more}. If the user wants to go on with it, call {call}."


def _tell(text: str) -> None:
    output = {"hookEventName": "SessionStart", "additionalContext": text}
    print(json.dumps({"hookSpecificOutput": output}))
