"""The parallel streams of one run: each lane's own time, resources and quality, and what to run again alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from fourfold_tools.mathver.checks import Check, Verdict, judge
from fourfold_tools.mathver.evidence import Evidence, seconds, weigh
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.quality_check import QualityCheck, check_quality, finding
from fourfold_tools.mathver.records import Pair, RunRecord, StepRecord
from fourfold_tools.model.output import Json


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One lane of a run.

    busy_s: seconds in which it worked; busy: their share of the run's wall time. alone_s: what its steps take
    alone, None unless all of them were measured or estimated. cpu_s: of its steps' process trees, None where one
    works inside the server. again: steps to run once more, alone, because the lane degraded and nothing yet shows
    that their results are right; steps that may not be repeated are in `suspect` instead.
    """

    lane: int
    steps: tuple[str, ...]
    failed: tuple[str, ...]
    busy_s: float
    busy: float
    alone_s: float | None
    cpu_s: float | None
    max_rss_bytes: int | None
    quality: QualityCheck
    again: tuple[str, ...]
    suspect: tuple[str, ...]
    verdict: Verdict

    def data(self) -> dict[str, Json]:
        return {
            "lane": self.lane,
            "steps": list(self.steps),
            "failed": list(self.failed),
            "busy_s": figure(self.busy_s),
            "busy": figure(self.busy),
            "alone_s": figure(self.alone_s),
            "cpu_s": figure(self.cpu_s),
            "max_rss_bytes": self.max_rss_bytes,
            "degraded": list(self.quality.degraded),
            "compared": self.quality.m,
            "again": list(self.again),
            "suspect": list(self.suspect),
            **self.verdict.data(),
        }


def lanes(record: RunRecord, pairs: Sequence[Pair], seed: int) -> tuple[LaneFigures, ...]:
    """The figures of every lane, in order; steps without a lane belong to none."""
    evidence = weigh(record, pairs, seed)
    numbers = sorted({s.lane for s in evidence.ran if s.lane is not None})
    return tuple(_figures(n, [s for s in evidence.ran if s.lane == n], record, evidence) for n in numbers)


def degraded(found: Sequence[LaneFigures]) -> tuple[int, ...]:
    """The lanes whose results changed under parallel load."""
    return tuple(lane.lane for lane in found if lane.quality.degraded)


def _figures(number: int, steps: Sequence[StepRecord], record: RunRecord, evidence: Evidence) -> LaneFigures:
    ids = [s.id for s in steps]
    pairs = [evidence.pairs[i] for i in ids if i in evidence.pairs]
    quality = check_quality(ids, pairs)
    open_steps = _open(steps, pairs) if quality.degraded else []
    bounded = {s.id for s in evidence.bounded}
    known = evidence.total is not None and not bounded.intersection(ids)
    cpu = [s.cpu_s for s in steps if s.cpu_s is not None]
    memory = [s.max_rss_bytes for s in steps if s.max_rss_bytes is not None]
    busy_s = _busy_s(steps)
    return LaneFigures(
        lane=number,
        steps=tuple(ids),
        failed=tuple(s.id for s in steps if s.state != "ok"),
        busy_s=busy_s,
        busy=busy_s / record.wall_s if record.wall_s > 0 else 0.0,
        alone_s=sum(evidence.alone_s[i] for i in ids) if known else None,
        cpu_s=sum(cpu) if len(cpu) == len(steps) else None,
        max_rss_bytes=max(memory, default=None),
        quality=quality,
        again=tuple(s.id for s in open_steps if s.repeatable),
        suspect=tuple(s.id for s in open_steps if not s.repeatable),
        verdict=_verdict(number, quality),
    )


def _open(steps: Sequence[StepRecord], pairs: Sequence[Pair]) -> list[StepRecord]:
    """The steps whose parallel result nothing confirms; a degraded step already has its result from alone."""
    settled = {p.id for p in pairs if not p.input_changed and finding(p) in {"same", "wrong_in_both", "degraded"}}
    return [s for s in steps if s.id not in settled]


def _busy_s(steps: Sequence[StepRecord]) -> float:
    """The union of the steps' intervals, seconds; their sum where starts are unknown."""
    if any(s.started_s is None for s in steps):
        return seconds(steps)
    total, reached = 0.0, float("-inf")
    for start, end in sorted(((s.started_s or 0.0), (s.started_s or 0.0) + (s.duration_s or 0.0)) for s in steps):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _verdict(number: int, quality: QualityCheck) -> Verdict:
    """A lane is judged by what was seen in it: its few steps can never prove a share below two percent."""
    checks = [
        Check("compared", quality.m > 0, "UNVERIFIED", f"No step of lane {number} was compared with a run alone."),
        Check(
            "not_degraded",
            not quality.degraded,
            "INVALID",
            f"Lane {number} changed results under parallel load: {', '.join(quality.degraded)}.",
        ),
        Check(
            "differences_explained",
            not quality.unexplained,
            "UNVERIFIED",
            f"Results of lane {number} differ from those alone, unexplained: {', '.join(quality.unexplained)}.",
        ),
        Check(
            "all_compared",
            quality.census,
            "UNVERIFIED",
            f"{quality.m} of {quality.n} steps of lane {number} were compared with runs alone.",
        ),
    ]
    return judge(checks, f"All steps of lane {number} gave the results they give alone.")
