"""Candidates: lines that match at least one pattern of a group, and which of them hold what a pattern needs. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from fourfold_tools.ops.hits import FileHits, Line

# The only letters beyond ASCII that equal an ASCII letter when case is ignored (Unicode simple case folding).
_FOLDED = ((b"\xe2\x84\xaa", b"k"), (b"\xc5\xbf", b"s"))


class Candidates:
    """Lines that match at least one pattern of a group, to be given back to the patterns that they match."""

    def __init__(self, files: Sequence[FileHits]) -> None:
        self._files = files
        self._lines = [(i, line) for i, file in enumerate(files) for line in file.lines if line.kind == "match"]
        self._texts = [line.text for _, line in self._lines]
        self.text = _joined(self._texts)
        self._starts = _starts(self._texts)
        self._times: dict[bytes, int] = {}  # how often what was looked for stands in the text

    @property
    def count(self) -> int:
        return len(self._lines)

    def text_of(self, indices: Sequence[int] | None) -> bytes:
        """The chosen lines as one text, None for all."""
        return self.text if indices is None else _joined([self._texts[i] for i in indices])

    def holding_each(self, wanted: Mapping[int, tuple[str, ...]], *, fold: bool) -> dict[int, list[int]]:
        """By key the lines that hold all of its texts, in order; fold: in any case."""
        return {i: self.holding(needles, fold=fold) for i, needles in wanted.items()}

    def holding(self, needles: Sequence[str], *, fold: bool) -> list[int]:
        """The lines that hold all of some texts, in order; all lines for none.

        fold: in any case; texts that are not ASCII, whose letters may have more than two cases, are not asked for.
        Only lines with the rarest text are looked at one by one: `class` may stand in each of them.
        """
        needles = [needle for needle in needles if needle.isascii() or not fold]
        if not needles:
            return list(range(self.count))
        text, starts, texts = self._folded if fold else (self.text, self._starts, self._texts)
        wanted = [fold_case(needle.encode()) if fold else needle.encode() for needle in needles]
        for needle in wanted:
            if needle not in self._times:
                self._times[needle] = text.count(needle)
        rarest = min(wanted, key=self._times.__getitem__)
        others = [needle for needle in wanted if needle != rarest]
        found = _lines_with(text, starts, rarest)
        return [i for i in found if all(needle in texts[i] for needle in others)] if others else found

    @cached_property
    def _folded(self) -> tuple[bytes, list[int], list[bytes]]:
        texts = [fold_case(text) for text in self._texts]
        return _joined(texts), _starts(texts), texts

    def pick(self, indices: Sequence[int]) -> list[FileHits]:
        """The chosen lines file by file; a note is about the file, so it follows wherever the file has a line."""
        picked: dict[int, list[Line]] = {}
        for index in indices:
            owner, line = self._lines[index]
            picked.setdefault(owner, []).append(line)
        for owner, lines in picked.items():
            note = self._files[owner].note
            lines.extend([note] if note else [])
        return [FileHits(self._files[owner].path, lines) for owner, lines in picked.items()]


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join([line + b"\n" for line in lines])


def _starts(lines: Sequence[bytes]) -> list[int]:
    """Where each line starts in the joined text, and where the text ends."""
    return [0, *accumulate(len(line) + 1 for line in lines)]


def _lines_with(text: bytes, starts: Sequence[int], needle: bytes) -> list[int]:
    """Indices of the lines that hold the needle, which has no line end: a search from hit to hit, not per line."""
    found: list[int] = []
    at = text.find(needle)
    while 0 <= at < len(text):
        found.append(bisect_right(starts, at) - 1)
        at = text.find(needle, starts[found[-1] + 1])
    return found


def fold_case(text: bytes | bytearray) -> bytes:
    """The text with every letter that equals an ASCII letter when case is ignored as its small one."""
    text = bytes(text)
    for letter, plain in _FOLDED:
        text = text.replace(letter, plain)
    return text.lower()
