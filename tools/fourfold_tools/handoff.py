"""The tool `handoff`: write one, list them, or load one and learn what changed since and what to call next."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from fourfold_tools.caller import NOBODY, Caller, Reply
from fourfold_tools.errors import Contention, Fault, InvalidRequest, NotFound
from fourfold_tools.handoffs.disk import changes
from fourfold_tools.handoffs.document import Handoff
from fourfold_tools.handoffs.loaded import loaded
from fourfold_tools.handoffs.write import new_id, write_handoff
from fourfold_tools.model.faults import brief
from fourfold_tools.model.output import Json
from fourfold_tools.resume import record_of, stored_steps
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.owner import is_alive
from fourfold_tools.store.plans import Plans

_MOST_LISTED = 20  # handoffs, and unfinished runs and plans, that one list names
_LOOKED_AT = 50  # newest running runs, and plans of the store, among which unfinished ones are looked for
_GOAL_CHARS = 120
_ID = re.compile(r"h-[a-z0-9]{4,12}")


class HandoffRequest(BaseModel):
    """`handoff`: what to do, and with which."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["write", "list", "load"]
    id: Annotated[str, Field(strict=True)] | None = None


async def handoff(runtime: Runtime, request: HandoffRequest, caller: Caller = NOBODY) -> Reply:
    """Do what the request says.

    Raises:
        InvalidRequest, NotFound: `load` without an id, or with one that is not there.
    """
    if request.action == "write":
        usage = await runtime.usage_of(caller)
        written = await write_handoff(runtime, usage, new_id())
        return Reply(blocks=(f"handoff {written.id} written\n\n{written.markdown()}",), structured=written.data())
    if request.action == "list":
        return await _list(runtime)
    if request.id is None:
        raise InvalidRequest([Fault("id", "required for load; `list` names what is there")])
    document = await anyio.to_thread.run_sync(partial(_load, runtime.state / "handoffs", request.id))
    return await _loaded(runtime, document)


async def _list(runtime: Runtime) -> Reply:
    """The handoffs of this folder, and what servers that ended without one have left unfinished in it."""
    rows = await anyio.to_thread.run_sync(partial(_listed, runtime.state / "handoffs", runtime.workspace.cwd))
    left = await _unfinished(runtime)
    lines = [f"{row['id']} · {row['created']} · {row['goal']}" for row in rows[:_MOST_LISTED]]
    if len(rows) > _MOST_LISTED:
        lines.append(f"{len(rows) - _MOST_LISTED} older ones")
    lines += [f"unfinished: {row['what']}: `{row['tool']}` {json.dumps(row['arguments'])}" for row in left]
    text = "\n".join(lines) or "no handoffs for this folder, and nothing unfinished"
    return Reply(blocks=(text,), structured={"handoffs": rows[:_MOST_LISTED], "unfinished": left})


async def _unfinished(runtime: Runtime) -> list[dict[str, Json]]:
    """Runs and plans of this folder whose server has ended before them, newest first, with the call that goes on."""
    cwd, rows = runtime.workspace.cwd, list[dict[str, Json]]()
    for run in await runtime.runs.recent(_LOOKED_AT, cwd=cwd, state="running"):
        if run.crashed:
            what = f"run {run.id} of {_when(run.created)}, {run.step_count} steps, broke off"
            rows.append({"what": what, "tool": "batch", "arguments": {"resume": run.id}})
    with suppress(Contention):
        for plan in await Plans(runtime.database).recent(_LOOKED_AT):
            if plan.cwd == cwd and not plan.complete and not is_alive(plan.owner.partition("/")[0]):
                what = f"plan {plan.id} of {_when(plan.created)}: {plan.goal[:_GOAL_CHARS]}"
                rows.append({"what": what, "tool": "checkpoint", "arguments": {"plan": plan.id}})
    return rows[:_MOST_LISTED]


def _when(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


async def _loaded(runtime: Runtime, document: Handoff) -> Reply:
    changed = await anyio.to_thread.run_sync(partial(changes, document.files))
    text, data = loaded(document, changed, await _next_calls(runtime, document))
    return Reply(blocks=(text,), structured=data)


async def _next_calls(runtime: Runtime, document: Handoff) -> list[dict[str, Json]]:
    """The exact calls that go on with what is not finished, oldest first, as the store has it now."""
    calls: list[dict[str, Json]] = []
    plans = Plans(runtime.database)
    for name in reversed(document.plans):
        with suppress(NotFound, Contention):
            if not (await plans.get(name)).complete:
                calls.append({"tool": "checkpoint", "arguments": {"plan": name}})
    for name in reversed(document.runs):
        try:
            stored = await runtime.runs.get(name, outputs=False)
        except NotFound:
            continue
        if name in runtime.active or (stored.state == "running" and not stored.crashed):
            continue
        results = record_of(stored, stored_steps(stored))
        if any(r.state == "not_started" for r in results):
            calls.append({"tool": "batch", "arguments": {"resume": name}})
    return calls


def _load(folder: Path, name: str) -> Handoff:
    if not _ID.fullmatch(name):
        raise InvalidRequest([Fault("id", f"expected h- and letters or digits, got {brief(name)}")])
    try:
        data: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return Handoff.of(data)
    except FileNotFoundError as exc:
        raise NotFound(f"no handoff {name}; `list` names what is there") from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise NotFound(f"handoff {name} cannot be read: {exc}") from exc


def _listed(folder: Path, cwd: str) -> list[dict[str, Json]]:
    """The handoffs of one folder, newest first; those that cannot be read are left out."""
    rows: list[dict[str, Json]] = []
    for path in folder.glob("h-*.json"):
        try:
            document = _load(folder, path.stem)
        except (InvalidRequest, NotFound):
            continue
        if document.cwd == cwd:
            rows.append({"id": document.id, "created": document.created, "goal": document.goal[:_GOAL_CHARS]})
    return sorted(rows, key=lambda row: row["created"], reverse=True)
