"""The tool `verify`: MathVer over a stored run, or over numbers that the caller measured."""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from fourfold_tools.answer.words import seconds
from fourfold_tools.caller import Reply, Report, silent
from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.mathver.cross_check import Stream, cross_check
from fourfold_tools.mathver.measured import Measured, verify_measured
from fourfold_tools.mathver.records import Pair, RunRecord
from fourfold_tools.mathver.report import MathVer
from fourfold_tools.mathver.streams import LaneFigures, lanes
from fourfold_tools.prepare import Prepared, prepare
from fourfold_tools.progress import tell_again, telling
from fourfold_tools.resume import stored_steps
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.runs import StoredRun
from fourfold_tools.verification.fingerprint import fingerprint
from fourfold_tools.verification.record import judge, record_of_run, seed_of, with_tokens
from fourfold_tools.verification.rerun import Arms, run_alone

_MOST_ROWS = 40
Timing = Annotated[FiniteFloat, Field(gt=0)]


class MeasuredNumbers(BaseModel):
    """Two sets of timings in seconds, two sets of results (any JSON values, in the same order), or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequential_s: Annotated[list[Timing], Field(min_length=1)] | None = None
    parallel_s: Annotated[list[Timing], Field(min_length=1)] | None = None
    sequential_results: Annotated[list[Any], Field(min_length=1)] | None = None
    parallel_results: Annotated[list[Any], Field(min_length=1)] | None = None


class StreamNumbers(BaseModel):
    """What one agent or run gave: a result (any JSON value) per piece of work, and its seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(strict=True, min_length=1)]
    results: dict[str, Any]
    seconds: Timing | None = None


class VerifyRequest(BaseModel):
    """`verify`: one run, several runs or agents on the same work side by side, or measured numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Annotated[str, Field(strict=True, min_length=1)] | None = None
    runs: Annotated[list[str], Field(min_length=2, max_length=50)] | None = None
    streams: Annotated[list[StreamNumbers], Field(min_length=2, max_length=200)] | None = None
    measured: MeasuredNumbers | None = None
    mode: Literal["sample", "full"] = "sample"
    budget_s: Annotated[FiniteFloat, Field(gt=0, le=3_600)] | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(value is not None for value in (self.run, self.runs, self.streams, self.measured)) != 1:
            raise PydanticCustomError("one_subject", "expected exactly one of run, runs, streams, measured")
        return self


async def verify(runtime: Runtime, request: VerifyRequest, report: Report = silent) -> Reply:
    """Verify what the request names; `report` hears of it while steps are run again.

    Raises:
        NotFound, InvalidRequest: no such run, one that never ended, or numbers that are no pairs.
    """
    if request.measured is not None:
        return _measured(request.measured)
    if request.streams is not None:
        return _compared([Stream(s.name, s.seconds, _hashes(s.results)) for s in request.streams])
    if request.runs is not None:
        return _compared([_stream(await _ended(runtime, name)) for name in request.runs])
    assert request.run is not None
    stored = await _ended(runtime, request.run)
    record, arms = await _run_again(runtime, stored, request, report)
    found = _with_context(runtime, judge(record, arms, seed_of(stored.id)), record, stored)
    streams = lanes(record, arms.pairs, seed_of(stored.id))
    data = {"run": stored.id, "mode": request.mode, **found.data(), "lanes": [lane.data() for lane in streams]}
    return Reply(blocks=(_text(found, streams, arms.pairs),), structured=data)


async def _run_again(
    runtime: Runtime, stored: StoredRun, request: VerifyRequest, report: Report
) -> tuple[RunRecord, Arms]:
    steps = stored_steps(stored)
    prepared = prepare(steps, runtime.effects_of, barrier=False, max_steps=runtime.settings.batch.max_steps)
    record = _record(runtime, stored, prepared)
    settings = runtime.settings.verify
    sample_s = max(settings.least_s, settings.share * record.wall_s)
    budget_s = request.budget_s or (sample_s if request.mode == "sample" else settings.full_s)
    async with telling(lambda: tell_again(lambda: runtime.again.get(stored.id), report)):
        arms = await run_alone(
            runtime,
            stored.id,
            record,
            {r.id: r for r in stored.results},
            {r.id: r.literal or steps[r.index[0]] for r in stored.results},
            began=stored.created,
            budget_s=budget_s,
            seed=seed_of(stored.id),
            whole=request.mode == "full",
        )
    return record, arms


def _record(runtime: Runtime, stored: StoredRun, prepared: Prepared) -> RunRecord:
    report = stored.report or {}
    return record_of_run(
        prepared,
        stored.results,
        wall_s=float(report.get("wall_s") or 0.0),
        width=int(report.get("width") or runtime.settings.limits.max_parallel),
        cores=runtime.cores,
        hashes=True,
    )


def _stream(stored: StoredRun) -> Stream:
    wall_s = (stored.report or {}).get("wall_s")
    hashes = {r.id: fingerprint(r) if r.state == "ok" else None for r in stored.results}
    return Stream(stored.id, wall_s, hashes)


def _hashes(results: dict[str, Any]) -> dict[str, str | None]:
    """A hash per piece; null means that the stream has no result for it."""
    texts = {piece: json.dumps(value, sort_keys=True) for piece, value in results.items() if value is not None}
    return {piece: hashlib.sha256(texts[piece].encode()).hexdigest() if piece in texts else None for piece in results}


def _compared(streams: list[Stream]) -> Reply:
    """Several runs or agents side by side: the outlier named, and the steps to run again."""
    found = cross_check(streams)
    rows = [f"State: {found.verdict.state} · {found.verdict.reason}"]
    for stream in found.streams:
        took = f" · {seconds(stream.seconds)}" if stream.seconds is not None else ""
        again = f" · run again: {', '.join(stream.again)}" if stream.again else ""
        slow = " · slow" if stream.name in found.slow else ""
        rows.append(f"{stream.name} · {stream.agreed} of {stream.compared} agree{took}{slow}{again}")
    return Reply(blocks=("\n".join(rows),), structured=found.data())


def _measured(given: MeasuredNumbers) -> Reply:
    pairs = (("sequential_s", "parallel_s"), ("sequential_results", "parallel_results"))
    for left, right in pairs:
        if (getattr(given, left) is None) != (getattr(given, right) is None):
            missing = left if getattr(given, left) is None else right
            raise InvalidRequest([Fault(f"measured.{missing}", "required beside its counterpart, but missing")])
    if given.sequential_s is None and given.sequential_results is None:
        raise InvalidRequest([Fault("measured", "expected timings, results or both")])
    found = verify_measured(
        Measured(
            tuple(given.sequential_s or ()),
            tuple(given.parallel_s or ()),
            tuple(given.sequential_results or ()),
            tuple(given.parallel_results or ()),
        )
    )
    return Reply(blocks=("\n".join(found.lines),), structured=found.data())


async def _ended(runtime: Runtime, name: str) -> StoredRun:
    stored = await runtime.runs.get(name)
    if stored.report is None or "wall_s" not in stored.report:
        raise InvalidRequest([Fault("run", f"{name} has not ended; there is nothing to verify")])
    return stored


def _with_context(runtime: Runtime, found: MathVer, record: RunRecord, stored: StoredRun) -> MathVer:
    """The context line as the run's own answer had it."""
    mathver: dict[str, Any] = (stored.report or {}).get("mathver") or {}
    context: dict[str, Any] = mathver.get("context_usage") or {}
    delivered = context.get("delivered_tokens")
    if delivered is None:
        return found
    calls, cut = int(context.get("calls") or 0), int(context.get("cut_tokens") or 0)
    overhead = runtime.settings.context.call_overhead_tokens
    return with_tokens(found, record.results, int(delivered), int(context["body_tokens"]), calls, cut, overhead)


def _text(found: MathVer, streams: Sequence[LaneFigures], pairs: Sequence[Pair]) -> str:
    """The four lines, a table of the pairs, and what each lane did."""
    rows = [*found.lines, "", "step | in the run | alone | same result"]
    rows += [f"{p.id} | {seconds(p.par_s)} | {seconds(p.alone_s)} | {_same(p)}" for p in pairs[:_MOST_ROWS]]
    if len(pairs) > _MOST_ROWS:
        rows.append(f"… and {len(pairs) - _MOST_ROWS} more pairs")
    rows += ["", f"time: {found.time.verdict.reason}", f"quality: {found.quality.verdict.reason}"]
    for lane in streams:
        again = f" · run again: {', '.join(lane.again)}" if lane.again else ""
        busy = f"busy {seconds(lane.busy_s)}"
        rows.append(f"lane {lane.lane}: {len(lane.steps)} steps · {busy} · {lane.verdict.state}{again}")
    return "\n".join(rows)


def _same(pair: Pair) -> str:
    if pair.input_changed:
        return "inputs changed, not compared"
    if pair.seq2_hash is not None and pair.seq2_hash != pair.seq_hash:
        return "differs by itself"
    return "yes" if pair.par_hash == pair.seq_hash else "NO"
