"""A plot: panels of lines over logarithmic axes, as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 300, 240
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 34, 14, 44
_COLORS = ("#1f6feb", "#8b949e", "#d29922")


@dataclass(frozen=True)
class Panel:
    """Lines by name, each a list of (x, y) with both above zero."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


def svg(panels: Sequence[Panel], caption: str) -> str:
    width = _WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + 24}" width="{width}" '
        f'height="{_HEIGHT + 24}" font-family="sans-serif" font-size="10">',
        f'<rect width="{width}" height="{_HEIGHT + 24}" fill="#ffffff"/>',
        *(part for i, panel in enumerate(panels) for part in _panel(panel, i * _WIDTH)),
        f'<text x="{_LEFT}" y="{_HEIGHT + 14}" fill="#57606a">{escape(caption)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, left: float) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    x_axis = _Axis.over([x for x, _ in points], left + _LEFT, left + _WIDTH - _RIGHT)
    y_axis = _Axis.over([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<text x="{left + _LEFT}" y="14" font-size="12">{escape(panel.title)}</text>']
    for x in x_axis.ticks():
        at = x_axis.place(x)
        parts.append(_line(at, _TOP, at, _HEIGHT - _BOTTOM, "#eaeef2"))
        parts.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{_number(x)}</text>')
    for y in y_axis.ticks():
        at = y_axis.place(y)
        parts.append(_line(left + _LEFT, at, left + _WIDTH - _RIGHT, at, "#eaeef2"))
        parts.append(f'<text x="{left + _LEFT - 5}" y="{at + 3:.1f}" text-anchor="end">{_number(y)}</text>')
    middle = left + (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(panel.x_label)}</text>')
    parts.append(f'<text x="{left + 6}" y="{_TOP - 8}" fill="#57606a">{escape(panel.y_label)}</text>')
    for i, (name, line) in enumerate(panel.lines.items()):
        color = _COLORS[i % len(_COLORS)]
        places = [(x_axis.place(x), y_axis.place(y)) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in places)
        parts.append(f'<text x="{left + _LEFT + 8}" y="{_TOP + 12 + 13 * i}" fill="{color}">{escape(name)}</text>')
    return parts


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis over whole decades; low and high are their exponents, start and end where they are drawn."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "_Axis":
        low = math.floor(math.log10(min(values)))
        return cls(low, max(low + 1, math.ceil(math.log10(max(values)))), start, end)

    def place(self, value: float) -> float:
        return self.start + (self.end - self.start) * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return [10.0**exponent for exponent in range(self.low, self.high + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
