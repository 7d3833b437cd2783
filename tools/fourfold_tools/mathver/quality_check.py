"""The quality line: whether running side by side changed any result, from pairs of the same step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.mathver.checks import Check, Verdict, judge
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.proportions import lower_share, upper_share, wilson
from fourfold_tools.mathver.records import Pair
from fourfold_tools.model.output import Json

# Degradation that a claim must stay below, as a share; the printed form is `<2%`.
LIMIT = 0.02
# Share of the steps compared that may be nondeterministic before a claim would rest on the others too much.
MAX_NONDETERMINISTIC = 0.2

Finding = Literal["same", "degraded", "wrong_in_both", "recovered", "unexplained", "nondeterministic", "unknown"]


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """Shares are 0 to 1 over the pairs whose results can be compared; None where there are none.

    degradation: max(0, 1 - Q_par / Q_seq). upper, lower: its 95 % bounds (exact, one-sided each); in a census
    both are the value itself, because no other step of the run is left. certified: upper is below LIMIT.
    n: steps that ran; m: compared. degraded, unexplained, nondeterministic: ids. discarded: inputs changed.
    """

    parallel: float | None
    sequential: float | None
    degradation: float | None
    lower: float
    upper: float
    certified: bool
    census: bool
    n: int
    m: int
    degraded: tuple[str, ...]
    unexplained: tuple[str, ...]
    nondeterministic: tuple[str, ...]
    discarded: tuple[str, ...]
    verdict: Verdict

    @classmethod
    def missing(cls, verdict: Verdict) -> "QualityCheck":
        """Nothing was compared and nothing was to be."""
        return cls(None, None, None, 0.0, 1.0, False, False, 0, 0, (), (), (), (), verdict)

    def data(self) -> dict[str, Json]:
        right = None if self.parallel is None else round(self.parallel * self.m)
        kind = "missing" if self.parallel is None else "measured" if self.census else "sampled"
        return {
            "parallel": figure(self.parallel),
            "sequential": figure(self.sequential),
            "degradation": figure(self.degradation),
            "degradation_ci95": [figure(self.lower), figure(self.upper)],
            "parallel_ci95": None if right is None else [figure(x) for x in wilson(right, self.m)],
            "limit": LIMIT,
            "census": self.census,
            "n": self.n,
            "m": self.m,
            "degraded": list(self.degraded),
            "unexplained": list(self.unexplained),
            "nondeterministic": list(self.nondeterministic),
            "discarded": list(self.discarded),
            "basis": {"parallel": kind, "sequential": kind, "degradation": kind},
            **self.verdict.data(),
        }


def flaky(pair: Pair) -> bool:
    """Whether two runs alone gave different results: the step is nondeterministic."""
    return pair.seq_hash is not None and pair.seq2_hash is not None and pair.seq_hash != pair.seq2_hash


def finding(pair: Pair) -> Finding:
    """What one pair says.

    1. Ended alike with a result that a run alone gave too: same (or wrong in both).
    2. Nondeterministic otherwise: never called degraded.
    3. Ended alike, a hash is missing: nothing is known.
    4. Right alone and not beside others: degraded when a second run alone confirmed it, else unexplained.
    """
    alike = pair.par_ok == pair.seq_ok
    if alike and pair.par_hash is not None and pair.par_hash in {pair.seq_hash, pair.seq2_hash}:
        return "same" if pair.seq_ok else "wrong_in_both"
    if flaky(pair):
        return "nondeterministic"
    if alike and (pair.par_hash is None or pair.seq_hash is None):
        return "unknown"
    if not pair.seq_ok:
        return "recovered" if pair.par_ok else "wrong_in_both"
    return "degraded" if pair.seq_hash is not None and pair.seq2_hash is not None else "unexplained"


def check_quality(ran: Sequence[str], pairs: Sequence[Pair], lost: int = 0) -> QualityCheck:
    """The quality section for a run whose steps `ran` (ids) against pairs of some of them.

    lost: steps that were drawn to run alone and have no pair.
    """
    usable = [p for p in pairs if not p.input_changed]
    found: dict[str, Finding] = {p.id: finding(p) for p in usable}
    tally = _Tally.of(found)
    m = tally.compared
    # A nondeterministic step counts as looked at when it ended alike in both runs.
    apart = [p for p in usable if found[p.id] == "nondeterministic"]
    census = m > 0 and m + sum(p.par_ok == p.seq_ok for p in apart) >= len(ran)
    lower, upper = _bounds(tally, len(ran), census)
    certified = upper < LIMIT and not tally.unexplained
    checks = _checks(tally, _ids(found, "degraded"), lower, upper, len(apart), lost)
    return QualityCheck(
        parallel=tally.right_parallel / m if m else None,
        sequential=tally.right_alone / m if m else None,
        degradation=tally.degradation,
        lower=lower,
        upper=upper,
        certified=certified,
        census=census,
        n=len(ran),
        m=m,
        degraded=_ids(found, "degraded"),
        unexplained=_ids(found, "unexplained"),
        nondeterministic=tuple(p.id for p in usable if flaky(p)),
        discarded=tuple(p.id for p in pairs if p.input_changed),
        verdict=judge(checks, _proven(tally, len(ran), upper, census)),
    )


@dataclass(frozen=True, slots=True)
class _Tally:
    """Counts over the pairs whose results can be compared."""

    same: int
    degraded: int
    wrong: int
    recovered: int
    unexplained: int

    @classmethod
    def of(cls, found: Mapping[str, Finding]) -> "_Tally":
        kinds = list(found.values())
        return cls(*(kinds.count(k) for k in ("same", "degraded", "wrong_in_both", "recovered", "unexplained")))

    @property
    def compared(self) -> int:
        return self.same + self.degraded + self.wrong + self.recovered + self.unexplained

    @property
    def right_parallel(self) -> int:
        return self.same + self.recovered

    @property
    def right_alone(self) -> int:
        return self.same + self.degraded + self.unexplained

    @property
    def degradation(self) -> float | None:
        return max(0.0, 1 - self.right_parallel / self.right_alone) if self.right_alone else None


def _bounds(tally: _Tally, n: int, census: bool) -> tuple[float, float]:
    """95 % bounds of the degradation; what got better beside others is not set against what got worse.

    The degraded steps of the sample are part of the run, so the share cannot be below degraded / n.
    """
    if not tally.right_alone:
        return 0.0, 1.0
    m, share = tally.compared, tally.right_alone / tally.compared
    worse = tally.degraded + tally.unexplained
    if census:
        return tally.degraded / m / share, worse / m / share
    lower = max(lower_share(tally.degraded, m), tally.degraded / n)
    return lower, min(1.0, upper_share(worse, m) / share)


def _checks(tally: _Tally, degraded: Sequence[str], lower: float, upper: float, apart: int, lost: int) -> list[Check]:
    m = tally.compared
    named = ", ".join(degraded[:5]) + (" …" if len(degraded) > 5 else "")
    return [
        Check("compared", m > 0, "UNVERIFIED", "No result was compared with that of a run alone."),
        Check(
            "not_degraded",
            lower < LIMIT,
            "INVALID",
            f"Running in parallel changed results: {named} ({lower:.1%} or more, {LIMIT:.0%} is the limit).",
        ),
        Check(
            "sample_complete", lost == 0, "UNVERIFIED", f"{lost} steps that were drawn to run alone have no result."
        ),
        Check(
            "differences_explained",
            not tally.unexplained,
            "UNVERIFIED",
            f"{tally.unexplained} results differ from those alone, and no second run says why.",
        ),
        Check(
            "deterministic",
            apart <= MAX_NONDETERMINISTIC * (m + apart),
            "UNVERIFIED",
            f"{apart} of {m + apart} steps are nondeterministic, so their results cannot be compared.",
        ),
        Check(
            "below_limit",
            upper < LIMIT,
            "UNVERIFIED",
            f"With {m} steps compared, degradation may be up to {upper:.1%} (95 %); {LIMIT:.0%} is the limit.",
        ),
    ]


def _proven(tally: _Tally, n: int, upper: float, census: bool) -> str:
    if not census:
        return (
            f"{tally.compared} of {n} steps were compared with runs alone; degradation is below {upper:.1%} (95 %)."
        )
    worse = f"{tally.degraded} came out worse" if tally.degraded else "none came out worse"
    return f"All {n} steps were looked at, {tally.compared} compared with runs alone; {worse}."


def _ids(found: Mapping[str, Finding], kind: Finding) -> tuple[str, ...]:
    return tuple(i for i, k in found.items() if k == kind)
