"""The graph: checked ids, cycles with reasons, order, ranks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.graph import Edge, Graph, check_ids


def needs(a: int, b: int) -> Edge:
    return Edge(a, b, "needs", f"needs {a}")


@st.composite
def dags(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    n = draw(st.integers(1, 25))
    names = draw(st.permutations(range(n)))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60))
    return n, [needs(names[min(a, b)], names[max(a, b)]) for a, b in pairs if a != b]


def test_many_unknown_ids_do_not_cost_many_comparisons() -> None:
    """Issue 6: each was compared with every known id, which took minutes for a thousand steps."""
    ids = [f"step_number_{n}" for n in range(5_000)]
    with pytest.raises(InvalidRequest) as caught:
        check_ids(ids, [[(f"stepp_numbr_{n}", "needs[0]")] for n in range(5_000)], "steps")
    assert len(caught.value.faults) == 5_000


@given(dags())
def test_the_order_puts_every_node_once_and_after_all_it_waits_for(dag: tuple[int, list[Edge]]) -> None:
    n, edges = dag
    graph = Graph.build([f"s{i}" for i in range(n)], edges)
    assert sorted(graph.order) == list(range(n))
    place = {v: i for i, v in enumerate(graph.order)}
    assert all(place[e.before] < place[e.after] for e in edges)


@given(dags(), st.data())
def test_closing_a_path_is_refused_with_a_cycle_that_exists(dag: tuple[int, list[Edge]], data: st.DataObject) -> None:
    n, edges = dag
    if not edges:
        return
    edge = data.draw(st.sampled_from(edges))
    ids = [f"s{i}" for i in range(n)]
    closed = [*edges, Edge(edge.after, edge.before, "reference", "takes text")]
    with pytest.raises(InvalidRequest) as caught:
        Graph.build(ids, closed)
    [fault] = caught.value.faults
    names = fault.problem.removeprefix("cycle ").split(" (")[0].split(" -> ")
    assert names[0] == names[-1]
    assert len(names) >= 3
    present = {(ids[e.before], ids[e.after]) for e in closed}
    assert all(pair in present for pair in pairwise(names))


def test_a_cycle_names_the_reason_of_every_edge() -> None:
    edges = [Edge(0, 1, "needs", "b needs a"), Edge(1, 0, "reference", "a takes b.text")]
    with pytest.raises(InvalidRequest, match="cycle a -> b -> a"):
        Graph.build(["a", "b"], edges)
    with pytest.raises(InvalidRequest) as caught:
        Graph.build(["a", "b"], edges)
    assert "b needs a" in str(caught.value)
    assert "a takes b.text" in str(caught.value)


def test_two_separate_cycles_give_two_faults_and_a_node_behind_them_none() -> None:
    edges = [needs(0, 1), needs(1, 0), needs(2, 3), needs(3, 2), needs(3, 4)]
    with pytest.raises(InvalidRequest) as caught:
        Graph.build(["a", "b", "c", "d", "e"], edges)
    assert [f.problem.split(" (")[0] for f in caught.value.faults] == ["cycle a -> b -> a", "cycle c -> d -> c"]


@pytest.mark.parametrize(
    ("ids", "wanted", "faults"),
    [
        (["a", "a"], [[], []], ["steps[1].id: duplicate id 'a', first used by steps[0]"]),
        (["hits", "b"], [[], [("hit", "needs[0]")]], ["steps[1].needs[0]: unknown id 'hit'; did you mean 'hits'?"]),
        (["a"], [[("a", "needs[0]")]], ["steps[0].needs[0]: 'a' waits for itself"]),
        (["a", "b"], [[("x", "path.from")], [("y", "needs[1]")]], None),
    ],
)
def test_each_wrong_id_is_one_fault(ids: list[str], wanted: list[list[tuple[str, str]]], faults: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_ids(ids, wanted, "steps")
    got = [str(f) for f in caught.value.faults]
    assert got == faults if faults is not None else len(got) == 2


@given(dags(), st.data())
def test_the_span_is_the_weight_of_the_critical_path(dag: tuple[int, list[Edge]], data: st.DataObject) -> None:
    n, edges = dag
    graph = Graph.build([f"s{i}" for i in range(n)], edges)
    weights = data.draw(st.lists(st.floats(0.001, 100), min_size=n, max_size=n))
    path = graph.critical_path(weights)
    assert sum(weights[v] for v in path) == pytest.approx(graph.span(weights))
    pairs = {(e.before, e.after) for e in edges}
    assert all(pair in pairs for pair in pairwise(path))
    assert graph.span(weights) <= sum(weights) + 1e-9
