"""The tool `checkpoint`: what agents finished goes in, the next launches and the signals come out."""

import time

from fourfold_tools.caller import NOBODY, Caller, Reply
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.tokens import estimate
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.answer import DONE, SEND, WAIT, checkpoint_text, fit, size
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.plan_verification import verify_plan
from fourfold_tools.deployment.progress import ENDED, Progress
from fourfold_tools.handoffs.write import new_id, write_handoff
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import CheckpointRequest
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.steps import Stepped, ends_to_come, entry_of, points, take_step, thaw
from fourfold_tools.store.plans import Plans


async def checkpoint(runtime: Runtime, request: CheckpointRequest, caller: Caller = NOBODY) -> Reply:
    """Take a plan one step further; any process that has the plan's id can.

    Raises:
        NotFound: no such plan. InvalidRequest: a finished task that the plan does not have.
        Contention: the store stayed locked.
    """
    usage = await runtime.meter.measure(caller.tool_use_id, hook=caller.stamp)
    whole = request.format == "json"
    step = await take_step(runtime, request.plan, usage, request.finished, reissue=request.reissue, whole=whole)
    data = _data(runtime, request.plan, step, usage)
    if not usage.allow(1).new_work and not step.progress.complete:
        written = await write_handoff(runtime, usage, new_id())
        reason = f"{usage.text()}: no new work above 95 %"
        data["signals"].append(Signal("handoff", "handoff", reason, f"handoff {written.id} is written").data())
    text = checkpoint_text(step.plan, request.plan, step.progress, data)
    if not whole:
        data = _within(data, runtime.settings.plan.most_chars, f"fourfold://plans/{request.plan}")
    return Reply(blocks=(text,), structured=data, all_ok=not data["failed"])


async def whole_plan(runtime: Runtime, name: str) -> dict[str, Json]:
    """A stored plan with everything that is known of it, and the inputs of what is in flight.

    Raises:
        NotFound: no such plan.
    """
    from fourfold_tools.plan import described

    stored = await Plans(runtime.database).get(name)
    plan, progress = thaw(stored)
    step = Stepped(plan, progress, progress, (), (), ())
    usage = Usage()
    launch = [entry_of(runtime, name, plan, progress, v) for v in progress.of("running")]
    return {
        **described(runtime, name, plan, launch, [], usage),
        "goal": plan.goal,
        "tasks": [_task_row(plan, progress, v) for v in range(len(plan.tasks))],
        **{key: value for key, value in _data(runtime, name, step, usage).items() if key not in {"launch", "next"}},
    }


def _data(runtime: Runtime, name: str, step: Stepped, usage: Usage) -> dict[str, Json]:
    plan, progress = step.plan, step.progress
    ids = plan.graph.ids
    launch = [launch.entry for launch in step.launches]
    done = progress.complete
    return {
        "plan": name,
        "complete": done,
        "next": DONE if done else SEND if launch else WAIT,
        "launch": launch,
        "flags": [flag.data() for flag in step.flags],
        "failed": [ids[v] for v in progress.of("failed")],
        "skipped": [ids[v] for v in progress.of("skipped")],
        "in_flight": [ids[v] for v in progress.of("running")],
        "counts": {state: len(progress.of(state)) for state in ("ok", "running", "waiting", "failed", "skipped")},
        "waiting": list(step.waiting),
        "sync": _reached(plan, step.before, progress),
        "predicted": _predicted(runtime, plan, progress, usage),
        "mathver": verify_plan(plan, progress, runtime.cores, _report_tokens(progress)) if done else None,
        "context": usage.data(),
        "signals": [usage.announcement.data()] if usage.announcement else [],
    }


def _reached(plan: Deployment, before: Progress, after: Progress) -> list[dict[str, Json]]:
    """The sync points that this step has reached: everything that a task with several predecessors waited for."""
    rows: list[dict[str, Json]] = []
    for v, preds in enumerate(plan.graph.preds):
        if len(preds) < 2 or any(after.tasks[p].state not in ENDED for p in preds):
            continue
        if any(before.tasks[p].state not in ENDED for p in preds):
            rows.append({"before": plan.graph.ids[v], "waited_for": [plan.graph.ids[p] for p in preds]})
    return rows


def _predicted(runtime: Runtime, plan: Deployment, progress: Progress, usage: Usage) -> dict[str, Json]:
    """Predicted against real so far, in minutes, and the context that the rest will take."""
    ends = ends_to_come(plan, progress, time.time())
    launched = [task.launched for task in progress.tasks if task.launched is not None]
    ended = [task.ended for task in progress.tasks if task.ended is not None]
    clock = (max(ended) - min(launched)) / 60 if launched and ended else 0.0
    ran = [t for t in progress.tasks if t.ended_min is not None and t.state in {"ok", "failed"}]
    return {
        "makespan_min": round(plan.schedule.makespan_min, 6),
        "sequential_min": round(plan.schedule.sequential_min, 6),
        "lower_bound_min": round(plan.schedule.lower_bound_min, 6),
        "remaining_min": round(max(ends.values(), default=0.0), 6),
        "real_min": round(max(progress.clock_min, clock), 6),
        "real_clock_min": round(clock, 6),
        "real_sequential_min": round(sum((t.ended_min or 0.0) - (t.began_min or 0.0) for t in ran), 6),
        "handoff_points": [point.data() for point in points(runtime, plan, usage, ends)],
    }


def _report_tokens(progress: Progress) -> list[int]:
    return [estimate(task.summary, "prose") for task in progress.tasks]


def _task_row(plan: Deployment, progress: Progress, v: int) -> dict[str, Json]:
    task, mine = plan.tasks[v], progress.tasks[v]
    return {
        "id": task.id,
        "title": task.title,
        "agent": task.agent or None,
        "needs": list(task.needs),
        "reads": list(task.reads),
        "writes": list(task.writes),
        "predicted_min": round(task.minutes, 6),
        "tokens": task.tokens,
        "basis": task.basis,
        "state": mine.state,
        "attempts": mine.attempts,
        "minutes": mine.minutes,
        "summary": mine.summary,
        "why": mine.why,
    }


def _within(data: dict[str, Json], most: int, uri: str) -> dict[str, Json]:
    """The answer within its bound; launch inputs of a long reissue that do not fit stand at the resource."""
    cut = fit(data, most, uri)
    launch = list(cut["launch"])
    while len(launch) > 1 and size(cut) > most:
        launch.pop()
        cut = {**cut, "launch": launch, "launch_omitted": len(data["launch"]) - len(launch), "whole": uri}
    return cut
