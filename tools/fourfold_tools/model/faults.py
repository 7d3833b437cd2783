"""Faults of a request in plain words: where, what came, what is expected; one line each."""

from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from fourfold_tools.errors import Fault
from fourfold_tools.model.request import FIELDS

_KINDS = {"list", "tuple", "dict", "str", "int", "float", "bool"}
_MAPS = {"env", "headers"}  # arguments whose keys are the caller's own words
_MANY = {("read", "path"), ("grep", "pattern"), ("grep", "path"), ("glob", "pattern"), ("fetch", "url")}
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
    best: dict[str, tuple[tuple[int, int], Fault]] = {}
    for number, entry in enumerate(error.errors(include_url=False)):
        where = _where(entry["loc"], root)
        fault = Fault(where, _problem(dict(entry), entry["loc"]))
        key = where.split("{")[0]
        score = (len(entry["loc"]), -number)
        if key not in best or score > best[key][0]:
            best[key] = (score, fault)
    faults = [fault for _, fault in best.values()]
    inside = {outer for fault in faults for outer in _around(fault.where)}
    return [fault for fault in faults if fault.where not in inside]


def _around(where: str) -> list[str]:
    """The arguments that an argument lies in: a complaint about one of them as a whole says less than one inside."""
    return [where[:i] for i, sign in enumerate(where) if sign in ".[" and i]


def _where(loc: tuple[int | str, ...], root: str) -> str:
    """The path of an argument, without what the loc holds beside it: the op's tag and the members of unions."""
    out = root
    for before, part in zip((None, *loc), loc, strict=False):
        if isinstance(part, int):
            out += f"[{part}]"
        elif before in _MAPS or not (_is_op_tag(before, part) or _is_type_name(part)):
            out += f".{part}" if out else part
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
        case "string_pattern_mismatch":
            return "expected 1 to 64 letters, digits, _ or -"
        case _:
            return None


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = repr(value)
    kind = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
    name = kind.get(type(value).__name__, type(value).__name__)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({name})"
