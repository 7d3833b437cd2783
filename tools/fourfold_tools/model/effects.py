"""What a step touches: the paths it reads and writes, and whether that is known for certain."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

# Bernstein (1966): two steps are independent iff none writes what the other reads or writes.


@dataclass(frozen=True, slots=True)
class Effects:
    """Absolute path patterns (`*`, `?`, `**`) read and written.

    known: the patterns are complete; an unknown step is never retried, re-run or called read-only.
    read_only: certain to change nothing outside its own process (implies known); only such steps may be
        shared, retried by default or sampled again.
    hosts: hosts reached over the network.
    note: for an unknown step the part that could not be understood, in a few words.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    known: bool = True
    read_only: bool = False
    hosts: frozenset[str] = frozenset()
    note: str = ""

    def widened(self, reads: frozenset[str], writes: frozenset[str]) -> "Effects":
        """These effects plus declared ones; a declared write ends a claim of read-only."""
        if not reads and not writes:
            return self
        return Effects(
            self.reads | reads,
            self.writes | writes,
            self.known,
            self.read_only and not writes,
            self.hosts,
            self.note,
        )


def conflict(a: Effects, b: Effects) -> tuple[str, str, str] | None:
    """The first write of one that overlaps a read or write of the other: (kind, pattern of a, pattern of b).

    kind is `write-write`, `write-read` (a writes) or `read-write` (b writes).
    """
    for kind, left, right in (
        ("write-write", a.writes, b.writes),
        ("write-read", a.writes, b.reads),
        ("read-write", a.reads, b.writes),
    ):
        if left and right:
            for p in sorted(left):
                for q in sorted(right):
                    if overlap(p, q):
                        return kind, p, q
    return None


@lru_cache(maxsize=65_536)
def overlap(p: str, q: str) -> bool:
    """Whether some path matches both patterns; `[...]` counts as `*`, so the answer errs towards yes."""
    if p == q:
        return True
    return _segments_overlap(_segments(p), _segments(q))


@lru_cache(maxsize=8_192)
def _segments(pattern: str) -> tuple[str, ...]:
    """The folders and the name of a pattern; those that braces span become `**`, which can only widen."""
    parts = [s for s in PurePosixPath(pattern).parts if s != "/"]
    if "{" not in pattern:
        return tuple(parts)
    out: list[str] = []
    start = depth = 0
    for i, part in enumerate(parts):
        opened = depth
        depth = max(0, depth + part.count("{") - part.count("}"))
        if not opened:
            start = i
        if not depth:
            out += ["**"] if start < i else [part]
    return (*out, *parts[start:]) if depth else tuple(out)  # braces that never close are letters


def _segments_overlap(p: tuple[str, ...], q: tuple[str, ...]) -> bool:
    """Dynamic programme over segments, right to left: row[j] says whether p[i:] and q[j:] overlap."""
    m = len(q)
    row = [True] * (m + 1)
    for j in range(m - 1, -1, -1):
        row[j] = q[j] == "**" and row[j + 1]
    for i in range(len(p) - 1, -1, -1):
        below = row
        row = [False] * (m + 1)
        row[m] = p[i] == "**" and below[m]
        for j in range(m - 1, -1, -1):
            if p[i] == "**" or q[j] == "**":
                row[j] = below[j] or row[j + 1]
            else:
                row[j] = below[j + 1] and _names_overlap(p[i], q[j])
    return row[0]


@lru_cache(maxsize=65_536)
def _names_overlap(p: str, q: str) -> bool:
    """Whether some name matches both segment patterns made of letters, `*`, `?`, `[...]` and `{...}`."""
    if not _wild(p) and not _wild(q):
        return p == q
    a, b = _atoms(p), _atoms(q)
    row = [all(x == "*" for x in b[j:]) for j in range(len(b) + 1)]
    for i in range(len(a) - 1, -1, -1):
        below = row
        row = [False] * (len(b) + 1)
        row[len(b)] = all(x == "*" for x in a[i:])
        for j in range(len(b) - 1, -1, -1):
            if a[i] == "*" or b[j] == "*":
                row[j] = below[j] or row[j + 1]
            else:
                row[j] = below[j + 1] and (a[i] == b[j] or "?" in (a[i], b[j]))
    return row[0]


def _wild(segment: str) -> bool:
    return any(c in segment for c in "*?[{")


def _atoms(segment: str) -> list[str]:
    """The segment letter by letter; brackets and braces become `*`, which can only widen."""
    out: list[str] = []
    i = 0
    while i < len(segment):
        c = segment[i]
        close = {"[": "]", "{": "}"}.get(c)
        end = segment.find(close, i + 1) if close else -1
        if end > 0:
            out.append("*")
            i = end + 1
        else:
            out.append(c)
            i += 1
    return out
