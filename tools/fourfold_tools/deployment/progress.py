"""Progress: how far each task of a plan has come, and what follows from one that ends. Pure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.model.output import Json

TaskState = Literal["waiting", "running", "ok", "failed", "skipped"]

# A failing task is launched this often: first, again, alone.
MOST_LAUNCHES = 3
ENDED = frozenset({"ok", "failed", "skipped"})


@dataclass(frozen=True, slots=True)
class TaskTry:
    """An attempt that failed and was followed by another, on the plan's own clock."""

    began_min: float
    ended_min: float
    why: str


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task. launched, ended: seconds of the epoch, of its last attempt; first: of its first. minutes, tokens: as
    reported.

    began_min, ended_min: on the plan's own clock, which the reported minutes drive (see `advance`). before: hash of
    each declared output when it was launched, None where there was none. verified: outputs that an attempt which
    ended well had already made. lone: nothing else was at work during its last attempt. why: of a failure or skip.
    tries: the attempts before the last.
    """

    state: TaskState = "waiting"
    attempts: int = 0
    launched: float | None = None
    ended: float | None = None
    minutes: float | None = None
    tokens: int | None = None
    summary: str = ""
    before: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    verified: tuple[str, ...] = ()
    began_min: float | None = None
    ended_min: float | None = None
    lone: bool = False
    why: str = ""
    tries: tuple[TaskTry, ...] = ()
    first: float | None = None

    @property
    def first_launched(self) -> float | None:
        return self.launched if self.first is None else self.first

    @property
    def work_min(self) -> float | None:
        """Minutes of all its attempts that have ended; None where none has."""
        spans = [(t.began_min, t.ended_min) for t in self.tries]
        if self.state in {"ok", "failed"} and self.began_min is not None and self.ended_min is not None:
            spans.append((self.began_min, self.ended_min))
        return sum(ended - began for began, ended in spans) if spans else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Every task's, in the plan's order. clock_min: latest end on the plan's own clock."""

    tasks: tuple[TaskProgress, ...]
    clock_min: float = 0.0

    def of(self, state: TaskState) -> list[int]:
        return [v for v, task in enumerate(self.tasks) if task.state == state]

    @property
    def complete(self) -> bool:
        return all(task.state in ENDED for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a caller reports of one task. outputs: paths it says were written, as it spelled them -> absolute."""

    task: int
    ok: bool
    summary: str = ""
    minutes: float | None = None
    tokens: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Flag:
    """Something the caller must know about a task; code: `missing`, `unchanged`, `failed`, `ended`, `not_launched`,
    `unverified`, `not_owned`, `stale`."""

    task: str
    code: str
    problem: str
    path: str | None = None

    def data(self) -> dict[str, Json]:
        return {
            "task": self.task,
            "code": self.code,
            "problem": self.problem,
            **({"path": self.path} if self.path else {}),
        }


# What is found on disk at a path: its hash, None where there is nothing, an error's text in a tuple where it cannot
# be looked at.
Found = str | None | tuple[str]


def advance(
    plan: Deployment, progress: Progress, finished: Sequence[Finished], found: Mapping[str, Found], now: float
) -> tuple[Progress, list[Flag]]:
    """Take in what ended: outputs are checked, failures counted, dependents of what failed for good are skipped.

    found: what lies at each declared or reported path (as written) now. The plan's own clock: a task begins when
    the checkpoint that launched it was made and ends its reported minutes later (its seconds since the launch where
    none were reported); the clock moves to the latest end.
    """
    tasks = list(progress.tasks)
    flags: list[Flag] = []
    clock = progress.clock_min
    for entry in finished:
        name, mine = plan.graph.ids[entry.task], tasks[entry.task]
        if mine.state in ENDED:
            flags.append(Flag(name, "ended", f"it had already ended ({mine.state}); this report changes nothing"))
            continue
        if mine.state == "waiting":
            flags.append(Flag(name, "not_launched", "it was not in flight; the report is taken all the same"))
            mine = replace(mine, attempts=mine.attempts + 1, launched=mine.launched or now, began_min=clock)
        mine = _timed(mine, entry, now)
        clock = max(clock, mine.ended_min or 0.0)
        raised, verified = _check_outputs(plan, entry, mine, found)
        flags += raised
        tasks[entry.task] = _judged(mine, entry, raised, verified)
        if tasks[entry.task].state != "ok":
            flags.append(_failure(name, tasks[entry.task]))
    return _skip_dependents(plan, Progress(tuple(tasks), clock)), flags


def _timed(mine: TaskProgress, entry: Finished, now: float) -> TaskProgress:
    elapsed = max(0.0, (now - (mine.launched or now)) / 60)
    took = elapsed if entry.minutes is None else entry.minutes
    return replace(
        mine,
        ended=now,
        minutes=entry.minutes,
        tokens=entry.tokens,
        summary=entry.summary,
        ended_min=(mine.began_min or 0.0) + took,
    )


def _judged(mine: TaskProgress, entry: Finished, raised: Sequence[Flag], verified: tuple[str, ...]) -> TaskProgress:
    wrong = [f"{flag.path} is {flag.code}" for flag in raised if flag.code in {"missing", "unchanged"}]
    if entry.ok and not wrong:
        return replace(mine, state="ok", verified=verified, why="")
    why = "; ".join(wrong) if entry.ok else (" ".join(entry.summary.split())[:300] or "it reported a failure")
    kept = verified if entry.ok else mine.verified
    state: TaskState = "failed" if mine.attempts >= MOST_LAUNCHES else "waiting"
    tries = mine.tries
    if state == "waiting":
        tries = (*tries, TaskTry(mine.began_min or 0.0, mine.ended_min or 0.0, why))
    return replace(mine, state=state, verified=kept, why=why, tries=tries)


def _failure(name: str, mine: TaskProgress) -> Flag:
    left = MOST_LAUNCHES - mine.attempts
    if left <= 0:
        return Flag(name, "failed", f"attempt {mine.attempts} of {MOST_LAUNCHES} failed ({mine.why}); given up")
    how = "again" if left > 1 else "alone, when nothing else is at work"
    return Flag(
        name, "failed", f"attempt {mine.attempts} of {MOST_LAUNCHES} failed ({mine.why}); it is launched {how}"
    )


def _check_outputs(
    plan: Deployment, entry: Finished, mine: TaskProgress, found: Mapping[str, Found]
) -> tuple[list[Flag], tuple[str, ...]]:
    """(flags, outputs that are right). Nothing is expected of a task that reports its own failure."""
    task = plan.tasks[entry.task]
    flags: list[Flag] = []
    right: list[str] = []
    for path in task.outputs if entry.ok else ():
        now = found.get(path)
        if isinstance(now, tuple):
            flags.append(Flag(task.id, "unverified", f"cannot be checked: {now[0]}", path))
        elif now is None:
            flags.append(Flag(task.id, "missing", "declared output is not there", path))
        elif path not in mine.before and path not in mine.verified:
            flags.append(
                Flag(task.id, "unverified", "it was never launched, so this may be older than its work", path)
            )
        elif path not in mine.verified and mine.before[path] == now:
            flags.append(Flag(task.id, "unchanged", "declared output is the same as before the launch", path))
        else:
            right.append(path)
    declared = set(task.outputs.values())
    for path, absolute in entry.outputs.items():
        if absolute in declared:
            continue
        if found.get(path, "") is None:
            flags.append(Flag(task.id, "stale", "reported as written, but it is not there", path))
        elif not plan.owns(entry.task, absolute):
            flags.append(Flag(task.id, "not_owned", "reported as written, but the task does not own it", path))
    return flags, tuple(right)


def _skip_dependents(plan: Deployment, progress: Progress) -> Progress:
    """Skip what waits for data or by need for a task that failed for good, and what waits for those."""
    tasks = list(progress.tasks)
    blocking: dict[int, list[int]] = {}
    for edge in plan.graph.edges:
        if edge.hard:
            blocking.setdefault(edge.after, []).append(edge.before)
    for v in plan.graph.order:
        if tasks[v].state == "waiting":
            lost = [p for p in blocking.get(v, ()) if tasks[p].state in {"failed", "skipped"}]
            if lost:
                tasks[v] = replace(tasks[v], state="skipped", why=f"waits for {plan.graph.ids[lost[0]]}")
    return replace(progress, tasks=tuple(tasks))


def launchable(plan: Deployment, progress: Progress, blocked: Container[int]) -> list[int]:
    """What may start now, most urgent first: every predecessor has ended, nobody else holds its paths.

    A task on its last attempt starts alone: only when nothing is at work, and then it is the only one.
    """
    running = bool(progress.of("running"))
    ready = [
        v
        for v in progress.of("waiting")
        if all(progress.tasks[p].state in ENDED for p in plan.graph.preds[v]) and v not in blocked
    ]
    ranks = plan.graph.upward_ranks(plan.minutes)
    ready.sort(key=lambda v: (-ranks[v], v))
    last = [v for v in ready if progress.tasks[v].attempts == MOST_LAUNCHES - 1]
    if last and not running:
        return last[:1]
    lone = any(progress.tasks[v].attempts == MOST_LAUNCHES for v in progress.of("running"))
    return [] if lone else [v for v in ready if v not in set(last)]


def launched(
    plan: Deployment, progress: Progress, chosen: Sequence[int], before: Mapping[str, str | None], now: float
) -> Progress:
    """The progress once `chosen` are in flight. before: hash of each of their outputs (as written) now."""
    tasks = list(progress.tasks)
    lone = len(chosen) == 1 and not progress.of("running")
    for v in chosen:
        tasks[v] = replace(
            tasks[v],
            state="running",
            attempts=tasks[v].attempts + 1,
            launched=now,
            first=tasks[v].first or now,
            began_min=progress.clock_min,
            before={path: before.get(path) for path in plan.tasks[v].outputs},
            lone=lone,
        )
    if not lone:
        tasks = [replace(t, lone=False) if t.state == "running" else t for t in tasks]
    return replace(progress, tasks=tuple(tasks))


def fresh(plan: Deployment) -> Progress:
    return Progress(tuple(TaskProgress() for _ in plan.tasks))
