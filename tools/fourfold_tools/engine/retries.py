"""Retries: the units of one run that wait for another try, and which of those that failed get one."""

import heapq
from collections.abc import Callable
from dataclasses import replace

from fourfold_tools.engine.retry import RetryBudget, RetryRule
from fourfold_tools.engine.units import Unit
from fourfold_tools.model.request import BashStep
from fourfold_tools.model.result import Failure, Outcome, Try, repeatable


class Retries:
    """What waits, by the second of the run at which it is due. Mutable."""

    def __init__(self, rule: RetryRule, budget: RetryBudget, chance: Callable[[], float]) -> None:
        self._rule = rule
        self._budget = budget
        self._chance = chance
        self._later: list[tuple[float, int, Unit]] = []

    @property
    def waiting(self) -> list[tuple[float, Unit]]:
        """(due, unit) of all that wait."""
        return [(due, unit) for due, _, unit in self._later]

    @property
    def next_due_s(self) -> float:
        return self._later[0][0] if self._later else float("inf")

    def take_due(self, now_s: float) -> list[Unit]:
        """The units whose next try is due."""
        due: list[Unit] = []
        while self._later and self._later[0][0] <= now_s:
            due.append(heapq.heappop(self._later)[2])
        return due

    def drain(self) -> list[Unit]:
        """All that wait; nothing waits then."""
        units = [unit for _, _, unit in self._later]
        self._later.clear()
        return units

    def put_off(self, unit: Unit, outcome: Outcome, now_s: float) -> bool:
        """Whether the unit is tried again: it failed, may be repeated, and both bounds and the budget allow it."""
        failure = outcome.result
        if not isinstance(failure, Failure) or not repeatable(unit.step, unit.effects):
            return False
        if _asks_for_retries(unit) and failure.code in {"exit_status", "timed_out"}:
            failure = replace(failure, retryable=True)
        rule = self._rule if unit.step.retries is None else replace(self._rule, retries=unit.step.retries)
        wait = rule.wait_s(failure, unit.attempts, now_s - (unit.first_s or now_s), self._chance())
        if wait is None or not self._budget.spend():
            return False
        unit.last = outcome
        unit.tries.append(Try(unit.try_s, now_s, failure.code))
        heapq.heappush(self._later, (now_s + wait, id(unit), unit))
        return True


def _asks_for_retries(unit: Unit) -> bool:
    """Whether the caller said that this command may be repeated and how often: then a failure is tried again."""
    return isinstance(unit.step, BashStep) and unit.step.idempotent and bool(unit.step.retries)
