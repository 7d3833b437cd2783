"""The errors of fourfold: one root, one line per family, each with the stable code of the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Code = Literal[
    "context",
    "invalid_request",
    "not_found",
    "denied",
    "too_large",
    "exit_status",
    "timed_out",
    "network",
    "contention",
    "unsupported",
    "cancelled",
    "internal",
]


MOST_FAULTS = 40  # lines of a refusal; whoever sends ten thousand wrong steps learns no more from the others


class FourfoldError(Exception):
    """The root: a failure with a stable code and a message for the agent that reads the answer."""

    code: ClassVar[Code] = "internal"
    retryable: bool = False
    retry_after_s: float | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: where it stands (`steps[2].limit`), what came, what is expected."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" if self.where else self.problem


class InvalidRequest(FourfoldError):
    """A request that cannot run; `faults` holds one entry per fault."""

    code = "invalid_request"

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__(told(self.faults))


def told(faults: Sequence[Fault]) -> str:
    """One line per fault; of a great many the first, and how many more there are."""
    rows = [str(fault) for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        rows.append(f"… and {len(faults) - MOST_FAULTS:,} more faults")
    return "\n".join(rows)


class NotFound(FourfoldError):
    code = "not_found"


class Denied(FourfoldError):
    code = "denied"


class TooLarge(FourfoldError):
    code = "too_large"


class TimedOut(FourfoldError):
    code = "timed_out"


class NetworkFailure(FourfoldError):
    """A fetch that got no usable answer; `retryable` for timeouts, resets and 408, 425, 429, 5xx."""

    code = "network"

    def __init__(self, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class Contention(FourfoldError):
    """A shared thing ran out (descriptors, processes, a lock); trying again alone may help."""

    code = "contention"
    retryable = True


class Unsupported(FourfoldError):
    code = "unsupported"
