"""Runs alone: chosen steps of a finished run once more, one at a time, through the same ops."""

import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

import anyio
import anyio.to_thread

from fourfold_tools.live.again import Again
from fourfold_tools.mathver.records import Load, Method, Pair, RunRecord, StepRecord
from fourfold_tools.mathver.sampling import choose
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Failure, Outcome, State, StepResult
from fourfold_tools.ops.base import Call
from fourfold_tools.runtime import Runtime
from fourfold_tools.verification.fingerprint import fingerprint
from fourfold_tools.verification.inputs import changed_since
from fourfold_tools.verification.load import LoadLog

_GRACE_S = 2.0  # a step alone may take this much longer than in the run before it is given up


@dataclass(frozen=True, slots=True)
class Arms:
    """What running steps alone gave: pairs, the ids that were chosen for them, what it cost, how it was loaded.

    other: what a step gave alone where that was not what it gave in the run, by id.
    """

    method: Method = "bounds"
    pairs: tuple[Pair, ...] = ()
    chosen: tuple[str, ...] | None = None
    seconds: float = 0.0
    server_cpu_s: float | None = None
    load: Load | None = None
    other: Mapping[str, str] = field(default_factory=dict[str, str])

    def joined(self, more: "Arms") -> "Arms":
        """These and further runs alone; of a step that was run alone in both, the later pair stands."""
        later = tuple(replace(pair, order=pair.order + len(self.pairs)) for pair in more.pairs)
        again = {pair.id for pair in later}
        return replace(
            self,
            pairs=(*(pair for pair in self.pairs if pair.id not in again), *later),
            chosen=tuple(dict.fromkeys((*(self.chosen or ()), *(more.chosen or ())))),
            seconds=self.seconds + more.seconds,
            server_cpu_s=(self.server_cpu_s or 0.0) + (more.server_cpu_s or 0.0),
            other={**self.other, **more.other},
        )


@dataclass(frozen=True, slots=True)
class Alone:
    """One run of a step alone."""

    seconds: float
    cpu_s: float | None
    digest: str | None
    ok: bool
    body: str


async def run_alone(
    runtime: Runtime,
    run: str,
    record: RunRecord,
    results: Mapping[str, StepResult],
    steps: Mapping[str, AnyStep],
    *,
    began: float,
    budget_s: float,
    seed: int,
    whole: bool = False,
    only: Sequence[str] | None = None,
) -> Arms:
    """Run chosen steps alone, twice where the budget allows, and pair them with what they did in the run.

    run: whose steps these are, for whoever looks on. steps: literal arguments by id. began: when the run started,
    seconds since the epoch; inputs newer than that void their pair. budget_s: bounds the whole. whole: every step
    that may be repeated, not a sample that fits the budget. only: these steps and no others.
    """
    chosen = tuple(only) if only is not None else choose(record.steps, inf if whole else budget_s, seed=seed, runs=2)
    start, cpu = time.monotonic(), time.process_time()
    log = LoadLog()
    first: dict[str, Alone] = {}
    second: dict[str, Alone] = {}
    again = Again(len({r.index[0] for r in results.values()}), 2 * len(chosen))
    async with _seen(runtime, run, again), runtime.alone, anyio.create_task_group() as tasks:
        tasks.start_soon(log.watch)
        with anyio.move_on_after(budget_s):
            for passed, names in ((first, chosen), (second, _shuffled(chosen, seed))):
                for name in names:
                    with again.alone(name):
                        alone = await _once(runtime, name, steps[name], results[name])
                    if alone is not None:
                        passed[name] = alone
        tasks.cancel_scope.cancel()
    changed = await anyio.to_thread.run_sync(partial(_changed, [results[name] for name in first], began))
    order = {name: place for place, name in enumerate(chosen)}
    known = {step.id: step for step in record.steps}
    pairs = [
        _pair(
            known[name],
            results[name],
            first[name],
            second.get(name),
            order[name],
            name in changed,
        )
        for name in chosen
        if name in first
    ]
    repeatable = sum(step.repeatable and step.ended for step in record.steps)
    return Arms(
        method="measured" if len(chosen) == repeatable else "sampled",
        pairs=tuple(pairs),
        chosen=chosen,
        seconds=time.monotonic() - start,
        server_cpu_s=time.process_time() - cpu,
        load=log.load(),
        other={p.id: first[p.id].body for p in pairs if p.par_hash != p.seq_hash},
    )


@asynccontextmanager
async def _seen(runtime: Runtime, run: str, again: Again) -> AsyncGenerator[None]:
    """While it lasts others see how far it is."""
    runtime.again[run] = again
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.live.keep)
            yield
            tasks.cancel_scope.cancel()
    finally:
        if runtime.again.get(run) is again:  # not that of another who verifies the same run
            del runtime.again[run]
        runtime.live.runs_ended()


def _shuffled(names: Sequence[str], seed: int) -> list[str]:
    """The names in another random order, so that no step meets the same slow moment twice."""
    return random.Random(seed + 1).sample(list(names), len(names))


async def _once(runtime: Runtime, name: str, step: AnyStep, result: StepResult) -> Alone | None:
    """The step alone, fresh from no cache; None when it did not end in time."""
    timeout = (step.timeout_s or runtime.timeouts[step.op]) + _GRACE_S
    spill = runtime.state / "runs" / "alone" / f"{name}.txt"
    call = Call(name, step, timeout, time.monotonic() + timeout, spill, fresh=True)
    start = time.monotonic()
    outcomes: Sequence[Outcome] = ()
    with anyio.move_on_after(timeout):
        outcomes = await runtime.ops[step.op].run([call])
    spill.unlink(missing_ok=True)
    if not outcomes:
        return None
    [outcome] = outcomes
    took = time.monotonic() - start if outcome.duration_s is None else outcome.duration_s
    alone = _as_result(result, outcome)
    body = alone.output.body() if alone.output is not None else alone.message
    return Alone(took, outcome.cpu_s, fingerprint(alone), alone.state == "ok", body)


def _as_result(result: StepResult, outcome: Outcome) -> StepResult:
    """The run's result with what this outcome says instead."""
    if isinstance(outcome.result, Failure):
        failure = outcome.result
        state: State = "timed_out" if failure.code == "timed_out" else "failed"
        return replace(result, state=state, code=failure.code, message=failure.message, output=failure.output)
    return replace(result, state="ok", code=None, message="", output=outcome.result)


def _pair(
    step: StepRecord, result: StepResult, first: Alone, second: Alone | None, order: int, input_changed: bool
) -> Pair:
    return Pair(
        id=result.id,
        stratum=step.stratum,
        par_s=step.duration_s or 0.0,
        seq_s=first.seconds,
        par_cpu_s=step.cpu_s,
        seq_cpu_s=first.cpu_s if step.cpu_s is not None else None,
        par_hash=step.result_hash,
        seq_hash=first.digest,
        seq2_hash=second.digest if second else None,
        par_ok=result.state == "ok",
        seq_ok=first.ok,
        input_changed=input_changed,
        order=order,
        seq2_s=second.seconds if second else None,
    )


def _changed(results: Sequence[StepResult], began: float) -> set[str]:
    """The ids of those whose inputs are newer than the run; steps that read the same are looked after once."""
    looked: dict[frozenset[str], bool] = {}
    for result in results:
        if result.effects is not None and result.effects.reads not in looked:
            looked[result.effects.reads] = changed_since(result.effects.reads, began)
    return {r.id for r in results if r.effects is not None and looked[r.effects.reads]}
