"""The tool `batch` (and `inspect`, which is the same with fewer ops): steps in, one answer out."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from fourfold_tools.answer.files import write_files
from fourfold_tools.answer.forecast import forecast
from fourfold_tools.answer.report import Delivered, RunReport
from fourfold_tools.answer.structured import render_json, run_data
from fourfold_tools.answer.text import render_text
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.usage import Stamp, Usage
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.engine.work import Work
from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.mathver.report import MathVer
from fourfold_tools.model.output import Image, Json
from fourfold_tools.model.request import AnyStep, BatchRequest, FetchStep, ReadStep
from fourfold_tools.model.result import StepResult
from fourfold_tools.ops.glob import expand_glob, is_glob
from fourfold_tools.prepare import Prepared, prepare
from fourfold_tools.progress import Progress, Report
from fourfold_tools.resume import Rest, rest_of
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.runs import RunJournal
from fourfold_tools.verification import Arms, judge, record_of_run, with_tokens

_CLOSE_S = 5.0  # seconds that a cancelled run may take to be written down


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the model's tool-use id, and what the plugin's hook stamped on the call."""

    tool_use_id: str | None = None
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets: text blocks and pictures, or one JSON object. all_ok: for exit codes."""

    blocks: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    structured: dict[str, Json] | None = None
    all_ok: bool = True


async def _silent(value: float, total: float, message: str) -> None:
    """Nobody listens."""


async def batch(
    runtime: Runtime,
    request: BatchRequest,
    caller: Caller = Caller(),
    report: Report = _silent,
    on_change: Callable[[Scheduler], None] = lambda _: None,
) -> Reply:
    """Run a batch, or say what it would do.

    Raises:
        InvalidRequest: the request cannot run; nothing has.
    """
    budget = _budget(runtime, request)
    rest = await _steps(runtime, request)
    prepared = prepare(
        rest.steps,
        runtime.effects_of,
        barrier=request.unknown == "barrier",
        max_steps=runtime.settings.batch.max_steps,
    )
    usage = await runtime.meter.measure(caller.tool_use_id, hook=caller.stamp)
    weights = await runtime.timings.weights(prepared.steps)
    if request.dry_run:
        text, data = forecast(
            prepared.steps, prepared.effects, prepared.graph, weights, _width(runtime, request), usage
        )
        return Reply(structured=data) if request.format == "json" else Reply(blocks=(text,))
    left = max(_least(runtime), usage.budget_tokens(budget))
    run = _Run(runtime, request, prepared, rest, weights, usage, min(budget, left))
    return await run.go(report, on_change)


@dataclass
class _Run:
    """One run on its way through the house. Mutable: the journal and the scheduler come as it goes."""

    runtime: Runtime
    request: BatchRequest
    prepared: Prepared
    rest: Rest
    weights: Sequence[float]
    usage: Usage
    budget: int
    signals: list[Signal] = field(default_factory=list[Signal])

    async def go(self, report: Report, on_change: Callable[[Scheduler], None]) -> Reply:
        journal = self.rest.journal or await self._begin()
        scheduler = self._scheduler(journal)
        progress = Progress(len(self.prepared.steps), report)

        def changed(run: Scheduler) -> None:
            progress.changed(run)
            on_change(run)

        scheduler.on_change = changed
        self.runtime.active[journal.run] = scheduler
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(journal.write_on)
                tasks.start_soon(progress.tell, scheduler)
                await scheduler.run()
                tasks.cancel_scope.cancel()
            return await self._answer(journal, scheduler, scheduler.ledger.ordered())
        except anyio.get_cancelled_exc_class():
            await self._close_cancelled(journal, scheduler)
            raise
        finally:
            del self.runtime.active[journal.run]

    async def _begin(self) -> RunJournal:
        steps = [step.model_dump(mode="json", by_alias=True, exclude_unset=True) for step in self.prepared.steps]
        named = [{**raw, "id": step.id, "op": step.op} for raw, step in zip(steps, self.prepared.steps, strict=True)]
        options = self.request.model_dump(mode="json", exclude={"steps", "resume"}, exclude_unset=True)
        text = json.dumps({**options, "steps": named}, ensure_ascii=False)
        return await self.runtime.runs.begin(text, self.runtime.workspace.cwd, len(named))

    def _scheduler(self, journal: RunJournal) -> Scheduler:
        runtime, request, settings = self.runtime, self.request, self.runtime.settings
        asked = _width(runtime, request)
        work = Work(
            steps=self.prepared.steps,
            graph=self.prepared.graph,
            effects=self.prepared.effects,
            effects_of=runtime.effects_of,
            weights=self.weights,
            ops=runtime.ops,
            timeouts=runtime.timeouts,
            spill=runtime.run_files(journal.run),
            width=self.usage.allow(asked).max_parallel,
            deadline_s=request.deadline_s or settings.batch.deadline_s,
            stop_on_error=request.on_error == "stop",
            max_items=settings.batch.max_items,
            max_sub_steps=settings.batch.max_sub_steps,
            retry=runtime.retry_rule,
            title=title,
            is_glob=_is_glob(runtime),
            expand=_expand(runtime),
            done=self.rest.done,
        )
        return Scheduler(
            work,
            limiter=runtime.limiter,
            locks=runtime.locks,
            budget=runtime.retry_budget,
            journal=journal,
        )

    async def _close_cancelled(self, journal: RunJournal, scheduler: Scheduler) -> None:
        """The caller is gone: what had finished is kept."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_S):
            finished = await self._report(journal, scheduler, scheduler.ledger.ordered())
            await journal.close("cancelled", _stored(finished))

    async def _answer(self, journal: RunJournal, scheduler: Scheduler, results: list[StepResult]) -> Reply:
        finished = await self._report(journal, scheduler, results)
        files = self.runtime.run_files(journal.run)

        def spill(name: str) -> str:
            return str(files / f"{name}.txt")

        structured: dict[str, Json] | None = None
        if self.request.format == "json":
            structured, answer = render_json(finished, self.budget, spill)
        else:
            answer = render_text(finished, self.budget, spill)
        problem = await write_files(answer.cuts)
        stored = await journal.close("done", _stored(finished))
        await self.runtime.timings.learn(self.prepared.steps, results)
        problems = [text for text in (problem, stored) if text]
        blocks = (*answer.blocks, *(_broken_store(text).line() for text in problems)) if answer.blocks else ()
        if structured is not None and problems:
            structured["signals"] += [_broken_store(text).data() for text in problems]
        return Reply(blocks, answer.images, structured, all_ok=all(r.state == "ok" for r in results))

    def _judged(
        self, scheduler: Scheduler, results: list[StepResult], wall_s: float
    ) -> Callable[[Delivered], MathVer]:
        """The verification, ready to take in what the answer costs."""
        record = record_of_run(
            self.prepared, results, wall_s=wall_s, width=scheduler.width, cores=self.runtime.cores, hashes=False
        )
        found = judge(record, Arms(), seed=0)
        ok = sum(r.state == "ok" for r in results)
        calls = sum(r.started_s is not None for r in results)
        return lambda cost: with_tokens(found, ok, cost.tokens, cost.bodies, calls, cost.cut)

    async def _report(self, journal: RunJournal, scheduler: Scheduler, results: list[StepResult]) -> RunReport:
        signals = list(self.signals)
        if self.usage.announcement:
            signals.append(self.usage.announcement)
        signals += [
            Signal("degraded", key, "steps failed for want of shared things", f"{key} steps ran one at a time")
            for key in scheduler.narrowed
        ]
        if self.runtime.database.fault:
            signals.append(_broken_store(self.runtime.database.fault))
        wall_s = scheduler.now_s()
        verdict = self._judged(scheduler, results, wall_s)
        return RunReport(
            run=journal.run,
            step_count=len(self.prepared.steps),
            results=tuple(results),
            wall_s=wall_s,
            verdict=verdict,
            context=self.usage,
            verified=self.request.verify != "off",
            signals=tuple(signals),
        )


def title(step: AnyStep, sub: bool) -> str:
    """How a header names a step: its op, what it reads or fetches, and for a sub-step its pattern."""
    match step:
        case ReadStep(path=str(arg)) | FetchStep(url=str(arg)):
            name = f"{step.op} {arg}"
        case _:
            name = step.op
    if sub and step.op in {"grep", "glob"}:
        name = f"{step.op} {getattr(step, 'pattern', '')}"
    return f"{name} ({step.label})" if step.label else name


def _stored(report: RunReport) -> dict[str, Any]:
    """What the store keeps of a run beside its steps."""
    data = run_data(report)
    del data["steps"]
    return data


def _broken_store(problem: str) -> Signal:
    return Signal("degraded", "store", problem, "results are whole; what was cut or stored may be missing")


def _width(runtime: Runtime, request: BatchRequest) -> int:
    return min(request.max_parallel or runtime.settings.limits.max_parallel, 1000)


def _least(runtime: Runtime) -> int:
    return runtime.settings.batch.min_tokens


def _budget(runtime: Runtime, request: BatchRequest) -> int:
    least = _least(runtime)
    if request.max_tokens is None:
        return runtime.settings.batch.max_tokens
    if request.max_tokens < least:
        problem = (
            f"expected at least {least} (the head and the verification lines take that), got {request.max_tokens}"
        )
        raise InvalidRequest([Fault("max_tokens", problem)])
    return min(request.max_tokens, runtime.settings.batch.most_tokens)


async def _steps(runtime: Runtime, request: BatchRequest) -> Rest:
    if (request.steps is None) == (request.resume is None):
        raise InvalidRequest([Fault("steps", "give either steps, or resume with the id of a run")])
    if request.resume is not None:
        return await rest_of(runtime, request.resume, retry_unknown=request.retry_unknown)
    return Rest(tuple(request.steps or ()))


def _is_glob(runtime: Runtime) -> Callable[[AnyStep], bool]:
    def check(step: AnyStep) -> bool:
        return isinstance(step, ReadStep) and isinstance(step.path, str) and is_glob(runtime.workspace, step.path)

    return check


def _expand(runtime: Runtime) -> Callable[[AnyStep], Awaitable[list[AnyStep]]]:
    async def paths(step: AnyStep) -> list[AnyStep]:
        assert isinstance(step, ReadStep)
        assert isinstance(step.path, str)
        timeout_s = step.timeout_s or runtime.settings.glob.timeout_s
        found = await expand_glob(runtime.workspace, step.path, timeout_s=timeout_s)
        return [step.model_copy(update={"path": path}) for path in found]

    return paths
