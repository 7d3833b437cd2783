"""Telemetry: what an operator sees of a run. A log line for each end, and spans where OpenTelemetry is set up.

Neither holds what a step was about (paths, commands, addresses): ids, ops, states, codes and times only. Log records
carry the same as fields, so that a form for machines need not parse the text.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from fourfold_tools.engine.work import Journal
from fourfold_tools.model.result import StepResult

FIELDS = ("run", "step", "op", "state", "code", "steps", "duration_s", "queue_s")  # that a record may carry
Ending = Literal["done", "cancelled", "broken"]
_BAD = {"failed", "timed_out", "cancelled"}
_log = logging.getLogger("fourfold.run")


class _ToldJournal:
    """A journal that says each end in the log as well."""

    def __init__(self, journal: Journal, run: str) -> None:
        self._journal = journal
        self._run = run

    async def starting(self, ids: Sequence[str]) -> None:
        await self._journal.starting(ids)

    def ended(self, result: StepResult) -> None:
        self._journal.ended(result)
        fields = {"run": self._run, **_facts(result)}
        took = "" if result.duration_s is None else f" after {result.duration_s:.3f} s"
        code = f" {result.code}" if result.code else ""
        _log.info("step %s/%s %s %s%s%s", self._run, result.id, result.op, result.state, code, took, extra=fields)


def began(journal: Journal, run: str, steps: int) -> Journal:
    """Say that a run began; the journal that it is to use, which is the given one where nobody reads the log."""
    if not _log.isEnabledFor(logging.INFO):
        return journal
    _log.info("run %s began with %d steps", run, steps, extra={"run": run, "steps": steps})
    return _ToldJournal(journal, run)


def ended(run: str, ending: Ending, results: Sequence[StepResult], age_s: float, wall_s: float) -> None:
    """Say how a run ended. age_s: since its start. wall_s: from its start to its last step's end."""
    if _log.isEnabledFor(logging.INFO):
        counts = ", ".join(f"{count} {state}" for state, count in Counter(r.state for r in results).items())
        fields = {"run": run, "state": ending, "steps": len(results), "duration_s": round(wall_s, 6)}
        _log.info("run %s %s after %.3f s: %s", run, ending, wall_s, counts, extra=fields)
    if "opentelemetry.trace" in sys.modules:  # else nobody can have set it up
        _trace(run, ending, results, time.time_ns() - _ns(age_s), wall_s)


def _trace(run: str, ending: Ending, results: Sequence[StepResult], start_ns: int, wall_s: float) -> None:
    """A span of the run below that of the call, and one below it for each step that started."""
    from opentelemetry.trace import Status, StatusCode, get_tracer, set_span_in_context

    tracer = get_tracer("fourfold")
    told: dict[str, str | int] = {"fourfold.run": run, "fourfold.state": ending, "fourfold.steps": len(results)}
    span = tracer.start_span("run", start_time=start_ns, attributes=told)
    if not span.is_recording():
        return
    context = set_span_in_context(span)
    for result in results:
        if result.started_s is None or result.same_as:  # it never started, or another one ran for it
            continue
        facts = {f"fourfold.{name}": value for name, value in _facts(result).items() if value is not None}
        step = tracer.start_span(
            f"step {result.op}",
            context=context,
            start_time=start_ns + _ns(result.started_s),
            attributes={"fourfold.run": run, **facts},
        )
        if result.state in _BAD:
            step.set_status(Status(StatusCode.ERROR, result.code))
        step.end(start_ns + _ns(result.started_s + (result.duration_s or 0.0)))
    if ending == "broken":
        span.set_status(Status(StatusCode.ERROR))
    span.end(start_ns + _ns(wall_s))


def _facts(result: StepResult) -> dict[str, str | float | None]:
    queue_s = None
    if result.started_s is not None and result.queued_s is not None:
        queue_s = round(max(0.0, result.started_s - result.queued_s), 6)
    return {
        "step": result.id,
        "op": result.op,
        "state": result.state,
        "code": result.code,
        "duration_s": None if result.duration_s is None else round(result.duration_s, 6),
        "queue_s": queue_s,
    }


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
