"""Verdicts: a stored MathVer object as the four parts that a page shows, each with its intervals and checks. Pure."""

from collections.abc import Mapping, Sequence
from typing import cast

from fourfold_tools.answer.words import seconds, size
from fourfold_tools.model.output import Json
from fourfold_tools.page.model import Range, Verdict

_NAMES = {
    "time_comparison": "Time",
    "resource_usage": "Resources",
    "quality_check": "Results",
    "context_usage": "Context",
}


_LONG_S = 600.0  # from here on in minutes


def verdicts_of(mathver: Mapping[str, Json] | None) -> tuple[Verdict, ...]:
    """The four parts, in their order; nothing where there is no verification."""
    if not mathver:
        return ()
    return tuple(_verdict(key, cast("Mapping[str, Json]", mathver[key])) for key in _NAMES if mathver.get(key))


def _verdict(key: str, part: Mapping[str, Json]) -> Verdict:
    pairs, ranges = _PARTS[key](part)
    return Verdict(
        name=_NAMES[key],
        state=str(part.get("state", "n/a")),
        reason=str(part.get("reason", "")),
        pairs=tuple(pairs),
        ranges=tuple(r for r in ranges if r is not None),
        checks=tuple((name.replace("_", " "), bool(held)) for name, held in part_of(part.get("checks")).items()),
    )


_Parts = tuple[list[tuple[str, str]], list[Range | None]]


def _time(part: Mapping[str, Json]) -> _Parts:
    bounds = part_of(part.get("bounds"))
    pairs = [
        ("In parallel", _seconds(part.get("parallel_s"))),
        ("One at a time", f"{_seconds(part.get('sequential_s'))} ({part.get('method', 'n/a')})"),
        ("Speed-up", _times(part.get("speedup"))),
        ("Possible at best", _seconds(bounds.get("lower_s"))),
    ]
    return pairs, [
        _range("Speed-up, 95 % interval", part.get("speedup"), part.get("ci95"), "×", mark=1.0),
        _range(
            "One at a time, range",
            part.get("sequential_s"),
            part.get("sequential_range_s"),
            "s",
            part.get("parallel_s"),
        ),
    ]


def _resources(part: Mapping[str, Json]) -> _Parts:
    peak = part.get("peak_rss_bytes")
    pairs = [
        ("Processor in use", _percent(part.get("cpu"))),
        ("One at a time", _percent(part.get("sequential_cpu"))),
        ("Processor time", _seconds(part.get("cpu_s"))),
        ("Largest process", size(int(peak)) if peak else "n/a"),
        ("Worth it", str(part.get("optimization", "n/a"))),
    ]
    inflation = part.get("work_inflation")
    return pairs, [_range("Work beside others ÷ alone", inflation, part.get("work_inflation_ci95"), "×", mark=1.0)]


def _quality(part: Mapping[str, Json]) -> _Parts:
    pairs = [
        ("Right in parallel", _percent(part.get("parallel"))),
        ("Right one at a time", _percent(part.get("sequential"))),
        ("Compared", f"{part.get('m', 0)} of {part.get('n', 0)}"),
    ]
    if part.get("degraded"):
        pairs.append(("Degraded", ", ".join(map(str, part["degraded"]))))
    return pairs, [
        _percent_range("Right in parallel, 95 % interval", part.get("parallel"), part.get("parallel_ci95"))
    ]


def _context(part: Mapping[str, Json]) -> _Parts:
    pairs = [
        ("Results", _number(part.get("results"))),
        ("Tokens of the answer", _number(part.get("delivered_tokens"))),
        ("As separate calls", _number(part.get("sequential_tokens"))),
        ("Left in files", f"{_number(part.get('cut_tokens'))} tokens"),
    ]
    value, error = part.get("delivered_tokens"), part.get("relative_error")
    if value is None or error is None:
        return pairs, []
    around = [value * (1 - error), value * (1 + error)]
    return pairs, [_range("Tokens of the answer, estimate", value, around, "tokens", part.get("sequential_tokens"))]


_PARTS = {
    "time_comparison": _time,
    "resource_usage": _resources,
    "quality_check": _quality,
    "context_usage": _context,
}


def part_of(value: Json) -> dict[str, Json]:
    """An object of stored JSON, empty where there is none."""
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _range(
    label: str, value: float | None, bounds: Sequence[float | None] | None, unit: str, mark: float | None = None
) -> Range | None:
    if value is None or not bounds or bounds[0] is None or bounds[1] is None or bounds[0] == bounds[1]:
        return None
    return Range(label, value, bounds[0], bounds[1], unit, mark)


def _percent_range(label: str, value: float | None, bounds: Sequence[float | None] | None) -> Range | None:
    if value is None or not bounds or bounds[0] is None or bounds[1] is None:
        return None
    return Range(label, 100 * value, 100 * bounds[0], 100 * bounds[1], "%")


def _seconds(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value / 60:.3g} min" if value >= _LONG_S else seconds(value)


def _times(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}×"


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.0f} %"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}"
