"""The picture of a page: its figures and its chart as one SVG, and as a PNG for whoever takes only pictures."""

import importlib
from typing import Protocol, cast

from fourfold_tools.errors import Unsupported
from fourfold_tools.page import drawing
from fourfold_tools.page.chart import Chart, Lanes
from fourfold_tools.page.markup import Markup, Node, el, shown
from fourfold_tools.page.model import Figure, Page

_WIDTH, _SIDE, _GUTTER = 1200, 32, 230
_PLOT = _WIDTH - 2 * _SIDE - _GUTTER
_MOST_ROWS = 60  # rows of a picture; more cannot be read in one
_LETTERS = 34  # of a row's name that fit into the gutter
_SCALE = 2.0  # pixels for each unit, so that text is sharp
_STYLE = """
text { font: 11.5px "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; fill: #57606a }
.name { fill: #1f2328 } .on { font-weight: bold } .title { font-weight: bold } .tick { font-size: 11px }
.h { font-size: 24px; font-weight: bold; fill: #1f2328 } .value { font-size: 20px; font-weight: bold; fill: #1f2328 }
.grid { stroke: #ece9e2 } .now { stroke: #2f5f9e; stroke-dasharray: 3 3 } .link { stroke: #d7a021; stroke-width: 1.5 }
.run { fill: #9db8d9 } .wait { fill: #b9b4a8 } .pause { fill: none; stroke: #c4473a; stroke-dasharray: 2 2 }
.planned { fill: none; stroke: #8a8f96; stroke-width: 1.25 }
.critical > .run, .critical > .failed { fill: #2f5f9e; stroke: #d7a021; stroke-width: 1.5 }
.failed > .run, .bar > .failed { fill: #c4473a } .timed_out > .run { fill: #b3640f }
.cancelled > .run, .unknown > .run { fill: #8a8f96 } .inside { fill: #1f2328 } .none { font-style: italic }
.critical > .inside, .failed > .inside, .timed_out > .inside { fill: #ffffff; font-weight: bold }
"""


class _Resvg(Protocol):
    def svg_to_bytes(self, *, svg_string: str, background: str | None = None, zoom: float | None = None) -> bytes: ...


def svg(page: Page) -> str:
    """The picture as SVG: figures, lanes, and the first rows of the chart.

    Raises:
        Unsupported: the page has no chart.
    """
    chart = page.chart
    if chart is None or not chart.bars:
        raise Unsupported(f"{page.kind} {page.name} has no chart to draw")
    scale = drawing.Scale(chart.end)
    parts: list[Node] = [el("text", f"fourfold {page.kind} {page.name}", x=0, y=24, class_="h")]
    parts.append(el("text", f"{page.state} · {page.subtitle}"[:150], x=0, y=46))
    parts += [_figure(figure, i) for i, figure in enumerate(page.figures[:6])]
    y = 140
    for lanes in chart.lanes:
        parts.append(_lanes(lanes, chart, scale, y))
        y += drawing.lanes_height(lanes) + 62
    bars = chart.bars[:_MOST_ROWS]
    shown_chart = Chart(chart.unit, chart.end, bars, 0, (), chart.now)
    parts.append(_steps(shown_chart, scale, y))
    y += drawing.steps_height(range(len(bars))) + 40
    left = len(chart.bars) - len(bars) + chart.left_out
    if left:
        parts.append(el("text", f"… {left:,} more rows", x=0, y=y))
        y += 22
    inner = el("svg", parts, x=_SIDE, y=_SIDE, width=_WIDTH - 2 * _SIDE, height=y)
    paper = el("rect", x=0, y=0, width=_WIDTH, height=y + 2 * _SIDE, fill="#ffffff")
    return el(
        "svg",
        el("style", Markup(_STYLE)),
        paper,
        inner,
        xmlns="http://www.w3.org/2000/svg",
        width=_WIDTH,
        height=y + 2 * _SIDE,
    )


def png(page: Page) -> bytes:
    """The picture as PNG.

    Raises:
        Unsupported: the page has no chart, the extra `picture` is not installed, or the machine has no fonts.
    """
    drawn = svg(page)
    try:
        resvg = cast("_Resvg", importlib.import_module("resvg_py"))
    except ImportError as exc:
        raise Unsupported("pictures need an extra: pip install 'fourfold[picture]'") from exc
    if _blank(resvg, "word") == _blank(resvg, ""):
        raise Unsupported("this machine has no fonts to write with (on Debian: apt-get install fonts-dejavu-core)")
    return bytes(resvg.svg_to_bytes(svg_string=drawn, zoom=_SCALE))


def _blank(resvg: _Resvg, word: str) -> bytes:
    text = el("text", word, x=2, y=14, font_family="sans-serif")
    return bytes(
        resvg.svg_to_bytes(svg_string=el("svg", text, xmlns="http://www.w3.org/2000/svg", width=60, height=20))
    )


def _figure(figure: Figure, place: int) -> Markup:
    x = place * (_WIDTH - 2 * _SIDE) / 6
    return el("g", el("text", figure.label, x=x, y=84), el("text", figure.value, x=x, y=108, class_="value"))


def _lanes(lanes: Lanes, chart: Chart, scale: drawing.Scale, y: float) -> Markup:
    height = drawing.lanes_height(lanes)
    names = [el("text", lanes.name(i), x=0, y=38 + 24 * i) for i in range(len(lanes.lanes))]
    plot = el("g", drawing.grid(chart, scale, height), drawing.lanes_drawing(lanes, chart, scale))
    return _panel(lanes.title, names, chart, scale, plot, height, y)


def _steps(chart: Chart, scale: drawing.Scale, y: float) -> Markup:
    rows = range(len(chart.bars))
    height = drawing.steps_height(rows)
    names = [
        el("text", _short(f"{name} {what}"), x=0, y=37 + drawing.ROW * i, class_="name on" if on else "name")
        for i, (name, what, on) in enumerate(drawing.names_of(chart.bars))
    ]
    plot = el("g", drawing.grid(chart, scale, height), drawing.steps(chart, scale, rows, linked=False))
    return _panel("Steps" if chart.unit == "s" else "Tasks", names, chart, scale, plot, height, y)


def _panel(
    title: str, names: Node, chart: Chart, scale: drawing.Scale, plot: Markup, height: float, y: float
) -> Markup:
    moved = el("svg", plot, y=22, width=_PLOT, height=height, overflow="visible")
    right = el(
        "svg", drawing.axis(chart, scale), moved, x=_GUTTER, width=_PLOT, height=height + 22, overflow="visible"
    )
    head = el("text", title, x=0, y=14, class_="title")
    return el("svg", head, names, right, y=y, width="100%", height=height + 40, overflow="visible")


def _short(text: str) -> str:
    text = shown(text)
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
