"""Overlaps: which path patterns of many can name the same file, found without trying every pair. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fourfold_tools.deployment.tasks import covering, is_pattern
from fourfold_tools.model.effects import overlap

_TAIL = re.compile(r"[^*?\[\]{}]*\Z")


class TooManyOverlaps(Exception):
    """More patterns that begin with a wildcard than can be compared with each other in seconds."""


@dataclass(slots=True)
class _Node:
    """A folder in the tree of literal beginnings. Mutable while the index is built."""

    below: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])
    patterns: list[str] = field(default_factory=list[str])


class Overlaps:
    """An index of patterns by their segments before the first wildcard.

    Two patterns can only overlap when one's literal beginning is a beginning of the other's, so a look-up walks one
    path down and one subtree; what lies there is compared unless the two end differently. A plain path stands for
    itself and everything below it. most_cells: product of lengths that all comparisons together may reach.
    """

    def __init__(self, patterns: Iterable[str], most_cells: float = float("inf")) -> None:
        self._root = _Node()
        self._left = most_cells
        for pattern in patterns:
            node = self._root
            for part in _literal(pattern):
                node = node.below.setdefault(part, _Node())
            node.patterns.append(pattern)

    def of(self, pattern: str) -> list[str]:
        """The indexed patterns that overlap `pattern`.

        Raises:
            TooManyOverlaps: comparing them takes more than `most_cells`.
        """
        return [found for found in self._candidates(pattern) if self._meet(pattern, found)]

    def _meet(self, p: str, q: str) -> bool:
        """Whether two patterns overlap of which one's literal beginning is a beginning of the other's."""
        if not is_pattern(p) and not is_pattern(q):
            return True  # one is the other, or a folder above it
        p, q = covering(p), covering(q)
        tail, other = _tail(p), _tail(q)
        if not tail.endswith(other) and not other.endswith(tail):
            return False
        self._left -= len(p) * len(q)
        if self._left < 0:
            raise TooManyOverlaps
        return overlap(p, q)

    def _candidates(self, pattern: str) -> Iterator[str]:
        node = self._root
        parts = _literal(pattern)
        for part in parts:
            yield from node.patterns
            if part not in node.below:
                return
            node = node.below[part]
        stack = [node]
        while stack:
            node = stack.pop()
            yield from node.patterns
            stack.extend(node.below.values())


def _tail(pattern: str) -> str:
    """What every path that matches ends with."""
    found = _TAIL.search(pattern)
    return found[0] if found else ""


def _literal(pattern: str) -> list[str]:
    """The segments before the first that holds a wildcard."""
    parts: list[str] = []
    for part in pattern.split("/"):
        if is_pattern(part):
            break
        if part:
            parts.append(part)
    return parts
