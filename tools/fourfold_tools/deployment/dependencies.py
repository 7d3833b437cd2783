"""Dependencies: what each task must wait for, by its needs and by the files it shares with others. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from fourfold_tools.deployment.overlaps import Overlaps
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.graph import Edge, Graph, check_ids

# How the reason of an edge begins that stands only because both tasks write the same place.
SHARED_WRITE = "both write"
# Inferred edges above which those that only order, and follow from others, are left out.
_MOST_PAIRS = 20_000


@dataclass(slots=True)
class _Meeting:
    """What two tasks share, the earlier submitted one first. Mutable while overlaps are gathered.

    forward, backward: (pattern written, pattern read) where the later reads what the earlier writes, and the other
    way round. both: patterns that both write.
    """

    forward: tuple[str, str] | None = None
    backward: tuple[str, str] | None = None
    both: tuple[str, str] | None = None


def dependency_graph(tasks: Sequence[Task]) -> Graph:
    """The checked graph of tasks.

    Explicit needs stand. A task that reads what another writes comes after it, whichever was listed first; where
    each touches what the other writes, submission decides. Needs turn an inferred edge that contradicts them, and
    where inferred edges close a ring of three or more, those against submission are turned. An edge along which
    data flows is a `reference` (its end is skipped when its start fails); any other inferred one only orders.

    Raises:
        InvalidRequest: duplicate or unknown ids, a task that needs itself, a cycle among the needs.
    """
    ids = [task.id for task in tasks]
    index = check_ids(ids, [[(name, f"needs[{k}]") for k, name in enumerate(t.needs)] for t in tasks], "tasks")
    needed = {(index[name], i) for i, task in enumerate(tasks) for name in task.needs}
    needs = [Edge(a, b, "needs", f"{ids[b]} needs {ids[a]}") for a, b in sorted(needed, key=lambda e: (e[1], e[0]))]
    explicit = Graph.build(ids, needs)
    meetings = {
        (i, j): met
        for (i, j), met in _meetings(tasks).items()
        if (i, j) not in needed and (j, i) not in needed and not _separated(tasks[i], tasks[j], met)
    }
    pairs = _oriented(explicit, meetings)
    if len(pairs) > _MOST_PAIRS:
        pairs = _thinned(explicit, pairs, meetings)
    inferred = [_edge(tasks, a, b, meetings[min(a, b), max(a, b)]) for a, b in pairs]
    return Graph.build(ids, [*needs, *inferred])


def _meetings(tasks: Sequence[Task]) -> dict[tuple[int, int], _Meeting]:
    """For each pair of tasks (i < j) in conflict what they share."""
    writers, readers = _by_pattern(t.write_paths for t in tasks), _by_pattern(t.read_paths for t in tasks)
    written, read = Overlaps(writers), Overlaps(readers)
    found: dict[tuple[int, int], _Meeting] = {}
    for pattern, owners in writers.items():
        for other in written.of(pattern):
            for i in owners:
                for j in writers[other]:
                    if i < j:
                        met = found.setdefault((i, j), _Meeting())
                        met.both = met.both or (pattern, other)
        for other in read.of(pattern):
            for i in owners:
                for j in readers[other]:
                    if i < j:
                        met = found.setdefault((i, j), _Meeting())
                        met.forward = met.forward or (pattern, other)
                    elif j < i:
                        met = found.setdefault((j, i), _Meeting())
                        met.backward = met.backward or (pattern, other)
    return found


def _separated(a: Task, b: Task, met: _Meeting) -> bool:
    """Whether the two only meet where both write, and that was settled another way."""
    return met.both is not None and not met.forward and not met.backward and b.id in a.apart


def _by_pattern(paths: Iterable[tuple[str, ...]]) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    for i, patterns in enumerate(paths):
        for pattern in dict.fromkeys(patterns):
            out.setdefault(pattern, []).append(i)
    return out


def _oriented(explicit: Graph, meetings: dict[tuple[int, int], _Meeting]) -> list[tuple[int, int]]:
    """A direction for each meeting, together acyclic with the needs.

    1. From the writer to the reader; by submission where each touches what the other writes.
    2. Turned where the needs, through other tasks too, say the opposite.
    3. In what is left of rings: those along submission first, each in its direction unless that closes a ring.
    """
    before = _ancestors(explicit)
    wanted: list[tuple[int, int]] = []
    for (i, j), met in meetings.items():
        a, b = (j, i) if met.backward and not met.forward and not met.both else (i, j)
        wanted.append((b, a) if before[a] >> b & 1 else (a, b))
    knots = _knots(explicit, wanted)
    if not knots:
        return sorted(wanted)
    free = [(a, b) for a, b in wanted if knots.get(a, -1) != knots.get(b, -2)]
    tied = sorted((e for e in wanted if knots.get(e[0], -1) == knots.get(e[1], -2)), key=lambda e: (e[0] > e[1], e))
    succs: list[set[int]] = [set(s) for s in explicit.succs]
    for a, b in tied:
        a, b = (b, a) if _leads(succs, b, a) else (a, b)
        succs[a].add(b)
        free.append((a, b))
    return sorted(free)


def _thinned(
    explicit: Graph, pairs: Sequence[tuple[int, int]], meetings: dict[tuple[int, int], _Meeting]
) -> list[tuple[int, int]]:
    """The pairs without those that carry no data and follow from others: thousands that write one file are a line."""
    preds: list[set[int]] = [set(p) for p in explicit.preds]
    for a, b in pairs:
        preds[b].add(a)
    kept: list[tuple[int, int]] = []
    place, before = dict[int, int](), [0] * len(preds)
    for v in TopologicalSorter(dict(enumerate(preds))).static_order():
        place[v] = len(place)
        for p in sorted(preds[v], key=place.__getitem__, reverse=True):
            if not before[v] >> p & 1 or _carries(p, v, meetings):
                kept.append((p, v))
            before[v] |= before[p] | 1 << p
    stated = {(p, v) for v, named in enumerate(explicit.preds) for p in named}
    return sorted(pair for pair in kept if pair not in stated)


def _carries(a: int, b: int, meetings: dict[tuple[int, int], _Meeting]) -> bool:
    met = meetings.get((min(a, b), max(a, b)))
    return met is not None and bool(met.forward if a < b else met.backward)


def _ancestors(graph: Graph) -> list[int]:
    """For each task the set of those before it, as the bits of a number."""
    before = [0] * len(graph.ids)
    for v in graph.order:
        for p in graph.preds[v]:
            before[v] |= before[p] | 1 << p
    return before


def _knots(explicit: Graph, pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Task -> number of its strongly connected component, for components of two and more (Tarjan, no recursion)."""
    succs: list[list[int]] = [list(s) for s in explicit.succs]
    for a, b in pairs:
        succs[a].append(b)
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    knots: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    for root in range(len(succs)):
        if root in number:
            continue
        path = [(root, iter(succs[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        waiting.add(root)
        while path:
            v, rest = path[-1]
            for s in rest:
                if s not in number:
                    number[s] = low[s] = len(number)
                    stack.append(s)
                    waiting.add(s)
                    path.append((s, iter(succs[s])))
                    break
                if s in waiting:
                    low[v] = min(low[v], number[s])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[v])
                if low[v] == number[v]:
                    part = stack[stack.index(v) :]
                    del stack[len(stack) - len(part) :]
                    waiting.difference_update(part)
                    if len(part) > 1:
                        knots.update(dict.fromkeys(part, v))
    return knots


def _leads(succs: Sequence[set[int]], start: int, end: int) -> bool:
    seen = {start}
    stack = [start]
    while stack:
        v = stack.pop()
        if v == end:
            return True
        fresh = succs[v] - seen
        seen |= fresh
        stack.extend(fresh)
    return False


def _edge(tasks: Sequence[Task], a: int, b: int, met: _Meeting) -> Edge:
    """The inferred edge a -> b with its reason, in the caller's own spelling of paths."""
    first, second = tasks[a], tasks[b]
    flow, against = (met.forward, met.backward) if a < b else (met.backward, met.forward)
    if flow:
        place = _place(_said(first, flow[0]), _said(second, flow[1]))
        return Edge(a, b, "reference", f"{second.id} reads what {first.id} writes: {place}")
    if met.both:
        mine, theirs = met.both if a < b else met.both[::-1]
        place = _place(_said(first, mine), _said(second, theirs))
        return Edge(a, b, "conflict", f"{SHARED_WRITE}: {place}")
    assert against is not None
    place = _place(_said(first, against[1]), _said(second, against[0]))
    return Edge(a, b, "conflict", f"{first.id} must have read before {second.id} writes: {place}")


def _said(task: Task, path: str) -> str:
    named = zip((*task.read_paths, *task.write_paths), (*task.reads, *task.writes), strict=True)
    return next(name for known, name in named if known == path)


def _place(p: str, q: str) -> str:
    return p if p == q else f"{p} and {q}"
