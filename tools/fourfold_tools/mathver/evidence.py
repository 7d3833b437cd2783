"""What stands behind the sequential time of each step: a run alone, a sample of its stratum, or only bounds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.mathver.estimate import Interval, Reading, Sample, estimate_total
from fourfold_tools.mathver.records import Pair, RunRecord, StepRecord
from fourfold_tools.mathver.sampling import MIN_SAMPLE

# Share of the sequential time that may be known by bounds alone.
MAX_BOUNDED = 0.2
# Seconds below which a time, of the clock or of the processor, is no measurement.
CLOCK_S = 1e-6

Standing = Literal["measured", "sampled", "bounded"]


@dataclass(frozen=True, slots=True)
class Stratum:
    """A stratum's part in the estimate: n steps, m of them run alone, and what they stand for.

    sampled: the m stand for all n. measured: each for itself; n - m steps are known by bounds. bounded: all are.
    sample: the readings, and what they stand for.
    """

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
    excluded: why a step is not in its stratum (id -> reason); such steps are bounded.
    total: the sum of alone_s with its 95 % interval, the bounded steps at their bounds; None when nothing stands.
        The high end also allows for what few readings cannot show, see `_unseen_s`.
    bounded_share: share of the sequential time that the bounded steps may hold.
    faults: ids of pairs that fit no step that ran (its id, stratum and result), or fit one twice.
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
        kinds = {s.standing for s in self.strata}
        return "sampled" if "sampled" in kinds else "measured" if "measured" in kinds else "bounded"

    @property
    def sound(self) -> bool:
        """Whether so much was measured or sampled that the total may be called the sequential time."""
        return self.total is not None and self.bounded_share <= MAX_BOUNDED

    @property
    def used(self) -> tuple[Pair, ...]:
        """The pairs of steps that were not excluded."""
        return tuple(p for p in self.pairs.values() if p.id not in self.excluded)


def seconds(steps: Sequence[StepRecord]) -> float:
    """The steps' seconds in the run, added up."""
    return sum(s.duration_s or 0.0 for s in steps)


def floor_s(step: StepRecord, cores: float) -> float:
    """Seconds that a step takes alone at the least: its processor time spread over every core."""
    return (step.cpu_s or 0.0) / max(cores, 1.0)


def weigh(record: RunRecord, pairs: Sequence[Pair], seed: int) -> Evidence:
    """Sort the steps that ran by what the pairs say about them, and estimate their sequential time."""
    ran = tuple(s for s in record.steps if s.duration_s is not None)
    times = Counter(p.id for p in pairs)
    known = {s.id: s for s in ran}
    by_id = {p.id: p for p in pairs if p.id in known}
    excluded = {s.id: reason for s in ran if (reason := _why_excluded(s, by_id.get(s.id)))}
    strata = _stratify([s for s in ran if s.id not in excluded], by_id)
    samples, strata = _judge_noise(strata)
    covered = {s.name: s for s in strata if s.sample}
    bounded = [s for s in ran if s.id in excluded or not _stands(s, covered.get(s.stratum), by_id)]
    floors = {s.id: floor_s(s, record.cores_eff) for s in bounded}
    low, high = sum(floors.values()), max(sum(floors.values()), seconds(bounded))
    # A step alone is taken to be no slower than beside others; the high end rests on that.
    total = estimate_total(samples, seed).shifted(low, high + _unseen_s(samples)) if samples else None
    return Evidence(
        ran=ran,
        pairs=by_id,
        strata=tuple(strata),
        alone_s={s.id: floors[s.id] if s.id in floors else _alone(s, covered[s.stratum], by_id) for s in ran},
        bounded=tuple(bounded),
        excluded=excluded,
        total=total,
        bounded_share=high / (high + total.value - low) if total else 1.0,
        faults=tuple(sorted({p.id for p in pairs if times[p.id] > 1 or not _fits(p, known.get(p.id))})),
    )


def _fits(pair: Pair, step: StepRecord | None) -> bool:
    """Whether the pair's parallel side is this step."""
    if step is None or pair.stratum != step.stratum:
        return False
    return None in {pair.par_hash, step.result_hash} or pair.par_hash == step.result_hash


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
    if min(pair.par_s, pair.seq_s, pair.seq_s if pair.seq2_s is None else pair.seq2_s) < CLOCK_S:
        return "was too short for the clock"
    return None


def _stratify(steps: Sequence[StepRecord], pairs: Mapping[str, Pair]) -> list[Stratum]:
    """Each stratum with its readings: MIN_SAMPLE or more stand for the whole of it, fewer only for themselves."""
    members: dict[str, list[StepRecord]] = {}
    for step in steps:
        members.setdefault(step.stratum, []).append(step)
    return [_stratum(name, members[name], pairs) for name in sorted(members)]


def _stratum(name: str, steps: Sequence[StepRecord], pairs: Mapping[str, Pair]) -> Stratum:
    run_alone = [pairs[s.id] for s in steps if s.id in pairs]
    readings = tuple(Reading(p.par_s, p.seq_s, p.seq2_s, p.order) for p in run_alone)
    n, m = len(steps), len(readings)
    if not m:
        return Stratum(name, n, 0, "bounded", None)
    known = sum(r.known for r in readings)
    if m == n or m < MIN_SAMPLE:
        return Stratum(name, n, m, "measured", Sample(readings, m, known))
    return Stratum(
        name, n, m, "sampled", Sample(readings, n, known + seconds([s for s in steps if s.id not in pairs]))
    )


def _judge_noise(strata: Sequence[Stratum]) -> tuple[list[Sample], list[Stratum]]:
    """The samples to estimate from, and the strata without those whose noise nothing shows.

    A single reading without a repeat shows no noise. 1. Several such are judged together. 2. One is judged with the
    largest stratum that was measured whole. 3. Else it stands for nothing. In 1 and 2 the scatter between unlike
    steps counts as noise, which errs towards a wide interval.
    """
    sound = [s.sample for s in strata if s.sample and s.sample.judgeable]
    weak = [s.sample for s in strata if s.sample and not s.sample.judgeable]
    if len(weak) == 1:
        whole = [s for s in sound if s.whole and not s.repeated]
        if not whole:
            return sound, [Stratum(s.name, s.n, s.m, "bounded", None) if s.sample in weak else s for s in strata]
        largest = max(whole, key=lambda s: len(s.readings))
        sound.remove(largest)
        weak.append(largest)
    return sound + ([_pooled(weak)] if weak else []), list(strata)


def _pooled(samples: Sequence[Sample]) -> Sample:
    """Samples of strata that were measured whole, as one."""
    readings = tuple(r for s in samples for r in s.readings)
    return Sample(readings, len(readings), sum(s.known for s in samples))


def _unseen_s(samples: Sequence[Sample]) -> float:
    """Seconds by which T_seq may be more because slow moments were missed: one in m + 1 steps takes twice as long.

    Rare spikes and bursts that none of m readings met lift the true mean above any interval made from those
    readings. In simulation the intervals held the truth of such workloads in 90 % of cases without this allowance,
    in 98 % with it. It moves only the high end, so no claim of a gain rests on it.
    """
    return sum(s.total / (len(s.readings) + 1) for s in samples)


def _stands(step: StepRecord, stratum: Stratum | None, pairs: Mapping[str, Pair]) -> bool:
    """Whether the step's time alone is measured or estimated."""
    return stratum is not None and (stratum.standing == "sampled" or step.id in pairs)


def _alone(step: StepRecord, stratum: Stratum, pairs: Mapping[str, Pair]) -> float:
    if step.id in pairs or not stratum.sample:
        return pairs[step.id].alone_s
    return stratum.sample.ratio * (step.duration_s or 0.0)
