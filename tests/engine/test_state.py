"""The state: every step leaves exactly once, nothing is released before its needs, hard edges skip."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.state import RunState
from fourfold_tools.graph import Edge, Graph


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(1, 15))
    pairs = draw(
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.sampled_from(["needs", "conflict"])))
    )
    edges = [Edge(min(a, b), max(a, b), kind, "") for a, b, kind in pairs if a != b]
    return Graph.build([f"s{i}" for i in range(n)], edges)


def blocked_by_hard_paths(graph: Graph, bad: set[int], skipped: set[int]) -> set[int]:
    """Steps with a hard edge from one that failed or was itself skipped."""
    return {e.after for e in graph.edges if e.hard and e.before in bad | skipped}


@given(graphs(), st.data())
def test_every_step_leaves_once_and_only_after_all_before_it_have(graph: Graph, data: st.DataObject) -> None:
    state = RunState(graph)
    ended: set[int] = set()
    bad: set[int] = set()
    skipped: set[int] = set()
    ready: list[int] = []
    while state.open:
        fresh = state.take_ready()
        assert not set(fresh) & (ended | skipped | set(ready)), "handed out twice"
        for v in fresh:
            assert set(graph.preds[v]) <= ended | skipped
        ready += fresh
        v = ready.pop(data.draw(st.integers(0, len(ready) - 1)))
        ok = data.draw(st.booleans())
        ended.add(v)
        bad |= set() if ok else {v}
        now = {skip.index for skip in state.end(v, ok=ok)}
        assert not now & (skipped | ended)
        skipped |= now
        assert state.open == len(graph.ids) - len(ended) - len(skipped)
    assert not ready
    assert ended | skipped == set(range(len(graph.ids)))
    assert skipped == blocked_by_hard_paths(graph, bad, skipped)


@given(graphs(), st.data())
def test_a_skip_names_a_step_that_failed_itself(graph: Graph, data: st.DataObject) -> None:
    state = RunState(graph)
    bad: set[int] = set()
    while state.open:
        for v in state.take_ready():
            ok = data.draw(st.booleans())
            bad |= set() if ok else {v}
            for skip in state.end(v, ok=ok):
                assert skip.blocked_by
                assert set(skip.blocked_by) <= bad


@given(graphs(), st.data())
def test_ending_or_dropping_a_step_again_changes_nothing(graph: Graph, data: st.DataObject) -> None:
    state = RunState(graph)
    while state.open:
        [v, *_] = state.left()
        state.end(v, ok=data.draw(st.booleans()))
        before = (state.open, state.left())
        state.drop(v)
        assert state.end(v, ok=False) == []
        assert (state.open, state.left()) == before


def test_a_dropped_step_releases_and_skips_nobody() -> None:
    state = RunState(Graph.build(["a", "b"], [Edge(0, 1, "needs", "")]))
    assert state.take_ready() == [0]
    state.drop(0)
    assert state.take_ready() == []
    assert state.left() == [1]


def test_steps_released_together_come_in_submission_order() -> None:
    edges = [Edge(3, v, "needs", "") for v in (0, 2, 1)]
    state = RunState(Graph.build(["a", "b", "c", "d"], edges))
    assert state.take_ready() == [3]
    state.end(3, ok=True)
    assert state.take_ready() == [0, 1, 2]
