"""The resource line: processor time of the run against the same steps alone, and whether the gain was worth it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fourfold_tools.mathver import metrics
from fourfold_tools.mathver.checks import Check, Verdict, judge
from fourfold_tools.mathver.estimate import Reading, Sample, estimate_total
from fourfold_tools.mathver.evidence import CLOCK_S, Evidence
from fourfold_tools.mathver.figures import figure, pair
from fourfold_tools.mathver.records import Load, Pair, RunRecord
from fourfold_tools.mathver.render import Optimization
from fourfold_tools.mathver.time_comparison import TOLERANCE, TimeComparison
from fourfold_tools.model.output import Json

# Work inflation up to which a gain is justified, and outside which the two arms did different work.
MAX_INFLATION = 1.25
SAME_WORK = (0.8, 1.5)
# Processor seconds below this share of the seconds alone are too few to judge inflation by (clock ticks).
IMMATERIAL = 0.05
# Share of the machine's memory, and share of the windows that may be saturated (PSI above SATURATED).
MAX_MEMORY = 0.8
SATURATED = 0.6
MAX_SATURATED = 0.5


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """Shares of the available processor time, 0 to 1; None where not measured.

    cpu: the run, children and server; sequential_cpu: the same steps one at a time. inflation: processor seconds
    in the run over those alone, its 95 % interval where there are pairs of them. optimization: the printed word;
    criteria: the four conditions it needs, None where one cannot be told.
    Children that outlived their step escape the count.
    """

    cpu: float | None
    sequential_cpu: float | None
    cpu_s: float | None
    inflation: float | None
    inflation_ci95: tuple[float, float] | None
    memory: float | None
    peak_rss_bytes: int | None
    optimization: Optimization
    criteria: Mapping[str, bool | None]
    load_parallel: Load | None
    load_alone: Load | None
    verdict: Verdict

    @classmethod
    def missing(cls, verdict: Verdict) -> "ResourceUsage":
        """Nothing was measured and nothing was to be."""
        return cls(None, None, None, None, None, None, None, "n/a", {}, None, None, verdict)

    def data(self) -> dict[str, Json]:
        return {
            "cpu": figure(self.cpu),
            "sequential_cpu": figure(self.sequential_cpu),
            "cpu_s": figure(self.cpu_s),
            "work_inflation": figure(self.inflation),
            "work_inflation_ci95": pair(self.inflation_ci95),
            "memory": figure(self.memory),
            "peak_rss_bytes": self.peak_rss_bytes,
            "optimization": self.optimization,
            "criteria": dict(self.criteria),
            "load": {"parallel": _load(self.load_parallel), "alone": _load(self.load_alone)},
            "basis": {
                "cpu": "missing" if self.cpu is None else "measured",
                "sequential_cpu": "missing" if self.sequential_cpu is None else "sampled",
                "work_inflation": "missing" if self.inflation is None else "sampled",
            },
            **self.verdict.data(),
        }


def _load(load: Load | None) -> Json:
    if load is None:
        return None
    return {"cpu": figure(load.cpu_mean), "io": figure(load.io), "memory": figure(load.memory), "load1": load.loadavg}


@dataclass(frozen=True, slots=True)
class _Inflation:
    """Processor seconds beside others over those alone, and whether there are enough of them to matter."""

    value: float
    ci95: tuple[float, float] | None
    material: bool

    def at_most(self, limit: float) -> bool:
        return not self.material or self.value <= limit

    def settled(self, limit: float) -> bool:
        """Whether the whole interval lies on one side of the limit."""
        return not self.material or (self.ci95 is not None and (self.ci95[1] <= limit or self.ci95[0] > limit))


def use_of_resources(record: RunRecord, evidence: Evidence, time: TimeComparison, seed: int) -> ResourceUsage:
    """The resource section; it judges the gain of `time` against what it cost."""
    cpu_s = _cpu_s(record, evidence)
    cpu = None if cpu_s is None else metrics.cpu_share(cpu_s, record.wall_s, record.cores_eff)
    sequential = _sequential_cpu(record, evidence)
    pairs = evidence.used
    inflation = _inflation(pairs, seed) or _server_inflation(record, evidence, pairs)
    memory = None
    if record.peak_rss_bytes is not None and record.mem_total_bytes:
        memory = record.peak_rss_bytes / record.mem_total_bytes
    criteria = _criteria(record, time, inflation, memory)
    word = _word(list(criteria.values()))
    return ResourceUsage(
        cpu=cpu,
        sequential_cpu=sequential,
        cpu_s=cpu_s,
        inflation=inflation.value if inflation else None,
        inflation_ci95=inflation.ci95 if inflation else None,
        memory=memory,
        peak_rss_bytes=record.peak_rss_bytes,
        optimization=word,
        criteria=criteria,
        load_parallel=record.load_parallel,
        load_alone=record.load_alone,
        verdict=_verdict(cpu, sequential, inflation, criteria, word, time),
    )


def _cpu_s(record: RunRecord, evidence: Evidence) -> float | None:
    """Processor seconds of children and server; None where a part of them was not measured."""
    own = [s.cpu_s for s in evidence.ran]
    if record.server_cpu_s is None and (None in own or not own):
        return None
    return sum(c or 0.0 for c in own) + (record.server_cpu_s or 0.0)


def _sequential_cpu(record: RunRecord, evidence: Evidence) -> float | None:
    """Share of the processors that the steps use one at a time, weighted by each stratum's estimated seconds."""
    pairs = evidence.used
    if not evidence.sound or record.cores_eff <= 0:
        return None
    if record.server_alone_cpu_s is None and any(p.seq_cpu_s is None for p in pairs):
        return None
    stratum_of = {s.id: s.stratum for s in evidence.ran}
    used = whole = 0.0
    for stratum in evidence.strata:
        if not stratum.sample:
            continue
        mine = [p for p in pairs if stratum_of[p.id] == stratum.name]
        used += stratum.sample.total * sum(p.seq_cpu_s or 0.0 for p in mine) / sum(p.seq_s for p in mine)
        whole += stratum.sample.total
    all_runs_s = sum(p.seq_s + (p.seq2_s or 0.0) for p in pairs)
    return (used / whole + (record.server_alone_cpu_s or 0.0) / all_runs_s) / record.cores_eff


def _inflation(pairs: Sequence[Pair], seed: int) -> _Inflation | None:
    """From pairs that have processor seconds of their own on both sides; None with fewer than two."""
    readings = [
        Reading(p.seq_cpu_s, p.par_cpu_s, None, p.order)
        for p in pairs
        if p.seq_cpu_s is not None and p.par_cpu_s is not None and min(p.seq_cpu_s, p.par_cpu_s) >= CLOCK_S
    ]
    if len(readings) < 2:
        return None
    alone = sum(r.known for r in readings)
    whole = estimate_total([Sample(tuple(readings), len(readings), alone)], seed)
    extra = abs(whole.value - alone)
    return _Inflation(
        metrics.work_inflation(whole.value, alone),
        (metrics.work_inflation(whole.low, alone), metrics.work_inflation(whole.high, alone)),
        extra > IMMATERIAL * sum(p.seq_s for p in pairs),
    )


def _server_inflation(record: RunRecord, evidence: Evidence, pairs: Sequence[Pair]) -> _Inflation | None:
    """For steps that all work inside the server: its time in the run over its time alone, scaled to all steps."""
    inside = all(s.cpu_s is None for s in evidence.ran)
    if not inside or not evidence.total or not record.server_cpu_s or not record.server_alone_cpu_s:
        return None
    all_runs_s = sum(p.seq_s + (p.seq2_s or 0.0) for p in pairs)
    alone = record.server_alone_cpu_s * evidence.total.value / all_runs_s
    material = abs(record.server_cpu_s - alone) > IMMATERIAL * evidence.total.value
    return _Inflation(metrics.work_inflation(record.server_cpu_s, alone), None, material)


def _criteria(
    record: RunRecord, time: TimeComparison, inflation: _Inflation | None, memory: float | None
) -> dict[str, bool | None]:
    """The four conditions of a justified gain; None where one cannot be told."""
    windows = record.load_parallel.cpu if record.load_parallel else ()
    saturated = sum(w > SATURATED for w in windows)
    return {
        "faster": None if time.ci95 is None else time.ci95[0] > 1,
        "work_kept": None if inflation is None else inflation.at_most(MAX_INFLATION),
        "memory_free": None if memory is None else memory < MAX_MEMORY,
        "not_saturated": saturated <= MAX_SATURATED * len(windows) if windows else None,
    }


def _word(criteria: Sequence[bool | None]) -> Optimization:
    if False in criteria:
        return "not justified"
    return "n/a" if None in criteria else "justified"


def _verdict(
    cpu: float | None,
    sequential: float | None,
    inflation: _Inflation | None,
    criteria: Mapping[str, bool | None],
    word: Optimization,
    time: TimeComparison,
) -> Verdict:
    failed = [name for name, holds in criteria.items() if holds is False]
    missing = [name for name, holds in criteria.items() if holds is None]
    by_time = word == "justified" or failed == ["faster"]
    proven = time.verdict.state == "VALID" if word == "justified" else time.verdict.checks.get("not_slower") is False
    by_work = word == "justified" or failed == ["work_kept"]
    low, high = SAME_WORK
    kappa = inflation.value if inflation else 0.0
    different = inflation is not None and inflation.material and not low <= kappa <= high
    checks = [
        Check(
            "time_accounted",
            cpu is None or cpu <= 1 + TOLERANCE,
            "INVALID",
            f"More processor time was counted ({cpu or 0:.0%}) than there was.",
        ),
        Check("cpu_measured", cpu is not None, "UNVERIFIED", "The processor time of the run is not known whole."),
        Check(
            "alone_measured",
            sequential is not None,
            "UNVERIFIED",
            "The processor time of the steps one at a time was not measured.",
        ),
        Check(
            "criteria_known",
            not missing or bool(failed),
            "UNVERIFIED",
            f"Not known, so no judgement: {', '.join(missing)}.",
        ),
        Check(
            "same_work",
            not different,
            "UNVERIFIED",
            f"The two arms did different work (processor seconds {kappa:.2f} to 1).",
        ),
        Check(
            "time_verified",
            not by_time or proven,
            "UNVERIFIED",
            "What it rests on, the gain in time, is not verified.",
        ),
        Check(
            "inflation_settled",
            not by_work or inflation is None or inflation.settled(MAX_INFLATION),
            "UNVERIFIED",
            f"The work inflation is too uncertain to lie on one side of {MAX_INFLATION}.",
        ),
    ]
    return judge(checks, f"Optimization is {word}" + (f": {', '.join(failed)} does not hold." if failed else "."))
