"""The tool `plan`: tasks in, a deployment of agents out, with the inputs of those that start now."""

from collections.abc import Mapping
from functools import partial
from itertools import islice

import anyio.to_thread

from fourfold_tools.caller import NOBODY, Caller, Reply
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.answer import fit, plan_text
from fourfold_tools.deployment.deployment import Deployment, deploy
from fourfold_tools.deployment.expectations import AgentHistory, histories
from fourfold_tools.deployment.orientation import bits, closure
from fourfold_tools.deployment.progress import fresh
from fourfold_tools.deployment.prompts import Situation, headless, launch_entry
from fourfold_tools.handoffs.write import HandoffUnwritten, new_id, write_handoff
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import PlanRequest
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import described
from fourfold_tools.steering.intake import check_counts, priors_of, tasks_of
from fourfold_tools.steering.leases import owner_of
from fourfold_tools.steering.steps import Stepped, freeze, freeze_progress, take_step
from fourfold_tools.store.plans import Plans

_MOST_BESIDE = 100  # tasks that a headless prompt looks at for paths to leave alone


async def plan(runtime: Runtime, request: PlanRequest, caller: Caller = NOBODY, *, launch: bool = True) -> Reply:
    """Plan the tasks, store the plan, launch what may start. launch: False leaves that to the first checkpoint.

    Raises:
        InvalidRequest: duplicate or unknown ids, cycles among the needs, too many tasks, a write outside the
            workspace; nothing is stored.
        Contention: the store stayed locked.
    """
    usage = await runtime.usage_of(caller, request.context)
    name = await begin(runtime, request, usage)
    if not usage.allow(1).new_work and not request.force:
        return await _refuse(runtime, usage, name)
    whole, most = request.format == "json", None if launch else 0
    step = await take_step(runtime, name, usage, whole=whole, force=request.force, most=most)
    return await anyio.to_thread.run_sync(
        partial(_reply, runtime, request, name, step, usage), limiter=runtime.outputs
    )


async def begin(runtime: Runtime, request: PlanRequest, usage: Usage) -> str:
    """Plan the tasks and store the plan with nothing launched; gives its id.

    Raises:
        InvalidRequest, Contention: as for plan.
    """
    deployed = await planned(runtime, request)
    return await Plans(runtime.database).begin(
        lambda _: freeze(deployed),
        freeze_progress(fresh(deployed)),
        runtime.workspace.cwd,
        request.goal,
        owner_of(runtime, usage),
    )


async def planned(runtime: Runtime, request: PlanRequest) -> Deployment:
    """The deployment that a request leads to; nothing is stored.

    Raises:
        InvalidRequest: as for plan.
    """
    check_counts(runtime, request)
    past = histories((t.agent, t.said_min, t.took_min, t.tokens) for t in await Plans(runtime.database).times())
    return await anyio.to_thread.run_sync(partial(_deployed, runtime, request, past), limiter=runtime.outputs)


def _deployed(runtime: Runtime, request: PlanRequest, past: Mapping[str, AgentHistory]) -> Deployment:
    settings = runtime.settings.plan
    asked = request.max_agents or settings.max_agents
    return deploy(
        request.goal,
        tasks_of(runtime, request, past),
        max_agents=asked,
        fanout=request.fanout,
        lanes=min(asked, settings.client_agents),
        isolate=request.shared == "isolate",
        merge_minutes=priors_of(runtime).writing_minutes,
    )


async def _refuse(runtime: Runtime, usage: Usage, name: str) -> Reply:
    """Above 95 %: the plan is stored with nothing launched, and handed over; one line says where."""
    try:
        handed = f"handoff {(await write_handoff(runtime, usage, new_id())).id} is written"
    except HandoffUnwritten as exc:  # the plan is kept all the same
        handed = exc.message
    line = (
        f"context: {usage.text()}: no new work above 95 %; {handed}; this plan is stored as "
        f"{name} with nothing launched: call checkpoint with it in a new conversation, or say force: true"
    )
    return Reply(blocks=(line,), all_ok=False)


def _reply(runtime: Runtime, request: PlanRequest, name: str, step: Stepped, usage: Usage) -> Reply:
    uri = f"fourfold://plans/{name}"
    launch = [launch.entry for launch in step.launches]
    text = plan_text(step.plan, name, launch, uri)
    data = described(runtime, name, step, launch, usage)
    if request.format == "json":
        data["headless"] = _headless(runtime, name, step.plan)
    else:
        data = fit(data, runtime.settings.plan.most_chars - len(text), uri)
    return Reply(blocks=(text,), structured=data)


def _headless(runtime: Runtime, name: str, plan: Deployment) -> list[dict[str, Json]]:
    """Every task of the plan as a `claude -p` command, in an order that respects what each waits for.

    Nothing is known of reports and of what runs when, so a prompt names all that come right before it, and all that
    may be at work beside it.
    """
    graph, words = plan.graph, runtime.settings.plan.report_words
    before, after = closure(graph.order, graph.preds), closure(graph.order[::-1], graph.succs)
    everything = (1 << len(graph.ids)) - 1
    rows: list[dict[str, Json]] = []
    for v in graph.order:
        beside = bits(everything & ~before[v] & ~after[v] & ~(1 << v))
        situation = Situation(
            plan=name,
            goal=plan.goal,
            before=[(plan.tasks[p], "") for p in graph.preds[v]],
            running=[plan.tasks[u] for u in islice(beside, _MOST_BESIDE)],
            most_words=words,
        )
        entry = launch_entry(plan.tasks[v], situation)
        rows.append(headless(entry, plan.tasks[v], name, [graph.ids[p] for p in graph.preds[v]]))
    return rows
