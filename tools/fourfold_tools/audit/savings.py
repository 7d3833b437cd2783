"""Savings: the seconds and tokens that a group's turns cost and one turn would not have, as intervals. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from fourfold_tools.audit.conversation import Turn, Usage


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the bounds that the transcript supports; low <= value <= high."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.value + other.value, self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one turn took: the model's and the tools' seconds, and the request's tokens; None where not recorded."""

    model_s: float | None
    tools_s: float | None
    usage: Usage | None

    @classmethod
    def of(cls, turn: Turn) -> "Pace":
        return cls(turn.model_s, turn.tools_s, turn.usage)


def output_rate(paces: Iterable[Pace]) -> float | None:
    """Tokens a second that the model writes at least: the median over turns of output / model seconds.

    A turn's model time also holds the wait for the first token, so each quotient is below the true rate, and so is
    their median, which an odd time stamp does not move. None without a turn that has both.
    """
    rates = [p.usage.output / p.model_s for p in paces if p.usage and p.model_s and p.usage.output]
    return median(rates) if rates else None


def seconds_saved(group: Sequence[Pace], rate: float | None) -> Interval:
    """Seconds that one turn in place of `group` (at least two turns, in order) would have saved.

    high: the model's time of every turn but the first, and the tools' time of all turns but the longest.
    low: of the model's time only what is left when the turn's own output is taken off at `rate` (the calls would
        still have to be written), nothing without a rate; of the tools' time nothing (commands that share the
        processor, and waits for a permission, need not overlap).
    value: the middle of the two; nothing in a transcript says where between them the truth lies.
    Times that are not recorded count as nothing.
    """
    later = [pace for pace in group[1:] if pace.model_s is not None]
    tools = [pace.tools_s for pace in group if pace.tools_s is not None]
    overlap_s = sum(tools) - max(tools, default=0.0)
    high = sum(pace.model_s or 0.0 for pace in later) + overlap_s
    low = sum(_waited_s(pace, rate) for pace in later)
    return Interval((low + high) / 2, low, high)


def _waited_s(pace: Pace, rate: float | None) -> float:
    """A turn's model time without the writing; nothing where one of the two is not known."""
    if rate is None or pace.model_s is None or pace.usage is None:
        return 0.0
    return max(0.0, pace.model_s - pace.usage.output / rate)


def tokens_saved(group: Sequence[Pace]) -> Interval:
    """Tokens of context that would not have been read again (input, cache creation and cache read).

    value and high: the whole context of every request but the first; exact where the batch's answer is as long as
        the single results together, because each result is then read once instead of once a turn.
    low: for each of them only the context that the first request had, before anything of the group stood in it.
    Requests without usage count as nothing.
    """
    first = group[0].usage
    later = [pace.usage.context for pace in group[1:] if pace.usage]
    high = float(sum(later))
    low = float(sum(min(context, first.context) for context in later)) if first else 0.0
    return Interval(high, low, high)


def cached_tokens(group: Sequence[Pace]) -> int:
    """How many of the tokens saved came from the cache, where a token costs a fraction of a new one."""
    return sum(pace.usage.cached for pace in group[1:] if pace.usage)
