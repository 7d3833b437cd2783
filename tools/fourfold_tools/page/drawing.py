"""The drawing of a chart as SVG, its places in percent of the plot, so that it follows any width. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from fourfold_tools.answer.words import seconds
from fourfold_tools.page.chart import Bar, Block, Chart, Lanes, Unit, ticks
from fourfold_tools.page.markup import Markup, Node, el

ROW, BAR = 22, 12  # pixels: height of a row, of a bar in it
_LANE = 24
_LEAST = 0.15  # percent of the width: a bar that takes no time is still seen
_CHAR = 0.75  # percent of the width that a letter of a label takes on a usual screen
_TURN = 82.0  # percent from which on a bar's words stand to its left


@dataclass(frozen=True, slots=True)
class Scale:
    """From a moment, 0 to `end`, to a place in the plot."""

    end: float

    def at(self, moment: float) -> str:
        return f"{100 * self.share(moment):.3f}%"

    def share(self, moment: float) -> float:
        return moment / self.end if self.end > 0 else 0.0

    def width(self, start: float, end: float) -> str:
        return f"{max(_LEAST, 100 * (self.share(end) - self.share(start))):.3f}%"


def moment_text(moment: float, unit: Unit) -> str:
    if unit == "min":
        return "0" if not moment else f"{moment:.3g} min"
    return "0" if not moment else seconds(moment)


def axis(chart: Chart, scale: Scale) -> Markup:
    """The words above the plot."""
    words: list[Node] = []
    for tick in ticks(chart.end):
        share = scale.share(tick)
        anchor = "start" if share < 0.02 else "end" if share > 0.97 else "middle"
        words.append(
            el("text", moment_text(tick, chart.unit), x=scale.at(tick), y=14, text_anchor=anchor, class_="tick")
        )
    return el("g", words)


def grid(chart: Chart, scale: Scale, height: float) -> Markup:
    lines = [el("line", x1=scale.at(t), x2=scale.at(t), y1=0, y2=height, class_="grid") for t in ticks(chart.end)]
    if chart.now is not None:
        lines.append(el("line", x1=scale.at(chart.now), x2=scale.at(chart.now), y1=0, y2=height, class_="now"))
    return el("g", lines)


def steps_height(rows: range) -> int:
    return ROW * len(rows)


def steps(chart: Chart, scale: Scale, rows: range, *, linked: bool) -> Markup:
    """What each step of these rows did, the first at the top. linked: bars are links to their rows in the table."""
    drawn = [_row(chart.bars[row], place, scale, linked=linked) for place, row in enumerate(rows)]
    return el("g", _links(chart, scale, rows), drawn)


def _links(chart: Chart, scale: Scale, rows: range) -> list[Markup]:
    """From row to row of the critical path; to a row that is not drawn the line ends at the edge."""
    top, height, lines = ROW * rows.start, ROW * len(rows), list[Markup]()
    for a, b, at in chart.links():
        y1, y2 = (min(max(0, row * ROW + ROW / 2 - top), height) for row in (a, b))
        if y1 != y2:
            lines.append(el("line", x1=scale.at(at), x2=scale.at(at), y1=y1, y2=y2, class_="link"))
    return lines


def _row(bar: Bar, row: int, scale: Scale, *, linked: bool) -> Markup:
    top = row * ROW
    parts: list[Node] = [el("rect", x=0, y=top, width="100%", height=ROW, class_="hit")] if linked else []
    parts += [_segment(bar, i, top, scale) for i in range(len(bar.segments))]
    state = f"bar {bar.state}" + (" critical" if bar.critical else "")
    if linked:
        parts = [el("a", parts, href=f"#row-{row_key(bar.key)}", aria_label=bar.told, data_told=bar.told)]
    return el("g", parts, _aside(bar, top, scale), class_=state)


def row_key(key: str) -> str:
    """A name that may stand in an element's id and in a link."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else f"~{ord(c):x}" for c in key)


def _segment(bar: Bar, index: int, top: float, scale: Scale) -> Markup:
    segment = bar.segments[index]
    y, height = top + (ROW - BAR) / 2, float(BAR)
    planned = any(s.kind == "planned" for s in bar.segments)
    if segment.kind in {"wait", "pause"}:
        y, height = top + ROW / 2 - 2, 4.0
    elif planned and len(bar.segments) > 1:  # the plan above, what happened below it
        y, height = (top + 3, 5.0) if segment.kind == "planned" else (top + 10, 9.0)
    place = {"x": scale.at(segment.start), "width": scale.width(segment.start, segment.end)}
    return el("rect", y=y, height=height, rx=2, class_=segment.kind, **place)


def _aside(bar: Bar, top: float, scale: Scale) -> Markup:
    """The words beside a bar; hidden from readers of the screen, who hear the whole sentence."""
    turned = bool(bar.segments) and 100 * scale.share(bar.end) > _TURN
    return el(
        "text",
        bar.aside,
        x=scale.at(bar.start if turned else bar.end) if bar.segments else 0,
        dx=-6 if turned else 6,
        y=top + ROW / 2 + 4,
        text_anchor="end" if turned else None,
        class_="aside" if bar.segments else "aside none",
        aria_hidden="true",
    )


def lanes_height(lanes: Lanes) -> int:
    return _LANE * len(lanes.lanes)


def lanes_drawing(lanes: Lanes, chart: Chart, scale: Scale) -> Markup:
    """Lane by lane what it was busy with, the name inside where it fits."""
    return el("g", [_block(b, i * _LANE, chart.unit, scale) for i, lane in enumerate(lanes.lanes) for b in lane])


def _block(block: Block, top: float, unit: Unit, scale: Scale) -> Markup:
    wide = 100 * (scale.share(block.end) - scale.share(block.start))
    words = block.name if wide >= _CHAR * (len(block.name) + 2) else ""
    told = f"{block.name}, {moment_text(block.start, unit)} to {moment_text(block.end, unit)}, {block.state}"
    state = f"block {block.state}" + (" critical" if block.critical else "")
    inside = [
        el("title", told),
        el("rect", x=0, y=0, width="100%", height=_LANE - 5, rx=3, class_="run"),
        el("text", words, x=6, y=_LANE / 2 + 1.5, class_="inside") if words else None,
    ]
    place = {"x": scale.at(block.start), "width": scale.width(block.start, block.end)}
    return el("svg", inside, y=top + 2, height=_LANE - 5, class_=state, **place)


def profile(chart: Chart, height: float) -> tuple[Markup, int]:
    """How many were at work over time as a filled line on a plane of 1000 by `height`, and the most at once."""
    points = chart.profile()
    most = max((count for _, count in points), default=0)
    if not most or chart.end <= 0:
        return Markup(""), 0
    parts = [f"M0 {height:g}"]
    level = height
    for moment, count in points:
        x = 1000 * moment / chart.end
        parts.append(f"L{x:.2f} {level:.2f}")
        level = height - (height - 2) * count / most
        parts.append(f"L{x:.2f} {level:.2f}")
    parts.append(f"L1000 {level:.2f}L1000 {height:g}Z")
    return el("path", d="".join(parts), class_="profile"), most


def names_of(bars: Sequence[Bar]) -> list[tuple[str, str, bool]]:
    """(name, what it is, on the critical path) of each row."""
    return [(bar.name, "" if bar.title == bar.name else bar.title, bar.critical) for bar in bars]
