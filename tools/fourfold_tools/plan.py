"""The tool `plan`: tasks in, a deployment of agents out, with the inputs of those that start now."""

from collections.abc import Mapping
from functools import partial

import anyio.to_thread

from fourfold_tools.caller import NOBODY, Caller, Reply
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.answer import fit, plan_text
from fourfold_tools.deployment.deployment import Deployment, deploy
from fourfold_tools.deployment.expectations import AgentHistory, Priors, expect, histories
from fourfold_tools.deployment.progress import fresh
from fourfold_tools.deployment.prompts import DEFAULT_AGENT, headless
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.handoffs.write import new_id, write_handoff
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import PlanRequest, PlanTask
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import described
from fourfold_tools.steering.leases import owner_of
from fourfold_tools.steering.paths import resolved
from fourfold_tools.steering.steps import Stepped, entry_of, freeze, freeze_progress, take_step
from fourfold_tools.store.plans import Plans


async def plan(runtime: Runtime, request: PlanRequest, caller: Caller = NOBODY) -> Reply:
    """Plan the tasks, store the plan, launch what may start.

    Raises:
        InvalidRequest: duplicate or unknown ids, cycles among the needs, too many tasks; nothing is stored.
        Contention: the store stayed locked.
    """
    settings = runtime.settings.plan
    if len(request.tasks) > settings.max_tasks:
        raise InvalidRequest([Fault("tasks", f"expected at most {settings.max_tasks:,}, got {len(request.tasks):,}")])
    plans = Plans(runtime.database)
    past = histories((t.agent, t.said_min, t.took_min, t.tokens) for t in await plans.times())
    usage = await runtime.meter.measure(caller.tool_use_id, hook=caller.stamp)
    deployed = await anyio.to_thread.run_sync(partial(_deployed, runtime, request, past), limiter=runtime.outputs)
    name = await plans.begin(
        lambda _: freeze(deployed),
        freeze_progress(fresh(deployed)),
        runtime.workspace.cwd,
        request.goal,
        owner_of(runtime, usage),
    )
    if not usage.allow(1).new_work and not request.force:
        return await _refuse(runtime, usage, name)
    step = await take_step(runtime, name, usage, whole=request.format == "json", force=request.force)
    return await anyio.to_thread.run_sync(
        partial(_reply, runtime, request, name, step, usage), limiter=runtime.outputs
    )


def _deployed(runtime: Runtime, request: PlanRequest, past: Mapping[str, AgentHistory]) -> Deployment:
    settings = runtime.settings.plan
    asked = request.max_agents or settings.max_agents
    priors = Priors(
        settings.reading_minutes, settings.reading_tokens, settings.writing_minutes, settings.writing_tokens
    )
    return deploy(
        request.goal,
        [_task(runtime, task, i, past, priors) for i, task in enumerate(request.tasks, 1)],
        max_agents=asked,
        fanout=request.fanout,
        lanes=min(asked, settings.client_agents),
        isolate=request.shared == "isolate",
        merge_minutes=priors.writing_minutes,
    )


def _task(runtime: Runtime, task: PlanTask, number: int, past: Mapping[str, AgentHistory], priors: Priors) -> Task:
    agent = task.agent or DEFAULT_AGENT
    expected = expect(task.minutes, task.tokens, agent, bool(task.writes), past, priors)
    name = task.id or f"t{number}"
    return Task(
        id=name,
        title=" ".join(task.title.split()) or name,
        prompt=task.prompt,
        reads=task.reads,
        writes=task.writes,
        read_paths=tuple(resolved(runtime.workspace, path) for path in task.reads),
        write_paths=tuple(resolved(runtime.workspace, path) for path in task.writes),
        needs=task.needs,
        minutes=expected.minutes,
        tokens=expected.tokens,
        basis=expected.basis,
        stated_minutes=task.minutes,
        agent=task.agent or "",
        acceptance=task.acceptance,
    )


async def _refuse(runtime: Runtime, usage: Usage, name: str) -> Reply:
    """Above 95 %: the plan is stored with nothing launched, and handed over; one line says where."""
    written = await write_handoff(runtime, usage, new_id())
    line = (
        f"context: {usage.text()}: no new work above 95 %; handoff {written.id} is written; this plan is stored as "
        f"{name} with nothing launched: call checkpoint with it in a new conversation, or say force: true"
    )
    return Reply(blocks=(line,), all_ok=False)


def _reply(runtime: Runtime, request: PlanRequest, name: str, step: Stepped, usage: Usage) -> Reply:
    uri = f"fourfold://plans/{name}"
    launch = [launch.entry for launch in step.launches]
    text = plan_text(step.plan, name, launch, uri)
    data = described(runtime, name, step.plan, launch, step.waiting, usage)
    if request.format == "json":
        data["headless"] = headless_commands(runtime, name, step)
    else:
        data = fit(data, runtime.settings.plan.most_chars - len(text), uri)
    return Reply(blocks=(text,), structured=data)


def headless_commands(runtime: Runtime, name: str, step: Stepped) -> list[dict[str, Json]]:
    """Every task of the plan as a `claude -p` command, in an order that respects what each waits for."""
    tasks = step.plan.tasks
    return [headless(entry_of(runtime, name, step.plan, step.progress, v), tasks[v]) for v in step.plan.graph.order]
