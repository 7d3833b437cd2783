"""The verification of one run: what is noted while its steps run, and the verdict once it has ended."""

import time
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import replace
from typing import Literal

import anyio

from fourfold_tools.answer.report import Delivered
from fourfold_tools.answer.text import Cut
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.mathver.report import MathVer
from fourfold_tools.model.result import StepResult
from fourfold_tools.prepare import Prepared
from fourfold_tools.runtime import Runtime
from fourfold_tools.verification.live import Finished, verify_live
from fourfold_tools.verification.load import LoadLog
from fourfold_tools.verification.record import judge, record_of_run, with_tokens
from fourfold_tools.verification.rerun import Arms

Verdict = Callable[[Delivered], MathVer]  # what verification says, once it is known what the answer costs


class RunVerification:
    """What one run was asked to verify. Mutable: load and processor time come while it runs.

    kept: results from alone that differ from the run's, for files; signals: what an answer has to say of them.
    """

    def __init__(
        self,
        runtime: Runtime,
        prepared: Prepared,
        mode: Literal["off", "sample", "full"],
        done: Container[tuple[int, int]],
    ) -> None:
        """done: results that a resumed run found, which ran on another clock."""
        self.kept: list[Cut] = []
        self.signals: list[Signal] = []
        self._runtime = runtime
        self._prepared = prepared
        self._mode = mode
        self._done = done
        self._began = time.time()
        self._load: LoadLog | None = None
        self._cpu_s = 0.0

    async def watch(self, run: Callable[[], Awaitable[object]]) -> None:
        """Let it run, and note what it takes."""
        start = time.process_time()
        if self._mode == "off":
            await run()
        else:
            self._load = LoadLog()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._load.watch)
                await run()
                tasks.cancel_scope.cancel()
        self._cpu_s = time.process_time() - start

    def ran_now(self, scheduler: Scheduler) -> list[StepResult]:
        """The results of this execution."""
        return [r for r in scheduler.ledger.ordered() if r.index not in self._done]

    async def verdict(self, run: str, scheduler: Scheduler) -> Verdict:
        """The verification that was asked for: steps alone, and what follows."""
        finished = Finished(
            run=run,
            prepared=self._prepared,
            results=self.ran_now(scheduler),
            wall_s=scheduler.wall_s(),
            width=scheduler.width,
            began=self._began,
            server_cpu_s=self._cpu_s,
            load=self._load.load() if self._load else None,
        )
        found, arms = await verify_live(self._runtime, finished, whole=self._mode == "full")
        self._keep_both(run, scheduler, found, arms)
        return self._priced(found, finished.results)

    def unverified(self, scheduler: Scheduler) -> Verdict:
        """Invariants and bounds only."""
        results = self.ran_now(scheduler)
        record = record_of_run(
            self._prepared,
            results,
            wall_s=scheduler.wall_s(),
            width=scheduler.width,
            cores=self._runtime.cores,
            hashes=False,
        )
        return self._priced(judge(replace(record, server_cpu_s=self._cpu_s or None), Arms(), 0), results)

    def _keep_both(self, run: str, scheduler: Scheduler, found: MathVer, arms: Arms) -> None:
        """Of a step that degraded beside others both results are kept: the run's, and the one from alone."""
        for key, result in scheduler.ledger.results.items():
            if result.id in found.quality.degraded and result.id in arms.other:
                path = str(self._runtime.run_files(run) / f"{result.id}.alone.txt")
                self.kept.append(Cut(result.id, path, arms.other[result.id]))
                scheduler.ledger.results[key] = replace(result, note=f"alone it gave another result: {path}")
        if found.quality.degraded:
            names = {r.lane for r in scheduler.ledger.ordered() if r.id in found.quality.degraded}
            told = ", ".join(f"lane {lane}" for lane in sorted(n for n in names if n is not None))
            reason = f"{', '.join(found.quality.degraded)} gave another result beside others than alone"
            self.signals.append(
                Signal("degraded", told or "run", reason, "their results from alone are kept in files")
            )

    def _priced(self, found: MathVer, results: Sequence[StepResult]) -> Verdict:
        """The verification, ready to take in what the answer costs; arguments are the same for separate calls."""
        ok = sum(r.state == "ok" for r in results)
        calls = sum(r.started_s is not None for r in results)
        overhead = self._runtime.settings.context.call_overhead_tokens
        return lambda cost: with_tokens(found, ok, cost.tokens, cost.bodies, calls, cost.cut, overhead)
