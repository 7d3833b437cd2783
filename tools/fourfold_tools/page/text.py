"""The page in a terminal: the same figures, chart and faults as plain lines. Pure."""

from collections.abc import Iterable

from fourfold_tools.page.chart import Bar, Chart
from fourfold_tools.page.drawing import moment_text
from fourfold_tools.page.markup import shown
from fourfold_tools.page.model import Page, Table

_MARKS = {"wait": "·", "run": "█", "failed": "x", "pause": "╌", "planned": "░"}
_MOST_LINES = 60  # bars, faults and rows that are printed; the page has the others
_LEAST_PLOT = 20


def text(page: Page, width: int) -> str:
    """The whole page, lines of at most `width` characters where the words allow it."""
    lines = [f"{page.kind} {page.name} · {page.state}", page.subtitle, ""]
    labels = max((len(f.label) for f in page.figures), default=0)
    lines += [f"{f.label:<{labels}}  {f.value}" + (f"  ({f.note})" if f.note else "") for f in page.figures]
    lines += ["", *page.notes] if page.notes else []
    if page.chart is not None and page.chart.bars:
        lines += ["", *_chart(page.chart, width)]
    if len(page.chain) > 1 and page.chart is not None:
        unit = page.chart.unit
        path = " → ".join(f"{link.name} {moment_text(link.ran, unit)}" for link in page.chain)
        lines += ["", f"{page.chain_title}: {path}"]
    for fault in page.faults:
        lines += ["", f"{fault.code} · {fault.count}"]
        lines += [f"  {', '.join(names[:8])}: {message}" for message, names in fault.messages[:_MOST_LINES]]
    lines += ["", *page.lines] if page.lines else []
    if page.text is not None and page.chart is None:
        lines += ["", page.text[1]]
    told = [table for table in page.tables if table.in_text or page.chart is None]
    lines += [line for table in told for line in ("", *_table(table))]
    return "\n".join(map(shown, lines))


def _chart(chart: Chart, width: int) -> Iterable[str]:
    bars = chart.bars[:_MOST_LINES]
    names = min(28, max(len(_name(bar)) for bar in bars))
    asides = min(30, max(len(bar.aside) for bar in bars))
    plot = max(_LEAST_PLOT, width - names - asides - 4)
    end = moment_text(chart.end, chart.unit)
    yield " " * (names + 2) + "0" + end.rjust(plot - 1)
    for bar in bars:
        mark = "●" if bar.critical else " "
        name = _name(bar)
        name = name if len(name) <= names else name[: names - 1] + "…"
        yield f"{name:<{names}} {mark}{_plotted(bar, chart.end, plot)} {bar.aside}"
    left = len(chart.bars) - len(bars) + chart.left_out
    if left:
        yield f"… {left:,} more rows (--html shows more)"
    yield " " * (names + 2) + "● critical path  █ ran  x failed  · waited  ╌ before another try  ░ planned"


def _name(bar: Bar) -> str:
    return bar.name if bar.title in {"", bar.name} else f"{bar.name} {bar.title}"


def _plotted(bar: Bar, end: float, width: int) -> str:
    """A line of `width` cells; what ran is drawn over what waited, a stretch of no length as one cell."""
    cells = [" "] * width
    for segment in sorted(bar.segments, key=lambda s: s.kind in {"run", "failed"}):
        first = min(width - 1, int(width * segment.start / end)) if end > 0 else 0
        last = min(width, max(first + 1, round(width * segment.end / end))) if end > 0 else 1
        bad = segment.kind == "run" and bar.state not in {"ok", "running"}
        cells[first:last] = ["x" if bad else _MARKS[segment.kind]] * (last - first)
    return "".join(cells)


def _table(table: Table) -> Iterable[str]:
    yield table.title
    rows = [table.columns, *(row.cells for row in table.rows[:_MOST_LINES])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    left = len(table.rows) - _MOST_LINES
    if left > 0 or table.left_out:
        yield f"… {max(0, left) + table.left_out:,} more"
