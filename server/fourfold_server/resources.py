"""Resources: stored runs and the whole outputs of their steps, for clients that read rather than call."""

import json
import re
from typing import Any

from mcp import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from fourfold_server.house import Ctx
from fourfold_server.views import TEMPLATES, VIEW, read_report, shows_views
from fourfold_server.whole_run import whole_run
from fourfold_tools.errors import FourfoldError
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import whole_plan
from fourfold_tools.store.database import StoreBusy
from fourfold_tools.store.plans import Plans, StoredPlan
from fourfold_tools.store.runs import StoredRun

_PLAN = re.compile(r"fourfold://plans/(p-[a-z0-9]+)")
_RUN = re.compile(r"fourfold://runs/(r-[a-z0-9]+)(?:/([A-Za-z0-9_.-]+))?")


async def list_resources(ctx: Ctx, params: PaginatedRequestParams | None) -> ListResourcesResult:
    runs = Resource(
        uri="fourfold://runs",
        name="runs",
        title="Recent runs",
        description="The last 50 runs: id, state, steps, seconds, age.",
        mime_type="application/json",
    )
    plans = Resource(
        uri="fourfold://plans",
        name="plans",
        title="Recent plans",
        description="The last 50 plans: id, goal, whether all tasks have ended.",
        mime_type="application/json",
    )
    return ListResourcesResult(resources=[runs, plans, *([VIEW] if shows_views(ctx) else [])])


async def list_templates(ctx: Ctx, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    run = ResourceTemplate(
        uri_template="fourfold://runs/{run}",
        name="run",
        title="One run",
        description="A run with every step, nothing cut, and its verification.",
        mime_type="application/json",
    )
    step = ResourceTemplate(
        uri_template="fourfold://runs/{run}/{step}",
        name="step",
        title="A step's whole output",
        description="The whole output of one step or sub-step as plain text.",
        mime_type="text/plain",
    )
    plan = ResourceTemplate(
        uri_template="fourfold://plans/{plan}",
        name="plan",
        title="One plan",
        description="A plan as it was decided and how far each task has come, nothing left out.",
        mime_type="application/json",
    )
    return ListResourceTemplatesResult(resource_templates=[run, step, plan, *TEMPLATES])


async def read_resource(ctx: Ctx, params: ReadResourceRequestParams) -> ReadResourceResult:
    uri = str(params.uri)
    runtime = await ctx.lifespan_context.runtime(ctx)
    try:
        if (report := await read_report(runtime, uri)) is not None:
            return report
        mime, text = await _read(runtime, uri)
    except FourfoldError as exc:
        raise MCPError(INVALID_PARAMS, exc.message, {"uri": uri}) from exc
    except StoreBusy as exc:
        raise MCPError(INTERNAL_ERROR, f"{exc}; try again in a moment", {"uri": uri}) from exc
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=mime, text=text)])


async def _read(runtime: Runtime, uri: str) -> tuple[str, str]:
    if uri == "fourfold://runs":
        rows = [_row(run) for run in await runtime.runs.recent(50)]
        return "application/json", json.dumps(rows, ensure_ascii=False)
    if uri == "fourfold://plans":
        plans = [_plan_row(plan) for plan in await Plans(runtime.database).recent(50)]
        return "application/json", json.dumps(plans, ensure_ascii=False)
    if named := _PLAN.fullmatch(uri):
        return "application/json", json.dumps(await whole_plan(runtime, named[1]), ensure_ascii=False)
    match = _RUN.fullmatch(uri)
    if match is None:
        known = "fourfold://runs, fourfold://plans and what they list"
        raise MCPError(INVALID_PARAMS, f"no resource {uri}; there are {known}", {"uri": uri})
    run, step = match.groups()
    if step is None:
        return "application/json", json.dumps(whole_run(await runtime.runs.get(run)), ensure_ascii=False)
    result = await runtime.runs.step(run, step)
    if result is None:
        raise MCPError(INVALID_PARAMS, f"run {run} has no step {step} (or it never ended)", {"uri": uri})
    return "text/plain", result.output.body() if result.output is not None else result.message


def _row(run: StoredRun) -> dict[str, Any]:
    report = run.report or {}
    return {
        "run": run.id,
        "state": "crashed" if run.crashed else run.state,
        "steps": run.step_count,
        "created": run.created,
        "ended": run.ended,
        "wall_s": report.get("wall_s"),
        "cwd": run.cwd,
        "uri": f"fourfold://runs/{run.id}",
    }


def _plan_row(plan: StoredPlan) -> dict[str, Any]:
    return {
        "plan": plan.id,
        "goal": plan.goal,
        "complete": plan.complete,
        "created": plan.created,
        "updated": plan.updated,
        "cwd": plan.cwd,
        "uri": f"fourfold://plans/{plan.id}",
    }
