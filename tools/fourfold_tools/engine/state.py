"""The state of a run: which submitted step waits, is ready, or has ended, and what follows from an end. Pure."""

from dataclasses import dataclass

from fourfold_tools.graph import Graph


@dataclass(frozen=True, slots=True)
class Skip:
    """A step that will not run: the failed steps that its inputs come from, first cause, not the step between."""

    index: int
    blocked_by: tuple[int, ...]


class RunState:
    """Counts what each step still waits for. Mutable; every step leaves it exactly once, ended or skipped.

    A step is released when all that stands before it has ended; it is skipped as soon as one that it takes
    something from (a hard edge) has ended badly. An order-only edge (a conflict) waits but never skips.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._hard = {(edge.before, edge.after) for edge in graph.edges if edge.hard}
        self._missing = [len(p) for p in graph.preds]
        self._gone = [False] * len(graph.ids)
        self._causes: dict[int, tuple[int, ...]] = {}
        self._ready: list[int] = [v for v, m in enumerate(self._missing) if m == 0]
        self.open = len(graph.ids)

    def take_ready(self) -> list[int]:
        """The steps released since the last call, in submission order; each is handed out once."""
        ready, self._ready = sorted(v for v in self._ready if not self._gone[v]), []
        return ready

    def end(self, index: int, *, ok: bool) -> list[Skip]:
        """Record that a step has ended; the steps that are skipped because of it, causes first."""
        skips: list[Skip] = []
        bad = () if ok else (index,)
        stack = [(index, bad)]
        while stack:
            v, causes = stack.pop()
            if self._gone[v]:
                continue
            self._gone[v] = True
            self.open -= 1
            if v != index:
                skips.append(Skip(v, causes))
            for s in self._graph.succs[v]:
                self._missing[s] -= 1
                if self._gone[s]:
                    continue
                if causes and (v, s) in self._hard:
                    stack.append((s, causes))
                elif self._missing[s] == 0:
                    self._ready.append(s)
        return sorted(skips, key=lambda skip: skip.index)

    def left(self) -> list[int]:
        """The steps that have neither ended nor been skipped."""
        return [v for v, gone in enumerate(self._gone) if not gone]

    def drop(self, index: int) -> None:
        """A step that will not be started any more leaves; nothing follows from it."""
        if not self._gone[index]:
            self._gone[index] = True
            self.open -= 1
