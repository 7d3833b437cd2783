"""Schedules against optima, bounds and the graph's own order."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment.schedule import schedule, waves
from fourfold_tools.graph import Edge, Graph

HORIZON = 100.0


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, list[float]]:
    n = draw(st.integers(1, 18))
    pairs = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40))
    edges = [Edge(min(p), max(p), "needs", "") for p in sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})]
    minutes = draw(st.lists(st.floats(0.1, 50), min_size=n, max_size=n))
    return Graph.build([f"t{i}" for i in range(n)], edges), minutes


@given(graphs(), st.integers(1, 8))
def test_a_schedule_keeps_the_order_the_lanes_and_grahams_bound(made: tuple[Graph, list[float]], lanes: int) -> None:
    graph, minutes = made
    s = schedule(graph, minutes, lanes)
    for v, preds in enumerate(graph.preds):
        assert all(s.finish_min[p] <= s.start_min[v] for p in preds)
    for lane in set(s.lane):
        assert 0 <= lane < lanes
        mine = sorted((s.start_min[v], s.finish_min[v]) for v in range(len(minutes)) if s.lane[v] == lane)
        assert all(a[1] <= b[0] for a, b in pairwise(mine))
    assert s.lower_bound_min <= s.makespan_min * (1 + 1e-9)
    assert s.makespan_min <= s.upper_bound_min * (1 + 1e-9)
    assert s.makespan_min == pytest.approx(max(s.finish_min))


def known_optimum(seed: int, lanes: int) -> tuple[Graph, list[float]]:
    """Lanes filled without a gap up to HORIZON, with edges from what ends to what starts later."""
    rng = random.Random(seed)
    n = rng.randint(30, 120)
    slots: list[tuple[float, float]] = []
    for lane in range(lanes):
        count = n // lanes + (lane < n % lanes)
        slots += pairwise([0.0, *sorted(rng.uniform(0, HORIZON) for _ in range(count - 1)), HORIZON])
    rng.shuffle(slots)
    edges = [
        Edge(u, v, "needs", "")
        for v, (start, _) in enumerate(slots)
        for u in rng.sample(range(n), n)[:12]
        if slots[u][1] <= start
    ]
    return Graph.build([f"t{i}" for i in range(n)], edges), [end - start for start, end in slots]


@pytest.mark.parametrize(("lanes", "allowed"), [(4, 1.02), (8, 1.03)])
def test_schedules_come_close_to_the_known_optimum(lanes: int, allowed: float) -> None:
    ratios = [schedule(*known_optimum(seed, lanes), lanes).makespan_min / HORIZON for seed in range(40)]
    assert min(ratios) >= 1 - 1e-9
    assert sum(ratios) / len(ratios) <= allowed
    assert max(ratios) <= 1.10


def test_the_same_input_gives_the_same_schedule() -> None:
    graph, minutes = known_optimum(5, 8)
    assert schedule(graph, minutes, 8) == schedule(graph, minutes, 8)


@given(graphs(), st.integers(1, 8))
def test_waves_hold_every_task_once_after_its_predecessors(made: tuple[Graph, list[float]], width: int) -> None:
    graph, minutes = made
    found = waves(graph, minutes, width)
    place = {v: k for k, wave in enumerate(found) for v in wave}
    assert sorted(v for wave in found for v in wave) == list(range(len(minutes)))
    assert all(len(wave) <= width for wave in found)
    assert all(place[p] < place[v] for v, preds in enumerate(graph.preds) for p in preds)
