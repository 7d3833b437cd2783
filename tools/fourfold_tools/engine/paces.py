"""Paces: how many of each class of one run may stand side by side after trouble, and what was changed and why."""

from collections.abc import Iterable

from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.pace import Pace
from fourfold_tools.engine.scaling import Change
from fourfold_tools.engine.units import Unit
from fourfold_tools.model.result import Failure, Outcome


class Paces:
    """The paces of one run's classes; those of hosts belong to the limiter. Mutable: paces and changes."""

    def __init__(self, limiter: Limiter) -> None:
        self.changes: list[Change] = []
        self._limiter = limiter
        self._paces: dict[str, Pace] = {}  # of classes with contention
        self._contended_at: dict[str, int] = {}  # the limiter's turn at the newest one

    def hold_back(self, unit: Unit, running: Iterable[Unit]) -> bool:
        """Whether as many of the unit's class run as its pace allows after contention."""
        pace = self._paces.get(unit.keys[0])
        if pace is None or pace.limit is None:
            return False
        return len({other.lane for other in running if other.keys[0] == unit.keys[0]}) >= pace.limit

    def one_by_one(self, unit: Unit) -> bool:
        """Whether nothing may stand beside the unit after contention, not even in its own call."""
        pace = self._paces.get(unit.keys[0])
        return pace is not None and pace.limit == 1

    def learn(self, unit: Unit, outcome: Outcome, width: int) -> None:
        """Narrow what is short of something shared, or asks for less; widen it again as ends are good."""
        failure = outcome.result if isinstance(outcome.result, Failure) else None
        key, *hosts = unit.keys
        if hosts and (failure is None or failure.busy):
            change = (self._limiter.slow if failure else self._limiter.ease)(hosts[0], unit.turn)
            self.changes += [change] if change else []
        pace, most = self._paces.get(key), min(width, self._limiter.total(key))
        if failure is not None and failure.code == "contention":
            self._contended_at[key] = self._limiter.turn
            before = pace or Pace()
            self._set(key, before, before.contended(), most, "steps failed for want of shared things")
        elif pace is not None and unit.turn > self._contended_at[key]:
            self._set(key, pace, pace.ended_well(most), most, "steps end well again")

    def _set(self, key: str, before: Pace, after: Pace, most: int, reason: str) -> None:
        """most: how many of the class may run at once without trouble."""
        self._paces[key] = after
        was, now = min(most, before.limit or most), min(most, after.limit or most)
        if was != now:
            self.changes.append(Change(key, was, now, reason))
