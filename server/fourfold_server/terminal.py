"""Terminal: batches, runs and steps shown to a person, or as JSON to a script."""

import json
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import ValidationError

from fourfold_server.plan_view import plan_view
from fourfold_server.whole_run import whole_run
from fourfold_tools.answer.words import bar, seconds
from fourfold_tools.batch import batch
from fourfold_tools.caller import Reply
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.errors import FourfoldError, InvalidRequest, NotFound
from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.plan_request import PlanRequest
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime, raise_descriptor_limit
from fourfold_tools.status import StatusRequest, run_line, status
from fourfold_tools.verify import VerifyRequest, verify

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 12  # running steps that the live display shows


async def run_batch(request: Mapping[str, Any], *, as_json: bool) -> int:
    """Run a batch and print its answer; 0 when every step is ok, else 1, 130 when interrupted."""
    try:
        parsed = BatchRequest.model_validate({**request, "format": "json"} if as_json else request)
    except ValidationError as exc:
        raise InvalidRequest(faults_of(exc, "")) from exc
    raise_descriptor_limit()
    reply: Reply | None = None
    fault: FourfoldError | None = None
    async with Runtime.open() as runtime, anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_interrupt, tasks.cancel_scope)
        try:
            reply = await (batch(runtime, parsed) if as_json else _with_display(runtime, parsed))
        except FourfoldError as exc:
            fault = exc  # kept for later: a task group would wrap it
        tasks.cancel_scope.cancel()
    if fault is not None:
        raise fault
    if reply is None:
        print("fourfold: interrupted; what had finished is kept (`fourfold runs`)", file=sys.stderr)
        return 130
    if reply.structured is not None:
        print(json.dumps(reply.structured, ensure_ascii=False, indent=1))
    else:
        print("\n".join(reply.blocks))
    return 0 if reply.all_ok else 1


async def make_plan(request: Mapping[str, Any], *, as_json: bool) -> int:
    """Make a plan, store it and print it; 0 when it was made. Only the JSON form launches: it has the inputs."""
    try:
        parsed = PlanRequest.model_validate({**request, "format": "json"})
    except ValidationError as exc:
        raise InvalidRequest(faults_of(exc, "")) from exc
    async with Runtime.open() as runtime:
        reply = await plan(runtime, parsed, launch=as_json)
    if reply.structured is None:
        print("\n".join(reply.blocks))
    elif as_json:
        print(json.dumps(reply.structured, ensure_ascii=False, indent=1))
    else:
        print(plan_view(reply.structured))
    return 0 if reply.all_ok else 1


async def _cancel_on_interrupt(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


async def _with_display(runtime: Runtime, request: BatchRequest) -> Reply:
    """Run with a live view of what runs on stderr, so that standard output stays the answer."""

    def view(run: Scheduler) -> "Table":
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        total = len(run.ledger.results) + run.ledger.open
        done = total - run.ledger.open
        table.add_row(bar(done, total), f"{done}/{total} steps", seconds(run.now_s()))
        for unit, since in list(run.running.items())[:_MOST_ROWS]:
            table.add_row("", f"{unit.id} · {unit.title}", seconds(run.now_s() - since))
        if len(run.running) > _MOST_ROWS:
            table.add_row("", f"and {len(run.running) - _MOST_ROWS} more", "")
        for again in runtime.again.values():
            table.add_row("", again.text(), "")
        return table

    newest: list[Scheduler] = []

    def changed(run: Scheduler) -> None:
        newest[:] = [run]

    with _display(lambda: view(newest[0]) if newest else ""):
        return await batch(runtime, request, on_change=changed)


@contextmanager
def _display(draw: "Callable[[], Table | str]") -> Generator[None]:
    """A view on stderr, drawn anew at each refresh and gone at the end; nothing where nobody looks at a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live

    class View:
        def __rich__(self) -> "Table | str":
            return draw()

    with Live(View(), console=Console(stderr=True), transient=True, refresh_per_second=10):
        yield


async def list_runs(limit: int, *, as_json: bool) -> int:
    """Print the last runs, newest first."""
    async with Runtime.open() as runtime:
        found = await runtime.runs.recent(limit)
    if as_json:
        rows = [{"run": r.id, "state": "crashed" if r.crashed else r.state, "steps": r.step_count} for r in found]
        print(json.dumps(rows, indent=1))
    else:
        print(
            "\n".join(map(run_line, found))
            or "no runs yet; `fourfold batch FILE` makes one, and so does each batch of an agent"
        )
    return 0


async def verify_run(run: str, *, full: bool, budget_s: float | None, as_json: bool) -> int:
    """Print a run's verification; 1 where it is INVALID, else 0."""
    try:
        request = VerifyRequest(run=run, mode="full" if full else "sample", budget_s=budget_s)
    except ValidationError as exc:
        raise InvalidRequest(faults_of(exc, "")) from exc
    async with Runtime.open() as runtime:
        with _display(lambda: "\n".join(again.text() for again in runtime.again.values())):
            reply = await verify(runtime, request)
    data = reply.structured or {}
    print(json.dumps(data, indent=1, ensure_ascii=False) if as_json else "\n".join(reply.blocks))
    return 1 if data.get("state") == "INVALID" else 0


async def show(what: str, *, as_json: bool) -> int:
    """Print a run step by step, or one step's whole output."""
    run, _, step = what.partition("/")
    async with Runtime.open() as runtime:
        if step:
            result = await runtime.runs.step(run, step)
            if result is None:
                raise NotFound(f"run {run} has no step {step!r} (`fourfold show {run}` lists them)")
            print(result.output.body() if result.output is not None else result.message)
        elif as_json:
            print(json.dumps(whole_run(await runtime.runs.get(run)), indent=1, ensure_ascii=False))
        else:
            print(await status(runtime, StatusRequest(run=run)))
    return 0
