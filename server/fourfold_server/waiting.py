"""The note at the start of a session: is there a handoff of this folder with work left to do?"""

import json
import sys
from pathlib import Path
from typing import Any, cast

from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.runtime import Runtime

_MOST = 3  # newest handoffs that are looked at


async def waiting() -> int:
    """Print the hook output that tells of the newest handoff with work left; nothing when there is none."""
    given: Any = {} if sys.stdin.isatty() else json.loads(sys.stdin.read() or "{}")
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    folder = Path(fields["cwd"]) if fields.get("cwd") else Path.cwd()
    async with Runtime.open([folder]) as runtime:
        listed = (await handoff(runtime, HandoffRequest(action="list"))).structured or {}
        for row in listed["handoffs"][:_MOST]:
            loaded = (await handoff(runtime, HandoffRequest(action="load", id=row["id"]))).structured or {}
            if loaded["next"]:
                print(json.dumps(_note(row, len(loaded["next"]))))
                return 0
    return 0


def _note(row: dict[str, Any], calls: int) -> dict[str, Any]:
    text = (
        f"fourfold: handoff {row['id']} of {row['created']} is unfinished ({calls} call{'s' if calls != 1 else ''} "
        f"left; goal: {row['goal']}). If the user wants to go on with it, load it with the `handoff` tool."
    )
    return {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": text}}
