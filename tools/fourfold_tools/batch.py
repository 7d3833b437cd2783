"""The tool `batch` (and `inspect`, which is the same with fewer ops): steps in, one answer out."""

from collections.abc import Callable

from fourfold_tools.answer.forecast import forecast
from fourfold_tools.caller import NOBODY, Caller, Reply, Report, silent
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.execution import Execution
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.prepare import prepare
from fourfold_tools.resume import Rest, rest_of
from fourfold_tools.runtime import Runtime


async def batch(
    runtime: Runtime,
    request: BatchRequest,
    caller: Caller = NOBODY,
    report: Report = silent,
    on_change: Callable[[Scheduler], None] = lambda _: None,
) -> Reply:
    """Run a batch, or say what it would do.

    Raises:
        InvalidRequest: the request cannot run; nothing has.
        NotFound: a run to resume that is not in the store.
    """
    budget = _budget(runtime, request)
    _check_sources(request)
    rest = Rest(tuple(request.steps or ()))
    if request.resume is not None:
        rest = await rest_of(runtime, request.resume, retry_unknown=request.retry_unknown)
        rules = {name: rule for name, rule in rest.rules.items() if name not in request.model_fields_set}
        request = request.model_copy(update=rules)
    width = min(request.max_parallel or runtime.settings.limits.max_parallel, runtime.settings.limits.most_parallel)
    prepared = prepare(
        rest.steps,
        runtime.effects_of,
        barrier=request.unknown == "barrier",
        max_steps=runtime.settings.batch.max_steps,
    )
    weights = await runtime.timings.weights(prepared.steps)
    if request.dry_run:
        usage = await runtime.usage_of(caller, request.context)
        width = usage.allow(width).max_parallel
        text, data = forecast(prepared.steps, prepared.effects, prepared.graph, weights, width, usage, budget)
        return Reply(structured=data) if request.format == "json" else Reply(blocks=(text,))
    execution = Execution(runtime, request, caller, prepared, rest, weights, width, budget)
    return await execution.run(report, on_change)


def _check_sources(request: BatchRequest) -> None:
    if (request.steps is None) == (request.resume is None):
        raise InvalidRequest([Fault("steps", "give either steps, or resume with the id of a run")])
    if request.resume is not None and request.dry_run:
        raise InvalidRequest([Fault("dry_run", "cannot stand beside resume, which takes the run over")])


def _budget(runtime: Runtime, request: BatchRequest) -> int:
    settings = runtime.settings.batch
    if request.max_tokens is None:
        return settings.max_tokens
    if request.max_tokens < settings.min_tokens:
        needed = f"at least {settings.min_tokens} (the head and the verification lines take that)"
        raise InvalidRequest([Fault("max_tokens", f"expected {needed}, got {request.max_tokens}")])
    return min(request.max_tokens, settings.most_tokens)
