"""The record of a run as MathVer takes it, and the judgement with what the answer itself cost."""

import platform
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from fourfold_tools.context.tokens import CHARS_PER_TOKEN
from fourfold_tools.mathver.context_usage import use_of_context
from fourfold_tools.mathver.records import RunRecord, StepRecord, Tokens
from fourfold_tools.mathver.report import MathVer, verify_run
from fourfold_tools.mathver.sampling import stratum
from fourfold_tools.model.result import StepResult, repeatable
from fourfold_tools.prepare import Prepared
from fourfold_tools.verification.fingerprint import fingerprint
from fourfold_tools.verification.rerun import Arms

_BAND = 0.25  # half-width of the token estimate's 95 % band (published characters per token disagree by a quarter)


def record_of_run(
    prepared: Prepared, results: Sequence[StepResult], *, wall_s: float, width: int, cores: float, hashes: bool
) -> RunRecord:
    """The record of a run from its results. hashes: whether results are fingerprinted, which takes time."""
    ran = [r for r in results if r.same_as is None and not _is_parent(r, results)]
    members: dict[int, list[str]] = {}
    for result in ran:
        members.setdefault(result.index[0], []).append(result.id)
    return RunRecord(
        steps=tuple(_step(prepared, r, members, hashes=hashes) for r in ran),
        wall_s=wall_s,
        max_parallel=width,
        cores_eff=cores,
        version=_version(),
        host=f"{platform.system()} {platform.machine()}",
    )


def seed_of(run: str) -> int:
    """The seed of a run's sample: from its id, so that it can be drawn again."""
    return int.from_bytes(run.encode()[-4:], "big")


def judge(record: RunRecord, arms: Arms, seed: int) -> MathVer:
    """MathVer over a run and what was run again."""
    done = replace(
        record,
        chosen=arms.chosen,
        verification_s=arms.seconds,
        server_alone_cpu_s=arms.server_cpu_s,
        load_alone=arms.load,
    )
    return verify_run(done, arms.pairs, arms.method, seed)


def with_tokens(
    found: MathVer, results: int, delivered: int, bodies: int, calls: int, cut: int, call_overhead: float
) -> MathVer:
    """The same verification with what the call and its answer cost, all in tokens.

    call_overhead: of one separate call beside its result. Both sides are estimated from characters, which is why
    the line is never VALID.
    """
    tokens = Tokens(
        delivered=delivered,
        bodies=bodies,
        calls=calls,
        call_overhead=call_overhead,
        turn_overhead=None,
        cut=cut,
        relative_error=_BAND,
        calibrated=False,
        estimator=f"characters per token: code {CHARS_PER_TOKEN['code']:g}, prose {CHARS_PER_TOKEN['prose']:g}",
    )
    context = use_of_context(results, tokens)
    if found.context.verdict.state == "NOT_APPLICABLE":
        context = replace(context, verdict=found.context.verdict)
    return replace(found, context=context)


def _step(prepared: Prepared, result: StepResult, members: dict[int, list[str]], *, hashes: bool) -> StepRecord:
    step = prepared.steps[result.index[0]]
    deps = [name for p in prepared.graph.preds[result.index[0]] for name in members.get(p, ())]
    return StepRecord(
        id=result.id,
        op=result.op,
        stratum=stratum(result.op, result.duration_s or 0.0),
        started_s=result.started_s,
        duration_s=result.duration_s,
        cpu_s=result.cpu_s,
        max_rss_bytes=result.max_rss_bytes,
        attempts=result.attempts,
        state=result.state,
        repeatable=repeatable(step, result.effects),
        result_hash=fingerprint(result) if hashes else None,
        deps=tuple(deps),
        lane=result.lane,
        group=result.group,
    )


def _is_parent(result: StepResult, results: Sequence[StepResult]) -> bool:
    return result.index[1] == 0 and result.attempts == 0 and result.duration_s is None and result.state == "ok"


@cache  # reading the installed metadata takes a millisecond
def _version() -> str:
    try:
        return version("fourfold")
    except PackageNotFoundError:
        return "source"
