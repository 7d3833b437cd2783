"""How a step ended: its state, its output or failure, and what it took."""

from dataclasses import dataclass
from typing import Literal

from fourfold_tools.errors import Code, FourfoldError
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import AnyOutput
from fourfold_tools.model.request import AnyStep, BashStep

# `unknown` and `not_started` only stand in the record of a run that broke off, and of what resumed it.
State = Literal["ok", "failed", "skipped", "cancelled", "timed_out", "unknown", "not_started"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed; a command that failed keeps its output. busy: the other side asked for fewer requests."""

    code: Code
    message: str
    output: AnyOutput | None = None
    retryable: bool = False
    retry_after_s: float | None = None
    busy: bool = False

    @classmethod
    def of(cls, error: FourfoldError) -> "Failure":
        return cls(error.code, error.message, None, error.retryable, error.retry_after_s)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call of an op gave: the result, and what its process tree took where there was one.

    duration_s: seconds of this call alone where the op ran several together, else None (the engine's clock holds).
    """

    result: AnyOutput | Failure
    duration_s: float | None = None
    cpu_s: float | None = None
    max_rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One of several tries of a step, in seconds from the start of the run; code: why it failed."""

    started_s: float
    ended_s: float
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """The end of one step or sub-step. Times are seconds from the start of the run.

    index: (submitted step, sub-step or 0). lane: the parallel stream it ran in. group: the first step of those that
    one call of their op served together. same_as: the identical step whose result this is. literal: the step
    with its references resolved, where they had to be. waited_for: what kept a step waiting that was
    ready (`width`, `slot cpu`, `path`, `contention`), the last such thing. tries: each try, where there were
    several.
    """

    id: str
    op: str
    state: State
    title: str
    index: tuple[int, int]
    parent: str | None = None
    code: Code | None = None
    message: str = ""
    output: AnyOutput | None = None
    attempts: int = 0
    queued_s: float | None = None
    started_s: float | None = None
    duration_s: float | None = None
    cpu_s: float | None = None
    max_rss_bytes: int | None = None
    effects: Effects | None = None
    blocked_by: tuple[str, ...] = ()
    same_as: str | None = None
    lane: int | None = None
    group: str | None = None
    literal: AnyStep | None = None
    max_tokens: int | None = None
    note: str = ""
    waited_for: str = ""
    tries: tuple[Try, ...] = ()


def repeatable(step: AnyStep, effects: Effects | None) -> bool:
    """Whether running a step twice is harmless: it only reads, or the caller declared it idempotent."""
    return (effects is not None and effects.read_only) or (isinstance(step, BashStep) and step.idempotent)
