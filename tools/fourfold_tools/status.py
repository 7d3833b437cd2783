"""The tool `status`: runs in flight, limits, pressure, the caller's context, the last runs."""

import time
from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fourfold_tools.answer.words import seconds, size
from fourfold_tools.caller import NOBODY, Caller
from fourfold_tools.context.pressure import read_pressure
from fourfold_tools.errors import NotFound
from fourfold_tools.resume import record_of, stored_steps
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.database import StoreBusy
from fourfold_tools.store.runs import StoredRun


class StatusRequest(BaseModel):
    """`status`: of everything, or of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Annotated[str, Field(strict=True, min_length=1)] | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=100)] = 5


async def status(runtime: Runtime, request: StatusRequest, caller: Caller = NOBODY) -> str:
    """The state of things, a line each.

    Raises:
        NotFound: no such run.
    """
    if request.run is not None:
        return await _one_run(runtime, request.run)
    usage = await runtime.usage_of(caller)
    rows = [
        f"{usage.text()} · level {usage.level}",
        f"pressure: {_pressure()}",
        f"slots in use: {_slots(runtime)}",
        *_in_flight(runtime),
    ]
    if runtime.database.fault:
        rows.append(f"store: {runtime.database.fault}")
    rows += [f"settings fault: {fault}" for fault in runtime.permissions.faults]
    try:
        recent = await runtime.runs.recent(request.limit)
    except StoreBusy as exc:
        return "\n".join([*rows, f"last runs: not readable now ({exc})"])
    return "\n".join([*rows, "last runs:" if recent else "no runs yet", *map(run_line, recent)])


def run_line(run: StoredRun) -> str:
    """`r-8kq2 · done · 5 steps · 2.41 s · 3 min ago`."""
    state = "crashed" if run.crashed else run.state
    wall = f" · {run.report['wall_s']:.2f} s" if run.report and "wall_s" in run.report else ""
    plural = "s" if run.step_count != 1 else ""
    return f"{run.id} · {state} · {run.step_count} step{plural}{wall} · {_ago(time.time() - run.created)}"


def _ago(age_s: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if age_s >= length:
            return f"{age_s / length:.0f} {unit} ago"
    return f"{max(0.0, age_s):.0f} s ago"


def _pressure() -> str:
    """`cpu 4 %, io 0 %, memory 0 %, memory free 83 %, files 31/20000`."""
    now = read_pressure()
    stalls = {"cpu": now.cpu, "io": now.io, "memory": now.memory}
    parts = [f"{name} {100 * stall.some:.0f} %" for name, stall in stalls.items() if stall is not None]
    if now.load_per_core is not None:
        parts.append(f"load {now.load_per_core:.1f} per core")
    if now.memory_available is not None:
        parts.append(f"memory free {100 * now.memory_available:.0f} %")
    if now.open_files is not None:
        parts.append(f"files {now.open_files}/{now.max_files or '?'}")
    return ", ".join(parts) or "unknown on this platform"


def _slots(runtime: Runtime) -> str:
    used = runtime.limiter.in_use()
    return ", ".join(f"{key} {used.get(key, 0)}/{total}" for key, total in runtime.limiter.totals.items())


def _in_flight(runtime: Runtime) -> list[str]:
    rows: list[str] = []
    for name, run in runtime.active.items():
        names = ", ".join(f"{u.id} {seconds(run.now_s() - since)}" for u, since in list(run.running.items())[:8])
        if name not in runtime.again:
            rows.append(f"in flight: {name} · {run.ledger.open} steps open · running: {names or 'nothing'}")
    rows += [f"in flight: {name} · {again.text()}" for name, again in runtime.again.items()]
    return rows or ["nothing in flight"]


async def _one_run(runtime: Runtime, name: str) -> str:
    stored = await runtime.runs.get(name, outputs=False)
    steps = stored_steps(stored)
    results = record_of(stored, steps) if stored.crashed or stored.state == "cancelled" else list(stored.results)
    if not steps:
        raise NotFound(f"run {name} has no steps")
    counts = Counter(r.state for r in results)
    rows = [run_line(stored), ", ".join(f"{n} {state}" for state, n in counts.items())]
    for r in results:
        took = f" · {seconds(r.duration_s)}" if r.duration_s is not None else ""
        peak = f" · {size(r.max_rss_bytes)}" if r.max_rss_bytes else ""
        rows.append(f"{r.id} · {r.title} · {r.state}{took}{peak}")
    return "\n".join(rows)
