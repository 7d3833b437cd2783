"""A loaded handoff: what it says, what changed since and what to call next, within 1,500 tokens. Pure."""

import json
from collections.abc import Sequence
from dataclasses import replace

from fourfold_tools.context.tokens import estimate
from fourfold_tools.handoffs.document import MOST_TOKENS, Handoff, fitted
from fourfold_tools.model.output import Json

_MOST_CHANGED = 10
_MOST_CALLS = 12  # oldest first; after them another load gives the rest
_ROW_CHARS = 120  # of a path, whose end tells more than its start


def loaded(
    document: Handoff, changed: Sequence[str], following: Sequence[dict[str, Json]]
) -> tuple[str, dict[str, Json]]:
    """The answer as text and as JSON. `files` is not in it: `changed` says what its hashes are for."""
    rows = [_end_of(row) for row in changed[:_MOST_CHANGED]]
    if len(rows) < len(changed):
        rows.append(f"{len(changed) - len(rows)} more")
    calls = list(following[:_MOST_CALLS])
    more: dict[str, Json] = {"next_left_out": len(following) - len(calls)} if len(calls) < len(following) else {}
    tail: dict[str, Json] = {"changed": rows, "next": calls, **more}
    room = MOST_TOKENS - estimate(json.dumps(tail, ensure_ascii=False), "data")
    short = fitted(replace(document, files=(), cwd=_end_of(document.cwd)), room)
    data = short.data()
    del data["files"]
    return _text(short, rows, calls, len(following) - len(calls)), {**data, **tail}


def _text(short: Handoff, rows: list[str], calls: list[dict[str, Json]], more: int) -> str:
    named = [f"`{call['tool']}` {json.dumps(call['arguments'])}" for call in calls]
    if more:
        named.append(f"{more} more calls: load again after these")
    changed = "\n".join(f"- {row}" for row in rows) or "nothing that it knew"
    following = "\n".join(f"- {row}" for row in named) or "nothing is left to do"
    return f"{short.markdown()}\n## Changed on disk since\n\n{changed}\n\n## Next\n\n{following}\n"


def _end_of(row: str) -> str:
    return row if len(row) <= _ROW_CHARS else f"…{row[1 - _ROW_CHARS :]}"
