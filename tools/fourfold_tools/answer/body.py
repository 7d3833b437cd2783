"""A body: what stands under a step's header; lines of a file get their numbers only where they are shown. Pure."""

from dataclasses import dataclass

from fourfold_tools.context.tokens import Kind, estimate


@dataclass(frozen=True, slots=True)
class Body:
    """A text and the number of its first line, None where lines carry no numbers.

    What it says of itself (`chars`, `cost`, `head`, `tail`) is said of `whole()`, which most bodies of a large
    answer never make: numbering a line costs ten times as much as reading it.
    """

    text: str
    first: int | None = None

    @property
    def lines(self) -> int:
        """Lines by `\\n` alone, without the empty rest after a final newline."""
        return self.text.count("\n") + (self.text[-1:] not in {"", "\n"})

    @property
    def chars(self) -> int:
        if self.first is None or not self.text:
            return len(self.text)
        return len(self.text) - self.text.endswith("\n") + self._numbering()

    def cost(self, kind: Kind) -> int:
        """Tokens of all of it."""
        if self.first is None or not self.text:
            return estimate(self.text, kind)
        return estimate(self.text, kind, self._numbering() - self.text.endswith("\n"))

    def whole(self) -> str:
        return self.head(len(self.text))

    def head(self, most: int) -> str:
        """The first `most` characters at least, or all."""
        if self.first is None or not self.text:
            return self.text[:most]
        end = len(self.text) - self.text.endswith("\n")
        return _numbered(self.text[: min(most, end)], self.first)

    def tail(self, most: int) -> str:
        """The last `most` characters, or all."""
        if self.first is None or not self.text:
            return self.text[-most:] if most else ""
        end = len(self.text) - self.text.endswith("\n")
        start = self.text.rfind("\n", 0, max(0, end - most)) + 1
        before = self.text.count("\n", 0, start)
        return _numbered(self.text[start:end], self.first + before)[-most:] if most else ""

    def _numbering(self) -> int:
        """Characters of all line numbers and of the tabs behind them."""
        assert self.first is not None
        count = self.lines
        return count + _digits(self.first + count) - _digits(self.first)


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
