"""A capture: what a command printed, head and tail within bounds, as text."""

import copy
from collections import deque
from typing import Literal

from fourfold_tools.ops.spill import Spill

# Merged bytes from which on the output also goes to a file, so that all of it can be read.
SPILL_FROM = 262_144
# How far from a cut a line's end is looked for, so that whole lines stand on both sides.
_LINE_BYTES = 4096
# Pieces of fewer bytes are joined with others: a thousand lines are not a thousand objects.
_JOINED_BYTES = 16_384
# Bytes that are decoded at once where some are not UTF-8, and how many such windows get the slowest decoder.
_WINDOW = 4096
_CAREFUL_WINDOWS = 16


class HeadTail:
    """The first and the last half of a bound of bytes; what lies between is counted.

    The tail holds pieces as they came, only small ones are joined: a flood is copied no more than its end is. At most
    one piece more than the half is held.
    """

    def __init__(self, bound: int) -> None:
        self._half = max(1, bound // 2)
        self._head = bytearray()
        self._tail: deque[bytes | bytearray] = deque()
        self._tail_bytes = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._half - len(self._head)
        if room:
            self._head += data[:room]
            data = data[room:]
        last = self._tail[-1] if self._tail else b""
        if isinstance(last, bytearray) and len(last) < _JOINED_BYTES and len(data) < _JOINED_BYTES:
            last += data
        elif data:
            self._tail.append(data if len(data) >= _JOINED_BYTES else bytearray(data))
        self._tail_bytes += len(data)
        while self._tail and self._tail_bytes - len(self._tail[0]) >= self._half:
            self._tail_bytes -= len(self._tail.popleft())

    def head(self) -> bytes:
        return bytes(self._head)

    def text(self) -> tuple[str, int]:
        """What was kept, and how many bytes were not: one line in the text says so."""
        kept = b"".join(self._tail)
        if self.total <= 2 * self._half:
            return decode(bytes(self._head) + kept), 0
        head = self._head[: _last_line_end(self._head)]
        tail = kept[len(kept) - self._half :]
        tail = tail[_first_line_start(tail) :]
        dropped = self.total - len(head) - len(tail)
        mark = f"… {dropped:,} bytes not kept …\n"
        first = decode(bytes(head))
        return first + ("" if first.endswith("\n") else "\n") + mark + decode(tail), dropped


class Capture:
    """What a command prints, in order of arrival: `bound` bytes of each text, and all of a long one in `spill`."""

    def __init__(self, bound: int, spill: Spill) -> None:
        self.spill = spill
        self._merged = HeadTail(bound)
        self._stderr = HeadTail(bound)
        self._stdout: HeadTail | None = None  # None: nothing on stderr so far, so stdout is all there is
        self._spill_from = min(SPILL_FROM, bound // 2)

    async def add(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Take a piece; waits while the disk is behind."""
        before = self._merged.total
        if stream == "stderr" and self._stdout is None:
            self._stdout = copy.deepcopy(self._merged)
        self._merged.add(data)
        if stream == "stderr":
            self._stderr.add(data)
        elif self._stdout is not None:
            self._stdout.add(data)
        if before > self._spill_from:
            await self.spill.add(data)
        elif self._merged.total > self._spill_from:
            await self.spill.add(self._merged.head()[:before] + data)

    def merged(self) -> tuple[str, int]:
        """The merged text without its last line ends, and how many bytes were not kept."""
        text, dropped = self._merged.text()
        text = text.rstrip("\n")
        if self.spill.fault:
            what = "is not complete" if self.spill.opened else "could not be written"
            text += f"\n… {self.spill.path} {what}: {self.spill.fault} …"
        return text, dropped

    def stdout(self) -> str:
        return (self._merged if self._stdout is None else self._stdout).text()[0]

    def stderr(self) -> str:
        return self._stderr.text()[0]


def decode(data: bytes) -> str:
    """UTF-8; bytes that are none as `\\xNN`, and as U+FFFD where they are many.

    Random bytes take 200 ns each to become `\\xNN` and 25 ns to become U+FFFD; valid text takes less than one.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    parts: list[str] = []
    careful = _CAREFUL_WINDOWS
    start = 0
    while start < len(data):
        end = _boundary(data, min(start + _WINDOW, len(data)))
        window = data[start:end]
        try:
            parts.append(window.decode("utf-8"))
        except UnicodeDecodeError:
            parts.append(window.decode("utf-8", "backslashreplace" if careful else "replace"))
            careful = max(0, careful - 1)
        start = end
    return "".join(parts)


def _boundary(data: bytes, end: int) -> int:
    """The last place at or up to three bytes before `end` where no character is cut."""
    for place in range(end, max(end - 4, 0), -1):
        if place == len(data) or data[place] & 0xC0 != 0x80:
            return place
    return end


def _last_line_end(head: bytearray) -> int:
    end = head.rfind(b"\n", max(0, len(head) - _LINE_BYTES))
    return _cut(head) if end < 0 else end + 1


def _cut(head: bytearray) -> int:
    """The length of `head` without a character that its end cuts."""
    for back in range(1, min(4, len(head)) + 1):
        byte = head[-back]
        if byte & 0xC0 != 0x80:
            width = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(head) - back if width > back else len(head)
    return len(head)


def _first_line_start(tail: bytes) -> int:
    end = tail.find(b"\n", 0, _LINE_BYTES)
    if end >= 0:
        return end + 1
    return next((n for n in range(min(4, len(tail))) if tail[n] & 0xC0 != 0x80), 0)
