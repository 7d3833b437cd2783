"""The timeline as markup: legend, lanes and steps, every step a link to its row in the table. Pure."""

from fourfold_tools.page import drawing
from fourfold_tools.page.chart import Chart, Lanes
from fourfold_tools.page.markup import Markup, el, join

_PART_ROWS = 36  # under one axis: as many as fit on a printed page, which cuts no drawing in two


def timeline(chart: Chart) -> Markup:
    """The section with the chart."""
    scale = drawing.Scale(chart.end)
    only = el("button", "Critical path only", id="only", type="button", aria_pressed="false", hidden=True)
    head = el("div", el("h2", "Timeline"), _legend(chart), only, class_="bar-head")
    more = None
    if chart.left_out:
        more = el("p", f"{chart.left_out:,} more rows are in the table.", class_="sub")
    panel = [_profile(chart), *(_lanes(lanes, chart, scale) for lanes in chart.lanes), _steps(chart, scale), more]
    return el("section", head, el("div", panel, class_="panel"))


def _legend(chart: Chart) -> Markup:
    kinds = {s.kind for bar in chart.bars for s in bar.segments}
    states = {bar.state for bar in chart.bars if bar.work}
    rows: list[tuple[str, str, str]] = []
    rows += [("bar ok", "run", "ran")] if "ok" in states else []
    rows += [("bar ok critical", "run", "on the critical path")] if any(b.critical for b in chart.bars) else []
    rows += [("bar failed", "run", "failed")] if "failed" in states or "failed" in kinds else []
    rows += [("bar timed_out", "run", "timed out")] if "timed_out" in states else []
    rows += [("bar running", "run", "running")] if "running" in states else []
    rows += [("bar ok", "wait", "ready, waiting")] if "wait" in kinds else []
    rows += [("bar ok", "pause", "before another try")] if "pause" in kinds else []
    rows += [("bar ok", "planned", "as planned")] if "planned" in kinds else []
    return el("ul", [el("li", _swatch(a, b), words) for a, b, words in rows], class_="legend")


def _swatch(group: str, kind: str) -> Markup:
    height = 4 if kind in {"wait", "pause"} else 10
    rect = el("rect", x=1, y=(12 - height) / 2, width=20, height=height, rx=2, class_=kind)
    return el("svg", el("g", rect, class_=group), width=22, height=12, aria_hidden="true")


def _profile(chart: Chart) -> Markup | None:
    drawn, most = drawing.profile(chart, 40)
    if most < 2:
        return None
    told = f"Lanes at work over time, at most {most} at once"
    view = el(
        "svg",
        drawn,
        viewBox="0 0 1000 40",
        preserveAspectRatio="none",
        height=40,
        class_="plot",
        role="img",
        aria_label=told,
    )
    return el("div", el("p", f"At work: at most {most} at once", class_="names sub"), view, class_="gantt")


def _lanes(lanes: Lanes, chart: Chart, scale: drawing.Scale) -> Markup | None:
    if not lanes.lanes:
        return None
    height = drawing.lanes_height(lanes)
    names = [el("li", lanes.name(i)) for i in range(len(lanes.lanes))]
    plot = el("g", drawing.grid(chart, scale, height), drawing.lanes_drawing(lanes, chart, scale))
    return join(
        [
            el("h4", lanes.title),
            el(
                "div",
                el("ol", names, class_="names of-lanes", aria_hidden="true"),
                _plot(chart, scale, height, plot, lanes.title),
                class_="gantt",
            ),
        ]
    )


def _plot(chart: Chart, scale: drawing.Scale, height: int, content: Markup, told: str, role: str = "img") -> Markup:
    moved = el("svg", content, y=22, width="100%", height=height, overflow="visible")
    return el("svg", drawing.axis(chart, scale), moved, height=height + 22, class_="plot", role=role, aria_label=told)


def _steps(chart: Chart, scale: drawing.Scale) -> Markup:
    starts = range(0, len(chart.bars), _PART_ROWS)
    parts = [_part(chart, scale, range(start, min(start + _PART_ROWS, len(chart.bars)))) for start in starts]
    return join([el("h4", "Steps" if chart.unit == "s" else "Tasks"), *parts])


def _part(chart: Chart, scale: drawing.Scale, rows: range) -> Markup:
    """Some rows under an axis of their own, with their names beside them."""
    height = drawing.steps_height(rows)
    content = el("g", drawing.grid(chart, scale, height), drawing.steps(chart, scale, rows, linked=True))
    told = "Every row is a link to its line in the table below"
    names = [
        el("li", name, el("span", what, class_="what") if what else None, class_="on" if on else None)
        for name, what, on in drawing.names_of(chart.bars[rows.start : rows.stop])
    ]
    return el(
        "div",
        el("ol", names, class_="names", aria_hidden="true"),
        _plot(chart, scale, height, content, told, "group"),
        class_="gantt",
    )
