"""The page of a run: from its stored record to the view model. Pure."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from fourfold_tools.answer.structured import error_groups_of
from fourfold_tools.answer.words import seconds, size
from fourfold_tools.model.output import Json
from fourfold_tools.model.request import AnyStep, references
from fourfold_tools.model.result import StepResult
from fourfold_tools.page.chart import Chart, lanes_of
from fourfold_tools.page.critical import Span, realised_path
from fourfold_tools.page.model import Fault, Figure, Page, Row, Table, kept_rows
from fourfold_tools.page.run_bars import bars_of, span_of, why_of, worded
from fourfold_tools.page.verdicts import part_of, verdicts_of
from fourfold_tools.store.runs import StoredRun

Edge = tuple[str, str, str, str]  # before, after, kind, reason


def run_page(
    stored: StoredRun, steps: Sequence[AnyStep], results: Sequence[StepResult], most_bars: int, most_rows: int
) -> Page:
    """Everything about a run. results: of every step; those of a run that broke off as its record has them.

    most_bars, most_rows: bounds of the chart and of each table; what is beyond is counted.
    """
    report = stored.report or {}
    mathver = part_of(report.get("mathver"))
    edges = _edges(report, steps)
    preds = _preds(edges, results)
    spans = {r.id: span for r in results if (span := span_of(r))}
    chain = realised_path(spans, preds)
    wall_s = float(report.get("wall_s") or max((s.ended for s in spans.values()), default=0.0))
    on_path = {link.name for link in chain}
    bars = bars_of(results, preds, on_path)
    drawn = {bar.key for bar in bars[:most_bars]}
    state = "crashed" if stored.crashed else stored.state
    return Page(
        kind="run",
        name=stored.id,
        state=state,
        subtitle=f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(stored.created))} · {stored.cwd}",
        figures=tuple(_figures(stored, results, spans, wall_s, report)),
        chart=Chart(
            unit="s",
            end=max([wall_s, *(s.ended for s in spans.values())]),
            bars=tuple(bars[:most_bars]),
            left_out=max(0, len(bars) - most_bars),
            lanes=(lanes_of("Lanes", bars),) if spans else (),
        ),
        chain=tuple(chain),
        faults=faults_of(error_groups_of(results)),
        verdicts=verdicts_of(mathver),
        verdict_state=str(mathver.get("state", "")),
        lines=tuple(mathver.get("lines", ())),
        tables=(
            _steps_table(results, on_path, drawn, most_rows),
            _order_table(edges, report, most_rows),
        ),
        notes=tuple(_notes(stored, report)),
    )


def _edges(report: Mapping[str, Json], steps: Sequence[AnyStep]) -> list[Edge]:
    """The stored graph; of a run without one (it broke off, or an older version ran it) what the request says."""
    if "edges" in report:
        return [(str(b), str(a), str(kind), str(reason)) for b, a, kind, reason in report["edges"]]
    found: list[Edge] = []
    for step in steps:
        found += [(name, step.id or "", "needs", f"{step.id} needs {name}") for name in step.needs]
        for ref in references([getattr(step, name) for name in step.model_fields_set]):
            found.append((ref.from_, step.id or "", "reference", f"{step.id} takes {ref.field} from {ref.from_}"))
    return found


def _preds(edges: Sequence[Edge], results: Sequence[StepResult]) -> dict[str, list[str]]:
    """The entries that each entry came after: sub-steps stand for their step, on both ends of an edge."""
    parts: dict[str, list[str]] = {}
    for r in results:
        parts.setdefault(r.parent or r.id, []).append(r.id)
    preds: dict[str, list[str]] = {}
    for before, after, _, _ in edges:
        for name in parts.get(after, ()):
            preds.setdefault(name, []).extend(parts.get(before, ()))
    return preds


def _figures(
    stored: StoredRun,
    results: Sequence[StepResult],
    spans: Mapping[str, Span],
    wall_s: float,
    report: Mapping[str, Json],
) -> list[Figure]:
    counts = Counter(r.state for r in results)
    bad = ", ".join(f"{n} {worded(state)}" for state, n in counts.items() if state != "ok")
    work_s = sum(s.ended - s.began for s in spans.values())
    waited_s = sum(s.began - s.ready for s in spans.values())
    subs = f"{stored.step_count} submitted" if len(results) != stored.step_count else "all of them listed"
    figures = [
        Figure("Time", seconds(wall_s), "from the start to the last result"),
        Figure("Steps ok", f"{counts['ok']} of {len(results)}", bad or subs),
    ]
    if wall_s > 0 and spans:
        width = f"at most {report['width']} lanes" if report.get("width") else "on average over the run"
        figures.append(Figure("Side by side", f"{work_s / wall_s:.1f}", f"steps at once on average; {width}"))
        figures.append(
            Figure("Work", seconds(work_s), f"all steps added up; they waited {seconds(waited_s)} when ready")
        )
    cpu = [r.cpu_s for r in results if r.cpu_s is not None]
    if cpu:
        peak = max((r.max_rss_bytes or 0 for r in results), default=0)
        figures.append(Figure("Processor time", seconds(sum(cpu)), f"of commands; largest process {size(peak)}"))
    context = part_of(report.get("context"))
    if context.get("percent") is not None:
        figures.append(
            Figure("Context", f"{context['percent']:.0f} %", f"{worded(context['level'])}, {context['source']}")
        )
    return figures


def faults_of(groups: Sequence[Mapping[str, Json]]) -> tuple[Fault, ...]:
    """The groups of one code together, the code with most failures first."""
    codes: dict[str, list[Mapping[str, Json]]] = {}
    for group in groups:
        codes.setdefault(str(group["code"]), []).append(group)
    faults = [
        Fault(code, sum(int(g["count"]) for g in mine), tuple((str(g["message"]), tuple(g["steps"])) for g in mine))
        for code, mine in codes.items()
    ]
    return tuple(sorted(faults, key=lambda fault: -fault.count))


def _steps_table(results: Sequence[StepResult], on_path: set[str], linked: set[str], most: int) -> Table:
    columns = ("Step", "What", "State", "Ready", "Waited", "Started", "Took", "Tries", "Lane", "Touches", "Remarks")
    kept = [results[i] for i in kept_rows([r.id for r in results], linked, most)]
    rows = tuple(_row(r, r.id in on_path) for r in kept)
    return Table("Steps", columns, rows, frozenset({3, 4, 5, 6, 7, 8}), max(0, len(results) - most))


def _row(r: StepResult, critical: bool) -> Row:
    span = span_of(r)
    ready, waited, began, took = ("", "", "", "")
    if span is not None:
        ready, began, took = seconds(span.ready), seconds(span.began), seconds(span.ended - span.began)
        waited = seconds(span.began - span.ready) if span.began - span.ready >= 0.0005 else ""
    remarks = [r.message, f"blocked by {', '.join(r.blocked_by)}" if r.blocked_by else "", r.note]
    remarks += [
        f"same as {r.same_as}" if r.same_as else "",
        why_of(r).strip(" ()"),
        "on the critical path" if critical else "",
    ]
    return Row(
        cells=(
            r.id,
            r.title,
            worded(r.state),
            ready,
            waited,
            began,
            took,
            str(r.attempts) if r.attempts else "",
            "" if r.lane is None or span is None else str(r.lane + 1),
            _touches(r),
            "; ".join(part for part in remarks if part),
        ),
        key=r.id,
        state=r.state,
        critical=critical,
    )


def _touches(r: StepResult) -> str:
    if r.effects is None:
        return ""
    if not r.effects.known:
        return "unknown"
    count = len(r.effects.writes)
    return (
        "reads" if r.effects.read_only else f"writes {count} path{'' if count == 1 else 's'}" if count else "no paths"
    )


def _order_table(edges: Sequence[Edge], report: Mapping[str, Json], most: int) -> Table:
    rows = tuple(Row((before, after, kind, reason)) for before, after, kind, reason in edges[:most])
    left = max(int(report.get("edges_of", 0)), len(edges)) - len(rows)
    return Table("Order", ("Before", "After", "Kind", "Reason"), rows, left_out=left, folded=True)


def _notes(stored: StoredRun, report: Mapping[str, Json]) -> list[str]:
    notes: list[str] = []
    if stored.crashed:
        notes.append("The process that ran this went away before the end: what it had not written down is not known.")
    if stored.state == "running" and not stored.crashed:
        notes.append("This run is still under way; fourfold watch shows it live.")
    if "refused" in report:
        notes.append("Nothing ran: the caller's context was too full for new work.")
    elif stored.report is not None and "edges" not in report:
        notes.append("An older version ran this: conflicts of files, tries and reasons of waits were not recorded.")
    notes += [f"{s['kind']} {s['level']}: {s['reason']}: {s['action']}" for s in report.get("signals", ())]
    return notes
