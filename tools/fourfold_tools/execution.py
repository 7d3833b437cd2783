"""One execution of a batch: from the checked graph through the scheduler and verification to the answer."""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio

from fourfold_tools import telemetry
from fourfold_tools.answer.decisions import pressure_signals, trouble_signals
from fourfold_tools.answer.files import write_files
from fourfold_tools.answer.report import Delivered, RunReport
from fourfold_tools.answer.structured import head_data, render_json
from fourfold_tools.answer.text import render_text
from fourfold_tools.answer.title import title
from fourfold_tools.caller import Caller, Reply, Report
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.usage import Usage
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.engine.work import Journal, Work
from fourfold_tools.handoffs.write import HandoffUnwritten, new_id, write_handoff
from fourfold_tools.hook import approved_steps
from fourfold_tools.model.output import Json
from fourfold_tools.model.request import AnyStep, BatchRequest, ReadStep
from fourfold_tools.ops.glob import expand_glob, is_glob
from fourfold_tools.prepare import Prepared
from fourfold_tools.progress import Progress, telling
from fourfold_tools.resume import Rest
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.database import StoreBusy
from fourfold_tools.store.journal import RunJournal
from fourfold_tools.verification.of_run import RunVerification, Verdict

_NOT_KEPT = {"steps", "resume", "force", "context"}  # of a request: how it was made is no part of what it asks for
_CLOSE_S = 5.0  # seconds that a cancelled run may take to be written down
_CALM_PERCENT = 40.0  # below it one turn does not reach the next level, so a run starts before the meter has answered


class Execution:
    """A run on its way through the house. Mutable: usage and load come while it runs."""

    def __init__(
        self,
        runtime: Runtime,
        request: BatchRequest,
        caller: Caller,
        prepared: Prepared,
        rest: Rest,
        weights: Sequence[float],
        width: int,
        budget: int,
    ) -> None:
        self._runtime = runtime
        self._request = request
        self._caller = caller
        self._prepared = prepared
        self._rest = rest
        self._weights = weights
        self._asked = width
        self._budget = budget
        self._usage = Usage()
        self._handoff: str | None = None
        self._decided = runtime.pressure.made
        self._verification = RunVerification(runtime, prepared, request.verify, rest.done)

    async def run(self, report: Report, on_change: Callable[[Scheduler], None]) -> Reply:
        """Run it; when cancelled, what had finished is in the store before the cancellation goes on."""
        measured = anyio.Event()
        if not self._is_calm():
            await self._measure(measured)
            if not self._usage.allow(1).new_work and not self._request.force:
                return await self._refuse()
        journal = self._rest.journal or await self._begin()
        if self._rest.journal is not None and self._usage.conversation is not None:
            await journal.belongs_to(self._usage.conversation.key)  # whoever resumes a run has it from now on
        told = telemetry.began(journal, journal.run, len(self._prepared.steps))
        ending: telemetry.Ending = "broken"
        scheduler = self._scheduler(journal, told)
        again, verified = self._runtime.again, self._request.verify != "off"
        progress = Progress(len(self._prepared.steps), report, lambda: again.get(journal.run), verified=verified)

        def changed(run: Scheduler) -> None:
            progress.changed(run)
            on_change(run)

        scheduler.on_change = changed
        self._runtime.active[journal.run] = scheduler
        try:
            async with anyio.create_task_group() as tasks:
                if not measured.is_set():
                    tasks.start_soon(self._measure, measured, scheduler, journal)
                tasks.start_soon(journal.write_on)
                tasks.start_soon(progress.tell, scheduler)
                tasks.start_soon(self._runtime.pressure.watch)
                await self._verification.watch(scheduler.run)
                await measured.wait()
                tasks.cancel_scope.cancel()
            reply = await self._answer(journal, scheduler, progress)
            ending = "done"
            return reply
        except anyio.get_cancelled_exc_class():
            ending = "cancelled"
            with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_S):
                finished = self._report(journal, scheduler, self._verification.unverified(scheduler))
                await journal.close("cancelled", self._stored(finished, 0))
            raise
        finally:
            del self._runtime.active[journal.run]
            self._runtime.live.runs_ended()
            results = self._verification.ran_now(scheduler)
            telemetry.ended(journal.run, ending, results, scheduler.now_s(), scheduler.wall_s())

    def _is_calm(self) -> bool:
        """Whether the run may start before the meter has answered: whoever calls was far from any level at last."""
        runtime = self._runtime
        told = self._request.context is not None or runtime.client or runtime.kept
        return not told and runtime.meter.calm_below(_CALM_PERCENT)

    async def _measure(
        self, done: anyio.Event, scheduler: Scheduler | None = None, journal: RunJournal | None = None
    ) -> None:
        """Find out whose call it is and how full its context; a run under way is narrowed by what comes out."""
        try:
            self._usage = await self._runtime.usage_of(self._caller, self._request.context)
            if scheduler is not None:
                scheduler.width = self._usage.allow(self._asked).max_parallel
            if journal is not None and self._usage.conversation is not None:
                await journal.belongs_to(self._usage.conversation.key)
        finally:
            done.set()

    async def _begin(self) -> RunJournal:
        """A run of its own, or the one that this very batch was kept as when it was refused: it never runs twice."""
        text, conversation = self._written(), self._key
        if conversation in self._runtime.kept or self._request.force:
            with suppress(StoreBusy):
                kept = await self._runtime.runs.refused(text, self._runtime.workspace.cwd, conversation)
                if kept is not None:
                    return await self._runtime.runs.claim(kept)
        steps = len(self._prepared.steps)
        return await self._runtime.runs.begin(text, self._runtime.workspace.cwd, steps, conversation)

    @property
    def _key(self) -> str:
        """The conversation's name in the store; where it is not known what stands for it."""
        return self._usage.conversation.key if self._usage.conversation else self._runtime.client

    def _written(self) -> str:
        """The request as the store keeps it."""
        steps = [
            {**step.model_dump(mode="json", by_alias=True, exclude_unset=True), "id": step.id, "op": step.op}
            for step in self._prepared.steps
        ]
        options = self._request.model_dump(mode="json", exclude=_NOT_KEPT, exclude_unset=True)
        return json.dumps({**options, "steps": steps}, ensure_ascii=False)

    async def _refuse(self) -> Reply:
        """Above 95 %: the work is kept as a run that never started, and handed over; one line says where."""
        self._runtime.kept.add(self._key)
        journal = self._rest.journal or await self._begin()
        await journal.close("cancelled", {"refused": "context", "context": self._usage.data()})
        name, refused = new_id(), f"context: {self._usage.text()}: no new work above 95 %"
        told = self._usage.announcement
        if problem := await self._write_handoff(name):
            line = f"{refused}; {problem}; this batch is kept as run {journal.run}; say force: true to run it"
            return Reply(blocks=(line, *([told.line()] if told else [])), all_ok=False)
        line = (
            f"{refused}; handoff {name} is written and holds this "
            f"batch as run {journal.run}; load it in a new conversation, or say force: true"
        )
        signals = [_handed_over(told, name).line()] if told else []
        return Reply(blocks=(line, *signals), all_ok=False)

    async def _write_handoff(self, name: str) -> str | None:
        """Write it; a sentence when the disk did not take it, because a run's results must not be lost with it."""
        try:
            await write_handoff(self._runtime, self._usage, name)
        except HandoffUnwritten as exc:
            return exc.message
        except StoreBusy as exc:
            return f"handoff {name} is not written: {exc}"
        return None

    def _scheduler(self, journal: RunJournal, told: Journal) -> Scheduler:
        runtime, settings = self._runtime, self._runtime.settings
        work = Work(
            steps=self._prepared.steps,
            graph=self._prepared.graph,
            effects=self._prepared.effects,
            effects_of=runtime.effects_of,
            weights=self._weights,
            ops=runtime.ops,
            timeouts=runtime.timeouts,
            spill=runtime.run_files(journal.run),
            width=self._usage.allow(self._asked).max_parallel,
            deadline_s=self._request.deadline_s or settings.batch.deadline_s,
            stop_on_error=self._request.on_error == "stop",
            max_items=settings.batch.max_items,
            max_sub_steps=settings.batch.max_sub_steps,
            retry=runtime.retry_rule,
            title=title,
            is_glob=_is_glob(runtime),
            expand=_expand(runtime),
            approved=approved_steps(dict(enumerate(self._prepared.steps))) if self._caller.stamp else frozenset(),
            done=self._rest.done,
        )
        return Scheduler(
            work, limiter=runtime.limiter, locks=runtime.locks, budget=runtime.retry_budget, journal=told
        )

    async def _answer(self, journal: RunJournal, scheduler: Scheduler, progress: Progress) -> Reply:
        if self._usage.announcement and not self._usage.allow(1).new_work:
            self._handoff = new_id()
        report = self._report(journal, scheduler, await self._verdict(journal, scheduler, progress))
        budget = min(
            self._budget, max(self._runtime.settings.batch.min_tokens, self._usage.budget_tokens(self._budget))
        )
        files = self._runtime.run_files(journal.run)

        def spill(name: str) -> str:
            return str(files / f"{name}.txt")

        structured: dict[str, Json] | None = None
        if self._request.format == "json":
            structured, answer = render_json(report, budget, spill)
        else:
            answer = render_text(report, budget, spill)
        unwritten = await write_files((*answer.cuts, *self._verification.kept))
        unstored = await journal.close("done", self._stored(report, answer.tokens))
        unwritten_handoff = None if self._handoff is None else await self._write_handoff(self._handoff)
        await self._runtime.timings.learn(self._prepared.steps, report.results)
        problems = (unwritten, unstored, unwritten_handoff, self._new_fault())
        late = [_store_signal(problem) for problem in problems if problem]
        blocks = (*answer.blocks, *(signal.line() for signal in late)) if answer.blocks else ()
        if structured is not None:
            structured["signals"] += [signal.data() for signal in late]
        return Reply(blocks, answer.images, structured, all_ok=all(r.state == "ok" for r in report.results))

    async def _verdict(self, journal: RunJournal, scheduler: Scheduler, progress: Progress) -> Verdict:
        if self._request.verify == "off":
            return self._verification.unverified(scheduler)
        async with telling(lambda: progress.tell(scheduler)):
            return await self._verification.verdict(journal.run, scheduler)

    def _new_fault(self) -> str | None:
        """The store's fault that no answer has told yet; `status` tells it as long as it lasts."""
        fault = self._runtime.database.fault
        if fault == self._runtime.told_fault:
            return None
        self._runtime.told_fault = fault
        return fault

    def _report(self, journal: RunJournal, scheduler: Scheduler, verdict: Verdict) -> RunReport:
        signals = [told] if (told := self._usage.announcement) else []
        if self._handoff is not None:
            signals = [_handed_over(signal, self._handoff) for signal in signals]
        signals += [*self._verification.signals, *pressure_signals(self._runtime.pressure.since(self._decided))]
        signals += trouble_signals(scheduler.changes)
        if fault := self._new_fault():
            signals.append(_store_signal(fault))
        missing = self._runtime.sandbox.missing
        if missing and not self._runtime.told_open:
            self._runtime.told_open = True
            signals.append(Signal("degraded", "sandbox", missing, "commands run with all of the user's rights"))
        return RunReport(
            run=journal.run,
            step_count=len(self._prepared.steps),
            results=tuple(scheduler.ledger.ordered()),
            wall_s=scheduler.wall_s(),
            width=scheduler.width,
            heads_only=self._usage.allow(1).heads_only,
            verdict=verdict,
            context=self._usage,
            verified=self._request.verify != "off",
            signals=tuple(signals),
        )

    def _stored(self, report: RunReport, delivered: int) -> dict[str, Any]:
        """What the store keeps of a run beside its steps; edges: [before, after, kind, reason], the first ones."""
        data = head_data(report, Delivered(delivered, delivered, 0))
        del data["steps"]
        graph, most = self._prepared.graph, self._runtime.settings.store.most_edges
        edges = [[graph.ids[e.before], graph.ids[e.after], e.kind, e.reason] for e in graph.edges[:most]]
        return data | {"width": report.width, "edges": edges, "edges_of": len(graph.edges)}


def _handed_over(signal: Signal, name: str) -> Signal:
    return replace(signal, action=f"handoff {name} is written; load it in a new conversation")


def _store_signal(problem: str) -> Signal:
    return Signal("degraded", "store", problem, "results are whole; what was cut or stored may be missing")


def _is_glob(runtime: Runtime) -> Callable[[AnyStep], bool]:
    def check(step: AnyStep) -> bool:
        return isinstance(step, ReadStep) and isinstance(step.path, str) and is_glob(runtime.workspace, step.path)

    return check


def _expand(runtime: Runtime) -> Callable[[AnyStep], Awaitable[list[AnyStep]]]:
    async def paths(step: AnyStep) -> list[AnyStep]:
        assert isinstance(step, ReadStep)
        assert isinstance(step.path, str)
        timeout_s = step.timeout_s or runtime.settings.glob.timeout_s
        found = await expand_glob(runtime.workspace, step.path, timeout_s=timeout_s, hides=runtime.permissions.hides)
        return [step.model_copy(update={"path": path}) for path in found]

    return paths
