"""What tasks wait for: needs, data between them, shared writes, and how contradictions are settled."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment.dependencies import dependency_graph
from fourfold_tools.deployment.orientation import bits, closure, thinned
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.errors import InvalidRequest
from fourfold_tools.graph import Edge, Graph
from fourfold_tools.model.effects import overlap


def task(name: str, reads: tuple[str, ...] = (), writes: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> Task:
    def absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"/w/{path}" for path in paths)

    return Task(name, name, "", reads, writes, absolute(reads), absolute(writes), needs)


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(graph.ids[e.before], graph.ids[e.after], e.kind) for e in graph.edges}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([task("a", writes=("x",)), task("b", reads=("x",))], {("a", "b", "reference")}),
        ([task("b", reads=("x",)), task("a", writes=("x",))], {("a", "b", "reference")}),
        ([task("a", writes=("out/a.md",)), task("b", reads=("out",))], {("a", "b", "reference")}),
        ([task("a", writes=("out",)), task("b", reads=("out/deep/a.md",))], {("a", "b", "reference")}),
        ([task("a", writes=("out/a.md",)), task("b", reads=("out/*.md",))], {("a", "b", "reference")}),
        ([task("a", writes=("out/a.py",)), task("b", reads=("out/*.md",))], set()),
        ([task("a", writes=("x",)), task("b", writes=("x",))], {("a", "b", "conflict")}),
        ([task("a", ("y",), ("x",)), task("b", ("x",), ("y",))], {("a", "b", "reference")}),
        ([task("a", ("x",), ()), task("b", ("x",), ())], set()),
        ([task("a"), task("b", writes=("**",))], set()),
        ([task("a", writes=("x",), needs=("b",)), task("b", reads=("x",))], {("b", "a", "needs")}),
        ([task("a", writes=("x1",)), task("b", writes=("x",))], set()),
        ([task("a", writes=("{d/a,e/b}.md",)), task("b", reads=("d/a.md",))], {("a", "b", "reference")}),
    ],
    ids=[
        "writer then reader",
        "a reader listed first waits all the same",
        "reading a folder reads what is written in it",
        "writing a folder writes what is read from it",
        "globs",
        "globs that do not meet",
        "two writers keep the order of submission",
        "each touches what the other writes: submission decides",
        "readers are independent",
        "no paths, no conflict",
        "needs turn the edge",
        "a common beginning is no overlap",
        "braces over several folders",
    ],
)
def test_a_pair_is_ordered_by_what_it_shares(tasks: list[Task], expected: set[tuple[str, str, str]]) -> None:
    assert edges(dependency_graph(tasks)) == expected


def test_needs_through_another_task_turn_an_inferred_edge() -> None:
    graph = dependency_graph(
        [task("w", writes=("x",), needs=("m",)), task("m", needs=("r",)), task("r", reads=("x",))]
    )
    assert ("r", "w", "conflict") in edges(graph)
    assert [graph.ids[v] for v in graph.order] == ["r", "m", "w"]


def test_a_ring_of_data_is_broken_against_submission_only() -> None:
    ring = [task("a", ("z",), ("x",)), task("b", ("x",), ("y",)), task("c", ("y",), ("z",))]
    assert edges(dependency_graph(ring)) == {("a", "b", "reference"), ("b", "c", "reference"), ("a", "c", "conflict")}


def test_a_reason_names_both_tasks_and_the_paths_as_they_were_written() -> None:
    graph = dependency_graph([task("sum", reads=("reports",)), task("api", writes=("reports/api.md",))])
    assert graph.edges[0].reason == "sum reads what api writes: reports/api.md and reports"


@pytest.mark.parametrize(
    ("tasks", "fault"),
    [
        ([task("a", needs=("b",)), task("b", needs=("a",))], "cycle a -> b -> a"),
        ([task("a", needs=("c",))], "tasks[0].needs[0]: unknown id 'c'"),
        ([task("a"), task("a")], "tasks[1].id: duplicate id 'a'"),
        ([task("a", needs=("a",))], "'a' waits for itself"),
    ],
)
def test_what_cannot_be_ordered_is_refused(tasks: list[Task], fault: str) -> None:
    with pytest.raises(InvalidRequest, match=r".*") as refused:
        dependency_graph(tasks)
    assert fault in refused.value.message


PLACES = [
    "a",
    "a/x.md",
    "a/*.md",
    "b/**",
    "b/y.md",
    "**/z.md",
    "c",
    "d/e/f.py",
    "[ab]/q",
    "a/x.{md,py}",
]
PATHS = st.lists(st.sampled_from(PLACES), max_size=3, unique=True).map(tuple)


@st.composite
def plans(draw: st.DrawFn) -> list[Task]:
    n = draw(st.integers(1, 10))
    names = draw(st.permutations([f"t{i}" for i in range(n)]))
    rows: list[Task] = []
    for i, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:i]), max_size=2, unique=True)) if i else []
        rows.append(task(name, draw(PATHS), draw(PATHS), tuple(needs)))
    return draw(st.permutations(rows))


def wide(path: str) -> str:
    return path if any(c in path for c in "*[{") else f"{path}/**"


def meets(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    return any(overlap(wide(p), wide(q)) for p in a for q in b)


@given(plans())
def test_every_pair_in_conflict_is_ordered_and_a_plain_writer_comes_first(tasks: list[Task]) -> None:
    graph = dependency_graph(tasks)
    pairs = {(e.before, e.after) for e in graph.edges}
    for i, a in enumerate(tasks):
        for j, b in enumerate(tasks[:i]):
            clash = (
                meets(a.write_paths, b.write_paths)
                or meets(a.write_paths, b.read_paths)
                or meets(a.read_paths, b.write_paths)
            )
            joined = (i, j) in pairs or (j, i) in pairs
            assert joined or not clash
            if joined and not clash:
                assert a.id in b.needs or b.id in a.needs


@given(st.integers(0, 10_000))
def test_data_edges_dropped_from_a_graph_are_found_again_from_files(seed: int) -> None:
    rng = random.Random(seed)
    n = rng.randint(2, 25)
    preds = [rng.sample(range(v), rng.randint(0, min(v, 3))) for v in range(n)]
    tasks = [task(f"t{v}", tuple(f"o/{p}/r" for p in preds[v]), (f"o/{v}",)) for v in range(n)]
    rng.shuffle(tasks)
    wanted = {(f"t{p}", f"t{v}", "reference") for v in range(n) for p in preds[v]}
    assert edges(dependency_graph(tasks)) == wanted


def test_thousands_of_writers_of_one_file_become_a_line() -> None:
    graph = dependency_graph([task(f"t{i}", writes=("x",)) for i in range(300)])
    assert [(e.before, e.after) for e in graph.edges] == [(i, i + 1) for i in range(299)]


@pytest.mark.parametrize(
    "tasks",
    [
        [task(f"t{i}", ("**",), (f"o/{i}.md",)) for i in range(600)],
        [task(f"t{i}", ("src/**",), (f"src/{i}.py",)) for i in range(600)],
    ],
    ids=["everybody reads everything", "everybody reads the folder all write to"],
)
def test_hundreds_that_all_read_what_the_others_write_become_a_line_of_data(tasks: list[Task]) -> None:
    graph = dependency_graph(tasks)
    assert [(e.before, e.after, e.kind) for e in graph.edges] == [(i, i + 1, "reference") for i in range(599)]


@given(plans())
def test_leaving_out_what_follows_changes_no_order_and_no_flow_of_data(tasks: list[Task]) -> None:
    whole = dependency_graph(tasks)
    n = len(tasks)
    before, data = [0] * n, [0] * n
    for e in whole.edges:
        if e.kind != "needs":
            before[e.after] |= 1 << e.before
            data[e.after] |= (e.kind == "reference") << e.before
    needs = [e for e in whole.edges if e.kind == "needs"]
    kept = [
        Edge(a, b, "conflict", "")
        for b, found in enumerate(thinned(Graph.build(whole.ids, needs), before, data))
        for a in bits(found)
    ]
    thin = Graph.build(whole.ids, [*needs, *kept])
    assert closure(thin.order, thin.preds) == closure(whole.order, whole.preds)
    hard = {(e.before, e.after) for e in whole.edges if e.hard}
    left = hard & {(e.before, e.after) for e in thin.edges}
    flows, fewer = (Graph.build(whole.ids, [Edge(a, b, "needs", "") for a, b in pairs]) for pairs in (hard, left))
    assert closure(flows.order, flows.preds) == closure(fewer.order, fewer.preds)


def test_a_ring_of_thousands_is_ordered_along_submission() -> None:
    n = 6_000
    graph = dependency_graph([task(f"t{i}", (f"f{(i + 1) % n}",), (f"f{i}",)) for i in range(n)])
    assert {(e.before, e.after) for e in graph.edges} == {*((i, i + 1) for i in range(n - 1)), (0, n - 1)}


def test_patterns_that_take_too_long_to_compare_are_refused() -> None:
    bombs = [task(f"t{i}", writes=("/".join(["**", "*a*"] * 400) + f"/{i}x*",)) for i in range(8)]
    with pytest.raises(InvalidRequest, match="begin them with a folder"):
        dependency_graph(bombs)
