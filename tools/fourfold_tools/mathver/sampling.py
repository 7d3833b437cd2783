"""Which steps are run again alone: a stratified random choice within a budget of seconds."""

import random
from collections.abc import Sequence
from math import ceil, inf, log10

from fourfold_tools.mathver.records import StepRecord

# Fewer pairs than this say nothing about steps of their stratum that were not run alone.
MIN_SAMPLE = 8


def stratum(op: str, duration_s: float) -> str:
    """The stratum of a step: its op and the power of ten that its seconds stay within (`bash/1s`)."""
    decade = max(-3, ceil(log10(duration_s))) if duration_s > 0 else -3
    return f"{op}/{10.0**decade:g}s"


def choose(steps: Sequence[StepRecord], budget_s: float = inf, *, seed: int, runs: int = 1) -> tuple[str, ...]:
    """Ids of the steps to run alone, in the random order in which to run them.

    Only steps that may be repeated and ended are drawn. A step is priced at its seconds in the run times `runs`
    (how often each will be run alone); alone it is seldom slower. When all fit into budget_s all are taken.
    Otherwise strata get MIN_SAMPLE steps each, those with most time first, and what is left of the budget goes
    round by time. Within a stratum the order is random before any price is looked at, and a stratum whose first
    MIN_SAMPLE do not fit is left out whole: leaving out only its long steps would bias the sample.
    """
    rng = random.Random(seed)
    strata: dict[str, list[StepRecord]] = {}
    for step in steps:
        if step.repeatable and step.ended:
            strata.setdefault(step.stratum, []).append(step)
    queues = sorted(strata.values(), key=_seconds, reverse=True)
    for queue in queues:
        rng.shuffle(queue)
    chosen, left = _first_round(queues, budget_s / runs)
    chosen += _second_round([q for q in queues if q and q[0].stratum in {s.stratum for s in chosen}], left)
    rng.shuffle(chosen)
    return tuple(step.id for step in chosen)


def _seconds(steps: Sequence[StepRecord]) -> float:
    return sum(step.duration_s or 0.0 for step in steps)


def _first_round(queues: list[list[StepRecord]], budget_s: float) -> tuple[list[StepRecord], float]:
    """The first MIN_SAMPLE of each queue that affords them; they leave the queue."""
    chosen: list[StepRecord] = []
    for queue in queues:
        price = _seconds(queue[:MIN_SAMPLE])
        if price <= budget_s:
            budget_s -= price
            chosen += queue[:MIN_SAMPLE]
            del queue[:MIN_SAMPLE]
    return chosen, budget_s


def _second_round(queues: list[list[StepRecord]], budget_s: float) -> list[StepRecord]:
    """Prefixes of the queues, each with its share of the budget by time."""
    whole = sum(map(_seconds, queues))
    chosen: list[StepRecord] = []
    for queue in queues:
        share_s = budget_s if whole <= budget_s else budget_s * _seconds(queue) / whole
        for step in queue:
            share_s -= step.duration_s or 0.0
            if share_s < 0:
                break
            chosen.append(step)
    return chosen
