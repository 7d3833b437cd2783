"""The MathVer object: four sections, their ratios, one overall state and the printed lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fourfold_tools.mathver.checks import State, not_applicable, worst
from fourfold_tools.mathver.context_usage import ContextUsage, use_of_context
from fourfold_tools.mathver.evidence import weigh
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.quality_check import LIMIT, QualityCheck, check_quality
from fourfold_tools.mathver.records import Method, Pair, RunRecord
from fourfold_tools.mathver.render import ContextLine, Line, QualityLine, ResourceLine, TimeLine
from fourfold_tools.mathver.resource_usage import ResourceUsage, use_of_resources
from fourfold_tools.mathver.time_comparison import TimeComparison, compare_times
from fourfold_tools.model.output import Json

LEVEL = "L1:Parallel"


@dataclass(frozen=True, slots=True)
class MathVer:
    """A verification. verification_s: what it cost, beside the run's own time; budget: what it might cost."""

    level: str
    time: TimeComparison
    resource: ResourceUsage
    quality: QualityCheck
    context: ContextUsage
    verification_s: float = 0.0
    budget: str = ""
    version: str = ""
    host: str = ""

    @property
    def state(self) -> State:
        """The worst of the four; NOT_APPLICABLE does not count."""
        return worst(s.verdict.state for s in (self.time, self.resource, self.quality, self.context))

    @property
    def printed(self) -> tuple[Line, ...]:
        time, resource, quality, context = self.time, self.resource, self.quality, self.context
        bound = LIMIT if quality.certified else quality.degradation
        return (
            TimeLine(self.level, time.sequential_s, time.parallel_s, time.gain_pct, time.verdict.state),
            ResourceLine(
                self.level,
                _percent(resource.cpu),
                _percent(resource.sequential_cpu),
                resource.optimization,
                resource.verdict.state,
            ),
            QualityLine(
                self.level,
                _percent(quality.parallel),
                _percent(quality.sequential),
                _percent(bound),
                quality.certified,
                quality.verdict.state,
            ),
            ContextLine(self.level, context.results, context.delivered, context.separate, context.verdict.state),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(str(line) for line in self.printed)

    def ratios(self) -> dict[str, Json]:
        """The four ratios of the specification, each with what it rests on."""
        quality, cpu = self.quality, self.resource.cpu
        kept = None
        if quality.parallel is not None and quality.sequential:
            kept = quality.parallel / quality.sequential
        compared = "all steps compared" if quality.census else f"{quality.m} of {quality.n} steps compared"
        return {
            "time_efficiency": _ratio(self.time.speedup, f"T_seq / T_par, T_seq {self.time.method}"),
            "resource_efficiency": _ratio(cpu, "processor time used / available, measured"),
            "quality_maintenance": _ratio(kept, f"Q_par / Q_seq, {compared}"),
            "context_efficiency": _ratio(self.context.per_1000, "results per 1,000 tokens, tokens estimated"),
        }

    def data(self) -> dict[str, Json]:
        return {
            "time_comparison": self.time.data(),
            "resource_usage": self.resource.data(),
            "quality_check": self.quality.data(),
            "context_usage": self.context.data(),
            "ratios": self.ratios(),
            "state": self.state,
            "lines": list(self.lines),
            "verification_s": figure(self.verification_s),
            "verification_budget": self.budget,
            "version": self.version,
            "host": self.host,
        }


def _ratio(value: float | None, basis: str) -> dict[str, Json]:
    return {"value": figure(value), "basis": "n/a: not measured" if value is None else basis}


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def verify_run(
    record: RunRecord, pairs: Sequence[Pair] | None, method: Method, seed: int, level: str = LEVEL
) -> MathVer:
    """Verify a finished run.

    pairs: steps that were run alone; None or none where nothing was.
    method: the strongest that may be used for T_seq; the report names the one that the evidence bears.
    seed: the one that chose the sample; it also drives the resampling, so the same input gives the same report.

    Where nothing could run side by side, all four sections are NOT_APPLICABLE; numbers that were measured stay.
    """
    known = tuple(pairs or ())
    evidence = weigh(record, known if method in {"sampled", "measured"} else (), seed)
    time = compare_times(record, evidence, method, seed)
    lost = len(set(record.chosen or ()) - {p.id for p in known})
    ran = {s.id: s for s in evidence.ran}
    found = MathVer(
        level=level,
        time=time,
        resource=use_of_resources(record, evidence, time, seed),
        quality=check_quality(list(ran), [p for p in known if p.id in ran], lost),
        context=use_of_context(record.results, record.tokens),
        verification_s=record.verification_s,
        version=record.version,
        host=record.host,
    )
    return _nothing_to_compare(found) if time.verdict.state == "NOT_APPLICABLE" else found


def _nothing_to_compare(found: MathVer) -> MathVer:
    verdict = not_applicable(found.time.verdict.reason)
    return replace(
        found,
        resource=replace(found.resource, verdict=verdict),
        quality=replace(found.quality, verdict=verdict),
        context=replace(found.context, verdict=verdict),
    )
