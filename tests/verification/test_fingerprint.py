"""Fingerprints: equal for what means the same, different for what does not."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reports import OUTPUTS, printed, step_result

from fourfold_tools.errors import Code
from fourfold_tools.model.output import AnyOutput, BashOutput, FetchOutput, GlobOutput, GrepOutput, Image, ReadOutput
from fourfold_tools.model.result import State
from fourfold_tools.verification.fingerprint import fingerprint


def mark(output: AnyOutput | None, state: State = "ok", code: Code | None = None) -> str | None:
    return fingerprint(step_result(0, output=output, state=state, code=code))


@given(st.sampled_from(sorted(OUTPUTS)), st.data())
@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_result_has_the_same_fingerprint_whenever_and_however_long_it_ran(
    op: str, data: st.DataObject
) -> None:
    result = step_result(0, op=op, output=data.draw(OUTPUTS[op]))
    other = replace(result, id="s9", duration_s=99.0, started_s=7.0, attempts=3, lane=4, cpu_s=1.0, note="x")
    assert fingerprint(result) == fingerprint(other)


@given(st.lists(st.text(max_size=20).filter(lambda s: "\n" not in s), max_size=20), st.integers())
def test_the_order_of_hits_and_paths_does_not_count(rows: list[str], seed: int) -> None:
    mixed = random.Random(seed).sample(rows, len(rows))
    assert mark(GrepOutput("\n".join(rows), (), 0)) == mark(GrepOutput("\n".join(mixed), (), 0))
    assert mark(GlobOutput("", tuple(rows), 0)) == mark(GlobOutput("", tuple(mixed), 0))


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6), st.lists(st.sampled_from(["a", "b", "c"]), max_size=6))
def test_a_hit_more_or_less_or_another_one_counts(one: list[str], other: list[str]) -> None:
    same = sorted(one) == sorted(other) or "\n".join(one) == "\n".join(other)
    assert (mark(GlobOutput("", tuple(one), 0)) == mark(GlobOutput("", tuple(other), 0))) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("done in 1.23s", "done in 45.6s"),
        ("12 passed in 0.31 seconds", "12 passed in 1.02 seconds"),
        ("at 2026-11-23T20:15:01.123Z", "at 2025-01-02T03:04:05Z"),
        ("2026-11-23 20:15 start", "2026-11-24 08:01 start"),
        ("[20:15:01] ok", "[07:00:59] ok"),
        ("pid 4711", "pid 12"),
        ("wrote /tmp/tmpab12/x.txt", "wrote /tmp/tmpzz99/x.txt"),
        ("took 5 ms", "took 900 us"),
    ],
)
def test_what_tells_of_the_moment_does_not_count_for_commands(one: str, other: str) -> None:
    assert mark(printed(one)) == mark(printed(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (printed("12 passed"), printed("11 passed")),
        (printed("a\nb"), printed("b\na")),
        (BashOutput("x", "x", "", 0), BashOutput("x", "", "x", 0)),
        (BashOutput("x", "x", "", 0), BashOutput("x", "x", "", 1)),
        (ReadOutput("a", "x", 1, 1, 1), ReadOutput("a", "y", 1, 1, 1)),
        (
            ReadOutput("a", "", 1, 0, 0, image=Image("QQ==", "image/png")),
            ReadOutput("a", "", 1, 0, 0, image=Image("Qg==", "image/png")),
        ),
        (FetchOutput("u", 200, "t", "x", "hit"), FetchOutput("u", 200, "t", "y", "hit")),
        (FetchOutput("u", 200, "t", "x", "hit"), FetchOutput("u", 404, "t", "x", "hit")),
    ],
)
def test_what_means_something_else_counts(one: AnyOutput, other: AnyOutput) -> None:
    assert mark(one) != mark(other)


def test_where_a_page_came_from_does_not_count() -> None:
    assert mark(FetchOutput("u", 200, "t", "x", "hit")) == mark(FetchOutput("u", 200, "t", "x", "miss"))


def test_how_a_step_ended_counts_and_its_words_do_not() -> None:
    assert mark(printed("x")) != mark(printed("x"), "failed", "exit_status")
    assert mark(None, "failed", "network") != mark(None, "failed", "denied")
    one, other = (step_result(0, state="failed", code="network", message=m) for m in ("reset", "refused"))
    assert fingerprint(one) == fingerprint(other)


def test_what_gave_nothing_has_no_fingerprint() -> None:
    assert mark(None) is None
