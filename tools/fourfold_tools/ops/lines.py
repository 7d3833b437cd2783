"""Lines of texts of any size: a cursor passes them block by block, a sparse index remembers where they start."""

import io
import os
import sys
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from fourfold_tools.errors import TooLarge
from fourfold_tools.ops.size import size_text

_BLOCK_BYTES = 1 << 18  # a seek counts one again, and one more for 2,000 lines: 0.2 ms each
# Block counts kept over all files, 8 bytes each: 8 MiB, enough for 256 GiB of text.
_MAX_COUNTS = 1 << 20
# Bytes before the end of what is indexed that must be unchanged for the index to hold.
_TAIL_BYTES = 4096
# Newlines that are stepped over one by one; more are halved into reach by counting.
_STEPS = 512
_NEWLINE = 10

CountedBlock = tuple[bytes, int]  # bytes and how many newlines they hold


@dataclass(frozen=True, slots=True)
class Window:
    """Whole lines of a text as bytes.

    line_count: lines in `data`. known_lines: lines of the text counted so far, its total where `complete`.
    """

    data: bytes
    line_count: int
    known_lines: int
    complete: bool


def window_of(blocks: Iterator[bytes], first: int, limit: int | None, *, max_bytes: int, count_bytes: int) -> Window:
    """Lines `first` (from 1) to `first + limit - 1` of a text; of the rest count_bytes are counted at most.

    Raises:
        TooLarge: the lines hold more than max_bytes; at most one block more was held.
    """
    cursor = Cursor((block, block.count(b"\n")) for block in blocks)
    cursor.skip(first - 1)
    data, line_count = cursor.take(limit, max_bytes)
    complete = cursor.finish(count_bytes)
    return Window(data, line_count, cursor.lines, complete)


def window_in(data: bytes, first: int, limit: int | None, *, max_bytes: int) -> Window:
    """What `window_of` gives of a text that is in memory whole.

    Raises:
        TooLarge: the lines hold more than max_bytes.
    """
    newlines = data.count(b"\n")
    total = newlines + (data[-1:] not in {b"", b"\n"})
    if first > total:
        return Window(b"", 0, total, complete=True)
    start = after_newline(data, 0, first - 1)
    left = newlines - (first - 1)
    end = len(data) if limit is None or limit > left else after_newline(data, start, limit)
    if end - start > max_bytes:
        raise _too_large(first, data.count(b"\n", start, start + max_bytes), max_bytes)
    return Window(data[start:end], total - first + 1 if end == len(data) else limit or 0, total, complete=True)


class Cursor:
    """A place in a text; it holds one block at a time. Blocks may be of any size, empty ones too.

    newlines: how many stand before the place.
    """

    def __init__(self, blocks: Iterator[CountedBlock], newlines: int = 0) -> None:
        self.newlines = newlines
        self._blocks = blocks
        self._block: bytes = b""
        self._at: int = 0
        self._left: int = 0  # newlines of the block from _at on
        self._open: bool = False  # whether bytes were passed since the last newline

    @property
    def lines(self) -> int:
        """Lines before the place, one that has no end yet included."""
        return self.newlines + self._open

    def skip(self, lines: int) -> None:
        """Pass so many lines, or all that there are."""
        while lines > 0 and self._more():
            lines -= self._pass(lines)

    def take(self, limit: int | None, max_bytes: int) -> tuple[bytes, int]:
        """The next `limit` lines, or all, and how many they are.

        Raises:
            TooLarge: they hold more than max_bytes.
        """
        before, wanted = self.lines, sys.maxsize if limit is None else limit
        parts: list[bytes] = []
        held = 0
        while wanted > 0 and self._more():
            start = self._at
            wanted -= self._pass(wanted)
            parts.append(self._block[start : self._at])
            held += len(parts[-1])
            if held > max_bytes:
                raise _too_large(before + 1, b"".join(parts).count(b"\n", 0, max_bytes), max_bytes)
        return b"".join(parts), self.lines - before

    def finish(self, max_bytes: int) -> bool:
        """Pass what is left, but no block after max_bytes; whether that was all."""
        while self._more():
            if max_bytes <= 0:
                return False
            max_bytes -= len(self._block) - self._at
            self._pass(sys.maxsize)
        return True

    def _more(self) -> bool:
        while self._at == len(self._block):
            block = next(self._blocks, None)
            if block is None:
                return False
            self._block, self._left = block
            self._at = 0
        return True

    def _pass(self, lines: int) -> int:
        """Go on behind the next `lines` newlines of the block, or to its end; how many newlines were passed."""
        if lines > self._left:
            passed, self._at = self._left, len(self._block)
        else:
            passed, self._at = lines, after_newline(self._block, self._at, lines)
        self.newlines += passed
        self._left -= passed
        self._open = self._block[self._at - 1] != _NEWLINE
        return passed


def after_newline(data: bytes, start: int, nth: int) -> int:
    """The position behind the nth newline (from 1) at or after `start`; there must be so many."""
    end = len(data)
    while nth > _STEPS:
        middle = (start + end) // 2
        before = data.count(b"\n", start, middle)
        if before < nth:
            start, nth = middle, nth - before
        else:
            end = middle
    for _ in range(nth):
        start = data.index(b"\n", start) + 1
    return start


def _too_large(first: int, fit: int, max_bytes: int) -> TooLarge:
    size = size_text(max_bytes)
    if fit:
        return TooLarge(
            f"The window from line {first} on holds more than {size}. Its first {fit} lines fit:"
            f" use limit {fit} or less, or grep for what you need."
        )
    return TooLarge(
        f"Line {first} alone is longer than {size}. Grep for what you need, or cut it with bash (cut -c, head -c)."
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a file: newlines before the end of each full block, and its lines when all were counted.

    tail: the last bytes of the counted blocks.
    """

    stamp: tuple[int, int, int]  # size, mtime and ctime in ns
    counts: "array[int]"
    tail: bytes
    total: int | None


class LineIndex:
    """Where lines start in large files, one count per full block; safe to use from many threads.

    A file is known by (device, inode) while its size and times stay; one that grew keeps its counts when the bytes
    before their end are unchanged. A rewrite in place that moves newlines and leaves size, times or that tail as
    they were is not noticed. Least recently used files go first; small files (under one block) are not kept.
    """

    def __init__(self, block_bytes: int = _BLOCK_BYTES, max_counts: int = _MAX_COUNTS) -> None:
        self._block_bytes = block_bytes
        self._max_counts = max_counts
        self._files: OrderedDict[tuple[int, int], _Known] = OrderedDict()
        self._lock = Lock()

    def window(
        self,
        file: io.FileIO,
        first: int,
        limit: int | None,
        *,
        max_bytes: int,
        count_bytes: int,
        check: Callable[[], None],
    ) -> Window:
        """The lines `first` (from 1) to `first + limit - 1` of the file as it is now.

        The whole is counted when that takes no more than count_bytes beyond what is known. `check` is called
        before each block and may raise.

        Raises:
            TooLarge: the lines hold more than max_bytes.
        """
        status = os.fstat(file.fileno())
        key, stamp = (status.st_dev, status.st_ino), (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._recall(key, stamp, file)
        scan = _Scan(file, status.st_size, self._block_bytes, array("Q", known.counts), check)
        total = known.total
        try:
            cursor = scan.cursor(bisect_left(scan.counts, first - 1))
            cursor.skip(first - 1 - cursor.newlines)
            data, line_count = cursor.take(limit, max_bytes)
            if total is None:
                total = scan.total(count_bytes)
        finally:  # a scan that was stopped leaves what it counted to the next one
            if not scan.shrunk:
                self._remember(key, _Known(stamp, scan.counts, scan.tail(), total))
        lines = max(cursor.lines, scan.counts[-1] if scan.counts else 0)
        return Window(data, line_count, lines if total is None else total, total is not None)

    def _recall(self, key: tuple[int, int], stamp: tuple[int, int, int], file: io.FileIO) -> _Known:
        with self._lock:
            known = self._files.get(key)
        if known is not None and (known.stamp == stamp or stamp[0] > known.stamp[0]):
            file.seek(len(known.counts) * self._block_bytes - len(known.tail))
            if file.read(len(known.tail)) == known.tail:
                return known if known.stamp == stamp else _Known(stamp, known.counts, known.tail, None)
        return _Known(stamp, array("Q"), b"", None)

    def _remember(self, key: tuple[int, int], known: _Known) -> None:
        if not 0 < len(known.counts) <= self._max_counts:
            return
        with self._lock:
            self._files[key] = known
            self._files.move_to_end(key)
            while sum(len(k.counts) for k in self._files.values()) > self._max_counts:
                self._files.popitem(last=False)


class _Scan:
    """A pass over a file of `size` bytes; what full blocks teach is appended to `counts`.

    shrunk: the file turned out shorter than `size`, so nothing about it may be remembered.
    """

    def __init__(
        self, file: io.FileIO, size: int, block_bytes: int, counts: "array[int]", check: Callable[[], None]
    ) -> None:
        self.counts = counts
        self.shrunk = False
        self._file = file
        self._size = size
        self._block_bytes = block_bytes
        self._check = check

    def cursor(self, block: int) -> Cursor:
        """A cursor at the start of a block, at most the first one that is not counted yet."""
        return Cursor(self._blocks(block), self.counts[block - 1] if block else 0)

    def total(self, count_bytes: int) -> int | None:
        """Lines of the whole file; None when more than count_bytes, or one block, are not counted yet."""
        counted = len(self.counts)
        if self._size - counted * self._block_bytes > max(count_bytes, self._block_bytes):
            return None
        cursor = self.cursor(max(0, counted - 1))  # the last counted block says whether its line is open
        cursor.finish(sys.maxsize)
        return cursor.lines

    def tail(self) -> bytes:
        """The bytes before the end of the counted blocks."""
        end = len(self.counts) * self._block_bytes
        self._file.seek(max(0, end - _TAIL_BYTES))
        return self._file.read(min(end, _TAIL_BYTES))

    def _blocks(self, block: int) -> Iterator[CountedBlock]:
        while block * self._block_bytes < self._size:
            self._check()
            data = self._read(block * self._block_bytes)
            newlines = data.count(b"\n")  # also of a counted block: it may have been rewritten since
            if block == len(self.counts) and len(data) == self._block_bytes:
                self.counts.append(newlines + (self.counts[-1] if self.counts else 0))
            yield data, newlines
            block += 1

    def _read(self, start: int) -> bytes:
        wanted = min(self._block_bytes, self._size - start)
        self._file.seek(start)
        data = self._file.read(wanted)
        while len(data) < wanted:
            more = self._file.read(wanted - len(data))
            if not more:
                self.shrunk, self._size = True, start + len(data)
                break
            data += more
        return data
