"""Spreading: references take values in as typed data, lists and `each` make parts, wrong types fail one step."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fourfold_tools.engine.spread import Spread, check_references, spread
from fourfold_tools.errors import InvalidRequest
from fourfold_tools.model.request import FIELDS, AnyStep, BashStep, GrepStep, ReadStep, Reference, Step

STEP: TypeAdapter[AnyStep] = TypeAdapter(Step)


def step(**arguments: object) -> AnyStep:
    return STEP.validate_python(arguments)


def ref(field: str = "paths", **rest: object) -> dict[str, object]:
    return {"from": "a", "field": field, **rest}


def over(made: AnyStep, value: Any, most: int = 20) -> Spread:
    return spread(made, lambda _: value, most)


def test_a_step_without_references_stays_the_very_same() -> None:
    plain = step(op="bash", command="true")
    assert over(plain, None) == Spread((plain,), single=True)
    assert over(plain, None).parts[0] is plain


@given(st.lists(st.text(min_size=1), max_size=30), st.integers(1, 25), st.none() | st.integers(1, 25))
def test_each_makes_one_part_per_item_in_order_and_counts_what_it_leaves_out(
    items: list[str], default: int, own: int | None
) -> None:
    each = ref(each=True) | ({} if own is None else {"max_items": own})
    made = over(step(op="read", path=each, limit=5), items, default)
    bound = own or default
    assert not made.single
    assert [p.path for p in made.parts if isinstance(p, ReadStep)] == items[:bound]
    assert all(isinstance(p, ReadStep) and p.limit == 5 for p in made.parts)
    assert made.left_out == max(0, len(items) - bound)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=30))
def test_a_list_in_a_spread_argument_makes_one_part_per_entry_without_a_bound(items: list[str]) -> None:
    for made, name in ((step(op="read", path=items), "path"), (step(op="grep", pattern=items), "pattern")):
        result = over(made, None, 1)
        assert not result.single
        assert [getattr(p, name) for p in result.parts] == items


@given(st.lists(st.text(), max_size=10))
def test_a_list_becomes_many_arguments_and_a_string_one(items: list[str]) -> None:
    made = over(step(op="bash", command="x", args=ref()), items)
    assert made.single
    [part] = made.parts
    assert isinstance(part, BashStep)
    assert part.args == items
    [part] = over(step(op="bash", command="x", args=["-n", ref(), "end"]), items).parts
    assert isinstance(part, BashStep)
    assert part.args == ["-n", *items, "end"]
    [part] = over(step(op="bash", command="x", args=ref("text")), "$(rm -rf ~) ${a}").parts
    assert isinstance(part, BashStep)
    assert part.args == ["$(rm -rf ~) ${a}"]
    assert part.command == "x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (["a", "b\n"], "a\nb\n"),
        ([], ""),
        (7, "7"),
        ([{"path": "é", "line": 1}], '{"path": "é", "line": 1}\n'),
    ],
)
def test_stdin_takes_anything_one_entry_per_line(value: object, text: str) -> None:
    [part] = over(step(op="bash", command="x", stdin=ref()), value).parts
    assert isinstance(part, BashStep)
    assert part.stdin == text


@pytest.mark.parametrize(
    ("made", "value", "where"),
    [
        (step(op="read", path=ref()), 3, "path"),
        (step(op="read", path=ref()), [], "path"),
        (step(op="read", path=ref()), ["a", 3], "path[1]"),
        (step(op="read", path="a", limit=ref("text")), "ten", "limit"),
        (step(op="read", path="a", limit=ref("count")), 0, "limit"),
        (step(op="grep", pattern="x", path=ref()), [], "path"),
        (step(op="bash", command="x", cwd=ref()), ["a", "b"], "cwd"),
        (step(op="bash", command="x", args=ref()), [None], "args[0]"),
        (step(op="bash", command="x", args=ref()), [{"path": "a"}], "args"),
        (step(op="bash", command="x", env={"A": ref()}), ["a"], "env.A"),
        (step(op="fetch", url=ref("links", each=True)), [""], "url"),
    ],
)
def test_a_value_that_an_argument_cannot_take_is_a_fault_of_that_step(
    made: AnyStep, value: object, where: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        over(made, value)
    assert [fault.where for fault in caught.value.faults] == [where]
    assert "pydantic" not in str(caught.value)


def test_two_references_of_one_step_take_their_own_values() -> None:
    values = {"paths": ["p", "q"], "count": 4}
    made = spread(step(op="read", path=ref(each=True), limit=ref("count")), lambda r: values[r.field], 20)
    assert [(p.path, p.limit) for p in made.parts if isinstance(p, ReadStep)] == [("p", 4), ("q", 4)]


def test_each_over_one_value_is_one_part() -> None:
    made = over(step(op="bash", command="x", args=[ref("text", each=True)]), "whole text")
    assert [p.args for p in made.parts if isinstance(p, BashStep)] == [["whole text"]]


@pytest.mark.parametrize("op", sorted(FIELDS))
def test_only_fields_of_the_op_may_be_named(op: str) -> None:
    for field in {f for fields in FIELDS.values() for f in fields}:
        made = step(op="bash", command="x", args=[ref(field)])
        faults = check_references(3, made, lambda _: FIELDS[op])
        assert bool(faults) == (field not in FIELDS[op])
        if faults:
            assert faults[0].where == "steps[3]"
            assert all(known in faults[0].problem for known in FIELDS[op])


def test_one_each_per_step_and_none_in_env() -> None:
    twice = step(op="bash", command="x", args=[ref(each=True), ref(each=True)])
    in_env = step(op="bash", command="x", env={"A": ref(each=True)})

    def known(_: Reference) -> tuple[str, ...]:
        return FIELDS["grep"]

    assert [f.problem for f in check_references(0, twice, known)] == ['only one reference of a step may say "each"']
    assert [f.where for f in check_references(0, in_env, known)] == ["steps[0].env"]


def test_a_reference_in_a_list_argument_of_grep_is_put_in_whole() -> None:
    made = over(step(op="grep", pattern="x", path=ref()), ["a", "b"])
    [part] = made.parts
    assert isinstance(part, GrepStep)
    assert part.path == ["a", "b"]
