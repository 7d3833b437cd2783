"""Metrics: the work and span laws, known values, and graphs of any shape."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.mathver import metrics

weights = st.floats(0.001, 100)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, list[str]]]:
    n = draw(st.integers(1, 15))
    heavy = {f"s{i}": draw(weights) for i in range(n)}
    deps = {f"s{i}": [f"s{j}" for j in draw(st.sets(st.integers(0, i - 1)))] if i else [] for i in range(n)}
    return heavy, deps


def greedy(heavy: dict[str, float], deps: dict[str, list[str]], width: int, seed: int) -> float:
    """The wall time of a greedy schedule in random order; the reference that the bounds are held against."""
    rng, now = random.Random(seed), 0.0
    running: dict[str, float] = {}
    ended: set[str] = set()
    while len(ended) < len(heavy):
        ready = [i for i in heavy if i not in ended and i not in running and ended.issuperset(deps[i])]
        rng.shuffle(ready)
        running |= {i: now + heavy[i] for i in ready[: width - len(running)]}
        first = min(running, key=running.__getitem__)
        now = running.pop(first)
        ended.add(first)
    return now


@given(graphs(), st.integers(1, 6), st.integers(0, 100))
def test_every_greedy_schedule_lies_between_the_bounds(
    graph: tuple[dict[str, float], dict[str, list[str]]], width: int, seed: int
) -> None:
    heavy, deps = graph
    work, span = sum(heavy.values()), metrics.span(heavy, deps)
    low, high = metrics.lower_bound(work, span, width), metrics.upper_bound(work, span, width)
    assert low * (1 - 1e-9) <= greedy(heavy, deps, width, seed) <= high * (1 + 1e-9)
    assert span <= work * (1 + 1e-9)


def test_span_is_the_heaviest_path_and_ignores_what_has_no_weight() -> None:
    heavy = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 1.0}
    assert metrics.span(heavy, {"c": ["a", "gone"], "d": ["c", "b"]}) == 6.0


def test_span_of_a_deep_chain_needs_no_recursion() -> None:
    heavy = {str(i): 1.0 for i in range(20_000)}
    assert metrics.span(heavy, {str(i): [str(i - 1)] for i in range(1, 20_000)}) == 20_000


def test_span_refuses_a_cycle() -> None:
    with pytest.raises(ValueError, match="cycle"):
        metrics.span({"a": 1.0, "b": 1.0}, {"a": ["b"], "b": ["a"]})


def test_forty_five_seconds_against_twelve_gain_275_percent() -> None:
    factor = metrics.speedup(45, 12)
    assert factor == 3.75
    assert metrics.gain_pct(factor) == 275
    assert metrics.parallel_efficiency(factor, 5) == 0.75


@pytest.mark.parametrize(("factor", "gain"), [(1.0, 0), (0.88, -12), (0.996, 0), (15.4, 1440)])
def test_gain_is_rounded_from_the_unrounded_factor(factor: float, gain: int) -> None:
    assert metrics.gain_pct(factor) == gain


def test_what_has_no_time_has_no_speedup_and_no_share() -> None:
    assert metrics.speedup(0, 1) is None
    assert metrics.speedup(1, 0) is None
    assert metrics.cpu_share(1, 0, 2) is None


def test_cpu_share_and_inflation_are_plain_ratios() -> None:
    assert metrics.cpu_share(3, 2, 2) == 0.75
    assert metrics.work_inflation(3, 2) == 1.5


@pytest.mark.parametrize(
    ("intervals", "most"),
    [
        ([], 0),
        ([(0, 1), (1, 2)], 1),
        ([(0, 1.0005), (1, 2)], 1),
        ([(0, 2), (1, 3), (1.5, 1.6)], 3),
        ([(0, 0), (0, 1)], 1),
    ],
)
def test_width_counts_real_overlaps_only(intervals: list[tuple[float, float]], most: int) -> None:
    assert metrics.most_at_once(intervals, 0.001) == most


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_the_effective_size_lies_between_one_and_the_number_of_weights(values: list[float]) -> None:
    assert 1 - 1e-9 <= metrics.effective_size(values) <= len(values) + 1e-9
    assert metrics.effective_size([values[0]] * len(values)) == pytest.approx(len(values))
