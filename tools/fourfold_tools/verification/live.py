"""Verifying a run that has just finished: its steps alone, a degraded lane's others too, and the judgement."""

import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from fourfold_tools.mathver.records import Load
from fourfold_tools.mathver.report import MathVer
from fourfold_tools.mathver.streams import lanes
from fourfold_tools.model.result import StepResult
from fourfold_tools.prepare import Prepared
from fourfold_tools.runtime import Runtime
from fourfold_tools.verification.record import judge, record_of_run, seed_of
from fourfold_tools.verification.rerun import Arms, run_alone


@dataclass(frozen=True, slots=True)
class Finished:
    """A run as it ended. began: seconds since the epoch. server_cpu_s: of this process while it ran."""

    run: str
    prepared: Prepared
    results: Sequence[StepResult]
    wall_s: float
    width: int
    began: float
    server_cpu_s: float
    load: Load | None


async def verify_live(runtime: Runtime, run: Finished, *, whole: bool) -> tuple[MathVer, Arms]:
    """Run steps alone and judge. whole: all that may be repeated, else a sample within its budget of time."""
    record = replace(
        record_of_run(
            run.prepared, run.results, wall_s=run.wall_s, width=run.width, cores=runtime.cores, hashes=True
        ),
        server_cpu_s=run.server_cpu_s,
        load_parallel=run.load,
        peak_rss_bytes=_peak_rss() + max((r.max_rss_bytes or 0 for r in run.results), default=0),
        mem_total_bytes=_memory_total(),
    )
    settings, seed = runtime.settings.verify, seed_of(run.run)
    share_s = settings.share * run.wall_s
    budget_s = settings.full_s if whole else max(settings.least_s, share_s)
    rule = f"{settings.share:.0%} of the run" if not whole and share_s > settings.least_s else f"{budget_s:g} s"
    alone = partial(
        run_alone,
        runtime,
        run.run,
        record,
        {r.id: r for r in run.results},
        {r.id: r.literal or run.prepared.steps[r.index[0]] for r in run.results},
        began=run.began,
        budget_s=budget_s,
        seed=seed,
    )
    arms = await alone(whole=whole)
    again = [name for lane in lanes(record, arms.pairs, seed) for name in lane.again]
    if again:  # a lane degraded: whatever nothing has confirmed yet is run alone as well
        arms = arms.joined(await alone(only=again))
    return replace(judge(record, arms, seed), budget=rule), arms


def _peak_rss() -> int:
    """Peak resident bytes of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _memory_total() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
