"""A step of a plan: what ended is taken in, what may start is launched, all of it stored before it is told."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError

from fourfold_tools.context.signals import Signal
from fourfold_tools.context.tokens import estimate
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.handoff_points import HandoffPoint, affordable, handoff_points
from fourfold_tools.deployment.progress import ENDED, Finished, Flag, Found, Progress, advance, launchable, launched
from fourfold_tools.deployment.prompts import DEFAULT_AGENT, Situation, launch_entry
from fourfold_tools.deployment.schedule import schedule
from fourfold_tools.errors import Contention, Fault, FourfoldError, InvalidRequest
from fourfold_tools.graph import Edge, Graph
from fourfold_tools.model.faults import brief
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import FinishedTask
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.fingerprints import look
from fourfold_tools.steering.leases import Held, leases_of, owner_of
from fourfold_tools.store.plans import AgentTime, Lease, Plans, Step, StoredPlan

_TRIES = 5  # other processes may go on with the same plan at the same moment
_MOST_WAITING = 40


class Damaged(FourfoldError):
    """A stored plan that cannot be read; it stays as it is, for whoever wants to look at it."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"plan {plan} is damaged in the store; plan the open tasks anew")


@dataclass(frozen=True, slots=True)
class Launch:
    """A task that starts now, or once more, with the input of its `Agent` call."""

    task: int
    entry: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step led to. before: the progress it started from. waiting: why ready tasks do not start, a row each.

    signals: what the caller should know about what starts now.
    """

    plan: Deployment
    before: Progress
    progress: Progress
    launches: tuple[Launch, ...]
    flags: tuple[Flag, ...]
    waiting: tuple[dict[str, Json], ...]
    signals: tuple[Signal, ...] = ()


@cache
def _deployments() -> TypeAdapter[Deployment]:
    return TypeAdapter(Deployment)


@cache
def _progresses() -> TypeAdapter[Progress]:
    return TypeAdapter(Progress)


def freeze(plan: Deployment) -> str:
    return _deployments().dump_json(plan).decode()


def freeze_progress(progress: Progress) -> str:
    return _progresses().dump_json(progress).decode()


def thaw(stored: StoredPlan) -> tuple[Deployment, Progress]:
    """The plan and how far it has come.

    Raises:
        Damaged: what is stored is no plan.
    """
    try:
        plan, progress = _deployments().validate_json(stored.body), _progresses().validate_json(stored.progress)
    except ValidationError as exc:
        raise Damaged(stored.id) from exc
    if len(plan.tasks) != len(progress.tasks) or len(plan.graph.ids) != len(plan.tasks):
        raise Damaged(stored.id)
    return plan, progress


async def take_step(
    runtime: Runtime,
    name: str,
    usage: Usage,
    finished: Sequence[FinishedTask] = (),
    *,
    reissue: bool = False,
    whole: bool = False,
    force: bool = False,
    most: int | None = None,
) -> Stepped:
    """Take a stored plan one step further, atomically. whole: launch inputs may be of any length together.
    most: tasks that may start with this step, however many could.

    Raises:
        NotFound: no such plan. Damaged: it cannot be read. InvalidRequest: a finished task that the plan does not
            have, or twice. Contention: the store stayed locked, or others kept changing the plan.
    """
    plans = Plans(runtime.database)
    for _ in range(_TRIES):
        stored = await plans.get(name)
        plan, before = thaw(stored)
        ended = _ended(runtime, plan, finished)
        found = await look(runtime.workspace, _paths(plan, ended), runtime.outputs)
        now = time.time()
        progress, flags = advance(plan, before, ended, found, now)
        owner = owner_of(runtime, usage)
        held = await plans.held_by_others(name, owner, now)
        blocked = Held(plan, held)
        ready = launchable(plan, progress, blocked)
        chosen = ready[: _room(runtime, plan, progress, usage, ready, force=force)]
        chosen = chosen if most is None else chosen[:most]
        chosen = chosen if whole else _fitting(runtime, name, plan, progress, chosen)
        states = await look(runtime.workspace, _outputs(plan, chosen), runtime.outputs)
        after = launched(plan, progress, chosen, _hashes(states), now)
        step = Step(
            progress=freeze_progress(after),
            complete=after.complete,
            owner=owner,
            take=leases_of(runtime, name, plan, after, owner, now),
            release=[plan.graph.ids[v] for v, task in enumerate(after.tasks) if task.state != "running"],
            times=_times(plan, ended, before, after),
            known=frozenset((lease.plan, lease.task, lease.pattern) for lease in held),
        )
        if await plans.save(name, stored.version, step):
            again = [v for v in before.of("running") if after.tasks[v].state == "running"] if reissue else []
            sent = tuple(Launch(v, entry_of(runtime, name, plan, after, v)) for v in [*again, *chosen])
            rows = _waiting(plan, progress, ready, chosen, blocked, usage, force=force)
            beside = Held(plan, await plans.held_beside(name, owner, now))
            told = tuple(_shared(plan, v, lease) for v in chosen if (lease := beside.lease(v)))
            return Stepped(plan, before, after, sent, tuple(flags), tuple(rows), told)
    raise Contention(f"others keep changing plan {name}; call again")


def entry_of(runtime: Runtime, name: str, plan: Deployment, progress: Progress, task: int) -> dict[str, Json]:
    """The `Agent` input of a task that is in flight (or about to be)."""
    return launch_entry(plan.tasks[task], situation_of(runtime, name, plan, progress, task))


def situation_of(runtime: Runtime, name: str, plan: Deployment, progress: Progress, task: int) -> Situation:
    """What the prompt of a task must know of the plan's course."""
    mine = progress.tasks[task]
    running = [plan.tasks[v] for v in progress.of("running")]
    ended = [p for p in plan.graph.preds[task] if progress.tasks[p].state == "ok"]
    return Situation(
        plan=name,
        goal=plan.goal,
        attempt=max(1, mine.attempts),
        failure=mine.why,
        before=[(plan.tasks[p], progress.tasks[p].summary) for p in ended],
        running=running,
        most_words=runtime.settings.plan.report_words,
    )


def launch_tokens(runtime: Runtime, plan: Deployment, task: int) -> int:
    """What a task costs the caller: its prompt in the answer and in the call, and its report."""
    text = estimate(plan.tasks[task].prompt, "prose") + 350  # the prompt's own frame, measured at about that
    return 2 * text + runtime.settings.plan.report_tokens


def points(runtime: Runtime, plan: Deployment, usage: Usage, ends: Mapping[int, float]) -> list[HandoffPoint]:
    """Where the caller's context is predicted to cross a threshold. ends: task -> minute, of those to come."""
    rows = [(minute, plan.graph.ids[v], launch_tokens(runtime, plan, v)) for v, minute in ends.items()]
    return handoff_points(usage, rows)


def ends_to_come(plan: Deployment, progress: Progress, now: float) -> dict[int, float]:
    """Minutes from now at which each task that has not ended is predicted to end."""
    open_ = [v for v, task in enumerate(progress.tasks) if task.state not in ENDED]
    if not open_:
        return {}
    place = {v: i for i, v in enumerate(open_)}
    edges = [Edge(place[p], place[v], "needs", "") for v in open_ for p in plan.graph.preds[v] if p in place]
    left: list[float] = []
    for v in open_:
        mine, minutes = progress.tasks[v], plan.tasks[v].minutes
        gone = (now - mine.launched) / 60 if mine.state == "running" and mine.launched else 0.0
        left.append(max(0.0, minutes - gone))
    found = schedule(Graph.build([plan.graph.ids[v] for v in open_], edges), left, plan.schedule.lanes)
    return dict(zip(open_, found.finish_min, strict=True))


def _ended(runtime: Runtime, plan: Deployment, finished: Sequence[FinishedTask]) -> list[Finished]:
    index = {name: v for v, name in enumerate(plan.graph.ids)}
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for i, entry in enumerate(finished):
        if entry.task not in index:
            faults.append(Fault(f"finished[{i}].task", f"unknown task {entry.task!r} of this plan"))
        elif entry.task in seen:
            faults.append(Fault(f"finished[{i}].task", f"{entry.task!r} stands in finished[{seen[entry.task]}] too"))
        seen.setdefault(entry.task, i)
        for j, path in enumerate(entry.outputs):
            if "\0" in path:
                faults.append(Fault(f"finished[{i}].outputs[{j}]", f"expected a path, got {brief(path)} (string)"))
    if faults:
        raise InvalidRequest(faults)
    return [
        Finished(
            task=index[entry.task],
            ok=entry.state == "ok",
            summary=entry.summary,
            minutes=entry.minutes,
            tokens=entry.tokens,
            outputs={path: runtime.workspace.absolute(path) for path in entry.outputs},
        )
        for entry in finished
    ]


def _paths(plan: Deployment, ended: Sequence[Finished]) -> dict[str, str]:
    """Every path to look at, as written -> absolute: declared outputs of what ended, and what was reported."""
    reported = {name: path for entry in ended for name, path in entry.outputs.items()}
    return reported | _outputs(plan, [entry.task for entry in ended if entry.ok])


def _outputs(plan: Deployment, tasks: Sequence[int]) -> dict[str, str]:
    return {name: path for v in tasks for name, path in plan.tasks[v].outputs.items()}


def _hashes(states: Mapping[str, Found]) -> dict[str, str | None]:
    return {name: found for name, found in states.items() if not isinstance(found, tuple)}


def _room(
    runtime: Runtime, plan: Deployment, progress: Progress, usage: Usage, ready: Sequence[int], *, force: bool
) -> int:
    """How many agents may start: lanes and the context's share of them, less those in flight; what their reports
    will cost must fit before a handoff."""
    free = usage.allow(plan.schedule.lanes).max_parallel - len(progress.of("running"))
    free = max(0, min(free, len(ready)))
    if not free or force:
        return free
    return affordable(usage, free, max(launch_tokens(runtime, plan, v) for v in ready[:free]))


def _fitting(runtime: Runtime, name: str, plan: Deployment, progress: Progress, chosen: Sequence[int]) -> list[int]:
    """The first of the chosen whose inputs fit into one answer together; always one."""
    out: list[int] = []
    left = runtime.settings.plan.launch_chars
    preview = launched(plan, progress, chosen, {}, 0.0)
    for v in chosen:
        left -= sum(len(str(part)) + 24 for part in entry_of(runtime, name, plan, preview, v).values())
        if out and left < 0:
            break
        out.append(v)
    return out


def _shared(plan: Deployment, task: int, lease: Lease) -> Signal:
    """One conversation never waits for itself, which would be for ever; that it has two plans on one path is told."""
    reason = f"{plan.graph.ids[task]} starts, and {lease.pattern} is held by task {lease.task} of plan {lease.plan}"
    action = f"both are this conversation's: make sure that agent has ended, and checkpoint {lease.plan}"
    return Signal("degraded", "leases", reason, action)


def _times(plan: Deployment, ended: Sequence[Finished], before: Progress, after: Progress) -> list[AgentTime]:
    """What tasks that ended well really took, attempts that failed before included, where minutes were reported."""
    out: list[AgentTime] = []
    for entry in ended:
        mine = after.tasks[entry.task]
        if mine.state == "ok" and before.tasks[entry.task].state not in ENDED and entry.minutes:
            task = plan.tasks[entry.task]
            took = entry.minutes + sum(gone.ended_min - gone.began_min for gone in mine.tries)
            out.append(AgentTime(task.agent or DEFAULT_AGENT, task.stated_minutes, took, entry.tokens))
    return out


def _waiting(
    plan: Deployment,
    progress: Progress,
    ready: Sequence[int],
    chosen: Sequence[int],
    blocked: Held,
    usage: Usage,
    *,
    force: bool,
) -> list[dict[str, Json]]:
    """Why tasks whose predecessors have ended do not start."""
    left = set(chosen)
    rows: list[dict[str, Json]] = []
    for v in progress.of("waiting"):
        if v in left or any(progress.tasks[p].state not in ENDED for p in plan.graph.preds[v]):
            continue
        lease = blocked.lease(v)
        if lease is not None:
            minutes = (time.time() - lease.taken) / 60
            reason = f"{lease.pattern} is held by task {lease.task} of plan {lease.plan} ({minutes:.0f} min)"
        elif v not in ready:
            reason = "its last attempt runs alone: it starts when nothing else is at work"
        elif not usage.allow(1).new_work and not force:
            reason = f"{usage.text()}: no new work above 95 %"
        else:
            reason = "agents, context or the length of this answer allow no more at once"
        rows.append({"task": plan.graph.ids[v], "reason": reason})
    return rows[:_MOST_WAITING]
