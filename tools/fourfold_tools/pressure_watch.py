"""The pressure watch: looks at the machine while runs are in flight and moves the limits as the rule says."""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from fourfold_tools.context.pressure import Pressure, read_pressure
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.scaling import Change, Scaling, Window

_SETTLE_S = 0.05  # a run that is over sooner does not pay for a look at the machine
_WINDOW_S = 0.5

Look = Callable[[Pressure, Sequence[Signal]], Awaitable[None]]


class PressureWatch:
    """One server's watch; at most one `watch` works at a time. Mutable: the rule's memory and the decisions made.

    looked: called after each look with the pressure and all decisions, so that others need no clock of their own.
    """

    def __init__(self, limiter: Limiter, cores: float, looked: Look | None = None) -> None:
        self._limiter = limiter
        self._looked = looked
        whole = max(1, round(cores))
        full = {key: total for key, total in limiter.totals.items() if ":" not in key}
        self._rule = Scaling(full=full, floor={"cpu": 1, "process": max(2, whole), "disk": 1, "net": 4})
        self._one = anyio.Lock()
        self.decisions: list[Signal] = []

    async def watch(self) -> None:
        """Watch until cancelled; where another run's watch works already, wait for its place."""
        async with self._one:
            await anyio.sleep(_SETTLE_S)
            before = read_pressure()
            while True:
                await anyio.sleep(_WINDOW_S)
                now = read_pressure()
                self._take_in(_window(before, now))
                before = now
                if self._looked is not None:
                    await self._looked(now, self.decisions)

    def _take_in(self, window: Window) -> None:
        self._rule, changes = self._rule.step(self._limiter.totals, window)
        for change in changes:
            self._limiter.totals[change.key] = change.after
            self.decisions.append(_signal(change))
        if changes:
            self._limiter.rewake()


def _window(before: Pressure, now: Pressure) -> Window:
    files = now.open_files / now.max_files if now.open_files is not None and now.max_files else None
    return Window(
        cpu=now.cpu_share_since(before),
        io=now.io.some if now.io else None,
        memory=now.memory.full if now.memory else None,
        memory_available=now.memory_available,
        files=files,
    )


def _signal(change: Change) -> Signal:
    return Signal(
        "pressure", change.key, change.reason, f"{change.key} steps at once {change.before} -> {change.after}"
    )
