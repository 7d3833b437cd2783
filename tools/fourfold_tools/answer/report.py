"""The report of a run: all that its answer is made of, before any cutting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fourfold_tools.context.signals import Signal
from fourfold_tools.model.result import StepResult


@dataclass(frozen=True, slots=True)
class Delivered:
    """What an answer hands over. tokens: of all of it. bodies: of the results in it. cut: what lies in files."""

    tokens: int
    bodies: int
    cut: int


class Verdict(Protocol):
    """What verification says of a run: the lines, and the whole object."""

    @property
    def lines(self) -> Sequence[str]: ...
    def data(self) -> dict[str, Any]: ...


class ContextUse(Protocol):
    """How full the caller's window is."""

    def text(self) -> str: ...
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class RunReport:
    """A finished run. step_count: submitted steps. wall_s: first dispatch to last
    result. width: groups that could run at once. heads_only: of what is cut only
    the first lines are shown.

    verdict: what verification says once it is known what the answer cost. verified: steps were run again.
    """

    run: str
    step_count: int
    results: tuple[StepResult, ...]
    wall_s: float
    width: int
    heads_only: bool
    verdict: Callable[[Delivered], Verdict]
    context: ContextUse
    verified: bool
    signals: tuple[Signal, ...] = field(default=())

    def submitted(self) -> list[tuple[str, str]]:
        """(id, state) of each submitted step; one with sub-steps is the worst of them."""
        worst: dict[int, tuple[str, str]] = {}
        for result in self.results:
            index = result.index[0]
            name = result.parent or result.id
            if index not in worst or _SEVERITY[result.state] > _SEVERITY[worst[index][1]]:
                worst[index] = (name, result.state)
        return [worst[index] for index in sorted(worst)]


_SEVERITY = {"ok": 0, "not_started": 1, "skipped": 2, "unknown": 3, "cancelled": 4, "timed_out": 5, "failed": 6}
