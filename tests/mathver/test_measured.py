"""Numbers of the caller's own: timings and results, and what one sample of each is worth."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.mathver.measured import Measured, verify_measured

times = st.lists(st.floats(0.01, 1000), min_size=1, max_size=8)


def test_one_sample_of_each_prints_275_percent_and_is_unverified() -> None:
    found = verify_measured(Measured([45], [12]))
    assert found.lines[0].endswith("Sequential: 45s vs Parallel: 12s | Efficiency: 275% | State: UNVERIFIED")
    assert found.time.ci95 is None
    assert found.state == "UNVERIFIED"


def test_repeated_timings_that_agree_are_valid_and_nothing_else_is_claimed() -> None:
    found = verify_measured(Measured([45.2, 44.8, 45.1], [12.1, 11.9, 12.0]))
    assert (found.time.verdict.state, found.state) == ("VALID", "VALID")
    assert found.time.ci95 is not None
    assert 3.5 < found.time.ci95[0] < 3.75 < found.time.ci95[1] < 4.0
    assert [line.rsplit(" ", 1)[1] for line in found.lines[1:]] == ["NOT_APPLICABLE"] * 3


def test_a_set_that_shows_no_gain_is_invalid_and_one_that_shows_nothing_is_unverified() -> None:
    assert verify_measured(Measured([10.0, 10.1, 9.9], [12.0, 12.1, 11.9])).time.verdict.state == "INVALID"
    assert verify_measured(Measured([10.0, 14.1, 9.9], [10.0, 12.1, 8.9])).time.verdict.state == "UNVERIFIED"


def test_rounded_figures_do_not_pass_for_noiseless_ones() -> None:
    coarse, fine = (
        verify_measured(Measured([2, 2], [1, 1])),
        verify_measured(Measured([2.001, 2.002], [1.001, 1.002])),
    )
    assert coarse.time.ci95 is not None
    assert fine.time.ci95 is not None
    assert coarse.time.ci95[0] < 1.6
    assert fine.time.ci95[0] > 1.95


@given(times, times)
def test_any_timings_give_an_interval_around_their_ratio(sequential: list[float], parallel: list[float]) -> None:
    found = verify_measured(Measured(sequential, parallel)).time
    assert found.speedup == pytest.approx(sum(sequential) / len(sequential) / (sum(parallel) / len(parallel)))
    if found.ci95:
        assert 0 < found.ci95[0] <= found.speedup <= found.ci95[1]
    else:
        assert found.verdict.state == "UNVERIFIED"


def test_96_right_against_97_prints_one_percent_and_is_unverified() -> None:
    sequential, parallel = [i >= 3 for i in range(100)], [i >= 4 for i in range(100)]
    found = verify_measured(Measured(sequential_results=sequential, parallel_results=parallel))
    assert found.lines[2].endswith("Parallel: 96% vs Sequential: 97% | Degradation: 1.0% | State: UNVERIFIED")
    assert found.quality.degraded == ("parallel_results[3]",)
    assert (found.quality.n, found.quality.m) == (100, 100)


def test_results_are_compared_by_value_in_any_order_of_keys() -> None:
    one: list[Any] = [{"a": 1, "b": 2}, "x", 1, None]
    other: list[Any] = [{"b": 2, "a": 1}, "x", True, None]
    found = verify_measured(Measured(sequential_results=one, parallel_results=other)).quality
    assert found.degraded == ("parallel_results[2]",)
    assert (found.parallel, found.sequential) == (0.5, 0.75)


@pytest.mark.parametrize(
    ("right", "of", "state"),
    [(149, 149, "VALID"), (148, 148, "UNVERIFIED"), (0, 40, "INVALID"), (1, 1, "UNVERIFIED")],
)
def test_equal_results_are_certified_from_149_on(right: int, of: int, state: str) -> None:
    parallel = ["r"] * right + ["wrong"] * (of - right)
    found = verify_measured(Measured(sequential_results=["r"] * of, parallel_results=parallel))
    assert found.quality.verdict.state == state
    assert ("<2%" in found.lines[2]) == (state == "VALID")


def test_what_is_flaky_in_both_directions_is_no_degradation() -> None:
    sequential, parallel = [i % 2 == 0 for i in range(100)], [i % 2 == 1 for i in range(100)]
    found = verify_measured(Measured(sequential_results=sequential, parallel_results=parallel)).quality
    assert found.verdict.state == "UNVERIFIED"


def test_flags_in_sets_of_different_size_are_compared_as_shares() -> None:
    found = verify_measured(Measured(sequential_results=[True] * 400, parallel_results=[False] * 50)).quality
    assert (found.verdict.state, found.degradation, found.degraded) == ("INVALID", 1.0, ())
    even = verify_measured(Measured(sequential_results=[True] * 400, parallel_results=[True] * 50)).quality
    assert even.verdict.state == "UNVERIFIED"


def test_nothing_right_alone_has_no_degradation() -> None:
    found = verify_measured(Measured(sequential_results=[False] * 5, parallel_results=[False] * 5))
    assert found.quality.degradation is None
    assert found.quality.verdict.state == "UNVERIFIED"


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        (Measured([1.0]), "measured.parallel_s"),
        (Measured(parallel_s=[1.0]), "measured.sequential_s"),
        (Measured([1.0, 0.0], [1.0]), "measured.sequential_s[1]"),
        (Measured([1.0], [float("nan")]), "measured.parallel_s[0]"),
        (Measured(sequential_results=["a"]), "measured.parallel_results"),
        (Measured(sequential_results=["a"], parallel_results=["a", "b"]), "measured.parallel_results"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(given_: Measured, where: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        verify_measured(given_)
    assert [f.where for f in refused.value.faults] == [where]
