"""A chain: a search and the reads of just what it found, which one batch with a reference would have done. Pure."""

import re
from dataclasses import dataclass

from fourfold_tools.audit.conversation import Call, Turn
from fourfold_tools.audit.places import absolute
from fourfold_tools.audit.to_batch import Step, linked_batch

_MOST_PATHS = 20
_LIKE_A_PATH = re.compile(r"\S*[./]\S*")


@dataclass(frozen=True, slots=True)
class Chain:
    """Two turns, and the batch with the reference between them. It is no saving by itself: see `chain`."""

    calls: tuple[Call, ...]
    batch: dict[str, list[Step]]


def chain(before: Turn, after: Turn, home: str) -> Chain | None:
    """The chain of two successive turns, None where a reference would not have given just what was asked for.

    The first turn is one search whose result is a list of paths and nothing else, the second reads all of these
    and no others. Whether the agent would have asked without seeing the list is not in the transcript, so chains
    are shown and never counted.
    """
    source = before.calls[0]
    if len(before.calls) > 1 or any(call.tool != "Read" for call in after.calls):
        return None
    listed = _listed(source, before.results[source.id].text)
    wanted = {absolute(str(call.arguments.get("file_path", "")), call.cwd) for call in after.calls}
    if not listed or listed != wanted or len(wanted) != len(after.calls):
        return None
    field = "lines" if source.tool == "Bash" else "paths"
    batch = linked_batch(source, field, after.calls, home)
    return Chain((source, *after.calls), batch) if batch else None


def _listed(call: Call, text: str) -> set[str]:
    """The paths of a result that is a list of at most 20 paths, absolute; nothing for any other result."""
    if call.tool not in ("Bash", "Glob", "Grep"):
        return set()
    lines = [line for line in text.strip().splitlines() if line]
    if call.tool == "Grep":
        if call.arguments.get("output_mode", "files_with_matches") != "files_with_matches":
            return set()
        lines = [line for line in lines if not line.startswith("Found ")]
    if len(lines) > _MOST_PATHS or not all(map(_LIKE_A_PATH.fullmatch, lines)):
        return set()
    return {absolute(line, call.cwd) for line in lines}
