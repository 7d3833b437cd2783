"""The ledger: each result once, the values of references, what a resumed run has behind it."""

import engine_fakes as fakes
import pytest
from engine_fakes import bash, work_of

from fourfold_tools.engine.ledger import Ledger
from fourfold_tools.engine.units import Unit
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import AnyOutput, BashOutput, GlobOutput, GrepOutput, ReadOutput
from fourfold_tools.model.request import BashStep, Reference
from fourfold_tools.model.result import Failure, Outcome, StepResult


def ledger(n: int = 3, edges: list[tuple[int, int]] | None = None) -> tuple[Ledger, fakes.FakeJournal]:
    journal = fakes.FakeJournal()
    op = fakes.FakeOp()
    return Ledger(work_of([bash("ok") for _ in range(n)], edges or [], op=op), journal, lambda: 7.0), journal


def unit(index: int, sub: int = 0, **rest: object) -> Unit:
    step = BashStep(op="bash", command="ok")
    name = f"s{index + 1}" + (f".{sub}" if sub else "")
    made = Unit(name, index, sub, step, "bash", Effects(), ("process",), None, (0.0, 0, index, sub), 1.0)
    made.attempts, made.first_s = 1, 2.0
    for key, value in rest.items():
        setattr(made, key, value)
    return made


def take(name: str, field: str) -> Reference:
    return Reference.model_validate({"from": name, "field": field})


def grep(*paths: str) -> GrepOutput:
    return GrepOutput("\n".join(f"{p}:1:x" for p in paths), tuple((p, 1) for p in paths), len(paths))


@pytest.mark.parametrize(
    ("output", "field", "value"),
    [
        (grep("a", "b"), "paths", ["a", "b"]),
        (grep("a", "b"), "count", 2),
        (grep("a"), "matches", [{"path": "a", "line": 1, "text": "x"}]),
        (GlobOutput("a", ("a",), 5), "matches", ["a"]),
        (BashOutput("m", "o\np\n", "e", 3), "lines", ["o", "p"]),
        (BashOutput("m", "o", "e", 3), "exit_code", 3),
        (ReadOutput("p", "x\ny", 1, 2, 2), "lines", ["x", "y"]),
    ],
)
def test_a_reference_takes_the_field_of_the_output(output: AnyOutput, field: str, value: object) -> None:
    book, _ = ledger()
    book.finish(unit(0), Outcome(output))
    assert book.value(take("s1", field)) == value


def test_a_reference_to_a_step_with_sub_steps_joins_their_values_and_adds_their_counts() -> None:
    book, _ = ledger()
    book.open_subs(0, 3)
    book.finish(unit(0, 2), Outcome(grep("c")))
    book.finish(unit(0, 1), Outcome(grep("a", "b")))
    book.finish(unit(0, 3), Outcome(Failure("not_found", "gone")))
    assert book.value(take("s1", "paths")) == ["a", "b", "c"]
    assert book.value(take("s1", "count")) == 3


def test_a_step_that_had_no_items_counts_nothing() -> None:
    book, _ = ledger()
    book.finish_whole(0, "ok", note="no items")
    assert book.value(take("s1", "count")) == 0
    assert book.value(take("s1", "paths")) == []


def test_a_step_with_sub_steps_ends_with_the_last_of_them_and_badly_if_one_did() -> None:
    book, journal = ledger(3, [(0, 1), (1, 2)])
    assert book.take_ready() == [0]
    book.open_subs(0, 2)
    book.finish(unit(0, 2), Outcome(Failure("not_found", "gone")))
    assert book.open == 3
    assert book.failed
    book.finish(unit(0, 1), Outcome(grep("a")))
    assert book.open == 0
    assert [(r.id, r.state, r.blocked_by) for r in journal.ends[2:]] == [
        ("s2", "skipped", ("s1",)),
        ("s3", "skipped", ("s1",)),
    ]


def test_a_shared_result_says_so_and_costs_nothing() -> None:
    book, journal = ledger()
    leader = unit(0, followers=[unit(1, 0), unit(2, 1)])
    book.open_subs(2, 1)
    book.finish(leader, Outcome(grep("a"), cpu_s=1.0, max_rss_bytes=9))
    first, second, third = journal.ends
    assert (first.same_as, first.cpu_s, first.attempts) == (None, 1.0, 1)
    for shared, name, parent in ((second, "s2", None), (third, "s3.1", "s3")):
        assert (shared.id, shared.parent, shared.same_as) == (name, parent, "s1")
        assert (shared.cpu_s, shared.max_rss_bytes, shared.attempts) == (None, None, 0)
        assert shared.output == first.output


def test_a_duration_of_its_own_is_kept_only_for_a_single_attempt() -> None:
    book, journal = ledger()
    book.finish(unit(0), Outcome(grep("a"), duration_s=0.25))
    book.finish(unit(1, attempts=2), Outcome(grep("a"), duration_s=0.25))
    assert [r.duration_s for r in journal.ends] == [0.25, 5.0]
    assert [r.started_s for r in journal.ends] == [2.0, 2.0]


@pytest.mark.parametrize(("title", "same"), [("bash", True), ("bash other", False)])
def test_a_sub_step_is_restored_only_as_what_it_was(title: str, same: bool) -> None:
    old = StepResult("s1.1", "bash", "ok", title, (0, 1), parent="s1")
    op = fakes.FakeOp()
    journal = fakes.FakeJournal()
    book = Ledger(work_of([bash("ok")], op=op, done={(0, 1): old}), journal, lambda: 0.0)
    book.open_subs(0, 1)
    assert book.restore(unit(0, 1)) is same
    assert book.open == (0 if same else 1)
