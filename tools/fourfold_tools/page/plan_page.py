"""The page of a plan: what was planned beside what happened, on one clock of minutes. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import ENDED, Progress, TaskProgress
from fourfold_tools.model.output import Json
from fourfold_tools.page.chart import Bar, Block, Chart, Lanes, Segment, packed
from fourfold_tools.page.critical import Link, Span, realised_path
from fourfold_tools.page.fleet_page import on_the_clock, usd_by_task, with_workers
from fourfold_tools.page.levels import levels_table, minutes
from fourfold_tools.page.model import Fault, Figure, Page, Row, Table, kept_rows
from fourfold_tools.page.verdicts import part_of, verdicts_of
from fourfold_tools.store.agent_runs import AgentRun
from fourfold_tools.store.plans import StoredPlan

_MOST_NAMED = 4
_TOOK = "What the time was made of: each task, and what it had to wait for."
_PLANNED = "What the time is expected to be made of: no lane more makes the plan shorter than this."


def plan_page(
    stored: StoredPlan,
    plan: Deployment,
    progress: Progress,
    known: Mapping[str, Json],
    now: float,
    most_bars: int,
    most_rows: int,
    runs: Sequence[AgentRun] = (),
) -> Page:
    """Everything about a plan. known: its whole description as JSON. now: seconds of the epoch. runs: of a fleet's
    agents.

    The clock is the plan's own, which reported minutes drive; where a fleet has carried the plan out it is the real
    one. Tasks at work reach to where the clock has come.
    """
    stored_progress, progress = progress, on_the_clock(plan, progress, runs) if runs else progress
    spans = {plan.graph.ids[v]: s for v, task in enumerate(progress.tasks) if (s := _span(task, now))}
    preds = {name: [plan.graph.ids[p] for p in plan.graph.preds[v]] for v, name in enumerate(plan.graph.ids)}
    complete = progress.complete
    chain = realised_path(spans, preds) if complete else _planned_path(plan)
    on_path = {link.name for link in chain}
    order = sorted(range(len(plan.tasks)), key=lambda v: (plan.schedule.start_min[v], plan.schedule.lane[v], v))
    bars = [_bar(plan, progress.tasks[v], v, spans, preds, on_path) for v in order]
    drawn = {bar.key for bar in bars[:most_bars]}
    mathver = part_of(known.get("mathver"))
    levels = levels_table(plan, known, usd_by_task(runs) if runs else None, most_rows)
    page = Page(
        kind="plan",
        name=stored.id,
        state="complete" if complete else "running" if progress.of("running") else "waiting",
        subtitle=stored.goal or "no goal was given",
        figures=tuple(_figures(plan, progress, known, stored)),
        chart=Chart(
            unit="min",
            end=max([plan.schedule.makespan_min, *(s.ended for s in spans.values())]),
            bars=tuple(bars[:most_bars]),
            left_out=max(0, len(bars) - most_bars),
            lanes=tuple(_lanes(plan, progress, spans, on_path)),
            now=None if complete or not spans else max(s.ended for s in spans.values()),
        ),
        chain=tuple(chain),
        chain_title="Critical path" if complete else "Critical path, as planned",
        chain_note=_TOOK if complete else _PLANNED,
        faults=_faults(plan, progress),
        verdicts=verdicts_of(mathver),
        verdict_state=str(mathver.get("state", "")),
        lines=tuple(mathver.get("lines", ())),
        tables=(
            _tasks_table(plan, progress, spans, on_path, kept_rows(plan.graph.ids, drawn, most_rows)),
            _order_table(plan, most_rows),
            *((levels,) if levels else ()),
        ),
        notes=tuple(_notes(known)),
        text=("Orchestrators", str(known["notation"])),
    )
    return with_workers(page, stored_progress, runs, most_rows) if runs else page


def _span(task: TaskProgress, now: float) -> Span | None:
    if task.began_min is None or task.state == "waiting":
        return None
    if task.ended_min is not None and task.state != "running":
        return Span(task.began_min, task.began_min, task.ended_min, None)
    gone = 0.0 if task.launched is None else max(0.0, (now - task.launched) / 60)
    return Span(task.began_min, task.began_min, task.began_min + gone, None) if task.state == "running" else None


def _planned_path(plan: Deployment) -> list[Link]:
    path = plan.graph.critical_path(plan.minutes)
    return [
        Link(plan.graph.ids[v], 0.0, plan.tasks[v].minutes, "order" if i else "start") for i, v in enumerate(path)
    ]


def _bar(
    plan: Deployment,
    task: TaskProgress,
    v: int,
    spans: Mapping[str, Span],
    preds: Mapping[str, Sequence[str]],
    on_path: set[str],
) -> Bar:
    name = plan.graph.ids[v]
    start, finish = plan.schedule.start_min[v], plan.schedule.finish_min[v]
    segments = [Segment("planned", start, finish)]
    span = spans.get(name)
    segments += [Segment("failed", t.began_min, t.ended_min) for t in task.tries]
    segments += [Segment("run", span.began, span.ended)] if span else []
    return Bar(
        key=name,
        name=name,
        title=plan.tasks[v].title,
        state=task.state,
        segments=tuple(segments),
        critical=name in on_path,
        told=_told(plan, task, v, span, preds[name], name in on_path),
        aside=_aside(plan, task, v, span),
    )


def _aside(plan: Deployment, task: TaskProgress, v: int, span: Span | None) -> str:
    planned = plan.tasks[v].minutes
    if task.state == "skipped":
        return f"skipped, {task.why}"
    if span is None:
        return f"{minutes(planned)} planned"
    took = span.ended - span.began
    told = minutes(took) + ("" if abs(took - planned) < 0.05 else f", {minutes(planned)} planned")
    tries = f" · try {task.attempts}" if task.attempts > 1 else ""
    return told + tries + ("" if task.state == "ok" else f" · {task.state}")


def _told(
    plan: Deployment, task: TaskProgress, v: int, span: Span | None, before: Sequence[str], critical: bool
) -> str:
    s = plan.schedule
    parts = [f"{plan.graph.ids[v]}: {plan.tasks[v].title}, {task.state}"]
    parts.append(f"planned from {s.start_min[v]:.3g} to {s.finish_min[v]:.3g} min in lane {s.lane[v] + 1}")
    if span is not None:
        until = "so far" if task.state == "running" else f"to {span.ended:.3g} min"
        parts.append(f"really from {span.began:.3g} {until}")
    if task.attempts > 1:
        parts.append(f"launched {task.attempts} times")
    if before:
        more = f" and {len(before) - _MOST_NAMED} more" if len(before) > _MOST_NAMED else ""
        parts.append(f"after {', '.join(before[:_MOST_NAMED])}{more}")
    parts += [task.why] if task.why else []
    parts += ["on the critical path"] if critical else []
    return "; ".join(parts)


def _lanes(plan: Deployment, progress: Progress, spans: Mapping[str, Span], on_path: set[str]) -> list[Lanes]:
    s = plan.schedule
    planned: dict[int, list[Block]] = {}
    critical = {plan.graph.ids[v] for v in plan.graph.critical_path(plan.minutes)}
    for v in sorted(range(len(plan.tasks)), key=lambda v: s.start_min[v]):
        name = plan.graph.ids[v]
        block = Block(name, s.start_min[v], s.finish_min[v], "ok", name in critical)
        planned.setdefault(s.lane[v], []).append(block)
    lanes = [Lanes("As planned", tuple(tuple(planned.get(k, ())) for k in range(max(planned, default=-1) + 1)))]
    real: list[Block] = []
    for v, task in enumerate(progress.tasks):
        name = plan.graph.ids[v]
        real += [Block(name, t.began_min, t.ended_min, "failed", False) for t in task.tries]
        if span := spans.get(name):
            real.append(Block(name, span.began, span.ended, task.state, name in on_path and progress.complete))
    return [*lanes, packed("As it went", real)] if real else lanes


def _figures(plan: Deployment, progress: Progress, known: Mapping[str, Json], stored: StoredPlan) -> list[Figure]:
    s, predicted = plan.schedule, known["predicted"]
    counts = Counter(task.state for task in progress.tasks)
    others = ", ".join(f"{n} {state}" for state, n in counts.items() if state != "ok")
    complete = progress.complete
    figures = [
        Figure("Planned", minutes(s.makespan_min), f"on {s.lanes} agents; at least {minutes(s.lower_bound_min)}"),
        Figure(
            "Took" if complete else "So far",
            minutes(predicted["real_min"]),
            _against(predicted["real_min"], s.makespan_min)
            if complete
            else f"about {minutes(predicted['remaining_min'])} to go",
        ),
        Figure("One by one", minutes(s.sequential_min), "the sum of what was expected of each task"),
        Figure("Tasks ok", f"{counts['ok']} of {len(plan.tasks)}", others or "all of them"),
        Figure("Shape", plan.choice.type, plan.choice.reason),
    ]
    tries = sum(max(0, task.attempts - 1) for task in progress.tasks)
    if tries:
        figures.append(Figure("Launched again", str(tries), "tasks whose attempt had failed"))
    return figures


def _against(real: float, planned: float) -> str:
    if planned <= 0:
        return ""
    share = 100 * (real - planned) / planned
    return (
        "as planned"
        if abs(share) < 0.5
        else f"{abs(share):.0f} % {'longer' if share > 0 else 'shorter'} than planned"
    )


def _faults(plan: Deployment, progress: Progress) -> tuple[Fault, ...]:
    messages: dict[str, list[str]] = {}
    for v, task in enumerate(progress.tasks):
        for why in [*(t.why for t in task.tries), *([task.why] if task.state == "failed" else [])]:
            messages.setdefault(why, []).append(plan.graph.ids[v])
    if not messages:
        return ()
    count = sum(map(len, messages.values()))
    return (Fault("failed attempts", count, tuple((why, tuple(names)) for why, names in messages.items())),)


def _tasks_table(
    plan: Deployment, progress: Progress, spans: Mapping[str, Span], on_path: set[str], kept: Sequence[int]
) -> Table:
    planned, really = ("Planned start", "Planned"), ("Began", "Took")
    columns = ("Task", "Title", "State", *planned, *really, "Launches", "Tokens", "Writes", "Remarks")
    rows = [_row(plan, progress.tasks[v], v, spans, on_path) for v in kept]
    left = len(plan.tasks) - len(kept)
    return Table("Tasks", columns, tuple(rows), frozenset({3, 4, 5, 6, 7, 8}), left)


def _row(plan: Deployment, mine: TaskProgress, v: int, spans: Mapping[str, Span], on_path: set[str]) -> Row:
    task, s = plan.tasks[v], plan.schedule
    span = spans.get(task.id)
    remarks = [
        mine.why,
        mine.summary if mine.state in ENDED else "",
        "on the critical path" if task.id in on_path else "",
    ]
    remarks.append("in a worktree of its own" if task.worktree else "")
    return Row(
        cells=(
            task.id,
            task.title,
            mine.state,
            f"{s.start_min[v]:.3g} min",
            f"{task.minutes:.3g} min",
            f"{span.began:.3g} min" if span else "",
            minutes(span.ended - span.began) if span else "",
            str(mine.attempts) if mine.attempts else "",
            "" if mine.tokens is None else f"{mine.tokens:,}",
            ", ".join(task.writes),
            "; ".join(part for part in remarks if part),
        ),
        key=task.id,
        state=mine.state,
        critical=task.id in on_path,
    )


def _order_table(plan: Deployment, most: int) -> Table:
    ids = plan.graph.ids
    rows = tuple(Row((ids[e.before], ids[e.after], e.kind, e.reason)) for e in plan.graph.edges[:most])
    left = len(plan.graph.edges) - len(rows)
    return Table("Order", ("Before", "After", "Kind", "Reason"), rows, left_out=left, folded=True)


def _notes(known: Mapping[str, Json]) -> list[str]:
    points = known["predicted"]["handoff_points"]
    notes = [
        f"{p['percent']} % of the caller's context is predicted after {p['after']}" for p in points if "percent" in p
    ]
    return [*notes, *(f"{row['task']} waits: {row['reason']}" for row in known.get("waiting", ()))]
