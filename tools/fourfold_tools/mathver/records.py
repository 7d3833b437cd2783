"""What a verification takes: the record of a run, and pairs of the same step beside others and alone."""

from dataclasses import dataclass
from typing import Literal

from fourfold_tools.model.result import State as StepState

Method = Literal["bounds", "history", "sampled", "measured"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step or sub-step as the run's journal holds it. Times are seconds from the first dispatch.

    A step that took another's result (`same_as`) is left out: what was not done twice is not a gain of
    parallelism. A step with sub-steps is left out too; its sub-steps stand for it.

    stratum: steps that are alike (op and size, see `sampling.stratum`).
    duration_s: first work to last, with every attempt and its waiting; None when the step never started.
    cpu_s: processor seconds of the step's process tree; None for work inside the server.
    repeatable: read-only or declared idempotent, so it may be run again.
    result_hash: of the result after normalisation; None when there is none.
    deps: ids it waited for (needs, references, conflicts).
    lane: the parallel stream it ran in.
    group: steps with the same group were served by one call of their op (reads handed over together, patterns
        searched in one pass); together they take one place in the width limit.
    """

    id: str
    op: str
    stratum: str
    started_s: float | None
    duration_s: float | None
    cpu_s: float | None
    max_rss_bytes: int | None
    attempts: int
    state: StepState
    repeatable: bool
    result_hash: str | None
    deps: tuple[str, ...]
    lane: int | None
    group: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the step did its whole work, rightly or wrongly: its time can be compared."""
        return self.duration_s is not None and self.state in {"ok", "failed"}


@dataclass(frozen=True, slots=True)
class Pair:
    """The same step twice: in the parallel run (`par_*`) and alone, through the same code (`seq_*`).

    cpu: of the step's own process tree, None inside the server.
    seq2_hash, seq2_s: of a second run alone, made in a second pass after all first ones (a repeat at once would
        hide slow drifts); None without one.
    ok: ended in success and passed its validator.
    input_changed: what the step reads was not the same before and after; the pair says nothing.
    order: place of the run alone among all of them, counted from 0.
    before: the run alone came before the parallel run; it warmed caches for it.
    """

    id: str
    stratum: str
    par_s: float
    seq_s: float
    par_cpu_s: float | None
    seq_cpu_s: float | None
    par_hash: str | None
    seq_hash: str | None
    seq2_hash: str | None
    par_ok: bool
    seq_ok: bool
    input_changed: bool
    order: int
    seq2_s: float | None = None
    before: bool = False

    @property
    def alone_s(self) -> float:
        """Seconds alone: the mean of both runs where there are two."""
        return self.seq_s if self.seq2_s is None else (self.seq_s + self.seq2_s) / 2


@dataclass(frozen=True, slots=True)
class Load:
    """What pressed on the machine during one arm.

    cpu: share of each successive window (0 to 1) in which some task waited for a processor (Linux PSI `some`);
        empty where the platform does not say.
    io, memory: the same share over the whole arm (memory: `full`), None where unknown.
    loadavg: one-minute load average at the arm's end, None where unknown.
    """

    cpu: tuple[float, ...] = ()
    io: float | None = None
    memory: float | None = None
    loadavg: float | None = None

    @property
    def cpu_mean(self) -> float | None:
        return sum(self.cpu) / len(self.cpu) if self.cpu else None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the answer cost the caller's context, and what it takes to price the same work as separate calls.

    delivered: tokens of the whole answer; the arguments of the work are the same on both sides and in neither.
    bodies: tokens of the results inside it, as delivered; what was cut is not in it and so is never saved.
    calls: separate calls of the client's own tools that give the same results.
    call_overhead: tokens of one such call beside its result (arguments, wrappers); None when nobody measured it.
    turn_overhead: tokens that one more turn costs (context read again at the cache's price); None when unknown.
    cut: tokens that were left out of the answer and lie in files; disclosed only.
    relative_error: half-width of the estimator's 95 % band, 0.25 = a quarter.
    calibrated: the estimator and call_overhead rest on measured usage of this client.
    """

    delivered: int
    bodies: int
    calls: int
    call_overhead: float | None
    turn_overhead: float | None
    cut: int
    relative_error: float
    calibrated: bool
    estimator: str


@dataclass(frozen=True, slots=True)
class History:
    """Seconds alone of a stratum in earlier verifications: quantiles, how many runs, age of the newest."""

    stratum: str
    q10_s: float
    q50_s: float
    q90_s: float
    count: int
    age_s: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run.

    wall_s: first dispatch to last result, retries and lock waits included, re-runs for verification not.
    max_parallel: most calls of ops that were allowed at the same time.
    cores_eff: processors that the run could use (affinity and cgroup quota), fractions allowed.
    server_cpu_s: processor seconds of the server itself over wall_s; None when not measured.
    server_alone_cpu_s: the same over all runs alone (first and second ones).
    peak_rss_bytes: of server and children together. mem_total_bytes: what they could have had.
    load_parallel, load_alone: pressure during each arm; None when not looked at.
    chosen: the steps that were drawn for runs alone before any was made; None when nobody wrote it down. One that
        is chosen and has no pair was lost, and a sample with losses proves nothing.
    verification_s: what the verification cost.
    """

    steps: tuple[StepRecord, ...]
    wall_s: float
    max_parallel: int
    cores_eff: float
    server_cpu_s: float | None = None
    server_alone_cpu_s: float | None = None
    peak_rss_bytes: int | None = None
    mem_total_bytes: int | None = None
    load_parallel: Load | None = None
    load_alone: Load | None = None
    tokens: Tokens | None = None
    history: tuple[History, ...] = ()
    chosen: tuple[str, ...] | None = None
    verification_s: float = 0.0
    version: str = ""
    host: str = ""

    @property
    def results(self) -> int:
        """Results that the caller got."""
        return sum(step.state == "ok" for step in self.steps)
