"""The retry rule: what may be tried again, how often, how long, and when. Pure; time and chance are given."""

from dataclasses import dataclass

from fourfold_tools.model.result import Failure


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Both bounds of every retry: attempts after the first, and seconds over all of them.

    Waits have full jitter: uniform in [0, min(cap_s, base_s * 2^k)] (Brooker, AWS Architecture Blog 2015); a
    server's Retry-After is a lower bound for the wait.
    """

    retries: int
    max_s: float
    base_s: float
    cap_s: float

    def wait_s(self, failure: Failure, attempts: int, elapsed_s: float, chance: float) -> float | None:
        """Seconds until the next attempt, or None when there is none.

        attempts: how many have been made. elapsed_s: since the first began. chance: uniform in [0, 1].
        """
        if not failure.retryable or attempts > self.retries:
            return None
        wait = max(chance * min(self.cap_s, self.base_s * 2 ** (attempts - 1)), failure.retry_after_s or 0.0)
        return wait if elapsed_s + wait <= self.max_s else None


class RetryBudget:
    """A token bucket that keeps retries near a tenth of all first attempts. Mutable."""

    def __init__(self, per_step: float, most: float) -> None:
        self._per_step = per_step
        self._most = most
        self._tokens = most

    def first_attempt(self) -> None:
        self._tokens = min(self._most, self._tokens + self._per_step)

    def spend(self) -> bool:
        """Take one token for a retry; false when the budget is empty."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
