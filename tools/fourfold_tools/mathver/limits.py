"""What no run can beat: the most a speed-up can be, by width, by the graph and by the processors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.mathver.evidence import Evidence
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.metrics import lower_bound, most_at_once, span, upper_bound
from fourfold_tools.mathver.records import RunRecord, StepRecord
from fourfold_tools.model.output import Json

# Work that computes for this share of its time alone counts as bound by the processor, wholly: what seems to be
# waiting in it may be a busy machine.
CPU_BOUND = 0.75
# Clocks of the journal, seconds.
RESOLUTION_S = 0.001


@dataclass(frozen=True, slots=True)
class Bounds:
    """Work T1, span T_inf and what they say about the run's seconds; basis: seconds `alone` or in the `run`."""

    work_s: float
    span_s: float
    lower_s: float
    upper_s: float
    basis: Literal["alone", "run"]

    def data(self) -> dict[str, Json]:
        return {
            "work_s": figure(self.work_s),
            "span_s": figure(self.span_s),
            "lower_s": figure(self.lower_s),
            "upper_s": figure(self.upper_s),
            "basis": self.basis,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest possible speed-ups: by lanes in use, by the graph (T1/T_inf), by the processors (None: no load).

    cpu_bound: the work as a whole is bound by the processor, so by_cpu is the number of cores.
    """

    by_width: float
    by_graph: float
    by_cpu: float | None
    cpu_bound: bool

    @property
    def least(self) -> float:
        """The smallest of the three."""
        return min(self.by_width, self.by_graph, *([] if self.by_cpu is None else [self.by_cpu]))

    def data(self) -> dict[str, Json]:
        return {
            "width": figure(self.by_width),
            "graph": figure(self.by_graph),
            "processors": figure(self.by_cpu),
            "cpu_bound": self.cpu_bound,
        }


def weights(evidence: Evidence) -> Mapping[str, float]:
    """Seconds per step: alone where that is known of enough of them, else as they were in the run."""
    return evidence.alone_s if evidence.sound else {s.id: s.duration_s or 0.0 for s in evidence.ran}


def bounds(evidence: Evidence, width: float) -> Bounds:
    """Work, span, and the lower (work and span law) and upper (Graham, Brent) bound of T_par."""
    heavy = weights(evidence)
    work_s, span_s = sum(heavy.values()), span(heavy, {s.id: s.deps for s in evidence.ran})
    basis: Literal["alone", "run"] = "alone" if evidence.sound else "run"
    return Bounds(work_s, span_s, lower_bound(work_s, span_s, width), upper_bound(work_s, span_s, width), basis)


def places(record: RunRecord, steps: Sequence[StepRecord]) -> int:
    """The most steps that could be in work at once: a call's group takes one place but holds many steps."""
    groups: dict[str, int] = {}
    for step in steps:
        name = f"step {step.id}" if step.group is None else f"group {step.group}"
        groups[name] = groups.get(name, 0) + 1
    return max(1, sum(sorted(groups.values(), reverse=True)[: max(1, record.max_parallel)]))


def limits(record: RunRecord, evidence: Evidence, found: Bounds) -> Limits:
    """The limits of this run's speed-up.

    by_cpu is cores * T1 / C with the processor seconds C of the steps (the work law for the class of processors):
    work that only computes cannot gain more than the cores, work that waits is not limited.
    """
    computing = _computing_s(record, evidence)
    cpu_bound = computing >= CPU_BOUND * found.work_s
    if cpu_bound:
        computing = max(computing, found.work_s)
    return Limits(
        places(record, evidence.ran),
        found.work_s / found.span_s if found.span_s > 0 else 1.0,
        record.cores_eff * found.work_s / computing if computing > 0 else None,
        cpu_bound,
    )


def _computing_s(record: RunRecord, evidence: Evidence) -> float:
    """Processor seconds that the work needs at the least.

    In a group less is computed than by its steps alone, so there the run's own figures count. Steps without
    figures of their own work inside the server and are counted at its time, or, where that is unknown too, as if
    they computed all their time.
    """
    known = unknown = 0.0
    for step in evidence.ran:
        alone_s = evidence.alone_s[step.id]
        pair = evidence.pairs.get(step.id)
        cpu_s = step.cpu_s if step.group or not pair or pair.seq_cpu_s is None else pair.seq_cpu_s
        if cpu_s is None:
            unknown += alone_s
        else:
            wholly = step.group is None and cpu_s >= CPU_BOUND * alone_s
            known += max(cpu_s, alone_s) if wholly else cpu_s
    return known + (unknown if record.server_cpu_s is None else min(unknown, record.server_cpu_s))


def observed_width(steps: Sequence[StepRecord]) -> int:
    """The most calls that were in work at once; a group is one from its first start to its last end.

    A step that was tried again is left out: between its attempts it waits without a place.
    """
    spans: dict[str, tuple[float, float]] = {}
    for step in steps:
        if step.started_s is None or step.duration_s is None or step.attempts > 1:
            continue
        name = f"step {step.id}" if step.group is None else f"group {step.group}"
        start, end = step.started_s, step.started_s + step.duration_s
        known = spans.get(name, (start, end))
        spans[name] = (min(known[0], start), max(known[1], end))
    return most_at_once(spans.values(), RESOLUTION_S)
