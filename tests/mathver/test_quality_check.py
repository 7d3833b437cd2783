"""The quality line: what counts as degradation, what never does, and what a sample may claim."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mathver_runs import PAIR

from fourfold_tools.mathver.quality_check import Finding, QualityCheck, check_quality, finding
from fourfold_tools.mathver.records import Pair

hashes = st.none() | st.sampled_from(["a", "b"])
any_pair = st.builds(
    lambda par, one, two, par_ok, seq_ok, changed: replace(
        PAIR, par_hash=par, seq_hash=one, seq2_hash=two, par_ok=par_ok, seq_ok=seq_ok, input_changed=changed
    ),
    hashes, hashes, hashes, st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
many = st.lists(any_pair, max_size=30).map(lambda rows: [replace(p, id=f"s{i}") for i, p in enumerate(rows)])

SAME = PAIR
DEGRADED = replace(PAIR, par_hash="other", seq2_hash="same")
WRONG = replace(PAIR, par_ok=False, seq_ok=False)


def rows(*groups: tuple[Pair, int]) -> list[Pair]:
    made = [p for p, count in groups for _ in range(count)]
    return [replace(p, id=f"s{i}") for i, p in enumerate(made)]


def check(made: Sequence[Pair], n: int | None = None) -> QualityCheck:
    return check_quality([f"s{i}" for i in range(n or len(made))], made)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "same"),
        ({"par_hash": "x", "seq2_hash": "same"}, "degraded"),
        ({"par_ok": False, "par_hash": None, "seq2_hash": "same"}, "degraded"),
        ({"par_hash": "x"}, "unexplained"),
        ({"par_ok": False, "par_hash": None}, "unexplained"),
        ({"par_hash": "x", "seq2_hash": "y"}, "nondeterministic"),
        ({"par_ok": False, "par_hash": "x", "seq2_hash": "y"}, "nondeterministic"),
        ({"seq2_hash": "y"}, "same"),
        ({"par_ok": False, "seq_ok": False}, "wrong_in_both"),
        ({"par_ok": False, "seq_ok": False, "par_hash": "x"}, "wrong_in_both"),
        ({"seq_ok": False, "par_hash": "x", "seq2_hash": "same"}, "recovered"),
        ({"seq_ok": False, "par_hash": "x"}, "recovered"),
        ({"par_hash": None}, "unknown"),
        ({"seq_hash": None}, "unknown"),
    ],
)
def test_what_one_pair_says(changes: dict[str, object], found: Finding) -> None:
    assert finding(replace(PAIR, **changes)) == found  # type: ignore[arg-type]  # the table's values fit


@given(any_pair)
def test_a_nondeterministic_step_is_never_called_degraded(pair: Pair) -> None:
    if pair.seq_hash is not None and pair.seq2_hash is not None and pair.seq_hash != pair.seq2_hash:
        assert finding(pair) != "degraded"


def test_a_census_without_a_difference_is_valid_whatever_its_size() -> None:
    found = check(rows((SAME, 5)))
    assert (found.verdict.state, found.certified, found.degradation) == ("VALID", True, 0.0)


def test_96_of_97_in_a_census_is_certified_below_two_percent_and_names_the_step() -> None:
    found = check(rows((SAME, 96), (DEGRADED, 1), (WRONG, 3)))
    assert (found.parallel, found.sequential) == (0.96, 0.97)
    assert found.degradation == pytest.approx(1 / 97)
    assert (found.certified, found.verdict.state) == (True, "VALID")
    assert found.degraded == ("s96",)


def test_96_against_97_in_a_sample_prints_its_value_and_is_unverified() -> None:
    found = check(rows((SAME, 96), (DEGRADED, 1), (WRONG, 3)), n=1000)
    assert found.degradation == pytest.approx(1 / 97)
    assert (found.certified, found.verdict.state) == (False, "UNVERIFIED")
    assert found.upper > 0.04


@pytest.mark.parametrize(("m", "certified"), [(30, False), (148, False), (149, True)])
def test_a_clean_sample_rules_out_two_percent_from_149_on(m: int, certified: bool) -> None:
    found = check(rows((SAME, m)), n=5000)
    assert found.certified is certified
    assert found.verdict.state == ("VALID" if certified else "UNVERIFIED")


@pytest.mark.parametrize("n", [16, 40])
def test_one_degraded_step_among_few_is_invalid_and_named(n: int) -> None:
    found = check(rows((DEGRADED, 1), (SAME, 7)), n=n)
    assert found.verdict.state == "INVALID"
    assert found.degraded == ("s0",)
    assert "s0" in found.verdict.reason


def test_what_came_out_better_does_not_make_up_for_what_came_out_worse() -> None:
    recovered = replace(PAIR, seq_ok=False, par_hash="x", seq2_hash="same")
    found = check(rows((SAME, 8), (DEGRADED, 2), (recovered, 2)))
    assert found.degradation == 0.0
    assert found.verdict.state == "INVALID"


def test_an_unexplained_difference_is_neither_proof_nor_degradation() -> None:
    found = check(rows((SAME, 9), (replace(PAIR, par_hash="x"), 1)))
    assert (found.verdict.state, found.degraded, found.unexplained) == ("UNVERIFIED", (), ("s9",))
    assert found.certified is False


def test_nondeterministic_steps_stand_apart_and_too_many_prove_nothing() -> None:
    flaky = replace(PAIR, par_hash="x", seq2_hash="y")
    some, most = check(rows((SAME, 18), (flaky, 2))), check(rows((SAME, 5), (flaky, 15)))
    assert (some.m, some.verdict.state, len(some.nondeterministic)) == (18, "VALID", 2)
    assert most.verdict.checks["deterministic"] is False
    assert most.verdict.state == "UNVERIFIED"


def test_changed_inputs_discard_the_pair_and_end_the_census() -> None:
    found = check(rows((SAME, 9), (replace(DEGRADED, input_changed=True), 1)))
    assert (found.discarded, found.degraded, found.census) == (("s9",), (), False)
    assert found.verdict.state == "UNVERIFIED"


def test_nothing_compared_has_no_numbers() -> None:
    found = check([], n=4)
    assert (found.parallel, found.sequential, found.degradation) == (None, None, None)
    assert found.verdict.state == "UNVERIFIED"


def test_a_lost_pair_ends_the_proof() -> None:
    assert check_quality(["s0", "s1"], rows((SAME, 2)), lost=1).verdict.state == "UNVERIFIED"


@given(many, st.integers(0, 20), st.data())
def test_taking_a_compared_pair_away_never_certifies(made: list[Pair], more: int, data: st.DataObject) -> None:
    n = len(made) + more
    before = check(made, max(n, 1))
    if made and before.verdict.state == "UNVERIFIED":
        gone = data.draw(st.integers(0, len(made) - 1))
        ran = [f"s{i}" for i in range(max(n, 1))]
        after = check_quality(ran, made[:gone] + made[gone + 1 :], lost=1)
        assert after.verdict.state != "VALID"


@given(many, st.integers(0, 20))
def test_forgetting_hashes_never_makes_an_unverified_line_valid(made: list[Pair], more: int) -> None:
    n = max(1, len(made) + more)
    before = check(made, n)
    for field in ("par_hash", "seq_hash", "seq2_hash"):
        after = check([replace(p, **{field: None}) for p in made], n)
        assert before.verdict.state != "UNVERIFIED" or after.verdict.state != "VALID"


@given(many, st.integers(0, 20))
def test_a_certificate_needs_a_census_or_a_bound(made: list[Pair], more: int) -> None:
    found = check(made, max(1, len(made) + more))
    if found.certified:
        assert found.upper < 0.02
        assert found.census or found.m >= 149
    if found.verdict.state == "VALID":
        assert found.certified


def test_an_unexplained_difference_is_not_certified_even_where_it_is_rare() -> None:
    found = check(rows((SAME, 99), (replace(PAIR, par_hash="x"), 1)))
    assert found.upper < 0.02
    assert (found.certified, found.verdict.state) == (False, "UNVERIFIED")
