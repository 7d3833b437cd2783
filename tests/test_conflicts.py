"""Inferred edges against the plain all-pairs way."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.conflicts import barrier_edges, conflict_edges
from fourfold_tools.graph import Graph
from fourfold_tools.model.effects import Effects, conflict, overlap

PATTERNS = st.sampled_from(
    [
        "/w/a",
        "/w/b",
        "/w/**",
        "/w/src/**",
        "/w/src/*.py",
        "/w/src/x.py",
        "/w/*/x.py",
        "/w/build/**",
        "/w/{a,b}",
        "/w/[ab]",
    ]
)
SETS = st.frozensets(PATTERNS, max_size=3)
EFFECTS = st.builds(Effects, reads=SETS, writes=SETS, known=st.booleans())


def reachable(graph: Graph) -> set[tuple[int, int]]:
    after: list[set[int]] = [set() for _ in graph.ids]
    for v in reversed(graph.order):
        for s in graph.succs[v]:
            after[v] |= {s} | after[s]
    return {(v, w) for v, later in enumerate(after) for w in later}


@given(st.lists(EFFECTS, min_size=1, max_size=12))
def test_two_known_steps_are_ordered_exactly_when_some_chain_of_conflicts_joins_them(effects: list[Effects]) -> None:
    ids = [f"s{i}" for i in range(len(effects))]
    order = list(range(len(effects)))
    graph = Graph.build(ids, conflict_edges(ids, order, effects))
    pairs = [
        (i, j)
        for j in order
        for i in range(j)
        if effects[i].known and effects[j].known and conflict(effects[i], effects[j])
    ]
    from fourfold_tools.graph import Edge

    plain = Graph.build(ids, [Edge(i, j, "conflict", "") for i, j in pairs])
    assert reachable(graph) == reachable(plain)


def test_the_edges_of_ten_thousand_writers_of_one_place_stay_linear() -> None:
    n = 10_000
    effects = [Effects(reads=frozenset({f"/w/{i}"})) for i in range(n // 2)]
    effects += [Effects(writes=frozenset({"/w/**"}))] * (n // 2)
    ids = [f"s{i}" for i in range(n)]
    assert len(conflict_edges(ids, range(n), effects)) <= n


def test_a_conflict_names_both_places() -> None:
    effects = [Effects(writes=frozenset({"/w/src/**"})), Effects(reads=frozenset({"/w/src/a.py"}))]
    [edge] = conflict_edges(["fmt", "look"], [0, 1], effects)
    assert edge.reason == "fmt writes what look reads: /w/src/** and /w/src/a.py"
    assert not edge.hard


def test_a_step_of_unknown_effects_orders_nothing_unless_it_is_a_barrier() -> None:
    unknown = Effects(known=False)
    known = Effects(reads=frozenset({"/w/a"}))
    effects = [known, unknown, known, unknown]
    ids = ["a", "b", "c", "d"]
    assert conflict_edges(ids, range(4), effects) == []
    assert {(e.before, e.after) for e in barrier_edges(ids, range(4), effects)} == {(0, 1), (1, 2), (1, 3), (2, 3)}


NAMES = st.text("ab", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(PATHS, st.data())
def test_patterns_made_from_one_path_overlap(path: str, data: st.DataObject) -> None:
    def generalise() -> str:
        parts = path[1:].split("/")
        out: list[str] = []
        for part in parts:
            kind = data.draw(st.sampled_from(["same", "star", "question", "deep", "bracket"]))
            out.append(
                {"same": part, "star": "*", "question": "?" * len(part), "deep": "**", "bracket": "[ab]" * len(part)}[
                    kind
                ]
            )
        return "/" + "/".join(out)

    assert overlap(generalise(), generalise())


@given(PATHS, PATHS)
def test_two_literal_paths_overlap_only_when_equal(p: str, q: str) -> None:
    assert overlap(p, q) == (p == q)
