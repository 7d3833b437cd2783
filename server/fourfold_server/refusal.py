"""A refusal: what a client hears of a line that is no message, so that it does not wait for ever."""

import json
import re

from pydantic import ValidationError

PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # JSON-RPC 2.0, section 5.1
_MOST_TOKENS = 1_000_000  # strings and brackets that are looked at; about half a second
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_KEYED = re.compile(rb'\s*:\s*(-?\d+(?![\d.eE])|"(?:[^"\\]|\\.)*")')
_MOST_CHARS = 200


def refusal(line: bytes, fault: ValueError) -> bytes | None:
    """The reply to a request that could not be read; None where nobody waits for one (no id, no method).

    The id is looked for in the text, because what made the line unreadable (a lone surrogate, a thousand nested
    lists) is refused by every parser.
    """
    found = _top_level(line)
    if "id" not in found or "method" not in found:
        return None
    code, problem = _problem(fault)
    reply = {"jsonrpc": "2.0", "id": found["id"], "error": {"code": code, "message": problem}}
    return json.dumps(reply).encode() + b"\n"


def _top_level(line: bytes) -> dict[str, int | str]:
    """The text and number values of `id` and `method` in the outermost object."""
    found: dict[str, int | str] = {}
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(line)):
        text = token.group()
        if count > _MOST_TOKENS:
            break
        if text in b"{[":
            depth += 1
        elif text in b"}]":
            depth -= 1
        elif depth == 1 and text in {b'"id"', b'"method"'} and (value := _KEYED.match(line, token.end())):
            try:
                found[text[1:-1].decode()] = json.loads(value.group(1))
            except ValueError:
                continue  # its text is what cannot be read
    return found


def _problem(fault: ValueError) -> tuple[int, str]:
    if isinstance(fault, ValidationError):
        [first, *_] = fault.errors(include_url=False, include_input=False)
        if first["type"] == "json_invalid":
            return PARSE_ERROR, f"not valid JSON: {first.get('ctx', {}).get('error', '')}"[:_MOST_CHARS]
    return INVALID_REQUEST, "not a JSON-RPC request"
