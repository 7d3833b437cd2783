"""Escapes: the inside of `$'...'`, and the way back from the bytes a reader counts to text."""

import re

from fourfold_tools.ops.shell.cursor import Unreadable

ANSI = re.compile(r"\\(?:[abefnrtv\\'\"?]|x[0-9A-Fa-f]{1,2}|[0-7]{1,3})|[^\\']+")
_ESCAPES = dict(zip("abefnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))


def ansi_value(piece: str) -> str:
    """The characters that one piece of `$'...'` stands for."""
    if piece[0] != "\\":
        return piece
    kind = piece[1]
    if kind in _ESCAPES:
        return _ESCAPES[kind]
    if kind not in "x01234567":
        return kind
    value = int(piece[2:], 16) if kind == "x" else int(piece[1:], 8) & 0xFF
    if value == 0:
        raise Unreadable("NUL in $'...'")  # bash ends the string there
    return chr(value)


def decode(text: str) -> str:
    """Back from Latin-1 of UTF-8 bytes to text."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")
