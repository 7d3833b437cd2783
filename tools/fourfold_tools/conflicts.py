"""Inferred edges: which steps must not overlap because one writes what the other touches (Bernstein 1966). Pure."""

from collections.abc import Sequence
from functools import lru_cache

from fourfold_tools.graph import Edge
from fourfold_tools.model.effects import Effects, conflict

_WORDS = {
    "write-write": "both write",
    "write-read": "{before} writes what {after} reads:",
    "read-write": "{after} writes what {before} reads:",
}


def conflict_edges(ids: Sequence[str], order: Sequence[int], effects: Sequence[Effects]) -> list[Edge]:
    """An edge from the earlier to the later step of each pair in conflict, in the given topological order.

    Steps with the same effects form a class; classes are compared once. A step whose writes cover all that an
    earlier class touches stands in for that class from then on: whoever collides with the class collides with it
    too, so the edges stay near linear where thousands of steps write one place.
    """
    edges: list[Edge] = []
    open_: dict[Effects, list[int]] = {}
    writers: dict[Effects, None] = {}  # the classes of open_ that write
    for v in order:
        mine = effects[v]
        if not mine.known or not (mine.reads or mine.writes):
            continue
        for theirs in list(open_ if mine.writes else writers):
            found = _conflict(theirs, mine)
            if found is None:
                continue
            edges += [Edge(u, v, "conflict", _reason(found, ids[u], ids[v])) for u in open_[theirs]]
            if _covers(mine, theirs):
                del open_[theirs]
                writers.pop(theirs, None)
        open_.setdefault(mine, []).append(v)
        if mine.writes:
            writers[mine] = None
    return edges


def barrier_edges(ids: Sequence[str], order: Sequence[int], effects: Sequence[Effects]) -> list[Edge]:
    """Edges that make each step of unknown effects wait for what stands before it and hold back what follows."""
    edges: list[Edge] = []
    since: list[int] = []
    barrier: int | None = None
    for v in order:
        if barrier is not None:
            edges.append(Edge(barrier, v, "conflict", f"effects of {ids[barrier]} are unknown (barrier)"))
        if effects[v].known:
            since.append(v)
            continue
        edges += [Edge(u, v, "conflict", f"effects of {ids[v]} are unknown (barrier)") for u in since]
        since, barrier = [], v
    return edges


@lru_cache(maxsize=16_384)
def _conflict(a: Effects, b: Effects) -> tuple[str, str, str] | None:
    return conflict(a, b)


def _reason(found: tuple[str, str, str], before: str, after: str) -> str:
    kind, p, q = found
    place = p if p == q else f"{p} and {q}"
    return f"{_WORDS[kind].format(before=before, after=after)} {place}"


def _covers(mine: Effects, theirs: Effects) -> bool:
    return all(any(_contains(w, p) for w in mine.writes) for p in theirs.reads | theirs.writes)


def _contains(outer: str, inner: str) -> bool:
    """Whether every path of `inner` surely matches `outer`: the same pattern, or a subtree that holds it."""
    return outer == inner or (outer.endswith("/**") and (inner + "/").startswith(outer[:-2]))
