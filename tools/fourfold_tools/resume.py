"""Resuming: what a crashed or cancelled run still has to do, without repeating what must not be repeated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fourfold_tools.model.request import AnyStep, BatchRequest
from fourfold_tools.model.result import StepResult, repeatable
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.journal import RunJournal
from fourfold_tools.store.runs import StoredRun

_RULES = {"unknown", "on_error", "max_parallel"}
_UNKNOWN = "started before the run broke off and never confirmed; retry_unknown runs it again"


@dataclass(frozen=True, slots=True)
class Rest:
    """The steps of a run and what of them is behind it already, by (step, sub-step).

    rules: what the run was told about order and errors, by the names of the request; it holds unless told anew.
    """

    steps: tuple[AnyStep, ...]
    done: Mapping[tuple[int, int], StepResult] = field(default_factory=dict[tuple[int, int], StepResult])
    journal: RunJournal | None = None
    rules: Mapping[str, object] = field(default_factory=dict[str, object])


async def rest_of(runtime: Runtime, run: str, *, retry_unknown: bool) -> Rest:
    """Take a run over and say what is left of it.

    Raises:
        NotFound, InvalidRequest: no such run, or it still runs.
    """
    journal = await runtime.runs.claim(run)
    stored = await runtime.runs.get(run)
    steps = stored_steps(stored)
    done = {r.index: r for r in record_of(stored, steps) if r.state in {"ok", "failed", "timed_out", "unknown"}}
    if retry_unknown:
        done = {key: result for key, result in done.items() if result.state != "unknown"}
    journal.had(list(done.values()))
    for result in done.values():
        if result.state == "unknown":  # so far only its start is written
            journal.ended(result)
    return Rest(steps, done, journal, _rules(stored))


def _rules(stored: StoredRun) -> dict[str, object]:
    told: dict[str, object] = json.loads(stored.request)
    return {name: told[name] for name in _RULES if name in told}


def stored_steps(stored: StoredRun) -> tuple[AnyStep, ...]:
    """The steps of a stored run, as they were submitted, with their ids."""
    return tuple(BatchRequest.model_validate({"steps": json.loads(stored.request)["steps"]}).steps or ())


def record_of(stored: StoredRun, steps: tuple[AnyStep, ...]) -> list[StepResult]:
    """Every step of a run that broke off: what is written, `unknown` and `not_started` for the others.

    A step that may be repeated and was cut off has not happened: it is `not_started`, as is what a cancellation
    kept from starting. Nobody knows how many sub-steps a crashed run still had: their step is `not_started` too.
    """
    results: dict[str, StepResult] = {}
    for result in stored.results:
        if result.state == "cancelled":
            result = replace(result, state="unknown", code=None, message=_UNKNOWN)
        elif stored.state == "cancelled" and result.state == "skipped" and result.code == "cancelled":
            result = replace(result, state="not_started", code=None, message="")
        results[result.id] = result
    index = {step.id: i for i, step in enumerate(steps)}
    for name in stored.intents - set(results):
        parent, _, sub = name.partition(".")
        step = steps[index[parent]]
        place = (index[parent], int(sub) if sub else 0)
        results[name] = StepResult(
            name, step.op, "unknown", step.op, place, parent=parent if sub else None, message=_UNKNOWN
        )
    for name, result in results.items():
        if (
            result.state == "unknown"
            and repeatable(steps[result.index[0]], result.effects)
            and name not in stored.intents
        ):
            results[name] = replace(result, state="not_started", message="")
    subs = stored.state == "running"
    told = {result.index[0] for result in results.values() if not (subs and result.index[1])}
    for step in steps:
        if index[step.id] not in told:
            results[step.id] = StepResult(step.id, step.op, "not_started", step.op, (index[step.id], 0))
    return sorted(results.values(), key=lambda r: r.index)


def whole_record(stored: StoredRun) -> list[StepResult]:
    """Every step of a run, also of one that broke off: there, what is known."""
    if not stored.crashed and stored.state != "cancelled":
        return list(stored.results)
    results = record_of(stored, stored_steps(stored))
    if stored.state == "cancelled":
        told = {s.id for s in stored.results}
        results = sorted([*(r for r in results if r.id not in told), *stored.results], key=lambda r: r.index)
    return results
