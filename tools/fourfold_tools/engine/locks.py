"""Path locks: readers and writers of overlapping paths, over all runs of a server, taken all at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, takewhile

from fourfold_tools.model.effects import Effects, conflict

# Edges already order what is known before a run; the locks order what references decide while it runs, and what
# two runs do to the same paths. All of a step's locks are taken at dispatch or none: nobody holds one and waits.


@dataclass(eq=False, slots=True)
class Claim:
    """What one running or waiting step touches; `wake` is called when a waiting claim should be tried again."""

    effects: Effects
    wake: Callable[[], None] = field(repr=False)


class PathLocks:
    """Held claims, and waiting ones in order of arrival. Mutable."""

    def __init__(self) -> None:
        self._held: dict[Claim, None] = {}
        self._waiting: dict[Claim, None] = {}
        self._writers = 0

    def claim(self, effects: Effects, wake: Callable[[], None]) -> Claim:
        return Claim(effects, wake)

    def take(self, claim: Claim) -> bool:
        """Hold the claim, or let it wait in line. An earlier waiting writer is not overtaken by a later reader."""
        if self._blocked(claim):
            self._waiting.setdefault(claim)
            return False
        self._waiting.pop(claim, None)
        self._held[claim] = None
        self._writers += bool(claim.effects.writes)
        return True

    def drop(self, claim: Claim) -> None:
        """End a held or waiting claim and wake those that waited behind it."""
        if claim in self._held:
            del self._held[claim]
            self._writers -= bool(claim.effects.writes)
        self._waiting.pop(claim, None)
        for other in list(self._waiting):
            if conflict(other.effects, claim.effects):
                other.wake()

    def _blocked(self, claim: Claim) -> bool:
        if not claim.effects.writes and not self._writers and not self._waiting:
            return False
        ahead = takewhile(lambda other: other is not claim, self._waiting)
        return any(conflict(other.effects, claim.effects) for other in chain(self._held, ahead))
