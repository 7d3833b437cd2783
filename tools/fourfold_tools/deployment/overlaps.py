"""Overlaps: which path patterns of many can name the same file, found without trying every pair. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fourfold_tools.deployment.tasks import covering, is_pattern
from fourfold_tools.model.effects import overlap


@dataclass(slots=True)
class _Node:
    """A folder in the tree of literal beginnings. Mutable while the index is built."""

    below: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])
    patterns: list[str] = field(default_factory=list[str])


class Overlaps:
    """An index of patterns by their segments before the first wildcard.

    Two patterns can only overlap when one's literal beginning is a beginning of the other's, so a look-up walks one
    path down and one subtree. A plain path stands for itself and everything below it.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._root = _Node()
        for pattern in patterns:
            node = self._root
            for part in _literal(pattern):
                node = node.below.setdefault(part, _Node())
            node.patterns.append(pattern)

    def of(self, pattern: str) -> list[str]:
        """The indexed patterns that overlap `pattern`."""
        wide = covering(pattern)
        return [found for found in self._candidates(pattern) if overlap(wide, covering(found))]

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


def _literal(pattern: str) -> list[str]:
    """The segments before the first that holds a wildcard."""
    parts: list[str] = []
    for part in pattern.split("/"):
        if is_pattern(part):
            break
        if part:
            parts.append(part)
    return parts
