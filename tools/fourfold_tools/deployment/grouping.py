"""Grouping: tasks under orchestrators of few targets each, with an acyclic quotient and few dependencies cut. Pure.

Two ways are tried on each level and the one that cuts less is kept. *Merging* takes pairs along the heaviest edges
first (Sarkar's edge zeroing) and then fills up small groups; *cutting* puts the nodes into a topological order and
cuts it at the best places, which can never make a cycle and never needs more groups than allowed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fourfold_tools.deployment.quotient import Quotient
from fourfold_tools.graph import Graph

Weights = Mapping[tuple[int, int], float]  # (before, after) -> what a cut costs; larger is worse

# Groups beyond n / fanout that a level may use, as a share: room for groups that follow the dependencies.
_SPARE = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """A node of the tree. level: 1 for those without a parent. tasks, children: its targets, one of them empty
    or both used; children are places in the list of orchestrators."""

    level: int
    parent: int | None
    tasks: tuple[int, ...]
    children: tuple[int, ...]


def group(graph: Graph, weights: Weights, kin: Weights, fanout: int) -> list[Orchestrator]:
    """The tree, parents before children; at most `fanout` orchestrators have no parent, each has at most `fanout`
    targets. kin: unordered pairs (smaller first) that gain from one orchestrator without depending on each other.
    """
    levels: list[list[list[int]]] = []
    level_graph, level_weights, level_kin = graph, weights, kin
    while True:
        groups = group_level(level_graph, level_weights, level_kin, fanout)
        levels.append(groups)
        if len(groups) <= fanout:
            return _tree(levels)
        level_graph, level_weights, level_kin = _quotient(level_graph, level_weights, level_kin, groups)


def group_level(graph: Graph, weights: Weights, kin: Weights, fanout: int) -> list[list[int]]:
    """Groups of at most `fanout` nodes in topological order of the quotient; at most 1.1 n / fanout of them."""
    n = len(graph.ids)
    least = -(-n // fanout)
    most = max(least, int(least * (1 + _SPARE)))
    merged = _merged(graph, weights, kin, fanout)
    orders = [[v for g in merged for v in g], _depth_first(graph, weights), list(graph.order)]
    found = [_cut_order(order, weights, kin, fanout, most) for order in orders]
    if len(merged) <= most:
        found.insert(0, merged)
    return min(found, key=lambda groups: (_cost(groups, weights, kin), len(groups)))


def cut_edges(edges: Iterable[tuple[int, int]], groups: Sequence[Sequence[int]]) -> int:
    """How many edges join two groups."""
    home = {v: g for g, members in enumerate(groups) for v in members}
    return sum(home[a] != home[b] for a, b in edges)


def _merged(graph: Graph, weights: Weights, kin: Weights, fanout: int) -> list[list[int]]:
    """Edge zeroing, then filling up: first along kinship, then small groups with any that fit."""
    quotient = Quotient(graph.preds, graph.succs, fanout)
    # Thin edges first among equals: a node with one neighbour has no other place to go.
    degree = [len(p) + len(s) for p, s in zip(graph.preds, graph.succs, strict=True)]
    by_gain = sorted(weights, key=lambda e: (-weights[e], degree[e[0]] + degree[e[1]], e))
    for a, b in by_gain:
        quotient.merge(a, b)
    for a, b in sorted(kin, key=lambda e: (-kin[e], e)):
        quotient.merge(a, b)
    quotient.fill(graph.order)
    return quotient.groups()


def _depth_first(graph: Graph, weights: Weights) -> list[int]:
    """A topological order that follows each path as far as it goes: the newest ready node comes next."""
    missing = [len(p) for p in graph.preds]
    stack = [v for v in reversed(graph.order) if not missing[v]]
    order: list[int] = []
    while stack:
        v = stack.pop()
        order.append(v)
        fresh: list[int] = []
        for s in graph.succs[v]:
            missing[s] -= 1
            if not missing[s]:
                fresh.append(s)
        stack.extend(sorted(fresh, key=lambda s: (weights.get((v, s), 0.0), -s)))
    return order


def _cut_order(order: Sequence[int], weights: Weights, kin: Weights, fanout: int, most: int) -> list[list[int]]:
    """Cut an order into runs of at most `fanout`, keeping the most weight inside with at most `most` runs.

    A price per run is raised until the runs are few enough (Lagrange); each price is one dynamic programme, O(n).
    """
    inside = _inside(order, weights, kin, fanout)
    low, high = 0.0, 1.0 + sum(weights.values()) + sum(kin.values())
    runs = _runs(inside, len(order), fanout, low)
    if len(runs) > most:
        for _ in range(40):
            price = (low + high) / 2
            tried = _runs(inside, len(order), fanout, price)
            low, high = (low, price) if len(tried) <= most else (price, high)
        runs = _runs(inside, len(order), fanout, high)
    return [list(order[a:b]) for a, b in runs]


def _inside(order: Sequence[int], weights: Weights, kin: Weights, fanout: int) -> list[list[float]]:
    """inside[b][k]: the weight between the k + 1 nodes that end before place b."""
    n = len(order)
    near = [[0.0] * fanout for _ in range(n)]  # near[i][d]: weight between places i - d and i
    place = {v: i for i, v in enumerate(order)}
    for table in (weights, kin):
        for (a, b), weight in table.items():
            i, j = sorted((place[a], place[b]))
            if j - i < fanout:
                near[j][j - i] += weight
    inside = [[0.0] * fanout for _ in range(n + 1)]
    for b in range(1, n + 1):
        for k in range(1, min(fanout, b)):
            inside[b][k] = inside[b - 1][k - 1] + sum(near[b - 1][1 : k + 1])
    return inside


def _runs(inside: list[list[float]], n: int, fanout: int, price: float) -> list[tuple[int, int]]:
    value, start = [0.0] * (n + 1), [0] * (n + 1)
    for b in range(1, n + 1):
        k = max(range(min(fanout, b)), key=lambda k: (value[b - k - 1] + inside[b][k], k))
        value[b], start[b] = value[b - k - 1] + inside[b][k] - price, b - k - 1
    runs: list[tuple[int, int]] = []
    end = n
    while end:
        runs.append((start[end], end))
        end = start[end]
    return runs[::-1]


def _cost(groups: Sequence[Sequence[int]], weights: Weights, kin: Weights) -> float:
    home = {v: g for g, members in enumerate(groups) for v in members}
    return sum(w for table in (weights, kin) for (a, b), w in table.items() if home[a] != home[b])


def _quotient(
    graph: Graph, weights: Weights, kin: Weights, groups: Sequence[Sequence[int]]
) -> tuple[Graph, Weights, Weights]:
    home = {v: g for g, members in enumerate(groups) for v in members}
    preds: list[set[int]] = [set() for _ in groups]
    succs: list[set[int]] = [set() for _ in groups]
    for v, before in enumerate(graph.preds):
        for p in before:
            if home[p] != home[v]:
                preds[home[v]].add(home[p])
                succs[home[p]].add(home[v])
    heavier, nearer = dict[tuple[int, int], float](), dict[tuple[int, int], float]()
    for table, out in ((weights, heavier), (kin, nearer)):
        for (a, b), weight in table.items():
            x, y = home[a], home[b]
            if x != y:
                key = (x, y) if table is weights else (min(x, y), max(x, y))
                out[key] = out.get(key, 0.0) + weight
    ids = tuple(map(str, range(len(groups))))
    up, down = tuple(tuple(sorted(p)) for p in preds), tuple(tuple(sorted(s)) for s in succs)
    return Graph(ids, (), up, down, tuple(range(len(groups)))), heavier, nearer


def _tree(levels: Sequence[Sequence[Sequence[int]]]) -> list[Orchestrator]:
    """The levels, bottom first, as one list with parents before children."""
    depth = len(levels)
    first: list[int] = []
    total = 0
    for groups in reversed(levels):
        first.insert(0, total)
        total += len(groups)
    parents: dict[tuple[int, int], int] = {}
    out: list[Orchestrator] = []
    for k in range(depth - 1, -1, -1):
        for g, members in enumerate(levels[k]):
            if k:
                parents.update(((k - 1, child), first[k] + g) for child in members)
            tasks = tuple(members) if k == 0 else ()
            children = () if k == 0 else tuple(first[k - 1] + child for child in members)
            out.append(Orchestrator(depth - k, parents.get((k, g)), tasks, children))
    return out
