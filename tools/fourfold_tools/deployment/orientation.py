"""Orientation: a direction for every pair of tasks that meet, so that no ring is left, and no edge too many. Pure.

Sets of nodes are the bits of a number, so that thousands of nodes which all meet each other cost little.
"""

from collections.abc import Iterator, Sequence

from fourfold_tools.graph import Graph

# Pairs inside rings that are decided one by one; beyond, a topological order of the needs decides all of them.
_MOST_TIED = 5_000


def bits(members: int) -> Iterator[int]:
    """The members of a set, ascending."""
    while members:
        low = members & -members
        yield low.bit_length() - 1
        members ^= low


def closure(order: Sequence[int], before: Sequence[Sequence[int]]) -> list[int]:
    """For each node all that come before it, directly or through others. order: what comes before stands before."""
    found = [0] * len(before)
    for v in order:
        for p in before[v]:
            found[v] |= found[p] | 1 << p
    return found


def oriented(explicit: Graph, wanted: Sequence[int]) -> list[int]:
    """For each node those that come before it by inference: as wanted, but for what closes a ring.

    In rings those along submission come first, each in its direction unless that closes a ring; where they are a
    great many, all go along a topological order of the explicit edges.
    """
    n = len(wanted)
    stated = [sum(1 << p for p in preds) for preds in explicit.preds]
    knots = _knots([wanted[v] | stated[v] for v in range(n)])
    if not knots:
        return list(wanted)
    home = {v: members for members in knots for v in bits(members)}
    out = [wanted[v] & ~home.get(v, 0) for v in range(n)]
    tied = [wanted[v] & home.get(v, 0) for v in range(n)]
    if sum(map(int.bit_count, tied)) > _MOST_TIED:
        _along(explicit.order, tied, out)
    else:
        _one_by_one(explicit, tied, out)
    return out


def _along(order: Sequence[int], tied: Sequence[int], out: list[int]) -> None:
    seen = 0
    for v in order:
        after = tied[v] & ~seen  # wanted before v, but later in the order: turned
        out[v] |= tied[v] & seen
        for w in bits(after):
            out[w] |= 1 << v
        seen |= 1 << v


def _one_by_one(explicit: Graph, tied: Sequence[int], out: list[int]) -> None:
    succs: list[set[int]] = [set(s) for s in explicit.succs]
    pairs = ((a, b) for b, found in enumerate(tied) for a in bits(found))
    for first, second in sorted(pairs, key=lambda e: (e[0] > e[1], e)):
        a, b = (second, first) if _leads(succs, second, first) else (first, second)
        succs[a].add(b)
        out[b] |= 1 << a


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


def _knots(before: Sequence[int]) -> list[int]:
    """The strongly connected components of two nodes and more (Kosaraju and Sharir, on sets)."""
    after = _turned(before)
    left = (1 << len(before)) - 1
    found: list[int] = []
    for v in reversed(_finished(before)):
        if left >> v & 1:
            members = _reached(after, v, left)
            left &= ~members
            if members.bit_count() > 1:
                found.append(members)
    return found


def _turned(before: Sequence[int]) -> list[int]:
    after = [0] * len(before)
    for v, members in enumerate(before):
        for p in bits(members):
            after[p] |= 1 << v
    return after


def _finished(edges: Sequence[int]) -> list[int]:
    """Every node in the order in which a depth-first search leaves it."""
    left = (1 << len(edges)) - 1
    order: list[int] = []
    while left:
        root = (left & -left).bit_length() - 1
        left &= ~(1 << root)
        path = [root]
        while path:
            fresh = edges[path[-1]] & left
            if fresh:
                v = (fresh & -fresh).bit_length() - 1
                left &= ~(1 << v)
                path.append(v)
            else:
                order.append(path.pop())
    return order


def _reached(edges: Sequence[int], start: int, allowed: int) -> int:
    found = fresh = 1 << start
    while fresh:
        low = fresh & -fresh
        fresh ^= low
        new = edges[low.bit_length() - 1] & allowed & ~found
        found |= new
        fresh |= new
    return found


def thinned(explicit: Graph, before: Sequence[int], data: Sequence[int]) -> list[int]:
    """The inferred edges without those that follow from others: an edge that only orders, where any path leads
    from one to the other; one that carries data (a bit of `data`), where a path of such and of needs does.
    """
    n = len(before)
    stated = [sum(1 << p for p in preds) for preds in explicit.preds]
    order = _finished([before[v] | stated[v] for v in range(n)])  # what comes before is left first
    place = {v: k for k, v in enumerate(order)}
    ordered, carried = [0] * n, [0] * n  # by place: all that lead here, those that lead here through data or needs
    out = [0] * n
    for k, v in enumerate(order):
        needs, flows = _moved(stated[v], place), _moved(before[v] & data[v], place)
        left = needs | _moved(before[v], place)
        while left:
            p = left.bit_length() - 1
            hard = (needs | flows) >> p & 1
            if not needs >> p & 1:
                out[v] |= 1 << order[p]
            ordered[k] |= ordered[p] | 1 << p
            if hard:
                carried[k] |= carried[p] | 1 << p
            left &= ~((1 << p) | (ordered[k] & ~(needs | flows)) | (carried[k] & ~needs))
    return out


def _moved(members: int, place: dict[int, int]) -> int:
    found = 0
    for v in bits(members):
        found |= 1 << place[v]
    return found
