"""Preparing: names, edges with reasons, references checked, everything wrong refused before anything runs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import FIELDS, AnyStep, BashStep, BatchRequest
from fourfold_tools.prepare import Prepared, prepare


def effects_of(step: AnyStep) -> Effects:
    """`w PATH` writes it, `r PATH` reads it, `u` is unknown; declared paths widen."""
    declared = frozenset(step.reads), frozenset(step.writes)
    if not isinstance(step, BashStep):
        return Effects(read_only=True).widened(*declared)
    verb, _, path = step.command.partition(" ")
    paths = frozenset({path} if path else ())
    return Effects(
        paths if verb == "r" else frozenset(), paths if verb == "w" else frozenset(), verb != "u", verb == "r"
    ).widened(*declared)


def ready(*steps: dict[str, Any], barrier: bool = False, max_steps: int = 100) -> Prepared:
    request = BatchRequest.model_validate({"steps": list(steps)})
    return prepare(request.steps or (), effects_of, barrier=barrier, max_steps=max_steps)


def bash(command: str, **rest: Any) -> dict[str, Any]:
    return {"op": "bash", "command": command, **rest}


def ref(name: str, field: str = "lines", **rest: Any) -> dict[str, Any]:
    return {"from": name, "field": field, **rest}


def edges(made: Prepared) -> dict[tuple[str, str], str]:
    ids = made.graph.ids
    return {(ids[e.before], ids[e.after]): e.kind for e in made.graph.edges}


def refused(*steps: dict[str, Any], **rest: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as caught:
        ready(*steps, **rest)
    return [str(fault) for fault in caught.value.faults]


def test_steps_without_a_name_are_called_by_their_place() -> None:
    assert ready(bash("a"), bash("b", id="mine"), bash("c")).graph.ids == ("s1", "mine", "s3")


def test_needs_references_and_conflicts_become_edges_with_their_reasons() -> None:
    made = ready(
        bash("w /a", id="w"),
        bash("r /a", id="r"),
        bash("u", id="n", needs=["r"]),
        bash("u", id="v", args=[ref("n")], env={"A": ref("w", "stdout")}, stdin=ref("r", "stdout")),
    )
    assert edges(made) == {
        ("w", "r"): "conflict",
        ("r", "n"): "needs",
        ("n", "v"): "reference",
        ("w", "v"): "reference",
        ("r", "v"): "reference",
    }
    assert made.graph.reasons(0, 1) == ["w writes what r reads: /a"]
    assert made.graph.reasons(2, 3) == ["v takes lines from n"]


def test_declared_paths_count_like_inferred_ones() -> None:
    made = ready(bash("r /a", id="a", writes=["/x/**"]), {"op": "read", "path": "p", "id": "b", "reads": ["/x/y"]})
    assert edges(made) == {("a", "b"): "conflict"}


def test_needs_turn_a_conflict_round_instead_of_closing_a_cycle() -> None:
    made = ready(bash("w /a", id="first", needs=["second"]), bash("w /a", id="second"))
    assert edges(made)["second", "first"] in {"needs", "conflict"}
    assert ("first", "second") not in edges(made)


def test_an_unknown_command_stands_free_or_is_a_barrier() -> None:
    steps = [bash("r /a"), bash("u"), bash("w /b")]
    assert edges(ready(*steps)) == {}
    assert edges(ready(*steps, barrier=True)) == {("s1", "s2"): "conflict", ("s2", "s3"): "conflict"}


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([bash("x", needs=["y"])], "steps[0].needs[0]: unknown id 'y'"),
        ([bash("x", id="a"), bash("y", id="a")], "steps[1].id: duplicate id 'a', first used by steps[0]"),
        ([bash("x", id="a", needs=["a"])], "steps[0].needs[0]: 'a' waits for itself"),
        ([bash("x", args=[ref("tests")])], "steps[0].from: unknown id 'tests'"),
        (
            [{"op": "grep", "pattern": "x", "id": "hits"}, bash("x", args=[ref("hits", "stdout")])],
            "steps[1]: 'hits' has no field 'stdout'; it offers paths, matches, count",
        ),
        (
            [bash("x"), bash("y", args=[ref("s1", each=True), ref("s1", each=True)])],
            'steps[1]: only one reference of a step may say "each"',
        ),
    ],
)
def test_what_can_be_seen_before_is_refused_before(steps: list[dict[str, Any]], fault: str) -> None:
    assert refused(*steps) == [fault]


def test_a_cycle_is_refused_with_the_reason_of_every_edge() -> None:
    [line] = refused(bash("x", id="a", needs=["b"]), bash("y", id="b", args=[ref("a")]))
    assert line == "cycle a -> b -> a (a before b: b takes lines from a; b before a: a needs b)"


def test_too_many_steps_are_refused() -> None:
    assert refused(*[bash("x")] * 11, max_steps=10) == ["steps: expected at most 10, got 11"]


def test_every_fault_is_told_at_once() -> None:
    assert len(refused(bash("x", needs=["p", "q"]), bash("y", needs=["z"]))) == 3


@given(st.sampled_from(sorted(FIELDS)), st.sampled_from(sorted({f for fs in FIELDS.values() for f in fs})))
def test_a_reference_is_taken_exactly_when_the_op_has_the_field(op: str, field: str) -> None:
    key = {"read": "path", "bash": "command", "fetch": "url"}.get(op, "pattern")
    steps = [{"op": op, key: "x", "id": "a"}, bash("u", args=[ref("a", field)])]
    if field in FIELDS[op]:
        assert edges(ready(*steps)) == {("a", "s2"): "reference"}
    else:
        assert refused(*steps)


COMMANDS = st.sampled_from(["r /a", "w /a", "r /b", "w /b", "u", "w /**"])


@given(st.lists(COMMANDS, min_size=1, max_size=10), st.data())
def test_two_known_steps_in_conflict_never_run_side_by_side(commands: list[str], data: st.DataObject) -> None:
    needs = [data.draw(st.lists(st.sampled_from(range(i)), max_size=2)) if i else [] for i in range(len(commands))]
    made = ready(*[bash(c, needs=[f"s{n + 1}" for n in ns]) for c, ns in zip(commands, needs, strict=True)])
    after: list[set[int]] = [set() for _ in commands]
    for v in reversed(made.graph.order):
        for s in made.graph.succs[v]:
            after[v] |= {s} | after[s]
    for i, a in enumerate(commands):
        for j in range(i):
            clash = "u" not in {a, commands[j]} and "w" in a[0] + commands[j][0] and _meet(a[2:], commands[j][2:])
            if clash:
                assert i in after[j] or j in after[i]


def _meet(p: str, q: str) -> bool:
    return p == q or "/**" in {p, q}
