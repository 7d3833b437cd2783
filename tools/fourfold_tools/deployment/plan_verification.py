"""MathVer over a whole plan at its end: the real course of its tasks, level by level. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import ENDED, Progress
from fourfold_tools.mathver.checks import State as Judgement
from fourfold_tools.mathver.checks import Verdict, worst
from fourfold_tools.mathver.quality_check import QualityCheck
from fourfold_tools.mathver.records import History, RunRecord, StepRecord, Tokens
from fourfold_tools.mathver.render import ContextLine, QualityLine, ResourceLine, TimeLine
from fourfold_tools.mathver.report import MathVer, verify_run
from fourfold_tools.model.output import Json
from fourfold_tools.model.result import State

_BASELINE = "the tasks' own minutes beside the others, added up; no task was run alone"
_BAND = 0.25  # half-width of the token estimate's 95 % band
_STATES: dict[str, State] = {"ok": "ok", "failed": "failed", "skipped": "skipped"}


def verify_plan(plan: Deployment, progress: Progress, cores: float, reports: Sequence[int]) -> dict[str, Json]:
    """The MathVer object of a complete plan, with `levels`: a row with its lines for each orchestrator and each task.

    Each level is verified by itself and aggregated upward: no state is better than that of anything below it.
    reports: tokens of each task's report as the caller saw it. T_par is the time from the first launch to the last
    end by the clock, or by the reported minutes where those are longer; T_seq is the sum of the tasks' own minutes,
    those of attempts that failed included: one by one they would have failed too.
    Nothing was done one at a time, so no claim about time or quality is ever VALID; a task that is missing makes
    every level above it INVALID.
    """
    everything = range(len(plan.tasks))
    found = _verified(plan, progress, everything, "L0:Zero", _wall_s(progress, everything), cores, reports)
    data = _data(found, clock=_clock_s(progress, everything) >= _said_s(progress, everything))
    tasks = [row for k in range(len(plan.orchestrators)) for row in _tasks_of(plan, progress, k, reports)]
    tasks.sort(key=lambda row: row["task"])
    groups = [_orchestrator(plan, progress, k, cores, reports) for k in range(len(plan.orchestrators))]
    _aggregate(plan, groups, tasks)
    data["levels"] = [*groups, *({**row, "task": plan.graph.ids[row["task"]]} for row in tasks)]
    data["state"] = worst([found.state, *(row["state"] for row in groups if row["parent"] == "L0:Zero")])
    return data


def _aggregate(plan: Deployment, groups: Sequence[dict[str, Json]], tasks: Sequence[dict[str, Json]]) -> None:
    """Carry states upward; children stand behind their parents in the list."""
    for k in reversed(range(len(groups))):
        node = plan.orchestrators[k]
        below = [*(tasks[v] for v in node.tasks), *(groups[child] for child in node.children)]
        groups[k]["state"] = worst([groups[k]["state"], *(row["state"] for row in below)])


def _orchestrator(
    plan: Deployment, progress: Progress, k: int, cores: float, reports: Sequence[int]
) -> dict[str, Json]:
    members = plan.tasks_under(k)
    found = _verified(plan, progress, members, plan.level_of(k), _wall_s(progress, members), cores, reports)
    up = plan.orchestrators[k].parent
    return {
        "level": plan.level_of(k),
        "parent": "L0:Zero" if up is None else plan.level_of(up),
        "state": found.state,
        "lines": list(found.lines),
        **_minutes(plan, progress, members),
    }


def _minutes(plan: Deployment, progress: Progress, members: Sequence[int]) -> dict[str, Json]:
    """Of a part of the plan: what it was to take, what it took, and what its tasks took one by one."""
    s = plan.schedule
    predicted = max(s.finish_min[v] for v in members) - min(s.start_min[v] for v in members)
    return {
        "predicted_min": round(predicted, 6),
        "real_min": round(_wall_s(progress, members) / 60, 6),
        "one_by_one_min": round(sum(progress.tasks[v].work_min or 0.0 for v in members), 6),
    }


def _tasks_of(plan: Deployment, progress: Progress, k: int, reports: Sequence[int]) -> list[dict[str, Json]]:
    """The rows of an orchestrator's own tasks. There is nothing to compare one task with."""
    rows: list[dict[str, Json]] = []
    for v in plan.orchestrators[k].tasks:
        mine, task = progress.tasks[v], plan.tasks[v]
        level = f"L{plan.orchestrators[k].level + 1}:{task.id}"
        took = mine.work_min
        well = mine.state == "ok"
        state: Judgement = "NOT_APPLICABLE" if mine.state == "skipped" else "UNVERIFIED" if well else "INVALID"
        seen: Judgement = "NOT_APPLICABLE" if mine.state == "skipped" else "UNVERIFIED"
        lines = (
            TimeLine(level, None, None if took is None else 60 * took, None, "NOT_APPLICABLE"),
            ResourceLine(level, None, None, "n/a", seen),
            QualityLine(level, None if mine.state == "skipped" else 100.0 * well, None, None, False, state),
            ContextLine(level, int(well), reports[v], None, seen),
        )
        rows.append(
            {
                "level": level,
                "parent": plan.level_of(k),
                "task": v,
                "state": state,
                "lines": list(map(str, lines)),
                "ended": mine.state,
                "outputs_verified": len(mine.verified),
                "outputs_declared": len(task.outputs),
                "predicted_min": round(task.minutes, 6),
                "real_min": None if took is None else round(took, 6),
            }
        )
    return rows


def _verified(
    plan: Deployment,
    progress: Progress,
    members: Sequence[int],
    level: str,
    wall_s: float,
    cores: float,
    reports: Sequence[int],
) -> MathVer:
    start = min((_began(progress, v) for v in members), default=0.0)
    steps = tuple(step for v in members for step in _steps(plan, progress, v, start, set(members)))
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


def _steps(plan: Deployment, progress: Progress, v: int, start_min: float, members: set[int]) -> list[StepRecord]:
    """A step for each attempt of a task: those that failed (`t.1`, `t.2`) one after the other, then the last."""
    task, mine = plan.tasks[v], progress.tasks[v]
    deps = tuple(plan.graph.ids[p] for p in plan.graph.preds[v] if p in members)
    steps: list[StepRecord] = []
    for k, gone in enumerate(mine.tries, start=1):
        name = f"{task.id}.{k}"
        steps.append(_record(name, (gone.began_min - start_min, gone.ended_min - start_min), "failed", 1, deps))
        deps = (name,)
    ran = mine.began_min is not None and mine.ended_min is not None and mine.state in {"ok", "failed"}
    span = ((mine.began_min or 0.0) - start_min, (mine.ended_min or 0.0) - start_min) if ran else None
    state = _STATES[mine.state] if mine.state in ENDED else "not_started"
    return [*steps, _record(task.id, span, state, mine.attempts, deps)]


def _record(
    name: str, span_min: tuple[float, float] | None, state: State, attempts: int, deps: tuple[str, ...]
) -> StepRecord:
    return StepRecord(
        id=name,
        op="agent",
        stratum=name,
        started_s=None if span_min is None else 60 * span_min[0],
        duration_s=None if span_min is None else 60 * (span_min[1] - span_min[0]),
        cpu_s=None,
        max_rss_bytes=None,
        attempts=attempts,
        state=state,
        repeatable=False,
        result_hash=None,
        deps=deps,
        lane=None,
    )


def _began(progress: Progress, v: int) -> float:
    """When the first attempt of a task began, on the plan's own clock."""
    mine = progress.tasks[v]
    return mine.tries[0].began_min if mine.tries else mine.began_min or 0.0


def _wall_s(progress: Progress, members: Sequence[int]) -> float:
    """First launch to last end of some tasks: by the clock, or by the reported minutes where those say more."""
    return max(_said_s(progress, members), _clock_s(progress, members))


def _said_s(progress: Progress, members: Sequence[int]) -> float:
    ran = [v for v in members if progress.tasks[v].ended_min is not None]
    last = max((progress.tasks[v].ended_min or 0.0 for v in ran), default=0.0)
    return 60 * (last - min((_began(progress, v) for v in ran), default=0.0))


def _clock_s(progress: Progress, members: Sequence[int]) -> float:
    ran = [t for v in members if (t := progress.tasks[v]).ended_min is not None]
    return max((t.ended or 0.0 for t in ran), default=0.0) - min((t.first_launched or 0.0 for t in ran), default=0.0)


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
        verdict=Verdict("INVALID" if bad else "UNVERIFIED", reason, checks),
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
