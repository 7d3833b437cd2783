"""The goal: a conversation's first user message, word for word."""

import json
from typing import Any, cast

_MOST_BYTES = 4 * 1024 * 1024  # of a transcript's start; the first message stands in the first lines


def first_user_message(path: str) -> str | None:
    """The text of the first message that a person sent, None where none is found near the start.

    Lines that the client adds by itself (meta lines, command output, tool results) are passed over.
    """
    left = _MOST_BYTES
    try:
        with open(path, "rb") as file:
            while left > 0 and (line := file.readline(left)):
                left -= len(line)
                if b'"user"' in line and (text := _said(line)):
                    return text
    except OSError:
        return None
    return None


def _said(line: bytes) -> str | None:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, Any]", entry)
    if fields.get("type") != "user" or fields.get("isMeta") or fields.get("isCompactSummary"):
        return None
    message = fields.get("message")
    content: Any = cast("dict[str, Any]", message).get("content") if isinstance(message, dict) else None
    text = content if isinstance(content, str) else _texts(content)
    return text.strip() if text and not text.lstrip().startswith("<") else None


def _texts(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    blocks = [cast("dict[str, Any]", block) for block in cast("list[Any]", content) if isinstance(block, dict)]
    return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text" and "text" in block)
