"""Quantiles of Student's t, for intervals that rest on few values."""

from functools import lru_cache
from math import cos, exp, lgamma, log, pi, pow, sqrt, tan
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)

_PANELS = 64
_NORMAL_FROM = 1000.0


@lru_cache(maxsize=4096)
def t_quantile(probability: float, df: float) -> float:
    """x with P(T <= x) = probability, for df >= 1 (fractions allowed); right to about six digits.

    With t = sqrt(df) tan(a) the density becomes cos(a)^(df - 1), smooth on (-pi/2, pi/2): Simpson's rule gives
    the area, bisection the angle. From 1,000 degrees on the normal quantile is used (0.2 % off at most).

    Raises:
        ValueError: probability not inside (0, 1), or df below 1.
    """
    if not 0 < probability < 1 or df < 1:
        raise ValueError(f"no t quantile for probability {probability}, df {df}")
    if probability < 0.5:
        return -t_quantile(1 - probability, df)
    if df >= _NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    half = exp(log(pi) / 2 + lgamma(df / 2) - lgamma((df + 1) / 2)) / 2
    wanted = (2 * probability - 1) * half
    low, high = 0.0, pi / 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _area(middle, df - 1) < wanted else (low, middle)
    return sqrt(df) * tan(low)


def _area(angle: float, power: float) -> float:
    """The integral of cos(a)^power from 0 to angle."""
    width = angle / _PANELS
    inner = sum((4 if k % 2 else 2) * pow(cos(k * width), power) for k in range(1, _PANELS))
    return (1 + inner + pow(cos(angle), power)) * width / 3


def satterthwaite(parts: list[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946); parts: (variance, df). At least 1."""
    total = sum(v for v, _ in parts)
    if total <= 0:
        return _NORMAL_FROM
    return max(1.0, total * total / sum(v * v / df for v, df in parts if v > 0))
