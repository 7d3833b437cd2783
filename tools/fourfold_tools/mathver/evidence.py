"""What stands behind the sequential time of each step: a run alone, a sample of its stratum, or only bounds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.mathver.estimate import Interval, Reading, Sample, estimate_total
from fourfold_tools.mathver.records import Pair, RunRecord, StepRecord
from fourfold_tools.mathver.sampling import MIN_SAMPLE

Standing = Literal["measured", "sampled", "bounded"]


@dataclass(frozen=True, slots=True)
class Stratum:
    """A stratum's part in the estimate: n steps, m of them run alone, and what the n stand on."""

    name: str
    n: int
    m: int
    standing: Standing
    sample: Sample | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The steps that ran, sorted by what is known about their time alone.

    alone_s: seconds alone per step: measured, the run's seconds times the stratum's ratio, or the floor.
    bounded: steps of which only bounds are known: at least `floor_s` alone, at most their seconds in the run.
    excluded: why a step that ran is bounded although its stratum is not (id -> reason).
    total: the sum of alone_s with its 95 % interval, the bounded steps at their bounds; None when nothing stands.
    bounded_share: share of the sequential time that the bounded steps may hold.
    faults: pairs that fit no step that ran, or fit one twice.
    """

    ran: tuple[StepRecord, ...]
    pairs: Mapping[str, Pair]
    strata: tuple[Stratum, ...]
    alone_s: Mapping[str, float]
    bounded: tuple[StepRecord, ...]
    excluded: Mapping[str, str]
    total: Interval | None
    bounded_share: float
    faults: tuple[str, ...]

    @property
    def standing(self) -> Standing:
        """The weakest that the total rests on, apart from its bounded part."""
        kinds = {s.standing for s in self.strata if s.sample}
        return "sampled" if "sampled" in kinds else "measured" if kinds else "bounded"


def floor_s(step: StepRecord, cores: float) -> float:
    """Seconds that a step takes alone at the least: its processor time spread over every core."""
    return (step.cpu_s or 0.0) / max(cores, 1.0)


def weigh(record: RunRecord, pairs: Sequence[Pair], seed: int) -> Evidence:
    """Sort the steps that ran by what the pairs say about them, and estimate their sequential time."""
    ran = tuple(s for s in record.steps if s.duration_s is not None)
    times = Counter(p.id for p in pairs)
    known = {s.id: s for s in ran}
    faults = tuple(sorted(i for i, count in times.items() if count > 1 or i not in known))
    by_id = {p.id: p for p in pairs if p.id in known}
    excluded = {s.id: reason for s in ran if (reason := _why_excluded(s, by_id.get(s.id)))}
    strata, bounded = _stratify([s for s in ran if s.id not in excluded], by_id)
    bounded += [s for s in ran if s.id in excluded]
    alone = _alone(strata, by_id, ran, bounded, record.cores_eff)
    total = _total(strata, bounded, record.cores_eff, seed)
    return Evidence(
        ran, by_id, strata, alone, tuple(bounded), excluded, total, _share(total, bounded, record.cores_eff), faults
    )


def _why_excluded(step: StepRecord, pair: Pair | None) -> str | None:
    if not step.repeatable:
        return "may not be repeated"
    if not step.ended:
        return f"ended as {step.state} in the run"
    if pair is None:
        return None
    if pair.input_changed:
        return "its inputs changed between the runs"
    if pair.par_ok != pair.seq_ok:
        return "succeeded in one run and failed in the other"
    if min(pair.par_s, pair.seq_s, pair.seq_s if pair.seq2_s is None else pair.seq2_s) <= 0:
        return "was too short for the clock"
    return None


def _stratify(steps: Sequence[StepRecord], pairs: Mapping[str, Pair]) -> tuple[tuple[Stratum, ...], list[StepRecord]]:
    """Each stratum with its sample, and the steps that no sample stands for.

    1. All run alone: measured. 2. At least MIN_SAMPLE: the sample stands for the rest. 3. Fewer: they stand for
    themselves alone, the rest is bounded. 4. One without a repeat shows no noise: bounded too.
    """
    members: dict[str, list[StepRecord]] = {}
    for step in steps:
        members.setdefault(step.stratum, []).append(step)
    strata: list[Stratum] = []
    bounded: list[StepRecord] = []
    for name, all_steps in sorted(members.items()):
        readings = tuple(_reading(pairs[s.id]) for s in all_steps if s.id in pairs)
        n, m = len(all_steps), len(readings)
        rest = [s for s in all_steps if s.id not in pairs]
        expands = m >= MIN_SAMPLE
        known = sum(r.known for r in readings) + (sum(s.duration_s or 0.0 for s in rest) if expands else 0.0)
        sample = Sample(readings, n if expands else m, known) if m else None
        if sample is None or not sample.judgeable:
            strata.append(Stratum(name, n, m, "bounded", None))
            bounded += all_steps
            continue
        strata.append(Stratum(name, n, m, "sampled" if expands and rest else "measured", sample))
        bounded += [] if expands else rest
    return tuple(strata), bounded


def _reading(pair: Pair) -> Reading:
    return Reading(pair.par_s, pair.seq_s, pair.seq2_s, pair.order)


def _alone(
    strata: Sequence[Stratum],
    pairs: Mapping[str, Pair],
    ran: Sequence[StepRecord],
    bounded: Sequence[StepRecord],
    cores: float,
) -> dict[str, float]:
    ratio = {s.name: s.sample.total / s.sample.known for s in strata if s.sample}
    floors = {s.id: floor_s(s, cores) for s in bounded}
    out: dict[str, float] = {}
    for step in ran:
        if step.id in floors:
            out[step.id] = floors[step.id]
        elif step.id in pairs:
            out[step.id] = pairs[step.id].alone_s
        else:
            out[step.id] = ratio[step.stratum] * (step.duration_s or 0.0)
    return out


def _total(strata: Sequence[Stratum], bounded: Sequence[StepRecord], cores: float, seed: int) -> Interval | None:
    samples = [s.sample for s in strata if s.sample]
    if not samples:
        return None
    # A step alone is taken to be no slower than beside others; the high end rests on that.
    floor = sum(floor_s(s, cores) for s in bounded)
    return estimate_total(samples, seed).shifted(floor, max(floor, sum(s.duration_s or 0.0 for s in bounded)))


def _share(total: Interval | None, bounded: Sequence[StepRecord], cores: float) -> float:
    """The bounded steps at their high end against the whole: estimated part and high end together."""
    if total is None:
        return 1.0
    high = sum(s.duration_s or 0.0 for s in bounded)
    known = total.value - sum(floor_s(s, cores) for s in bounded)
    return high / (high + known) if high else 0.0
