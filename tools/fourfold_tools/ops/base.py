"""The one seam between engine and work: an Op takes calls that are ready and gives their outcomes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from fourfold_tools.errors import Unsupported
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Outcome

ResourceClass = Literal["cpu", "disk", "net", "process"]


@dataclass(frozen=True, slots=True)
class Call:
    """One step, or one sub-step, ready to run: its arguments hold no reference, its spread argument no list.

    id: for messages and the child's environment. timeout_s: from the first moment of work; the op itself ends
    the work then and gives a `timed_out` failure with what it has. deadline: the same bound on time.monotonic().
    approved: the user has seen and allowed these very arguments.
    fresh: nothing may come from a cache of results (a run alone, for verification).
    spill: the file that a command's output may be streamed to; it makes the parents when it first writes.
    """

    id: str
    step: AnyStep
    timeout_s: float
    deadline: float
    spill: Path
    fresh: bool = False
    approved: bool = False


class Op(Protocol):
    """A kind of work. Implementations: the five ops, and the FakeOp of the tests.

    run gives one outcome per call, in order. It raises only when cancelled or broken; a failure of one call is a
    Failure in its outcome and never touches its neighbours. When cancelled it leaves nothing behind.
    """

    resource: ResourceClass

    def group_key(self, call: Call) -> Hashable | None:
        """Calls with the same key may be handed over together (up to `group_size`); None: each alone."""
        ...

    @property
    def group_size(self) -> int: ...

    def effects(self, step: AnyStep) -> Effects:
        """What the step touches, before references are known: what a reference decides is left out."""
        ...

    def host(self, step: AnyStep) -> str | None:
        """The host a call talks to, for the limit per host."""
        ...

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]: ...


def literal(value: object) -> str:
    """A spread argument of a ready call: exactly one string."""
    if not isinstance(value, str):
        raise Unsupported(f"expected one string, got {type(value).__name__}")
    return value
