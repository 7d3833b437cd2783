"""Verification of numbers that the caller measured: two sets of timings, two sets of results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp, isfinite, sqrt
from statistics import fmean, variance

from fourfold_tools.errors import Fault, InvalidRequest
from fourfold_tools.mathver.checks import Check, Verdict, judge, not_applicable
from fourfold_tools.mathver.context_usage import ContextUsage
from fourfold_tools.mathver.proportions import lower_share, newcombe, upper_share
from fourfold_tools.mathver.quality_check import LIMIT, QualityCheck
from fourfold_tools.mathver.report import LEVEL, MathVer
from fourfold_tools.mathver.resource_usage import ResourceUsage
from fourfold_tools.mathver.student import satterthwaite, t_quantile
from fourfold_tools.mathver.time_comparison import TimeComparison
from fourfold_tools.model.output import Json

_BASELINE = "the caller's own sequential timings"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the caller measured; an empty set was not given.

    sequential_s, parallel_s: whole runs, each timed several times, seconds.
    sequential_results, parallel_results: one entry per piece of work, in the same order both ways: true or false
        for right or wrong, or the result itself (any JSON value, null for none), which is right in the parallel
        set where it equals the sequential one. True and false may also come in sets of different size.
    """

    sequential_s: Sequence[float] = ()
    parallel_s: Sequence[float] = ()
    sequential_results: Sequence[Json] = ()
    parallel_results: Sequence[Json] = ()


def verify_measured(given: Measured, level: str = LEVEL) -> MathVer:
    """Verify what the caller measured; sections for which nothing was given are NOT_APPLICABLE.

    Timings: ratio of means, Welch's interval on the log scale; it covers the scatter of the timings and their
    rounding, not conditions that differed between the sets. Nothing is known of graph and processors, so no bound
    is checked.

    Raises:
        InvalidRequest: one set without its partner, times that are not positive, results that cannot be paired.
    """
    faults = _faults(given)
    if faults:
        raise InvalidRequest(faults)
    apart = not_applicable("The caller gave no figures for it.")
    return MathVer(
        level=level,
        time=_times(given.sequential_s, given.parallel_s),
        resource=ResourceUsage.missing(apart),
        quality=_results(given.sequential_results, given.parallel_results),
        context=ContextUsage(None, None, None, None, apart),
    )


def _faults(given: Measured) -> list[Fault]:
    faults: list[Fault] = []
    for name in ("s", "results"):
        one, other = f"sequential_{name}", f"parallel_{name}"
        if bool(getattr(given, one)) != bool(getattr(given, other)):
            faults.append(
                Fault(f"measured.{other if getattr(given, one) else one}", "is missing; both sets are needed")
            )
    for name, values in (("sequential_s", given.sequential_s), ("parallel_s", given.parallel_s)):
        faults += [
            Fault(f"measured.{name}[{i}]", f"expected seconds above 0, got {value!r}")
            for i, value in enumerate(values)
            if not (isfinite(value) and value > 0)
        ]
    a, b = given.sequential_results, given.parallel_results
    if a and b and len(a) != len(b) and not (_flags(a) and _flags(b)):
        faults.append(
            Fault("measured.parallel_results", f"expected {len(a)} results in the same order, got {len(b)}")
        )
    return faults


def _times(sequential_s: Sequence[float], parallel_s: Sequence[float]) -> TimeComparison:
    n, m = len(parallel_s), len(sequential_s)
    if not n:
        verdict = not_applicable("The caller gave no timings.")
        return TimeComparison("measured", None, None, None, None, None, verdict, 0, 0, 0, baseline=_BASELINE)
    sequential, parallel = fmean(sequential_s), fmean(parallel_s)
    factor = sequential / parallel
    ci95 = None
    if min(n, m) > 1:
        parts = [*_relative(sequential_s), *_relative(parallel_s)]
        half = t_quantile(0.975, round(satterthwaite(parts), 2)) * sqrt(sum(v for v, _ in parts))
        ci95 = (factor * exp(-half), factor * exp(half))
    verdict = _time_verdict(n, m, factor, ci95)
    return TimeComparison("measured", sequential, parallel, factor, None, ci95, verdict, n, m, 0, baseline=_BASELINE)


def _relative(values: Sequence[float]) -> list[tuple[float, float]]:
    """The relative variance of the mean with its degrees of freedom: scatter, and rounding of the figures given."""
    mean, n = fmean(values), len(values)
    # Figures such as 45, 45, 45 do not show no noise, they show seconds that were rounded.
    exponents = [int(Decimal(repr(float(v))).normalize().as_tuple().exponent) for v in values]
    unit = 10.0 ** min(0, *exponents)
    return [(variance(values) / n / mean**2, n - 1), (unit * unit / 12 / n / mean**2, 1000)]


def _time_verdict(n: int, m: int, factor: float, ci95: tuple[float, float] | None) -> Verdict:
    repeated = Check(
        "repeated",
        ci95 is not None,
        "UNVERIFIED",
        f"{m} sequential and {n} parallel timings show no noise to judge by.",
    )
    if ci95 is None:
        return judge([repeated], "")
    low, high = ci95
    checks = [
        repeated,
        Check("not_slower", high > 1, "INVALID", f"Running in parallel was no faster (speed-up {high:.2f} at most)."),
        Check(
            "gain_supported",
            low > 1,
            "UNVERIFIED",
            f"The speed-up lies between {low:.2f} and {high:.2f} (95 %): no gain is not ruled out.",
        ),
    ]
    return judge(checks, f"{m} and {n} timings put the speed-up between {low:.2f} and {high:.2f} (95 %).")


def _results(sequential: Sequence[Json], parallel: Sequence[Json]) -> QualityCheck:
    if not parallel:
        return QualityCheck.missing(not_applicable("The caller gave no results."))
    if _flags(sequential) and _flags(parallel):
        right_alone, right_parallel = [bool(v) for v in sequential], [bool(v) for v in parallel]
    else:
        right_alone = [v is not None for v in sequential]
        right_parallel = [
            ok and _text(a) == _text(b) for ok, a, b in zip(right_alone, sequential, parallel, strict=True)
        ]
    q_alone, q_parallel = fmean(right_alone), fmean(right_parallel)
    paired = len(right_alone) == len(right_parallel)
    worse = [i for i, (a, b) in enumerate(zip(right_alone, right_parallel, strict=False)) if paired and a and not b]
    lower, upper = _degradation_bounds(right_alone, right_parallel, len(worse), paired)
    m = len(right_parallel)
    return QualityCheck(
        parallel=q_parallel,
        sequential=q_alone,
        degradation=max(0.0, 1 - q_parallel / q_alone) if q_alone else None,
        lower=lower,
        upper=upper,
        certified=upper < LIMIT,
        census=False,
        n=m,
        m=m,
        degraded=tuple(f"parallel_results[{i}]" for i in worse),
        unexplained=(),
        nondeterministic=(),
        discarded=(),
        verdict=_result_verdict(m, lower, upper),
    )


def _degradation_bounds(
    alone: Sequence[bool], parallel: Sequence[bool], worse: int, paired: bool
) -> tuple[float, float]:
    """95 % bounds. Paired: exact for what came out worse; the lower one also Newcombe's for the shares themselves,
    because without a second sequential set what is flaky looks worse in some places and better in others."""
    share = fmean(alone)
    if not share:
        return 0.0, 1.0
    low, high = newcombe(sum(alone), len(alone), sum(parallel), len(parallel))
    if not paired:
        return max(0.0, low / share), min(1.0, high / share)
    lower = min(lower_share(worse, len(alone)), max(0.0, low))
    return lower / share, min(1.0, upper_share(worse, len(alone)) / share)


def _result_verdict(m: int, lower: float, upper: float) -> Verdict:
    checks = [
        Check(
            "not_degraded",
            lower < LIMIT,
            "INVALID",
            f"Results are worse in parallel: by {lower:.1%} or more (95 %); {LIMIT:.0%} is the limit.",
        ),
        Check(
            "below_limit",
            upper < LIMIT,
            "UNVERIFIED",
            f"With {m} results, degradation may be up to {upper:.1%} (95 %); {LIMIT:.0%} is the limit.",
        ),
    ]
    return judge(checks, f"{m} results were compared; degradation is below {upper:.1%} (95 %).")


def _flags(values: Sequence[Json]) -> bool:
    return all(isinstance(v, bool) for v in values)


def _text(value: Json) -> str:
    """The value in one form, so that 1 and true differ and the order of keys does not matter."""
    return json.dumps(value, sort_keys=True)
