"""Reads the printed lines back: `str(parse_line(text)) == text` for every line that render writes."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from fourfold_tools.mathver.checks import STATES, State
from fourfold_tools.mathver.figures import MISSING
from fourfold_tools.mathver.render import ContextLine, Line, Optimization, QualityLine, ResourceLine, TimeLine

_LINE = re.compile(
    r"📊 \[(?P<level>L\d+:[^\]\n]+)\] MathVer \| Tool: (?P<tool>\w+) \| (?P<body>.+) \| State: (?P<state>\w+)"
)

_SECONDS = r"n/a|\d+s|\d+\.\ds|\d+ms"
_PERCENT = r"n/a|-?\d+%"
_SHARE = r"n/a|\d+(?:\.\d)?%"
_COUNT = r"n/a|\d+"

_BODIES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "time_comparison": re.compile(
            rf"Sequential: ({_SECONDS}) vs Parallel: ({_SECONDS}) \| Efficiency: ({_PERCENT})"
        ),
        "resource_usage": re.compile(
            rf"CPU: ({_PERCENT}) vs Sequential: ({_PERCENT}) \| Optimization: (justified|not justified|n/a)"
        ),
        "quality_check": re.compile(
            rf"Parallel: ({_SHARE}) vs Sequential: ({_SHARE}) \| Degradation: (n/a|<?\d+(?:\.\d+)?%)"
        ),
        "context_usage": re.compile(rf"Results: ({_COUNT}) \| Tokens: ({_COUNT}) vs Sequential: ({_COUNT})"),
    }
)


def parse_line(text: str) -> Line:
    """The line that `text` prints, with the numbers as printed.

    Raises:
        ValueError: it is not a MathVer line in its exact form.
    """
    frame = _LINE.fullmatch(text)
    pattern = _BODIES.get(frame["tool"]) if frame else None
    if not frame or not pattern or frame["state"] not in STATES:
        raise ValueError(f"not a MathVer line: {text!r}")
    body = pattern.fullmatch(frame["body"])
    if not body:
        raise ValueError(f"not the form of {frame['tool']}: {frame['body']!r}")
    return _BUILD[frame["tool"]](frame["level"], body.groups(), cast("State", frame["state"]))


def parse_lines(text: str) -> list[Line]:
    """Every MathVer line of a longer text, in order; other lines are passed over."""
    return [parse_line(line) for line in text.split("\n") if _LINE.fullmatch(line)]


def _time(level: str, parts: tuple[str, ...], state: State) -> Line:
    return TimeLine(level, _seconds(parts[0]), _seconds(parts[1]), _number(parts[2]), state)


def _resource(level: str, parts: tuple[str, ...], state: State) -> Line:
    return ResourceLine(level, _number(parts[0]), _number(parts[1]), cast("Optimization", parts[2]), state)


def _quality(level: str, parts: tuple[str, ...], state: State) -> Line:
    below = parts[2].startswith("<")
    return QualityLine(level, _number(parts[0]), _number(parts[1]), _number(parts[2].removeprefix("<")), below, state)


def _context(level: str, parts: tuple[str, ...], state: State) -> Line:
    results = None if parts[0] == MISSING else int(parts[0])
    return ContextLine(level, results, _number(parts[1]), _number(parts[2]), state)


_BUILD: Mapping[str, Callable[[str, tuple[str, ...], State], Line]] = MappingProxyType(
    {"time_comparison": _time, "resource_usage": _resource, "quality_check": _quality, "context_usage": _context}
)


def _seconds(text: str) -> float | None:
    if text.endswith("ms"):
        return int(text[:-2]) / 1000
    return None if text == MISSING else float(text[:-1])


def _number(text: str) -> float | None:
    return None if text == MISSING else float(text.removesuffix("%"))
