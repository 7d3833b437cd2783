"""Dependencies: what each task must wait for, by its needs and by the files it shares with others. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fourfold_tools.deployment.orientation import bits, closure, oriented, thinned
from fourfold_tools.deployment.overlaps import Overlaps, TooManyOverlaps
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.graph import Edge, Graph, check_ids

# How the reason of an edge begins that stands only because both tasks write the same place.
SHARED_WRITE = "both write"
# Inferred edges above which those that follow from others are left out.
_MOST_PAIRS = 5_000
# Letters times letters that comparing patterns with wildcards may take: some seconds.
_MOST_CELLS = 5e7


@dataclass(frozen=True, slots=True)
class _Touch:
    """What tasks share, a set of tasks for each as the bits of a number.

    sources: those that write what it reads. readers: those that read what it writes. writers: those that write what
    it writes. None holds the task itself. written, read: pattern -> the written patterns that overlap it.
    """

    sources: list[int]
    readers: list[int]
    writers: list[int]
    written: dict[str, list[str]]
    read: dict[str, list[str]]


def dependency_graph(tasks: Sequence[Task]) -> Graph:
    """The checked graph of tasks.

    Explicit needs stand. A task that reads what another writes comes after it, whichever was listed first; where
    each touches what the other writes, submission decides. Needs turn an inferred edge that contradicts them, and
    where inferred edges close a ring of three or more, those against submission are turned. An edge along which
    data flows is a `reference` (its end is skipped when its start fails); any other inferred one only orders. Of a
    great many inferred edges those are left out that follow from others of their kind.

    Raises:
        InvalidRequest: duplicate or unknown ids, a task that needs itself, a cycle among the needs, too many
            patterns that begin with a wildcard.
    """
    ids = [task.id for task in tasks]
    index = check_ids(ids, [[(name, f"needs[{k}]") for k, name in enumerate(t.needs)] for t in tasks], "tasks")
    needed = {(index[name], i) for i, task in enumerate(tasks) for name in task.needs}
    needs = [Edge(a, b, "needs", f"{ids[b]} needs {ids[a]}") for a, b in sorted(needed, key=lambda e: (e[1], e[0]))]
    explicit = Graph.build(ids, needs)
    touch = _touch(tasks)
    before = _directed(explicit, touch, _free(tasks, needed, touch))
    if sum(map(int.bit_count, before)) > _MOST_PAIRS:
        before = thinned(explicit, before, touch.sources)
    pairs = sorted((a, b) for b, found in enumerate(before) for a in bits(found))
    return Graph.build(ids, [*needs, *(_edge(tasks, touch, a, b) for a, b in pairs)])


def _touch(tasks: Sequence[Task]) -> _Touch:
    writers, readers = _by_pattern(t.write_paths for t in tasks), _by_pattern(t.read_paths for t in tasks)
    index = Overlaps(writers, _MOST_CELLS)
    try:
        written, read = {p: index.of(p) for p in writers}, {p: index.of(p) for p in readers}
    except TooManyOverlaps:
        raise InvalidRequest(
            [Fault("tasks", "too many paths that begin with a wildcard to compare; begin them with a folder")]
        ) from None
    read_by: dict[str, int] = dict.fromkeys(writers, 0)
    for pattern, found in read.items():
        for other in found:
            read_by[other] |= readers[pattern]
    written_by = {p: _joined(writers[q] for q in found) for p, found in written.items()}
    source_of = {p: _joined(writers[q] for q in found) for p, found in read.items()}
    others = [~(1 << i) for i in range(len(tasks))]
    return _Touch(
        [_joined(source_of[p] for p in t.read_paths) & others[i] for i, t in enumerate(tasks)],
        [_joined(read_by[p] for p in t.write_paths) & others[i] for i, t in enumerate(tasks)],
        [_joined(written_by[p] for p in t.write_paths) & others[i] for i, t in enumerate(tasks)],
        written,
        read,
    )


def _by_pattern(paths: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """Pattern -> the tasks that name it."""
    out: dict[str, int] = {}
    for i, patterns in enumerate(paths):
        for pattern in patterns:
            out[pattern] = out.get(pattern, 0) | 1 << i
    return out


def _joined(sets: Iterable[int]) -> int:
    found = 0
    for members in sets:
        found |= members
    return found


def _free(tasks: Sequence[Task], needed: Iterable[tuple[int, int]], touch: _Touch) -> list[int]:
    """For each task those it meets that the needs do not join with it, and that were not separated from it."""
    place = {task.id: i for i, task in enumerate(tasks)}
    joined = [0] * len(tasks)
    for a, b in needed:
        joined[a] |= 1 << b
        joined[b] |= 1 << a
    met: list[int] = []
    for i, task in enumerate(tasks):
        data = touch.sources[i] | touch.readers[i]
        apart = _joined(1 << place[name] for name in task.apart if name in place)
        met.append((data | touch.writers[i] & ~apart) & ~joined[i])
    return met


def _directed(explicit: Graph, touch: _Touch, met: Sequence[int]) -> list[int]:
    """For each task the met ones that come before it.

    1. From the writer to the reader; by submission where each touches what the other writes.
    2. Turned where the needs, through other tasks too, say the opposite.
    3. In what is left of rings: see `oriented`.
    """
    ancestors, descendants = closure(explicit.order, explicit.preds), closure(explicit.order[::-1], explicit.succs)
    wanted: list[int] = []
    for i in range(len(met)):
        earlier = (1 << i) - 1
        only_source = touch.sources[i] & ~touch.readers[i] & ~touch.writers[i]
        only_reader = touch.readers[i] & ~touch.sources[i] & ~touch.writers[i]
        first = (earlier & ~only_reader) | (~earlier & only_source)
        wanted.append(met[i] & (ancestors[i] | (first & ~descendants[i])))
    return oriented(explicit, wanted)


def _edge(tasks: Sequence[Task], touch: _Touch, a: int, b: int) -> Edge:
    """The inferred edge a -> b with its reason, in the caller's own spelling of paths."""
    first, second = tasks[a], tasks[b]
    if touch.sources[b] >> a & 1:
        read, written = _meeting(second.read_paths, first.write_paths, touch.read)
        place = _place(_said(first, written), _said(second, read))
        return Edge(a, b, "reference", f"{second.id} reads what {first.id} writes: {place}")
    if touch.writers[b] >> a & 1:
        mine, theirs = _meeting(second.write_paths, first.write_paths, touch.written)
        return Edge(a, b, "conflict", f"{SHARED_WRITE}: {_place(_said(first, theirs), _said(second, mine))}")
    read, written = _meeting(first.read_paths, second.write_paths, touch.read)
    place = _place(_said(first, read), _said(second, written))
    return Edge(a, b, "conflict", f"{first.id} must have read before {second.id} writes: {place}")


def _meeting(mine: Sequence[str], theirs: Sequence[str], overlapping: dict[str, list[str]]) -> tuple[str, str]:
    """The first of my patterns that overlaps one of theirs, and that one."""
    wanted = set(theirs)
    return next((p, q) for p in mine for q in overlapping[p] if q in wanted)


def _said(task: Task, path: str) -> str:
    named = zip((*task.read_paths, *task.write_paths), (*task.reads, *task.writes), strict=True)
    return next(name for known, name in named if known == path)


def _place(p: str, q: str) -> str:
    return p if p == q else f"{p} and {q}"
