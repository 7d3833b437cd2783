"""Groups: few targets, acyclic at every level, few edges cut, few orchestrators."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment.grouping import cut_edges, group, group_level
from fourfold_tools.graph import Edge, Graph

Pairs = list[tuple[int, int]]


def graph_of(n: int, pairs: Pairs) -> Graph:
    return Graph.build([str(i) for i in range(n)], [Edge(a, b, "needs", "") for a, b in sorted(set(pairs))])


def weights(graph: Graph) -> dict[tuple[int, int], float]:
    return {(p, v): 1.0 for v, preds in enumerate(graph.preds) for p in preds}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(1, 40))
    rng = random.Random(draw(st.integers(0, 1_000_000)))
    share = draw(st.sampled_from([0.0, 0.03, 0.1, 0.3, 0.8]))
    return graph_of(n, [(i, j) for j in range(n) for i in range(j) if rng.random() < share])


@given(graphs(), st.integers(2, 4))
def test_every_level_of_the_tree_is_small_and_acyclic(graph: Graph, fanout: int) -> None:
    tree = group(graph, weights(graph), {}, fanout)
    roots = [k for k, node in enumerate(tree) if node.parent is None]
    assert 1 <= len(roots) <= fanout
    assert sorted(v for node in tree for v in node.tasks) == list(range(len(graph.ids)))
    for k, node in enumerate(tree):
        assert 1 <= len(node.tasks) + len(node.children) <= fanout
        assert all(tree[child].parent == k and tree[child].level == node.level + 1 for child in node.children)
    home = {v: k for k, node in enumerate(tree) for v in node.tasks}
    for _ in range(max(node.level for node in tree)):
        pairs = {(home[p], home[v]) for v, preds in enumerate(graph.preds) for p in preds if home[p] != home[v]}
        graph_of(len(tree), sorted(pairs))  # raises where the quotient has a cycle
        home = {v: k if (up := tree[k].parent) is None else up for v, k in home.items()}


@given(graphs(), st.integers(2, 4))
def test_a_level_never_uses_more_than_a_tenth_too_many_groups(graph: Graph, fanout: int) -> None:
    groups = group_level(graph, weights(graph), {}, fanout)
    assert len(groups) <= max(1.1 * -(-len(graph.ids) // fanout), 1)


def fork_of_chains(k: int) -> tuple[int, Pairs]:
    chains = [[1 + 4 * i + j for j in range(4)] for i in range(k)]
    pairs = [pair for chain in chains for pair in [(0, chain[0]), *pairwise(chain), (chain[-1], 4 * k + 1)]]
    return 4 * k + 2, pairs


@pytest.mark.parametrize(
    ("n", "pairs", "most"),
    [
        (*fork_of_chains(12), 0.45),
        (40, list(pairwise(range(40))), 0.25),
        (63, [((i - 1) // 2, i) for i in range(1, 63)], 0.40),
        (30, [(a + 10 * i, a + 10 * i + 1) for i in range(3) for a in range(9)], 0.30),
    ],
    ids=["fork of chains", "one chain", "tree", "three chains"],
)
def test_groups_follow_the_dependencies(n: int, pairs: Pairs, most: float) -> None:
    graph = graph_of(n, pairs)
    assert cut_edges(pairs, group_level(graph, weights(graph), {}, 4)) / len(pairs) <= most


def test_tasks_that_read_the_same_things_come_together() -> None:
    kin = {(0, 4): 1.0, (1, 5): 1.0, (2, 6): 1.0, (3, 7): 1.0}
    groups = group_level(graph_of(8, []), {}, kin, 4)
    home = {v: g for g, members in enumerate(groups) for v in members}
    assert all(home[a] == home[b] for a, b in kin)
