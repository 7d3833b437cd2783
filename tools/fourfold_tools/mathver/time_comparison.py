"""The time line: T_par as measured against T_seq by the strongest method that the evidence bears."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from fourfold_tools.mathver import metrics
from fourfold_tools.mathver.checks import Check, Verdict, judge, not_applicable
from fourfold_tools.mathver.estimate import Interval
from fourfold_tools.mathver.evidence import MAX_BOUNDED, Evidence, Stratum, floor_s, seconds
from fourfold_tools.mathver.figures import figure, pair
from fourfold_tools.mathver.limits import RESOLUTION_S, Bounds, Limits, bounds, limits, observed_width, places
from fourfold_tools.mathver.records import Method, Pair, RunRecord
from fourfold_tools.model.output import Json

BASELINE = "the same steps one at a time through the same code; the client's own parallel calls are not in it"

# Tolerance of the invariants beside the clock's resolution.
TOLERANCE = 0.05
# A graph whose work exceeds its span by less cannot gain anything worth a claim.
MIN_PARALLELISM = 1.05
# Mean share of the time in which some task waited for a processor while steps ran alone: not idle above it. Steps
# that compute for less than the second share of their time are hardly slowed by that.
IDLE_PRESSURE = 0.4
WAITING = 0.1

# What a sequential time by each method is called in the disclosure.
_BASIS: Mapping[Method, str] = MappingProxyType(
    {"measured": "measured", "sampled": "estimated", "history": "history", "bounds": "missing"}
)


@dataclass(frozen=True, slots=True)
class TimeComparison:
    """Times in seconds; what nobody measured is None.

    ci95: of the speed-up. sequential_range_s: between which bounds T_seq lies where it has no 95 % interval.
    bounds: None for numbers of the caller's own, of which no graph is known; limits: None without a measured T_seq.
    n: steps that ran; m: those run alone; excluded: id -> why only bounds are known of it.
    p_max: calls that may run at once; p_mean: steps in work on average.
    """

    method: Method
    sequential_s: float | None
    parallel_s: float | None
    speedup: float | None
    parallel_efficiency: float | None
    ci95: tuple[float, float] | None
    verdict: Verdict
    n: int
    m: int
    seed: int
    sequential_range_s: tuple[float, float] | None = None
    bounds: Bounds | None = None
    limits: Limits | None = None
    strata: tuple[Stratum, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict[str, str])
    p_max: int | None = None
    p_mean: float | None = None
    baseline: str = BASELINE

    @property
    def gain_pct(self) -> int | None:
        return None if self.speedup is None else metrics.gain_pct(self.speedup)

    def data(self) -> dict[str, Json]:
        kind = _BASIS[self.method]
        lower_s = self.bounds.lower_s if self.bounds else None
        over = metrics.speedup(self.parallel_s, lower_s) if self.parallel_s and lower_s else None
        return {
            "method": self.method,
            "baseline": self.baseline,
            "sequential_s": figure(self.sequential_s),
            "parallel_s": figure(self.parallel_s),
            "speedup": figure(self.speedup),
            "gain_pct": self.gain_pct,
            "parallel_efficiency": figure(self.parallel_efficiency),
            "ci95": pair(self.ci95),
            "sequential_range_s": pair(self.sequential_range_s),
            "bounds": self.bounds.data() if self.bounds else None,
            "speedup_limits": self.limits.data() if self.limits else None,
            "parallel_over_lower": figure(over),
            "p_max": self.p_max,
            "p_mean": figure(self.p_mean),
            "n": self.n,
            "m": self.m,
            "strata": [{"name": s.name, "n": s.n, "m": s.m, "standing": s.standing} for s in self.strata],
            "excluded": dict(self.excluded),
            "seed": self.seed,
            "basis": {
                "parallel_s": "missing" if self.parallel_s is None else "measured",
                "sequential_s": "missing" if self.sequential_s is None else kind,
                "speedup": "missing" if self.speedup is None else kind,
            },
            **self.verdict.data(),
        }


def compare_times(record: RunRecord, evidence: Evidence, method: Method, seed: int) -> TimeComparison:
    """The time section of a run by the strongest method not above `method` that the evidence bears.

    The interval is of T_seq under the conditions of the runs alone; T_par is this run's own wall time and has none.
    """
    used, total = _sequential(record, evidence, method)
    width = max(1, min(record.max_parallel, len(evidence.ran)))
    found = bounds(evidence, places(record, evidence.ran))
    limit = limits(record, evidence, found) if evidence.sound else None
    factor = metrics.speedup(total.value, record.wall_s) if total else None
    measured = used in {"measured", "sampled"}
    ci95 = (total.low / record.wall_s, total.high / record.wall_s) if total and factor and measured else None
    return TimeComparison(
        method=used,
        sequential_s=total.value if total else None,
        parallel_s=record.wall_s,
        speedup=factor,
        parallel_efficiency=None if factor is None else metrics.parallel_efficiency(factor, width),
        ci95=ci95,
        sequential_range_s=_range(record, evidence, total),
        bounds=found,
        limits=limit,
        n=len(evidence.ran),
        m=sum(s.m for s in evidence.strata),
        strata=evidence.strata,
        excluded=evidence.excluded,
        seed=seed,
        p_max=record.max_parallel,
        p_mean=metrics.speedup(seconds(evidence.ran), record.wall_s),
        verdict=_verdict(record, evidence, used, factor, ci95, found, limit),
    )


def _sequential(record: RunRecord, evidence: Evidence, method: Method) -> tuple[Method, Interval | None]:
    """The strongest method not above `method` that the evidence bears, and its T_seq."""
    if method in {"measured", "sampled"} and evidence.sound:
        return ("sampled" if evidence.standing == "sampled" else "measured"), evidence.total
    past = {h.stratum: h for h in record.history}
    if method != "bounds" and evidence.ran and all(s.stratum in past for s in evidence.ran):
        found = [past[s.stratum] for s in evidence.ran]
        return "history", Interval(
            sum(h.q50_s for h in found), sum(h.q10_s for h in found), sum(h.q90_s for h in found)
        )
    return "bounds", None


def _range(record: RunRecord, evidence: Evidence, total: Interval | None) -> tuple[float, float]:
    """Between which seconds T_seq lies: its interval, else from the floors to the seconds in the run."""
    known = total or evidence.total
    if known:
        return known.low, known.high
    floor = sum(floor_s(s, record.cores_eff) for s in evidence.ran)
    return floor, max(floor, seconds(evidence.ran))


def _verdict(
    record: RunRecord,
    evidence: Evidence,
    method: Method,
    factor: float | None,
    ci95: tuple[float, float] | None,
    found: Bounds,
    limit: Limits | None,
) -> Verdict:
    invariants = _invariants(record, evidence)
    if all(c.holds for c in invariants):
        if len(evidence.ran) < 2:
            return not_applicable("Fewer than two steps ran: nothing could run side by side.", invariants)
        if record.max_parallel < 2 or found.work_s < MIN_PARALLELISM * found.span_s:
            return not_applicable("The steps could only run one after the other.", invariants)
    checks = [*invariants, *_evidence_checks(record, evidence, method)]
    if factor and ci95 and limit:
        checks += _claim_checks(record, factor, ci95, limit)
        low, high = ci95
        m, n = sum(s.m for s in evidence.strata), len(evidence.ran)
        proven = f"{m} of {n} steps were run alone; the speed-up lies between {low:.2f} and {high:.2f} (95 %)."
        return judge(checks, proven)
    return judge(checks, "")


def _invariants(record: RunRecord, evidence: Evidence) -> list[Check]:
    """What must hold for any run; where it does not, the record is wrong and so is every number from it."""
    ids = [s.id for s in record.steps]
    slack = RESOLUTION_S + 0.01 * record.wall_s
    inside = all(
        (s.started_s or 0.0) >= -slack and (s.started_s or 0.0) + (s.duration_s or 0.0) <= record.wall_s + slack
        for s in evidence.ran
    )
    width = observed_width(evidence.ran)
    return [
        Check("steps_unique", len(set(ids)) == len(ids), "INVALID", "A step stands twice in the record."),
        Check("steps_inside_run", inside, "INVALID", "A step lies outside the run's own time."),
        Check(
            "width_respected",
            width <= record.max_parallel,
            "INVALID",
            f"{width} calls ran at once where {record.max_parallel} were allowed.",
        ),
        Check("pairs_fit", not evidence.faults, "INVALID", "A run alone fits no step of the run, or one twice."),
    ]


def _evidence_checks(record: RunRecord, evidence: Evidence, method: Method) -> list[Check]:
    """Whether what was run alone can stand for the whole."""
    lost = set(record.chosen or ()) - set(evidence.pairs)
    before = sum(p.before for p in evidence.pairs.values())
    pressure = record.load_alone.cpu_mean if record.load_alone else None
    measured = method in {"measured", "sampled"}
    checks = [Check("run_alone", measured, "UNVERIFIED", _not_run_alone(evidence, method))]
    if not evidence.pairs:
        return checks
    checks += [
        Check(
            "sample_complete",
            not lost,
            "UNVERIFIED",
            f"{len(lost)} of {len(record.chosen or ())} steps that were drawn to run alone have no result.",
        ),
        Check(
            "order_fair",
            2 * before <= len(evidence.pairs),
            "UNVERIFIED",
            "Most runs alone came before the parallel run and warmed its caches.",
        ),
    ]
    if pressure is not None:
        idle = pressure <= IDLE_PRESSURE or _computing_share(evidence.used) < WAITING
        reason = f"The machine was not idle while steps ran alone (processors short {pressure:.0%} of the time)."
        checks.append(Check("idle_machine", idle, "UNVERIFIED", reason))
    return checks


def _computing_share(pairs: Sequence[Pair]) -> float:
    """Share of their time alone in which the steps computed; 1 where that is not known of each."""
    known = [p.seq_cpu_s for p in pairs if p.seq_cpu_s is not None]
    alone_s = sum(p.seq_s for p in pairs)
    return sum(known) / alone_s if len(known) == len(pairs) and alone_s > 0 else 1.0


def _not_run_alone(evidence: Evidence, method: Method) -> str:
    if method == "history":
        return "The sequential time comes from earlier runs; nothing was run alone for this one."
    if not evidence.pairs:
        return "Nothing was run one at a time, so the sequential time is unknown."
    share = evidence.bounded_share
    return f"Steps not measured alone may hold {share:.0%} of the sequential time; {MAX_BOUNDED:.0%} is the limit."


def _claim_checks(record: RunRecord, factor: float, ci95: tuple[float, float], limit: Limits) -> list[Check]:
    """Whether the gain is possible, and whether the interval bears it."""
    low, high = ci95
    loose = 1 + TOLERANCE + RESOLUTION_S / record.wall_s
    # T_par is one draw too: only what lies clearly beyond the limits is called impossible.
    impossible = loose + TOLERANCE
    most, schedule, cpu = limit.least, min(limit.by_width, limit.by_graph), limit.by_cpu
    return [
        Check(
            "gain_possible",
            low <= most * impossible,
            "INVALID",
            f"A speed-up of {low:.2f} or more cannot be: width, graph and processors allow {most:.2f}.",
        ),
        Check(
            "within_schedule",
            factor <= schedule * loose,
            "UNVERIFIED",
            f"The speed-up of {factor:.2f} is above what width and graph allow ({schedule:.2f}).",
        ),
        # No tolerance for what only computes: a gain above the cores is the claim that is so often made up.
        Check(
            "within_processors",
            cpu is None or factor <= cpu * (1 if limit.cpu_bound else loose),
            "UNVERIFIED",
            f"The processors allow a speed-up of {cpu or 0:.2f} for this work, less than the {factor:.2f} found.",
        ),
        Check("not_slower", high > 1, "INVALID", f"Running in parallel was no faster (speed-up {high:.2f} at most)."),
        Check(
            "gain_supported",
            low > 1,
            "UNVERIFIED",
            f"The speed-up lies between {low:.2f} and {high:.2f} (95 %): no gain is not ruled out.",
        ),
    ]
