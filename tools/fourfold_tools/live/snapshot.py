"""A snapshot: one server's runs in flight, limits, pressure and context at one moment. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from fourfold_tools.context.levels import stage_at
from fourfold_tools.context.pressure import Pressure
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.engine.waiting import Waiting
from fourfold_tools.live.again import Again

_MOST_STEPS = 64  # running and waiting steps of a run that are named; the others are counted
_MOST_RUNS = 32
_MOST_SIGNALS = 5


@dataclass(frozen=True, slots=True)
class RunningStep:
    """A step that runs. lane: the parallel stream. since_s: when this try began, from the start of the run."""

    id: str
    title: str
    lane: int | None
    since_s: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Verifying:
    """A verification at one moment: done of count runs alone, the step at work (or none), which began took_s ago."""

    done: int
    count: int
    step: str
    took_s: float


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run in flight. step_count: submitted steps, ended of which have ended; failed counts sub-steps too.

    elapsed_s: from its start to the snapshot. width: steps that may run at once. running, waiting: the first ones.
    verifying: its steps have ended and are run alone to be compared; of a stored run that is all there is to see.
    """

    run: str
    step_count: int
    ended: int
    failed: int
    elapsed_s: float
    width: int
    running_count: int
    waiting_count: int
    running: tuple[RunningStep, ...]
    waiting: tuple[Waiting, ...]
    verifying: Verifying | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of one class: in use, allowed now, and allowed on a machine without pressure."""

    used: int
    total: int
    full: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one server says of itself. owner: its process. at: seconds of the epoch.

    pressure: shares from 0 to 1, by the name of what is short; only what the platform tells. context_percent: the
    newest usage of a caller's window that the server saw. signals: its last decisions, newest last.
    """

    owner: str
    cwd: str
    at: float
    slots: Mapping[str, Slots]
    pressure: Mapping[str, float]
    context_percent: float | None
    signals: tuple[str, ...]
    runs: tuple[LiveRun, ...]

    @property
    def pid(self) -> str:
        return self.owner.partition(":")[0]

    @property
    def level(self) -> str | None:
        return None if self.context_percent is None else stage_at(self.context_percent).level


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    return TypeAdapter(Snapshot)


def freeze(snapshot: Snapshot) -> bytes:
    return _adapter().dump_json(snapshot)


def thaw(text: bytes) -> Snapshot:
    """The snapshot of a record.

    Raises:
        ValueError: it is none.
    """
    return _adapter().validate_json(text)


def live_runs(active: Mapping[str, Scheduler], again: Mapping[str, Again]) -> tuple[LiveRun, ...]:
    """The runs as they are at this moment, the oldest first; then stored ones that are verified."""
    runs = [_live_run(name, run, again.get(name)) for name, run in list(active.items())[:_MOST_RUNS]]
    stored = [(name, now) for name, now in again.items() if name not in active][:_MOST_RUNS]
    return (*runs, *(_stored_run(name, now) for name, now in stored))


def _stored_run(name: str, again: Again) -> LiveRun:
    steps, elapsed_s = again.step_count, again.clock() - again.began
    return LiveRun(name, steps, steps, 0, elapsed_s, 1, 0, 0, (), (), _verifying(again))


def _verifying(again: Again) -> Verifying:
    return Verifying(again.done, again.count, again.step, again.clock() - again.since)


def _live_run(name: str, run: Scheduler, again: Again | None) -> LiveRun:
    waiting, waiting_count = run.waiting(_MOST_STEPS)
    running = [RunningStep(u.id, u.title, u.lane, since, u.attempts) for u, since in run.running.items()]
    running.sort(key=lambda step: (step.lane or 0, step.since_s))
    return LiveRun(
        run=name,
        step_count=run.step_count,
        ended=run.step_count - run.ledger.open,
        failed=sum(r.state in {"failed", "timed_out"} for r in run.ledger.results.values()),
        elapsed_s=run.now_s(),
        width=run.width,
        running_count=len(running),
        waiting_count=waiting_count,
        running=tuple(running[:_MOST_STEPS]),
        waiting=tuple(waiting),
        verifying=None if again is None else _verifying(again),
    )


def slots_of(used: Mapping[str, int], totals: Mapping[str, int], full: Mapping[str, int]) -> dict[str, Slots]:
    """The classes first, then the hosts that are in use."""
    hosts = {key for key in used if ":" in key}
    return {key: Slots(used.get(key, 0), totals.get(key, 0), full.get(key, 0)) for key in [*full, *sorted(hosts)]}


def pressure_of(now: Pressure) -> dict[str, float]:
    """Shares of the last ten seconds in which work waited, memory in use, load per core where nothing better is."""
    stalls = {"cpu": now.cpu, "io": now.io, "memory": now.memory}
    shares = {name: stall.some for name, stall in stalls.items() if stall is not None}
    if now.source == "load" and now.load_per_core is not None:
        shares["load per core"] = now.load_per_core
    if now.memory_available is not None:
        shares["memory used"] = 1 - now.memory_available
    return shares


def last_signals(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(lines)[-_MOST_SIGNALS:]
