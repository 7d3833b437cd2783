"""How numbers are written: times, percentages and gains in the printed lines, six digits in JSON."""

from collections.abc import Sequence
from math import isfinite

MISSING = "n/a"


def seconds(value: float | None) -> str:
    """Whole seconds from 9.95 up, one decimal from 1, milliseconds below: 45s, 2.4s, 850ms, n/a."""
    if value is None:
        return MISSING
    if value >= 9.95:
        return f"{value:.0f}s"
    # 0.9996 would round to 1000ms.
    return f"{value:.1f}s" if value >= 0.9995 else f"{value * 1000:.0f}ms"


def whole_percent(value: float | None) -> str:
    """78%, -12%, n/a."""
    return MISSING if value is None else f"{round(value)}%"


def share_percent(value: float | None) -> str:
    """A share in percent: whole, but never 100% or 0% for what is only nearly so (99.7%, 99.99 prints 99.9%)."""
    if value is None:
        return MISSING
    if round(value) in {0, 100} and value not in {0, 100}:
        return f"{min(max(value, 0.1), 99.9):.1f}%"
    return f"{round(value)}%"


def count(value: float | None) -> str:
    """7900, n/a."""
    return MISSING if value is None else str(round(value))


def figure(value: float | None) -> float | None:
    """Six significant digits for JSON; None for what is missing or not finite."""
    return float(f"{value:.6g}") if value is not None and isfinite(value) else None


def pair(values: tuple[float, float] | None) -> Sequence[float | None] | None:
    """An interval for JSON."""
    return None if values is None else [figure(values[0]), figure(values[1])]
