"""A schedule: when each task runs and in which lane, longest remaining path first, without barriers. Pure."""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fourfold_tools.graph import Graph

# Orders of ready tasks that are tried besides the critical path, and tasks up to which all of them are tried.
_TRIALS = 24
_TRIAL_TASKS = 60_000  # tasks times trials
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Schedule:
    """Start and finish in minutes and lane (from 0), by task; lower_bound_min: max(T1/p, T_inf), nothing beats it.

    upper_bound_min: T1/p + (1 - 1/p) T_inf, which no schedule without idle lanes exceeds (Graham 1966, Brent 1974).
    """

    start_min: tuple[float, ...]
    finish_min: tuple[float, ...]
    lane: tuple[int, ...]
    makespan_min: float
    lower_bound_min: float
    upper_bound_min: float
    sequential_min: float
    span_min: float
    lanes: int


def schedule(graph: Graph, minutes: Sequence[float], lanes: int) -> Schedule:
    """The best of several list schedules on `lanes` lanes; the critical path's own order comes first.

    The others are the critical path of the reversed graph, played backwards, and the ranks with a little noise
    (fixed seed, so the same input gives the same schedule). The search ends when the lower bound is met.
    """
    n = len(graph.ids)
    ranks = graph.upward_ranks(minutes)
    work, span = sum(minutes), max(ranks, default=0.0)
    lower = max(work / lanes, span)
    best: tuple[list[float], list[int], float] | None = None
    for order in _orders(graph, minutes, ranks, lanes, min(_TRIALS, _TRIAL_TASKS // max(1, n))):
        found = _list_schedule(graph, minutes, order, lanes)
        if best is None or found[2] < best[2] - _SLACK:
            best = found
        if best[2] <= lower * (1 + _SLACK):
            break
    assert best is not None
    start, lane, makespan = best
    return Schedule(
        start_min=tuple(start),
        finish_min=tuple(s + m for s, m in zip(start, minutes, strict=True)),
        lane=tuple(lane),
        makespan_min=makespan,
        lower_bound_min=lower,
        upper_bound_min=work / lanes + (1 - 1 / lanes) * span,
        sequential_min=work,
        span_min=span,
        lanes=lanes,
    )


def _orders(
    graph: Graph, minutes: Sequence[float], ranks: list[float], lanes: int, trials: int
) -> Iterator[list[float]]:
    """Priorities to try, larger first."""
    yield ranks
    turned = Graph(graph.ids, (), graph.succs, graph.preds, graph.order[::-1])
    backward, _, makespan = _list_schedule(turned, minutes, turned.upward_ranks(minutes), lanes)
    latest = [makespan - s - m for s, m in zip(backward, minutes, strict=True)]
    yield [-s for s in latest]
    noise = random.Random(0)
    for k in range(trials):
        spread = 0.02 * (1 + k % 8)
        yield [r * (1 + noise.uniform(-spread, spread)) for r in ranks]


def _list_schedule(
    graph: Graph, minutes: Sequence[float], priority: Sequence[float], lanes: int
) -> tuple[list[float], list[int], float]:
    """(start, lane, makespan) of event-driven list scheduling: at each finish the most urgent ready tasks start."""
    n = len(graph.ids)
    missing = [len(p) for p in graph.preds]
    ready = [(-priority[v], -len(graph.succs[v]), v) for v in range(n) if not missing[v]]
    heapq.heapify(ready)
    free = list(range(lanes))
    running: list[tuple[float, int]] = []
    start, lane = [0.0] * n, [0] * n
    now = 0.0
    while ready or running:
        while ready and free:
            v = heapq.heappop(ready)[2]
            start[v], lane[v] = now, heapq.heappop(free)
            heapq.heappush(running, (now + minutes[v], v))
        now = running[0][0]
        while running and running[0][0] <= now:
            v = heapq.heappop(running)[1]
            heapq.heappush(free, lane[v])
            for s in graph.succs[v]:
                missing[s] -= 1
                if not missing[s]:
                    heapq.heappush(ready, (-priority[s], -len(graph.succs[s]), s))
    return start, lane, now


def waves(graph: Graph, minutes: Sequence[float], width: int) -> list[list[int]]:
    """The same work in steps, for display: a wave holds at most `width` tasks, their predecessors stand before it."""
    ranks = graph.upward_ranks(minutes)
    missing = [len(p) for p in graph.preds]
    ready = [(-ranks[v], v) for v in range(len(missing)) if not missing[v]]
    heapq.heapify(ready)
    out: list[list[int]] = []
    while ready:
        wave = [heapq.heappop(ready)[1] for _ in range(min(width, len(ready)))]
        for v in wave:
            for s in graph.succs[v]:
                missing[s] -= 1
                if not missing[s]:
                    heapq.heappush(ready, (-ranks[s], s))
        out.append(sorted(wave))
    return out
