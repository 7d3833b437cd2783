"""The tool `checkpoint`: what agents finished goes in, the next launches and the signals come out."""

from functools import partial

import anyio.to_thread

from fourfold_tools.caller import NOBODY, Caller, Reply
from fourfold_tools.context.signals import Signal
from fourfold_tools.deployment.answer import checkpoint_text, fit, size
from fourfold_tools.handoffs.write import HandoffUnwritten, new_id, write_handoff
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import CheckpointRequest
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import course
from fourfold_tools.steering.steps import take_step


async def checkpoint(runtime: Runtime, request: CheckpointRequest, caller: Caller = NOBODY) -> Reply:
    """Take a plan one step further; any process that has the plan's id can.

    Raises:
        NotFound: no such plan. InvalidRequest: a finished task that the plan does not have.
        Contention: the store stayed locked.
    """
    usage = await runtime.usage_of(caller, request.context)
    whole = request.format == "json"
    step = await take_step(runtime, request.plan, usage, request.finished, reissue=request.reissue, whole=whole)
    data = await anyio.to_thread.run_sync(
        partial(course, runtime, request.plan, step, usage), limiter=runtime.outputs
    )
    if not usage.allow(1).new_work and not step.progress.complete:
        reason = f"{usage.text()}: no new work above 95 %"
        try:
            action = f"handoff {(await write_handoff(runtime, usage, new_id())).id} is written"
        except HandoffUnwritten as exc:  # what the agents finished is taken all the same
            action = exc.message
        data["signals"].append(Signal("handoff", "handoff", reason, action).data())
    text = checkpoint_text(step.plan, request.plan, step.progress, data)
    if not whole:
        data = _briefer(data)
        data = _within(data, runtime.settings.plan.most_chars - len(text), f"fourfold://plans/{request.plan}")
    return Reply(blocks=(text,), structured=data, all_ok=not data["failed"])


def _briefer(data: dict[str, Json]) -> dict[str, Json]:
    """Without the four lines of each single task; those of the whole and of each orchestrator stay."""
    if not data["mathver"]:
        return data
    levels = [
        {k: v for k, v in row.items() if k != "lines" or "task" not in row} for row in data["mathver"]["levels"]
    ]
    return {**data, "mathver": {**data["mathver"], "levels": levels}}


def _within(data: dict[str, Json], most: int, uri: str) -> dict[str, Json]:
    """The answer within its bound; launch inputs of a long reissue that do not fit stand at the resource."""
    cut = fit(data, most, uri)
    launch = list(cut["launch"])
    while len(launch) > 1 and size(cut) > most:
        launch.pop()
        cut = {**cut, "launch": launch, "launch_omitted": len(data["launch"]) - len(launch), "whole": uri}
    return cut
