"""Several runs or agents on the same work: what they agree on, which one stands apart, what to run again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from statistics import median

from fourfold_tools.mathver.checks import Check, Verdict, judge
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.proportions import wilson
from fourfold_tools.model.output import Json

# Modified z-score above which a value is an outlier (Iglewicz and Hoaglin 1993).
OUTLIER_Z = 3.5
# A stream is not called slow for less than this much above the median, however alike the others are.
MIN_SLOWER = 1.25


@dataclass(frozen=True, slots=True)
class Stream:
    """One run or one agent: its name, its seconds, and a hash of its result per piece of work.

    results: a piece that failed or is missing has None or no entry.
    """

    name: str
    seconds: float | None
    results: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """One stream against the majority of all: agreed and compared pieces, and the ones to run again."""

    name: str
    seconds: float | None
    agreed: int
    compared: int
    deviates: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def quality(self) -> float | None:
        """Share of the majority's results that this stream gave too; what is missing counts as not given."""
        whole = self.compared + len(self.missing)
        return self.agreed / whole if whole else None

    @property
    def again(self) -> tuple[str, ...]:
        return tuple(sorted({*self.deviates, *self.missing}))

    def data(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "seconds": figure(self.seconds),
            "quality": figure(self.quality),
            "agreed": self.agreed,
            "compared": self.compared,
            "deviates": list(self.deviates),
            "missing": list(self.missing),
            "again": list(self.again),
        }


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The streams together.

    outlier: the stream that stands alone most often against a majority, None where there is none or a tie.
    slow: streams whose seconds are outliers upward. disputed: pieces on which no majority agrees.
    quality: share of all results that are the majority's, with Wilson's interval.
    """

    streams: tuple[StreamFigures, ...]
    outlier: str | None
    slow: tuple[str, ...]
    disputed: tuple[str, ...]
    quality: float | None
    quality_ci95: tuple[float, float]
    median_s: float | None
    verdict: Verdict

    def data(self) -> dict[str, Json]:
        return {
            "streams": [s.data() for s in self.streams],
            "outlier": self.outlier,
            "slow": list(self.slow),
            "disputed": list(self.disputed),
            "quality": figure(self.quality),
            "quality_ci95": [figure(x) for x in self.quality_ci95],
            "median_s": figure(self.median_s),
            "again": {s.name: list(s.again) for s in self.streams if s.again},
            **self.verdict.data(),
        }


def cross_check(streams: Sequence[Stream]) -> CrossCheck:
    """Compare the same work over several streams.

    The majority (more than half of the streams that have a result) stands for what is right; with two streams a
    difference is disputed, and neither is named.
    """
    pieces = sorted({p for s in streams for p in s.results})
    agreed_on = {p: _majority([s.results.get(p) for s in streams]) for p in pieces}
    figures = tuple(_against(s, agreed_on) for s in streams)
    disputed = tuple(p for p, result in agreed_on.items() if result is None)
    compared = sum(f.compared + len(f.missing) for f in figures)
    agreed = sum(f.agreed for f in figures)
    times = [s.seconds for s in streams if s.seconds is not None]
    outlier = _outlier(figures)
    return CrossCheck(
        streams=figures,
        outlier=outlier,
        slow=_slow(streams),
        disputed=disputed,
        quality=agreed / compared if compared else None,
        quality_ci95=wilson(agreed, compared),
        median_s=median(times) if times else None,
        verdict=_verdict(figures, outlier, disputed),
    )


def _majority(results: Sequence[str | None]) -> str | None:
    """The result of more than half of those that have one, at least two; None without."""
    known = Counter(r for r in results if r is not None)
    if not known:
        return None
    result, count = known.most_common(1)[0]
    return result if count >= 2 and 2 * count > known.total() else None


def _against(stream: Stream, agreed_on: Mapping[str, str | None]) -> StreamFigures:
    judged = [p for p, result in agreed_on.items() if result is not None]
    missing = tuple(p for p in agreed_on if stream.results.get(p) is None)
    given = [p for p in judged if stream.results.get(p) is not None]
    deviates = tuple(p for p in given if stream.results[p] != agreed_on[p])
    return StreamFigures(stream.name, stream.seconds, len(given) - len(deviates), len(given), deviates, missing)


def _outlier(figures: Sequence[StreamFigures]) -> str | None:
    ranked = sorted(figures, key=lambda f: len(f.again), reverse=True)
    if not ranked or not ranked[0].again:
        return None
    tied = len(ranked) > 1 and len(ranked[1].again) == len(ranked[0].again)
    return None if tied else ranked[0].name


def _slow(streams: Sequence[Stream]) -> tuple[str, ...]:
    """Streams whose log seconds have a modified z-score above OUTLIER_Z; needs three streams with times."""
    times = {s.name: log(s.seconds) for s in streams if s.seconds}
    if len(times) < 3:
        return ()
    middle = median(times.values())
    # 0.6745: the median deviation of a normal distribution with standard deviation 1.
    scale = median(abs(t - middle) for t in times.values()) / 0.6745
    return tuple(n for n, t in times.items() if t - middle > max(OUTLIER_Z * scale, log(MIN_SLOWER)))


def _verdict(figures: Sequence[StreamFigures], outlier: str | None, disputed: Sequence[str]) -> Verdict:
    deviating = [f for f in figures if f.deviates]
    short = [f for f in figures if f.missing]
    named = next((f for f in figures if f.name == outlier), None)
    apart = f"{outlier} stands apart: run again {', '.join(named.again)}." if named else ""
    checks = [
        Check("several", len(figures) > 1, "UNVERIFIED", "One stream alone cannot be compared."),
        Check("compared", any(f.compared for f in figures), "UNVERIFIED", "No piece has a result that two share."),
        Check(
            "agree",
            not deviating,
            "INVALID",
            apart or f"Results differ from the majority in {', '.join(f.name for f in deviating)}.",
        ),
        Check("undisputed", not disputed, "UNVERIFIED", f"No majority agrees on {', '.join(disputed)}."),
        Check(
            "complete",
            not short,
            "UNVERIFIED",
            apart or f"Results are missing in {', '.join(f.name for f in short)}.",
        ),
    ]
    return judge(checks, f"{len(figures)} streams gave the same results.")
