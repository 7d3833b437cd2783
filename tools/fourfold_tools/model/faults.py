"""Faults of a request in plain words: where, what came, what is expected; one line each."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from math import log10
from typing import Any, cast

from pydantic import ValidationError

from fourfold_tools.errors import Fault
from fourfold_tools.model.request import FIELDS

_KINDS = {"list", "tuple", "dict", "str", "int", "float", "bool"}
_MAPS = {"env", "headers"}  # arguments whose keys are the caller's own words
_WORD = re.compile(r"[\w$-]{1,64}")
_MOST_CHARS = 60  # of a value or a name that is shown
_MOST_BITS = 1024  # of an integer that is written out
_MANY = {("read", "path"), ("grep", "pattern"), ("grep", "path"), ("glob", "pattern"), ("fetch", "url")}
_Path = tuple[int | str, ...]
_EXPECTED = {
    "missing": "required, but missing",
    "extra_forbidden": "unknown argument",
    "string_type": "expected a string",
    "string_unicode": "expected text that is valid Unicode",
    "int_type": "expected an integer",
    "int_from_float": "expected an integer",
    "int_parsing": "expected an integer",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "union_tag_not_found": "needs `op`",
}


def faults_of(error: ValidationError, root: str) -> list[Fault]:
    """One fault per wrong argument; of a union's several complaints the one that came furthest is kept."""
    best: dict[_Path, tuple[tuple[int, int], Fault]] = {}
    for number, entry in enumerate(error.errors(include_url=False)):
        path = _path(entry["loc"])
        score = (len(entry["loc"]), -number)
        if path not in best or score > best[path][0]:
            best[path] = (score, Fault(_where(path, root), _problem(dict(entry), entry["loc"])))
    # A complaint about an argument as a whole says less than one inside it.
    around = {path[:i] for path in best for i in range(1, len(path))}
    return [fault for path, (_, fault) in best.items() if path not in around]


def _path(loc: _Path) -> _Path:
    """The path of an argument, without what the loc holds beside it: the op's tag and the members of unions."""
    return tuple(
        part
        for before, part in zip((None, *loc), loc, strict=False)
        if isinstance(part, int) or before in _MAPS or not (_is_op_tag(before, part) or _is_type_name(part))
    )


def _where(path: _Path, root: str) -> str:
    """The path as text; a name that is no plain word is quoted, so that it neither breaks a line nor ends a path."""
    out = root
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif _WORD.fullmatch(part):
            out += f".{part}" if out else part
        else:
            out += f"[{json.dumps(part if len(part) <= _MOST_CHARS else part[: _MOST_CHARS - 3] + '...')}]"
    return out


def _is_op_tag(before: int | str | None, part: str) -> bool:
    """A step's own fields never follow its number at once: the tag of its op stands between."""
    return isinstance(before, int) and part in FIELDS


def _is_type_name(part: str) -> bool:
    return part in _KINDS or part.startswith(
        ("Reference", "[key]", "constrained-", "list[", "function-", "lax-or-strict", "union[")
    )


def _problem(entry: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    kind = entry["type"]
    if kind == "string_type" and not isinstance(loc[-1], int) and _MANY & set(pairwise(loc)):
        if entry["input"] == []:
            return "must not be empty"
        return f"expected a string, a list of strings or a reference, got {_shown(entry['input'])}"
    if kind == "model_type" and "args" in loc[:-1] and not isinstance(loc[-2], int):
        return f"expected a list or a reference, got {_shown(entry['input'])}"
    if kind == "union_tag_invalid":
        known = entry["ctx"]["expected_tags"].replace("'", "")
        return f"unknown op {_shown(entry['ctx']['tag'])}; expected {known}"
    got = "" if kind in {"missing", "extra_forbidden", "union_tag_not_found"} else f", got {_shown(entry['input'])}"
    expected = _EXPECTED.get(kind) or _from_context(kind, entry.get("ctx", {})) or str(entry["msg"]).lower()
    return expected + got


def _from_context(kind: str, ctx: dict[str, Any]) -> str | None:
    match kind:
        case "literal_error":
            return f"expected {ctx['expected'].replace(chr(39), '')}"
        case "greater_than_equal":
            return f"expected at least {ctx['ge']}"
        case "greater_than":
            return f"expected more than {ctx['gt']:g}"
        case "less_than_equal":
            return f"expected at most {ctx['le']:g}"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"expected at most {ctx['max_length']:,} characters"
        case "too_long":
            return f"expected at most {ctx['max_length']:,} entries"
        case "string_pattern_mismatch":
            return "expected 1 to 64 letters, digits, _ or -"
        case _:
            return None


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    kind = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
    name = kind.get(type(value).__name__, type(value).__name__)
    return f"{brief(value)} ({name})"


def brief(value: Any) -> str:
    """The value as Python writes it, of a long one the beginning; no more of it is looked at than is shown."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _MOST_CHARS:
            return text[: _MOST_CHARS - 3] + "..."
    return text


def _pieces(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield repr(value[: _MOST_CHARS + 1])
        case int() if value.bit_length() > _MOST_BITS:  # Python refuses to write an integer of 4,300 digits
            yield f"{'-' if value < 0 else ''}1e{int(value.bit_length() * log10(2))} or so..."
        case list():
            yield from _listed("[", (_pieces(item) for item in cast("list[Any]", value)), "]")
        case dict():
            pairs = cast("dict[Any, Any]", value).items()
            yield from _listed("{", (chain(_pieces(k), (": ",), _pieces(v)) for k, v in pairs), "}")
        case _:
            yield repr(value)


def _listed(first: str, items: Iterable[Iterable[str]], last: str) -> Iterator[str]:
    yield first
    for number, item in enumerate(items):
        if number:
            yield ", "
        yield from item
    yield last
