"""A segment: one name of a gitignore pattern, as a regular expression and as a ripgrep glob."""

import re
import unicodedata
from collections.abc import Iterator

ALL = "**"  # as a whole segment: any number of folders

# `[...]` with an optional `!` or `^`; a `]` right after the opening is a member.
_CLASS = re.compile(r"\[(?P<not>[!^]?)(?P<members>\]?[^\]]*)\]")

# ripgrep's globs go by bytes: a letter outside ASCII is two to four bytes from 128 up, an accent of its own two.
_HIGH = "[!\x01-\x7f]"
_WIDE_LETTERS = ",".join(_HIGH * n for n in (2, 3, 4))


def _letter_glob(ascii_class: str) -> str:
    """One letter: of the class with or without an accent, or any letter outside ASCII."""
    return f"{{{ascii_class},{ascii_class}{_HIGH * 2},{_WIDE_LETTERS}}}"


_ANY_LETTER = _letter_glob("[\x01-.0-\x7f]")


def as_regex(segment: str) -> str:
    """The names that a segment (not `**`) matches; an unusable class stands for itself, letter by letter."""
    return "".join(regex for regex, _ in _parts(segment))


def as_glob(segment: str) -> str:
    """The segment for ripgrep, which knows braces where gitignore has none; `**` stays as it is."""
    return segment if segment == ALL else "".join(glob for _, glob in _parts(segment))


def quoted(name: str) -> str:
    """A plain name as a ripgrep glob; its letters outside ASCII in either case and either Unicode form."""
    return "".join(_quoted_letter(letter) for letter in unicodedata.normalize("NFC", name))


def _quoted_letter(letter: str) -> str:
    if letter.isascii():
        return "\\" + letter if letter in "*?[]{}!\\" else letter
    cases = (letter.lower(), letter.upper())
    forms = {form for c in cases for form in (unicodedata.normalize("NFC", c), unicodedata.normalize("NFD", c))}
    return "{" + ",".join(sorted(forms)) + "}" if len(forms) > 1 else letter


def is_wild(segment: str) -> bool:
    return any(c in segment for c in "*?[\\")


def _parts(segment: str) -> Iterator[tuple[str, str]]:
    """The segment piece by piece, each as (regular expression, ripgrep glob)."""
    at = 0
    while at < len(segment):
        char = segment[at]
        found = _CLASS.match(segment, at) if char == "[" else None
        piece = _class_part(found) if found else None
        if found and piece:
            yield piece
            at = found.end()
        elif char == "*":
            stars = len(segment) - at - len(segment[at:].lstrip("*"))
            yield "[^/]*", "*"
            at += stars
        elif char == "?":
            yield "[^/]", _ANY_LETTER
            at += 1
        else:
            escaped = char == "\\" and at + 1 < len(segment)
            plain = segment[at + escaped]
            yield re.escape(plain), quoted(plain)
            at += 1 + escaped


def _class_part(found: re.Match[str]) -> tuple[str, str] | None:
    members, negated = found["members"], bool(found["not"])
    if not members:
        return None
    if "[" in members or "\\" in members or not members.isascii():
        return "[^/]", _ANY_LETTER  # named classes, escapes: read as any letter, which refuses more, never less
    regex = f"(?!/)[{'^' * negated}{''.join(c if c == '-' else re.escape(c) for c in members)}]"
    try:
        re.compile(regex)
    except re.error:  # a range that runs backwards
        return None
    return regex, _letter_glob(f"[!{members}]") if negated else f"[{members}]"
