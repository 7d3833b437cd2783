"""MathVer over a whole plan at its end: the real course of its tasks, level by level. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import ENDED, Progress
from fourfold_tools.mathver.checks import Verdict
from fourfold_tools.mathver.quality_check import QualityCheck
from fourfold_tools.mathver.records import History, RunRecord, StepRecord, Tokens
from fourfold_tools.mathver.report import MathVer, verify_run
from fourfold_tools.model.output import Json
from fourfold_tools.model.result import State

_BASELINE = "the tasks' own minutes beside the others, added up; no task was run alone"
_BAND = 0.25  # half-width of the token estimate's 95 % band
_STATES: dict[str, State] = {"ok": "ok", "failed": "failed", "skipped": "skipped"}


def verify_plan(plan: Deployment, progress: Progress, cores: float, reports: Sequence[int]) -> dict[str, Json]:
    """The MathVer object of a complete plan, with `levels`: the same for each orchestrator, and each task's quality.

    reports: tokens of each task's report as the caller saw it. T_par is the time from the first launch to the last
    end by the clock, or by the reported minutes where those are longer; T_seq is the sum of the tasks' own minutes.
    Nothing was done one at a time, so no claim about time or quality is ever VALID.
    """
    everything = range(len(plan.tasks))
    found = _verified(plan, progress, everything, "L0:Zero", _wall_s(progress, everything), cores, reports)
    data = _data(found, clock=_clock_s(progress, everything) >= _said_s(progress, everything))
    data["levels"] = [
        *(_orchestrator(plan, progress, k, cores, reports) for k in range(len(plan.orchestrators))),
        *(_task(plan, progress, v) for v in everything),
    ]
    return data


def _orchestrator(
    plan: Deployment, progress: Progress, k: int, cores: float, reports: Sequence[int]
) -> dict[str, Json]:
    members = plan.tasks_under(k)
    level = f"L{plan.orchestrators[k].level}:{plan.names[k]}"
    found = _verified(plan, progress, members, level, _wall_s(progress, members), cores, reports)
    return {"level": level, "state": found.state, "lines": list(found.lines)}


def _task(plan: Deployment, progress: Progress, v: int) -> dict[str, Json]:
    home = next(node for node in plan.orchestrators if v in node.tasks)
    mine, task = progress.tasks[v], plan.tasks[v]
    return {
        "level": f"L{home.level + 1}:{task.id}",
        "state": "UNVERIFIED" if mine.state == "ok" else "INVALID" if mine.state == "failed" else "NOT_APPLICABLE",
        "ended": mine.state,
        "outputs_verified": len(mine.verified),
        "outputs_declared": len(task.outputs),
        "predicted_min": round(task.minutes, 6),
        "real_min": None if mine.ended_min is None else round(mine.ended_min - (mine.began_min or 0.0), 6),
    }


def _verified(
    plan: Deployment,
    progress: Progress,
    members: Sequence[int],
    level: str,
    wall_s: float,
    cores: float,
    reports: Sequence[int],
) -> MathVer:
    start = min((progress.tasks[v].began_min or 0.0 for v in members), default=0.0)
    steps = tuple(_step(plan, progress, v, start, set(members)) for v in members)
    record = RunRecord(
        steps=steps,
        wall_s=wall_s,
        max_parallel=plan.schedule.lanes,
        cores_eff=cores,
        tokens=_tokens(sum(reports[v] for v in members), len(members)),
        history=tuple(
            History(s.stratum, s.duration_s, s.duration_s, s.duration_s, 1, 0.0)
            for s in steps
            if s.duration_s is not None
        ),
    )
    found = verify_run(record, None, "history", 0, level)
    time = replace(found.time, baseline=_BASELINE)
    quality = _quality(plan, progress, members, found.quality)
    if time.verdict.state == "UNVERIFIED":
        reason = "The sequential time is the tasks' own minutes added up; no task was run alone."
        time = replace(time, verdict=Verdict("UNVERIFIED", reason, time.verdict.checks))
    return replace(found, time=time, quality=quality)


def _step(plan: Deployment, progress: Progress, v: int, start_min: float, members: set[int]) -> StepRecord:
    task, mine = plan.tasks[v], progress.tasks[v]
    ran = mine.began_min is not None and mine.ended_min is not None and mine.state != "skipped"
    began, ended = mine.began_min or 0.0, mine.ended_min or 0.0
    return StepRecord(
        id=task.id,
        op="agent",
        stratum=task.id,
        started_s=60 * (began - start_min) if ran else None,
        duration_s=60 * (ended - began) if ran else None,
        cpu_s=None,
        max_rss_bytes=None,
        attempts=mine.attempts,
        state=_STATES[mine.state] if mine.state in ENDED else "not_started",
        repeatable=False,
        result_hash=None,
        deps=tuple(plan.graph.ids[p] for p in plan.graph.preds[v] if p in members),
        lane=None,
    )


def _wall_s(progress: Progress, members: Sequence[int]) -> float:
    """First launch to last end of some tasks: by the clock, or by the reported minutes where those say more."""
    return max(_said_s(progress, members), _clock_s(progress, members))


def _said_s(progress: Progress, members: Sequence[int]) -> float:
    ran = [t for v in members if (t := progress.tasks[v]).ended_min is not None]
    first, last = (
        min((t.began_min or 0.0 for t in ran), default=0.0),
        max((t.ended_min or 0.0 for t in ran), default=0.0),
    )
    return 60 * (last - first)


def _clock_s(progress: Progress, members: Sequence[int]) -> float:
    ran = [t for v in members if (t := progress.tasks[v]).ended_min is not None]
    return max((t.ended or 0.0 for t in ran), default=0.0) - min((t.launched or 0.0 for t in ran), default=0.0)


def _quality(plan: Deployment, progress: Progress, members: Sequence[int], bare: QualityCheck) -> QualityCheck:
    """The share of tasks that ended well with every declared output verified; there is nothing to compare it with."""
    ids = plan.graph.ids
    good = [v for v in members if progress.tasks[v].state == "ok"]
    bad = tuple(ids[v] for v in members if progress.tasks[v].state != "ok")
    outputs = sum(len(progress.tasks[v].verified) for v in good)
    reason = (
        f"{len(good)} of {len(members)} tasks ended ok with {outputs} declared outputs verified; "
        "the same work was not done one at a time, so there is nothing to compare with."
    )
    checks = {"tasks_ok": not bad, "compared": False}
    return replace(
        bare,
        parallel=len(good) / len(members) if members else None,
        n=len(members),
        m=len(members),
        degraded=bad,
        verdict=Verdict("UNVERIFIED", reason, checks),
    )


def _tokens(delivered: int, calls: int) -> Tokens:
    return Tokens(
        delivered=delivered,
        bodies=delivered,
        calls=calls,
        call_overhead=None,
        turn_overhead=None,
        cut=0,
        relative_error=_BAND,
        calibrated=False,
        estimator="characters per token of the agents' reports",
    )


def _data(found: MathVer, *, clock: bool) -> dict[str, Json]:
    """The object, with what each number rests on. clock: T_par is by the clock, not by reported minutes."""
    data = found.data()
    data["time_comparison"]["basis"]["parallel_s"] = "measured" if clock else "reported"
    data["quality_check"]["parallel_ci95"] = None  # every task was looked at
    data["quality_check"]["basis"] = {"parallel": "measured", "sequential": "missing", "degradation": "missing"}
    data["level"] = found.level
    return data
