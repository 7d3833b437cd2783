"""The budget: how many tokens of an answer each step gets, max-min fair. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What one section would like: `tokens` whole; `first` for errors, which may take what the others leave, and
    half of the budget in any case.

    most: a bound of the step's own (its `max_tokens`), None without one.
    """

    tokens: int
    first: bool = False
    most: int | None = None


def allot(budget: int, demands: Sequence[Demand]) -> list[int]:
    """Tokens for each demand, in the same order; the sum never exceeds the budget, nothing useful is left over.

    Water-filling (max-min fairness, Bertsekas & Gallager 1987): by ascending size each takes what it wants or an
    equal share of what is left, so small results stay whole and only large ones are cut.
    """
    wanted = [_size(d) for d in demands]
    given = [0] * len(demands)
    others = sum(w for w, d in zip(wanted, demands, strict=True) if not d.first)
    left = max(0, budget)
    errors = _fill(max(left // 2, left - others), given, wanted, [i for i, d in enumerate(demands) if d.first])
    _fill(left - errors, given, wanted, [i for i, d in enumerate(demands) if not d.first])
    return given


def _fill(left: int, given: list[int], wanted: Sequence[int], rows: list[int]) -> int:
    """Water-fill the rows in place; the tokens given."""
    start = left
    rows.sort(key=lambda i: (wanted[i], i))
    for done, i in enumerate(rows):
        given[i] = min(wanted[i], left // (len(rows) - done))
        left -= given[i]
    return start - left


def _size(demand: Demand) -> int:
    return demand.tokens if demand.most is None else min(demand.tokens, demand.most)
