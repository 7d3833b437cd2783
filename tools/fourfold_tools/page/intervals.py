"""The drawing of an interval: a value, its bounds and the mark to compare it with, on one line. Pure."""

from fourfold_tools.page.markup import Markup, el
from fourfold_tools.page.model import Range

_APART = 0.45  # share of the width between the bounds, from which on both their words fit between them


def interval(r: Range) -> Markup:
    """The interval as a thick line with its value, and the mark to compare it with."""
    ends = [r.low, r.high, r.value, *([r.mark] if r.mark is not None else [])]
    low, high = min(ends), max(ends)
    margin = 0.08 * ((high - low) or abs(high) or 1.0)
    low, high = low - margin, high + margin

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    def words(value: float) -> str:
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        return f"{number}{'' if r.unit in {'×', '%'} else ' '}{r.unit}"

    apart = (r.high - r.low) / (high - low) > _APART
    told = f"{r.label}: {words(r.value)}, between {words(r.low)} and {words(r.high)}"
    parts = [
        el("line", x1=0, x2="100%", y1=10, y2=10, class_="base"),
        el("line", x1=at(r.low), x2=at(r.high), y1=10, y2=10, class_="span"),
        el("line", x1=at(r.mark), x2=at(r.mark), y1=0, y2=20, class_="mark") if r.mark is not None else None,
        el("circle", cx=at(r.value), cy=10, r=5.5, class_="value"),
        el("text", words(r.low), x=at(r.low), y=29, text_anchor="start" if apart else "end", dx=0 if apart else -4),
        el("text", words(r.high), x=at(r.high), y=29, text_anchor="end" if apart else "start", dx=0 if apart else 4),
    ]
    return el("div", r.label, f" · {words(r.value)}", el("svg", parts, role="img", aria_label=told), class_="range")
