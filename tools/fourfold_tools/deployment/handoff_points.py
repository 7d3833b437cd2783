"""Handoff points: after which task the caller's context is predicted to cross a threshold. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from fourfold_tools.context.levels import HANDOFF_ABOVE, HEADS_ONLY_ABOVE, LIMITED_ABOVE
from fourfold_tools.context.usage import Usage
from fourfold_tools.model.output import Json

_THRESHOLDS = (LIMITED_ABOVE, HEADS_ONLY_ABOVE, HANDOFF_ABOVE)


@dataclass(frozen=True, slots=True)
class HandoffPoint:
    """After `task` the context is predicted to be above `percent`; at_min: minutes from now."""

    percent: int
    after: str
    at_min: float
    predicted_percent: float

    def data(self) -> dict[str, Json]:
        return {
            "percent": self.percent,
            "after": self.after,
            "at_min": round(self.at_min, 6),
            "predicted_percent": round(self.predicted_percent, 1),
        }


def handoff_points(usage: Usage, ends: Iterable[tuple[float, str, int]]) -> list[HandoffPoint]:
    """The thresholds that are crossed as tasks end; none where the usage is not known.

    ends: (minute, task, tokens that its launch and report cost the caller), in any order.
    """
    points: list[HandoffPoint] = []
    spent = 0
    for minute, task, tokens in sorted(ends):
        before = usage.after(spent).percent
        spent += tokens
        after = usage.after(spent).percent
        if before is None or after is None:
            return []
        points += [HandoffPoint(int(t), task, minute, after) for t in _THRESHOLDS if before <= t < after]
    return points


def affordable(usage: Usage, wanted: int, tokens_each: int) -> int:
    """How many of `wanted` launches fit before the context would pass the handoff threshold; at least one while new
    work is allowed at all, none beyond."""
    if not usage.allow(1).new_work:
        return 0
    fits = wanted
    while fits > 1 and (usage.after(fits * tokens_each).percent or 0.0) > HANDOFF_ABOVE:
        fits -= 1
    return fits
