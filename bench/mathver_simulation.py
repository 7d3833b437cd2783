"""Simulated workloads whose true speed-up is known: how often MathVer's VALID lines and intervals are right.

    python bench/mathver_simulation.py [--per-kind 25] [--seeds 1 2 3]

prints one Markdown table and ends with 1 where a promise is broken: VALID time lines wrong in at most 5 % (no true
gain, or the truth outside the interval), 95 % intervals that hold the truth in at least 93 %, no VALID quality line
over a true degradation of 2 % or more, no nondeterministic step called degraded.

The truth is the expected sequential time (over noise and bursts) divided by the simulated run's own wall time.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log
from statistics import median

from fourfold_tools.mathver.report import MathVer, verify_run
from mathver_machine import Workload, simulate
from mathver_workloads import KINDS

LIMIT_WRONG = 0.05
LIMIT_COVERED = 0.93
TRUE_DEGRADATION = 0.02


@dataclass
class Tally:
    """Counts over workloads of one kind; mutable."""

    workloads: int = 0
    states: dict[str, int] = field(default_factory=dict[str, int])
    wrong: int = 0
    intervals: int = 0
    too_high: int = 0
    too_low: int = 0
    quality_wrong: int = 0
    widths: list[float] = field(default_factory=list[float])

    def add(self, load: Workload, wall_s: float, found: MathVer) -> None:
        self.workloads += 1
        time, quality = found.time, found.quality
        self.states[time.verdict.state] = self.states.get(time.verdict.state, 0) + 1
        truth = sum(t.alone_s for t in load.tasks) * load.weather.mean / wall_s
        high = low = False
        if time.ci95:
            self.intervals += 1
            high, low = time.ci95[0] > truth, time.ci95[1] < truth
            self.too_high += high
            self.too_low += low
            self.widths.append(log(time.ci95[1] / time.ci95[0]))
        self.wrong += time.verdict.state == "VALID" and (truth <= 1 or high or low)
        worse = sum(t.degrades for t in load.tasks) / len(load.tasks)
        flaky_ids = {t.id for t in load.tasks if t.flaky}
        said_well = quality.verdict.state == "VALID" and worse >= TRUE_DEGRADATION
        self.quality_wrong += said_well or bool(flaky_ids & set(quality.degraded))

    def merge(self, other: "Tally") -> None:
        self.workloads += other.workloads
        for state, count in other.states.items():
            self.states[state] = self.states.get(state, 0) + count
        self.wrong += other.wrong
        self.intervals += other.intervals
        self.too_high += other.too_high
        self.too_low += other.too_low
        self.quality_wrong += other.quality_wrong
        self.widths += other.widths

    @property
    def wrong_share(self) -> float:
        return self.wrong / max(1, self.states.get("VALID", 0))

    @property
    def covered(self) -> float:
        return 1 - (self.too_high + self.too_low) / max(1, self.intervals)

    def row(self, name: str) -> str:
        counts = [str(self.states.get(s, 0)) for s in ("VALID", "INVALID", "UNVERIFIED", "NOT_APPLICABLE")]
        covered = f"{self.covered:.1%}" if self.intervals else "–"
        width = f"{median(self.widths):.2f}" if self.widths else "–"
        cells = [name, str(self.workloads), *counts, str(self.wrong), str(self.intervals), covered]
        return "| " + " | ".join([*cells, f"{self.too_high} / {self.too_low}", width, str(self.quality_wrong)]) + " |"


def table(tallies: dict[str, Tally], whole: Tally) -> Iterator[str]:
    yield (
        "| kind | workloads | VALID | INVALID | UNVERIFIED | N/A | wrong VALID | intervals | hold the truth "
        "| too high / low | width (log) | wrong quality |"
    )
    yield "|---|" + "---|" * 11
    for name, tally in tallies.items():
        yield tally.row(name)
    yield whole.row("**all**")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=25, help="workloads per kind and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    tallies = {name: Tally() for name in options.kinds}
    for seed in options.seeds:
        rng = random.Random(seed)
        for name, tally in tallies.items():
            for _ in range(options.per_kind):
                load = KINDS[name](rng)
                record, pairs = simulate(load, rng.randrange(2**32))
                tally.add(load, record.wall_s, verify_run(record, pairs, "sampled", rng.randrange(2**32)))
    whole = Tally()
    for tally in tallies.values():
        whole.merge(tally)
    print("\n".join(table(tallies, whole)))
    kept = whole.wrong_share <= LIMIT_WRONG and whole.covered >= LIMIT_COVERED and whole.quality_wrong == 0
    print(
        f"\nSeeds {', '.join(map(str, options.seeds))}: VALID lines wrong {whole.wrong_share:.1%} (at most "
        f"{LIMIT_WRONG:.0%}), intervals hold the truth {whole.covered:.1%} (at least {LIMIT_COVERED:.0%}): "
        f"{'kept' if kept else 'BROKEN'}."
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
