"""Work: all that a run needs to know before it starts, and where it is written down."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fourfold_tools.engine.retry import RetryRule
from fourfold_tools.graph import Graph
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import StepResult
from fourfold_tools.ops.base import Op


class Journal(Protocol):
    """Where a run is written down while it runs."""

    async def starting(self, ids: Sequence[str]) -> None:
        """Durable when it returns: steps that must not be repeated are about to start."""
        ...

    def ended(self, result: StepResult) -> None:
        """Take note of an end; written soon, and before the run's answer leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """The steps of one run and the rules they run by.

    effects: of each submitted step, references aside; effects_of gives those of a step with literal arguments.
    weights: expected seconds of each step. timeouts: seconds by op. title: how a
    step is named in the answer (true: as a sub-step).
    expand: the steps that a glob in a step's path stands for; is_glob says which steps need it.
    width: groups that run at once. deadline_s: from the start of the run.
    approved: steps whose very arguments the user has seen and allowed.
    done: results by (step, sub-step) that a resumed run has already; they are not run again.
    """

    steps: Sequence[AnyStep]
    graph: Graph
    effects: Sequence[Effects]
    effects_of: Callable[[AnyStep], Effects]
    weights: Sequence[float]
    ops: Mapping[str, Op]
    timeouts: Mapping[str, float]
    spill: Path
    width: int
    deadline_s: float
    stop_on_error: bool
    max_items: int
    max_sub_steps: int
    retry: RetryRule
    title: Callable[[AnyStep, bool], str]
    is_glob: Callable[[AnyStep], bool]
    expand: Callable[[AnyStep], Awaitable[list[AnyStep]]]
    approved: frozenset[int] = frozenset()
    done: Mapping[tuple[int, int], StepResult] = field(default_factory=dict[tuple[int, int], StepResult])
