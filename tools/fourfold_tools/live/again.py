"""Again: how far a verification has come that runs the steps of a run once more, each alone."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fourfold_tools.answer.words import seconds


@dataclass(slots=True)
class Again:
    """One verification. step_count: of the run that is verified. count: runs alone that it may make.

    Mutable: `done` of them have ended, `step` is the one at work and began at `since`; no step is at work while
    another verification has its turn.
    """

    step_count: int
    count: int
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    step: str = ""
    began: float = field(init=False)
    since: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.since = self.clock()

    @contextmanager
    def alone(self, step: str) -> Generator[None]:
        """While this step runs alone."""
        self.step, self.since = step, self.clock()
        try:
            yield
        finally:
            self.step, self.done = "", self.done + 1

    def text(self) -> str:
        """`verifying · 3 of 8 runs alone · tests running 14 s`."""
        at_work = f" · {self.step} running {seconds(self.clock() - self.since)}" if self.step else ""
        return f"verifying · {self.done} of {self.count} runs alone{at_work}"
