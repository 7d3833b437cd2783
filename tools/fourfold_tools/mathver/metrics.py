"""The measures of a parallel run: work, span, bounds, speed-up, gain, efficiency, inflation, width."""

from collections.abc import Iterable, Mapping, Sequence


def span(weights: Mapping[str, float], deps: Mapping[str, Sequence[str]]) -> float:
    """T_inf: seconds of the heaviest path through the steps.

    weights: seconds per step. deps: ids that a step waits for; ids without a weight are not part of the graph.

    Raises:
        ValueError: the dependencies hold a cycle.
    """
    waits = {i: {d for d in deps.get(i, ()) if d in weights} for i in weights}
    followers: dict[str, list[str]] = {i: [] for i in weights}
    for i, needed in waits.items():
        for d in needed:
            followers[d].append(i)
    left = {i: len(needed) for i, needed in waits.items()}
    start = dict.fromkeys(weights, 0.0)
    ready = [i for i, count in left.items() if count == 0]
    done, longest = 0, 0.0
    # Kahn's order; a step is popped when the heaviest path up to it is known.
    while ready:
        i = ready.pop()
        done += 1
        end = start[i] + weights[i]
        longest = max(longest, end)
        for follower in followers[i]:
            start[follower] = max(start[follower], end)
            left[follower] -= 1
            if left[follower] == 0:
                ready.append(follower)
    if done < len(weights):
        raise ValueError("the dependencies hold a cycle")
    return longest


def lower_bound(work_s: float, span_s: float, width: float) -> float:
    """Least seconds on `width` lanes: max(T1/p, T_inf) (work law and span law)."""
    return max(work_s / width, span_s)


def upper_bound(work_s: float, span_s: float, width: float) -> float:
    """Most seconds of a greedy schedule: T1/p + (1 - 1/p) T_inf (Graham 1966, Brent 1974).

    Limits per class and per host, locks and the cost of dispatch are not in it.
    """
    return work_s / width + (1 - 1 / width) * span_s


def speedup(sequential_s: float, parallel_s: float) -> float | None:
    """T_seq / T_par; None where either is not a positive time."""
    return sequential_s / parallel_s if sequential_s > 0 and parallel_s > 0 else None


def gain_pct(factor: float) -> int:
    """The gain in whole percent: 3.75 is 275, 0.88 is -12."""
    return round((factor - 1) * 100)


def parallel_efficiency(factor: float, width: float) -> float:
    """Speed-up per lane, S/p: 1 is perfect."""
    return factor / width


def work_inflation(parallel_cpu_s: float, alone_cpu_s: float) -> float:
    """Processor seconds beside others over processor seconds alone (above 0) for the same work."""
    return parallel_cpu_s / alone_cpu_s


def cpu_share(cpu_s: float, wall_s: float, cores: float) -> float | None:
    """Share of the available processor time that was used, 0 to 1."""
    return cpu_s / (wall_s * cores) if wall_s > 0 and cores > 0 else None


def most_at_once(intervals: Iterable[tuple[float, float]], slack_s: float) -> int:
    """The largest number of intervals (start, end) that hold one moment in common.

    Intervals that overlap by no more than slack_s count as one after the other (clock resolution).
    """
    marks = [m for start, end in intervals if end - start > slack_s for m in ((start, 1), (end - slack_s, -1))]
    most = running = 0
    for _, step in sorted(marks):
        running += step
        most = max(most, running)
    return most


def effective_size(weights: Sequence[float]) -> float:
    """Kish's effective sample size (1965): (sum w)^2 / sum w^2; between 1 and the number of weights."""
    squares = sum(w * w for w in weights)
    return sum(weights) ** 2 / squares if squares > 0 else 0.0
