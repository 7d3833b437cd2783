"""Intervals for shares: exact (Clopper-Pearson), Wilson's for one share, Newcombe's for the difference of two."""

from collections.abc import Callable
from math import exp, lgamma, log, log1p, pow, sqrt

from fourfold_tools.mathver.student import Z95

# One-sided 5 %: the bound that a claim has to pass ("fewer than 2 % are degraded").
ALPHA = 0.05


def upper_share(hits: int, trials: int) -> float:
    """The exact upper 95 % bound of a share (Clopper and Pearson 1934, one-sided); 1 without trials.

    Without hits it is 1 - 0.05^(1/m): 30 trials give 9.5 %, 60 give 4.9 %, 149 give 1.99 %.
    """
    if hits >= trials:
        return 1.0
    if hits == 0:
        return 1 - pow(ALPHA, 1 / trials)
    return _bisect(lambda p: _at_most(hits, trials, p) > ALPHA)


def lower_share(hits: int, trials: int) -> float:
    """The exact lower 95 % bound of a share (one-sided); 0 without hits."""
    return 1 - upper_share(trials - hits, trials) if hits else 0.0


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of one share: 20 of 20 give 0.839 to 1; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = hits / trials, Z95 * Z95
    middle = share + z2 / (2 * trials)
    half = Z95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    low, high = (middle - half) / (1 + z2 / trials), (middle + half) / (1 + z2 / trials)
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)


def newcombe(hits: int, trials: int, other_hits: int, other_trials: int) -> tuple[float, float]:
    """The 95 % interval of share - other share, two independent samples (Newcombe 1998, hybrid score).

    96 of 100 against 97 of 100: -7.2 to +5.0 points.
    """
    if trials == 0 or other_trials == 0:
        return -1.0, 1.0
    a, b = hits / trials, other_hits / other_trials
    (a_low, a_high), (b_low, b_high) = wilson(hits, trials), wilson(other_hits, other_trials)
    return a - b - sqrt((a - a_low) ** 2 + (b_high - b) ** 2), a - b + sqrt((a_high - a) ** 2 + (b - b_low) ** 2)


def _at_most(hits: int, trials: int, share: float) -> float:
    """P(X <= hits) of a binomial with 0 < share < 1."""
    whole = lgamma(trials + 1)
    return sum(
        exp(whole - lgamma(k + 1) - lgamma(trials - k + 1) + k * log(share) + (trials - k) * log1p(-share))
        for k in range(hits + 1)
    )


def _bisect(below: Callable[[float], bool]) -> float:
    """The share in (0, 1) where `below` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high
