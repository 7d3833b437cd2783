"""The graph: steps or tasks and what must come before what, checked, ordered and ranked. Pure."""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.errors import Fault, InvalidRequest

EdgeKind = Literal["needs", "reference", "conflict"]
_MOST_NAMED = 20  # nodes of a cycle that its fault names


@dataclass(frozen=True, slots=True)
class Edge:
    """`before` ends before `after` starts (indices). A conflict only orders; the other kinds also skip on failure."""

    before: int
    after: int
    kind: EdgeKind
    reason: str

    @property
    def hard(self) -> bool:
        return self.kind != "conflict"


@dataclass(frozen=True, slots=True)
class Graph:
    """A directed acyclic graph over `ids`, indices in submission order.

    preds, succs: neighbours of each node without repeats, ascending. order: topological, submission breaks ties.
    """

    ids: tuple[str, ...]
    edges: tuple[Edge, ...]
    preds: tuple[tuple[int, ...], ...]
    succs: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    @classmethod
    def build(cls, ids: Sequence[str], edges: Iterable[Edge]) -> "Graph":
        """The checked graph.

        Raises:
            InvalidRequest: the edges hold a cycle; the fault names each edge of it with its reason.
        """
        kept = tuple(edges)
        preds, succs = _neighbours(len(ids), kept)
        order = _topological(preds, succs)
        if len(order) < len(ids):
            raise InvalidRequest(_cycle_faults(ids, kept, set(range(len(ids))) - set(order)))
        return cls(tuple(ids), kept, preds, succs, tuple(order))

    def reasons(self, before: int, after: int) -> list[str]:
        return [e.reason for e in self.edges if e.before == before and e.after == after]

    def upward_ranks(self, weights: Sequence[float]) -> list[float]:
        """HEFT's upward rank: a node's weight plus the largest rank among its successors (Topcuoglu 2002)."""
        ranks = [0.0] * len(self.ids)
        for v in reversed(self.order):
            ranks[v] = weights[v] + max((ranks[s] for s in self.succs[v]), default=0.0)
        return ranks

    def span(self, weights: Sequence[float]) -> float:
        """The weight of the heaviest path (T_inf)."""
        return max(self.upward_ranks(weights), default=0.0)

    def critical_path(self, weights: Sequence[float]) -> list[int]:
        """The nodes of one heaviest path, first to last."""
        ranks = self.upward_ranks(weights)
        path: list[int] = []
        candidates: Iterable[int] = range(len(self.ids))
        while True:
            best = max(candidates, key=lambda v: (ranks[v], -v), default=None)
            if best is None:
                return path
            path.append(best)
            candidates = self.succs[best]


def check_ids(ids: Sequence[str], wanted: Sequence[Iterable[tuple[str, str]]], where: str) -> dict[str, int]:
    """The index of each id.

    wanted: for each node the ids it names, each with the path of the argument that names it.
    where: what the list is called in faults (`steps`, `tasks`).

    Raises:
        InvalidRequest: a duplicate id, an unknown id, or a node that waits for itself.
    """
    index: dict[str, int] = {}
    faults: list[Fault] = []
    for i, name in enumerate(ids):
        if name in index:
            faults.append(Fault(f"{where}[{i}].id", f"duplicate id {name!r}, first used by {where}[{index[name]}]"))
        else:
            index[name] = i
    compared = 0
    for i, names in enumerate(wanted):
        for name, path in names:
            if name not in index:
                compared += len(index)
                close = _close(name, index) if compared <= _MOST_COMPARED else ""
                faults.append(Fault(f"{where}[{i}].{path}", f"unknown id {name!r}{close}"))
            elif name == ids[i]:
                faults.append(Fault(f"{where}[{i}].{path}", f"{name!r} waits for itself"))
    if faults:
        raise InvalidRequest(faults)
    return index


# Names that are compared to find what was meant; each costs up to 0.1 ms.
_MOST_COMPARED = 1_000


def _close(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name.split(".")[0], list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _neighbours(n: int, edges: Sequence[Edge]) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    preds: list[set[int]] = [set() for _ in range(n)]
    succs: list[set[int]] = [set() for _ in range(n)]
    for e in edges:
        preds[e.after].add(e.before)
        succs[e.before].add(e.after)
    return tuple(tuple(sorted(p)) for p in preds), tuple(tuple(sorted(s)) for s in succs)


def _topological(preds: Sequence[Sequence[int]], succs: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's order with the smallest index first; shorter than the graph where there is a cycle."""
    missing = [len(p) for p in preds]
    ready = [v for v, m in enumerate(missing) if m == 0]
    order: list[int] = []
    while ready:
        v = heapq.heappop(ready)
        order.append(v)
        for s in succs[v]:
            missing[s] -= 1
            if missing[s] == 0:
                heapq.heappush(ready, s)
    return order


def _cycle_faults(ids: Sequence[str], edges: Sequence[Edge], left: set[int]) -> list[Fault]:
    """One fault per knot: a shortest cycle through the smallest node of it that lies on one."""
    inner = [e for e in edges if e.before in left and e.after in left]
    follow: dict[int, dict[int, str]] = {}
    for e in inner:
        follow.setdefault(e.before, {}).setdefault(e.after, e.reason)
    faults: list[Fault] = []
    told: set[int] = set()
    for start in sorted(left):
        if start in told:
            continue
        cycle = _shortest_cycle(start, follow)
        if not cycle or told & set(cycle):
            continue
        told.update(_reachable_both_ways(start, follow))
        names = _shortened([ids[v] for v in [*cycle, start]], "steps")
        pairs = zip(cycle, [*cycle[1:], start], strict=True)
        parts = _shortened([f"{ids[a]} before {ids[b]}: {follow[a][b]}" for a, b in pairs], "edges")
        faults.append(Fault("", f"cycle {' -> '.join(names)} ({'; '.join(parts)})"))
    return faults


def _shortened(items: list[str], kind: str) -> list[str]:
    """The first and last items of a long list, with the number of those between."""
    if len(items) <= _MOST_NAMED:
        return items
    head, tail = items[: _MOST_NAMED // 2], items[-_MOST_NAMED // 2 :]
    return [*head, f"… {len(items) - _MOST_NAMED:,} more {kind} …", *tail]


def _shortest_cycle(start: int, follow: dict[int, dict[int, str]]) -> list[int]:
    """Breadth first from start back to start; empty when start lies on no cycle."""
    came: dict[int, int] = {}
    queue = deque([start])
    while queue:
        v = queue.popleft()
        for s in sorted(follow.get(v, {})):
            if s == start:
                path = [v]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return path[::-1]
            if s not in came:
                came[s] = v
                queue.append(s)
    return []


def _reachable_both_ways(start: int, follow: dict[int, dict[int, str]]) -> set[int]:
    """The strongly connected component of start."""
    back: dict[int, dict[int, str]] = {}
    for a, targets in follow.items():
        for b, reason in targets.items():
            back.setdefault(b, {})[a] = reason
    return _reach(start, follow) & _reach(start, back)


def _reach(start: int, follow: dict[int, dict[int, str]]) -> set[int]:
    seen = {start}
    stack = [start]
    while stack:
        for s in follow.get(stack.pop(), {}):
            if s not in seen:
                seen.add(s)
                stack.append(s)
    return seen
