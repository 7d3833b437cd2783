"""Entries: the lines of a whole transcript, read one by one with bounded memory; broken ones are counted."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

_LONGEST_LINE = 64 << 20  # bytes; several of the largest results and pictures fit
_REQUEST_BODIES = (b'{"type":"api-request-blob"', b'{"type":"api-request-shape"')

Entry = dict[str, object]


class Entries:
    """The entries of one file; advanced: told the bytes of each line. Mutable: `broken` counts while it is read."""

    def __init__(self, path: Path, advanced: Callable[[int], object] = int) -> None:
        self.path = path
        self.broken = 0
        self._advanced = advanced

    def __iter__(self) -> Iterator[Entry]:
        """Every line that is a JSON object; of a line above 64 MiB each piece counts as broken.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                self._advanced(len(line))
                if not line.strip() or line.startswith(_REQUEST_BODIES):
                    continue
                entry = _parse(line)
                if entry is None:
                    self.broken += 1
                else:
                    yield entry


def _parse(line: bytes) -> Entry | None:
    try:
        return mapping(json.loads(line))
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> Entry | None:
    return cast("Entry", value) if isinstance(value, dict) else None


def string(value: object) -> str:
    """The text, or nothing where something else stands."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A count of tokens, 0 where none stands."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def number(value: object, least: int) -> int | None:
    """A whole number of an argument, not below `least`; models also send `120` as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None


def time_s(entry: Entry) -> float | None:
    """Seconds since the epoch."""
    try:
        return datetime.fromisoformat(string(entry.get("timestamp"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def message(entry: Entry) -> Entry:
    return mapping(entry.get("message")) or {}


def blocks(content: object) -> list[Entry]:
    """The blocks of a message or of a tool's result; a plain text is one block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return []
    return [block for item in cast("list[object]", content) if (block := mapping(item))]


def words_of(content: object) -> str:
    """All text of some content; pictures have none."""
    return "\n".join(string(block.get("text")) for block in blocks(content) if block.get("type") == "text")
