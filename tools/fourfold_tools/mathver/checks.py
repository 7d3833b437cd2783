"""States and how they come about: named checks, each with the state that its failure leads to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from fourfold_tools.model.output import Json

State = Literal["VALID", "INVALID", "UNVERIFIED", "NOT_APPLICABLE"]

STATES: tuple[State, ...] = get_args(State)

# From best to worst; NOT_APPLICABLE does not count.
_SEVERITY: Mapping[State, int] = MappingProxyType({"NOT_APPLICABLE": 0, "VALID": 1, "UNVERIFIED": 2, "INVALID": 3})


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a claim: its name, whether it holds, and what its failure means, in one sentence."""

    name: str
    holds: bool
    otherwise: State
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, the reason in one sentence, and every check that was made."""

    state: State
    reason: str
    checks: Mapping[str, bool]

    def data(self) -> dict[str, Json]:
        return {"checks": dict(self.checks), "state": self.state, "reason": self.reason}


def judge(checks: Sequence[Check], proven: str) -> Verdict:
    """VALID with the sentence `proven` when every check holds, else the worst failure, the first of its kind."""
    failed = [c for c in checks if not c.holds]
    made = {c.name: c.holds for c in checks}
    if not failed:
        return Verdict("VALID", proven, made)
    worst_check = max(failed, key=lambda c: _SEVERITY[c.otherwise])
    return Verdict(worst_check.otherwise, worst_check.reason, made)


def not_applicable(reason: str, checks: Sequence[Check] = ()) -> Verdict:
    """There is nothing to compare; the checks are kept for the record."""
    return Verdict("NOT_APPLICABLE", reason, {c.name: c.holds for c in checks})


def worst(states: Iterable[State]) -> State:
    """The worst state; NOT_APPLICABLE only when there is nothing else."""
    found: State = "NOT_APPLICABLE"
    for state in states:
        if _SEVERITY[state] > _SEVERITY[found]:
            found = state
    return found
