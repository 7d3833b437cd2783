"""Units: the pieces of work a scheduler starts, and the queue that says which comes next. Pure."""

import heapq
from collections.abc import Container, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fourfold_tools.engine.locks import Claim
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Outcome, Try

Kind = Literal["call", "expand"]


@dataclass(eq=False, slots=True)
class Unit:
    """One step or sub-step on its way. Mutable: attempts, times and the claim belong to the scheduler's loop.

    index: the submitted step. sub: 0 for the step itself, 1.. for sub-steps. order: smaller starts first.
    kind: `expand` finds out which sub-steps there are (a glob) and ends in them instead of a result.
    identity: what identical units have in common, "" for one that must run by itself.
    last: what the last try gave, where another one follows; tries: those before the one under way, which began at
    try_s. first_pass: the pass of the loop that could start it first. waited_for: as in its result.
    turn: the limiter's when its slot was given.
    """

    id: str
    index: int
    sub: int
    step: AnyStep
    title: str
    effects: Effects
    keys: tuple[str, ...]
    group: Hashable | None
    order: tuple[float, int, int, int]
    queued_s: float
    first_pass: int = 0
    kind: Kind = "call"
    identity: str = ""
    attempts: int = 0
    first_s: float | None = None
    lane: int | None = None
    turn: int = 0
    group_id: str | None = None
    claim: Claim | None = None
    last: Outcome | None = None
    try_s: float = 0.0
    tries: list[Try] = field(default_factory=list[Try])
    waited_for: str = ""
    taken: bool = False
    note: str = ""
    followers: list["Unit"] = field(default_factory=list["Unit"])


class ReadyQueue:
    """Units that could start, best first, by the slots they need; units of one group can be drawn together."""

    def __init__(self) -> None:
        self._heaps: dict[tuple[str, ...], list[tuple[tuple[float, int, int, int], int, Unit]]] = {}
        self._groups: dict[Hashable, list[tuple[tuple[float, int, int, int], int, Unit]]] = {}
        self._pushed = 0

    def push(self, unit: Unit) -> None:
        unit.taken = False
        self._pushed += 1
        entry = (unit.order, self._pushed, unit)
        heapq.heappush(self._heaps.setdefault(unit.keys, []), entry)
        if unit.group is not None:
            heapq.heappush(self._groups.setdefault(unit.group, []), entry)

    def best(self, blocked: Container[tuple[str, ...]]) -> Unit | None:
        """The best unit whose slots are not blocked; it stays in the queue until `take`."""
        heads: list[tuple[tuple[float, int, int, int], int, Unit]] = []
        for keys in list(self._heaps):
            heap = self._heaps[keys]
            while heap and heap[0][2].taken:
                heapq.heappop(heap)
            if not heap:
                del self._heaps[keys]
            elif keys not in blocked:
                heads.append(heap[0])
        return min(heads)[2] if heads else None

    def take(self, unit: Unit) -> Unit:
        unit.taken = True
        return unit

    def companions(self, unit: Unit) -> Iterator[Unit]:
        """Units of the same group, best first; each must be taken (or left, which ends the drawing)."""
        heap = self._groups.get(unit.group, []) if unit.group is not None else []
        while heap:
            if heap[0][2].taken:
                heapq.heappop(heap)
                continue
            yield heap[0][2]
            if not heap[0][2].taken:
                return
        self._groups.pop(unit.group, None)

    def queued(self) -> list[Unit]:
        """Every unit still queued, once each (one that came back has two entries)."""
        return list({entry[2]: None for heap in self._heaps.values() for entry in heap if not entry[2].taken})

    def drain(self) -> Sequence[Unit]:
        """The same; the queue is empty then."""
        units = self.queued()
        self._heaps.clear()
        self._groups.clear()
        return units
