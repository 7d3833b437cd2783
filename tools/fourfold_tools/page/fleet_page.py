"""The page of a plan that a fleet has carried out: its agents on the real clock, worker by worker. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import Progress, TaskProgress, TaskTry
from fourfold_tools.page.chart import Block, Lanes, packed
from fourfold_tools.page.levels import minutes
from fourfold_tools.page.model import Figure, Page, Row, Table
from fourfold_tools.store.agent_runs import AgentRun, worker_name

_ENDED = {"ok", "failed"}
_WHY = {
    "lost": "lost: its worker died, or was cut off",
    "left": "its worker was stopped",
    "paused": "a rate limit or usage limit",
    "cancelled": "it was cancelled",
    "unknown": "nobody knew how it ended",
}


def on_the_clock(plan: Deployment, progress: Progress, runs: Sequence[AgentRun]) -> Progress:
    """The progress with the minutes of the real clock, from the first launch, instead of the plan's own.

    A run in vain is an attempt that failed, with the reason.
    """
    start = _start(progress, runs)
    mine: dict[str, list[AgentRun]] = {}
    for run in sorted(runs, key=lambda r: (r.attempt, r.run)):
        mine.setdefault(run.task, []).append(run)
    tasks = [
        _clocked(task, mine.get(name, []), start) for name, task in zip(plan.graph.ids, progress.tasks, strict=True)
    ]
    return replace(progress, tasks=tuple(tasks))


def usd_by_task(runs: Sequence[AgentRun]) -> dict[str, float]:
    """What each task has cost, runs in vain included."""
    out: dict[str, float] = {}
    for run in runs:
        out[run.task] = out.get(run.task, 0.0) + run.cost_usd
    return out


def with_workers(page: Page, progress: Progress, runs: Sequence[AgentRun], most_rows: int) -> Page:
    """The page with a lane for each agent that a worker had at work at once, the money, and every run."""
    start = _start(progress, runs)
    blocks: dict[str, list[Block]] = {}
    critical = {link.name for link in page.chain}
    for run in runs:
        block = Block(run.task, _at(run.started, start), _at(run.ended, start), _state(run), run.task in critical)
        blocks.setdefault(run.worker, []).append(block)
    chart = page.chart
    if chart is not None:
        chart = replace(chart, lanes=(*chart.lanes[:1], _lanes(blocks)))
    vain = sum(run.state not in _ENDED for run in runs)
    usd = sum(run.cost_usd for run in runs)
    spent = Figure("Spent", f"${usd:.2f}", f"agents: {len(runs)}, workers: {len(blocks)}")
    again = (Figure("Begun again", str(vain), "agents that ended without an outcome"),) if vain else ()
    return replace(
        page,
        figures=(*page.figures, spent, *again),
        chart=chart,
        tables=(*page.tables, _workers(runs), _agents(runs, start, most_rows)),
    )


def _clocked(task: TaskProgress, runs: Sequence[AgentRun], start: float) -> TaskProgress:
    whys = [gone.why for gone in task.tries]
    spans = [TaskTry(_at(r.started, start), _at(r.ended, start), _why(r, whys)) for r in runs]
    if task.state in _ENDED and spans:
        return replace(task, began_min=spans[-1].began_min, ended_min=spans[-1].ended_min, tries=tuple(spans[:-1]))
    began = task.began_min if task.launched is None else _at(task.launched, start)
    return replace(task, began_min=began, tries=tuple(spans))


def _why(run: AgentRun, whys: Sequence[str]) -> str:
    """Why a run was not the last of its task; the plan knows it of attempts that failed."""
    if run.state not in _ENDED:
        return _WHY.get(run.state, run.state)
    return whys[run.attempt - 1] if run.attempt <= len(whys) else "it failed"


def _lanes(blocks: Mapping[str, Sequence[Block]]) -> Lanes:
    lanes: list[tuple[Block, ...]] = []
    names: list[str] = []
    for worker in sorted(blocks):
        rows = packed("", blocks[worker]).lanes
        names += [worker_name(worker) if k == 0 else "" for k in range(len(rows))]
        lanes += rows
    return Lanes("As it went, by worker", tuple(lanes), tuple(names))


def _workers(runs: Sequence[AgentRun]) -> Table:
    rows: list[Row] = []
    for worker in sorted({run.worker for run in runs}):
        mine = [run for run in runs if run.worker == worker]
        failed, vain = sum(r.state == "failed" for r in mine), sum(r.state not in _ENDED for r in mine)
        took = minutes(sum(r.ended - r.started for r in mine) / 60)
        usd = f"${sum(r.cost_usd for r in mine):.2f}"
        rows.append(Row((worker_name(worker), str(len(mine)), str(failed), str(vain), took, usd)))
    columns = ("Worker", "Agents", "Failed", "In vain", "At work", "Cost")
    return Table("Workers", columns, tuple(rows), frozenset(range(1, 6)), in_text=True)


def _agents(runs: Sequence[AgentRun], start: float, most: int) -> Table:
    columns = ("Task", "Attempt", "Worker", "State", "Queued", "Began", "Took", "Tokens", "Cost")
    rows = [
        Row(
            (
                run.task,
                str(run.attempt),
                worker_name(run.worker),
                run.state,
                f"{_at(run.queued, start):.3g} min",
                f"{_at(run.started, start):.3g} min",
                minutes((run.ended - run.started) / 60),
                "" if run.tokens is None else f"{run.tokens:,}",
                f"${run.cost_usd:.2f}",
            ),
            state=_state(run),
        )
        for run in runs[:most]
    ]
    return Table("Agents", columns, tuple(rows), frozenset({1, 4, 5, 6, 7, 8}), max(0, len(runs) - most))


def _state(run: AgentRun) -> str:
    return run.state if run.state in _ENDED else "cancelled"


def _start(progress: Progress, runs: Sequence[AgentRun]) -> float:
    launched = [task.first_launched for task in progress.tasks if task.first_launched is not None]
    return min([*launched, *(run.queued for run in runs)], default=0.0)


def _at(moment: float, start: float) -> float:
    return max(0.0, (moment - start) / 60)
