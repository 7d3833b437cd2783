"""Mentions: the paths, words and line numbers that a text holds, so that it can be told where a name came from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[\w.@+~/:-]*\w")
_WORD = re.compile(r"\w{3,}")
_LINE_COLUMN = re.compile(r"^ *\d+(?:\t|→)", re.MULTILINE)
_MOST_NAMES = 2_000_000

LineRef = tuple[str, int]


@dataclass(slots=True)
class Mentions:
    """What was named so far. Mutable.

    names: whole paths without a leading `./`, their parts, and words of at least three letters or digits.
    lines: (file name, line) of every `file:line`.
    Beyond two million names nothing is added: a name that was forgotten counts as new, and a new one found in a
    result is a dependency, so the audit then promises less.
    """

    names: set[str] = field(default_factory=set[str])
    lines: set[LineRef] = field(default_factory=set[LineRef])

    @classmethod
    def of(cls, text: str, *, numbered: bool = False) -> "Mentions":
        """What a text mentions; numbered: without the column of line numbers that the client puts before it."""
        mentions = cls()
        plain = _LINE_COLUMN.sub("", text) if numbered else text
        for token in set(_TOKEN.findall(plain.replace("\\", "/"))):
            mentions._take(token)
        return mentions

    def _take(self, token: str) -> None:
        last = ""
        for piece in token.split(":"):
            if last and piece.isascii() and piece.isdigit() and len(piece) < 10:
                self.lines.add((last, int(piece)))
            self.names.update(names_in(piece))
            last = piece.rpartition("/")[2]

    def learn(self, other: "Mentions") -> None:
        if len(self.names) + len(self.lines) < _MOST_NAMES:
            self.names |= other.names
            self.lines |= other.lines

    def without(self, other: "Mentions") -> "Mentions":
        return Mentions(self.names - other.names, self.lines - other.lines)


def names_in(piece: str) -> Iterator[str]:
    """`./src/old_app.py` names `src/old_app.py`, `src`, `old_app.py` and `old_app`."""
    path = whole(piece)
    if not path:
        return
    yield path
    for part in path.split("/"):
        yield part
        yield from _WORD.findall(part)


def whole(piece: str) -> str:
    """A path as it is compared: without `./` before it and slashes around it."""
    return piece.removeprefix("./").strip("/")
