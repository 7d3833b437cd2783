"""A body: what stands under a step's header; lines of a file get their numbers only where they are shown. Pure."""

from dataclasses import dataclass

from fourfold_tools.context.tokens import Kind, estimate


@dataclass(frozen=True, slots=True)
class Body:
    """A text, how many lines it has, and the number of the first one (None where lines carry no numbers).

    What it says of itself (`cost`, `head`, `tail`) is said of `whole()`, which most bodies of a large answer never
    make: numbering a line costs ten times as much as reading it.

    lines: by `\n` alone, without the empty rest after a final newline. added: characters that the numbers and the
    tabs behind them add, less the final newline, which is not shown behind a numbered line.
    """

    text: str
    lines: int
    first: int | None = None
    added: int = 0

    @classmethod
    def of(cls, text: str) -> "Body":
        """A text whose lines carry no numbers."""
        return cls(text, text.count("\n") + (text[-1:] not in {"", "\n"}))

    @classmethod
    def numbered(cls, text: str, lines: int, first: int) -> "Body":
        """A text of so many lines whose first one has the number `first`; an empty one has none."""
        if not text:
            return cls(text, 0)
        numbers = lines + _digits(first + lines) - _digits(first)
        return cls(text, lines, first, numbers - text.endswith("\n"))

    @property
    def chars(self) -> int:
        return len(self.text) + self.added

    def cost(self, kind: Kind) -> int:
        """Tokens of all of it."""
        return estimate(self.text, kind, self.added)

    def whole(self) -> str:
        return self.head(len(self.text))

    def head(self, most: int) -> str:
        """The first `most` characters at least, or all."""
        if self.first is None:
            return self.text[:most]
        return _numbered(self.text[: min(most, self._end())], self.first)

    def tail(self, most: int) -> str:
        """The last `most` characters, or all."""
        if not most or self.first is None:
            return self.text[-most:] if most else ""
        end = self._end()
        start = self.text.rfind("\n", 0, max(0, end - most)) + 1
        after = self.text.count("\n", start, end) + 1
        return _numbered(self.text[start:end], self.first + self.lines - after)[-most:]

    def _end(self) -> int:
        """Where the last line ends."""
        return len(self.text) - self.text.endswith("\n")


def _numbered(text: str, first: int) -> str:
    """`N<TAB>line` for each line, the empty rest after a newline too."""
    return "\n".join([f"{n}\t{line}" for n, line in enumerate(text.split("\n"), first)])


def _digits(end: int) -> int:
    """Digits of all numbers from 1 up to, and without, `end`."""
    total, start, width = 0, 1, 1
    while start < end:
        total += (min(start * 10, end) - start) * width
        start, width = start * 10, width + 1
    return total
