"""Descriptions: a plan as it was decided, how far it has come, and all of it together, as JSON."""

import os
import time
from collections.abc import Sequence

from fourfold_tools.context.signals import Signal
from fourfold_tools.context.tokens import estimate
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.analysis import Surroundings, analyse
from fourfold_tools.deployment.answer import DONE, SEND, WAIT, plan_data
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.plan_verification import verify_plan
from fourfold_tools.deployment.progress import ENDED, Progress
from fourfold_tools.model.output import Json
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.agents import known_agents
from fourfold_tools.steering.steps import Stepped, ends_to_come, entry_of, points, thaw
from fourfold_tools.store.plans import Plans

_MOST_SIGNALS = 20


def described(runtime: Runtime, name: str, step: Stepped, launch: Sequence[Json], usage: Usage) -> dict[str, Json]:
    """The whole answer about a plan as it was decided."""
    plan = step.plan
    settings = runtime.settings.plan
    around = Surroundings(
        agents=known_agents(runtime.workspace.cwd, os.environ),
        client_cap=settings.client_agents,
        context_agents=usage.allow(plan.schedule.lanes).max_parallel,
        window_tokens=usage.window_tokens or runtime.settings.context.window_tokens,
        outside=[
            path for task in plan.tasks for path, real in task.outputs.items() if not runtime.workspace.contains(real)
        ],
    )
    ends = dict(enumerate(plan.schedule.finish_min))
    return plan_data(
        plan,
        name,
        analyse(plan, around),
        launch,
        [point.data() for point in points(runtime, plan, usage, ends)],
        usage.data(),
        [signal.data() for signal in _signals(step, usage)],
        step.waiting,
    )


def course(runtime: Runtime, name: str, step: Stepped, usage: Usage) -> dict[str, Json]:
    """How far a plan has come with one step: the answer of `checkpoint`."""
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
        "signals": [signal.data() for signal in _signals(step, usage)],
    }


def _signals(step: Stepped, usage: Usage) -> list[Signal]:
    return [*([usage.announcement] if usage.announcement else []), *step.signals[:_MOST_SIGNALS]]


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
    launched = [task.first_launched for task in progress.tasks if task.first_launched is not None]
    ended = [task.ended for task in progress.tasks if task.ended is not None]
    clock = (max(ended) - min(launched)) / 60 if launched and ended else 0.0
    return {
        "makespan_min": round(plan.schedule.makespan_min, 6),
        "sequential_min": round(plan.schedule.sequential_min, 6),
        "lower_bound_min": round(plan.schedule.lower_bound_min, 6),
        "remaining_min": round(max(ends.values(), default=0.0), 6),
        "real_min": round(max(progress.clock_min, clock), 6),
        "real_clock_min": round(clock, 6),
        "real_sequential_min": round(sum(task.work_min or 0.0 for task in progress.tasks), 6),
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


def task_rows(plan: Deployment, progress: Progress) -> list[dict[str, Json]]:
    """Every task with how far it has come, in the plan's order."""
    return [_task_row(plan, progress, v) for v in range(len(plan.tasks))]


async def whole_plan(runtime: Runtime, name: str) -> dict[str, Json]:
    """A stored plan with everything that is known of it, and the inputs of what is in flight.

    Raises:
        NotFound: no such plan.
    """
    stored = await Plans(runtime.database).get(name)
    plan, progress = thaw(stored)
    step = Stepped(plan, progress, progress, (), (), ())
    usage = Usage()
    launch = [entry_of(runtime, name, plan, progress, v) for v in progress.of("running")]
    return {
        **described(runtime, name, step, launch, usage),
        "goal": plan.goal,
        "tasks": task_rows(plan, progress),
        **{key: value for key, value in course(runtime, name, step, usage).items() if key not in {"launch", "next"}},
    }
