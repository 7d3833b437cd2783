"""The pressure watch: looks at the machine while runs are in flight and moves the limits as the rule says."""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from fourfold_tools.answer.decisions import pressure_signals
from fourfold_tools.context.pressure import Pressure, read_pressure
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.scaling import Change, Scaling, Window

_SETTLE_S = 0.05  # a run that is over sooner does not pay for a look at the machine
_WINDOW_S = 0.5
_MOST_KEPT = 1_000  # decisions; a run that makes more of them tells the newest
_SHOWN = 32  # of the newest decisions, to whoever looks on

Look = Callable[[Pressure, Sequence[Signal]], Awaitable[None]]


class PressureWatch:
    """One server's watch; at most one `watch` works at a time.

    looked: called after each look with the pressure and the newest decisions, so that others need no clock of their
    own. Mutable: the rule's memory, the last look, and the decisions made; `made` counts all of them.
    """

    def __init__(
        self,
        limiter: Limiter,
        cores: float,
        looked: Look | None = None,
        *,
        look: Callable[[], Pressure] = read_pressure,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._limiter = limiter
        self._looked = looked
        self._look = look
        self._sleep = sleep
        whole = max(1, round(cores))
        full = {key: total for key, total in limiter.totals.items() if ":" not in key}
        self._rule = Scaling(full=full, floor={"cpu": 1, "process": max(2, whole), "disk": 1, "net": 4})
        self._one = anyio.Lock()
        self._before: Pressure | None = None
        self._decisions: list[Change] = []
        self.made = 0

    async def watch(self) -> None:
        """Watch until cancelled; where another run's watch works already, wait for its place."""
        async with self._one:
            await self._sleep(_SETTLE_S)
            before = self._take_up()
            while True:
                await self._sleep(_WINDOW_S)
                before = self._look_again(before)
                if self._looked is not None:
                    await self._looked(before, pressure_signals(self._decisions[-_SHOWN:]))

    def since(self, made: int) -> list[Change]:
        """The decisions after the first `made`."""
        return self._decisions[max(0, made - self.made + len(self._decisions)) :]

    def _take_up(self) -> Pressure:
        """Start where the last watch ended: in calm time between, limits have come back."""
        before, now = self._before, self._look()
        self._before = now
        if before is not None:
            windows = int((now.at_s - before.at_s) / _WINDOW_S)
            self._apply(self._rule.rested(self._limiter.totals, _window(before, now), windows))
        return now

    def _look_again(self, before: Pressure) -> Pressure:
        now = self._before = self._look()
        self._rule, changes = self._rule.step(self._limiter.totals, _window(before, now))
        self._apply(changes)
        return now

    def _apply(self, changes: list[Change]) -> None:
        if not changes:
            return
        self._limiter.totals.update({change.key: change.after for change in changes})
        self._decisions = [*self._decisions, *changes][-_MOST_KEPT:]
        self.made += len(changes)
        self._limiter.rewake()


def _window(before: Pressure, now: Pressure) -> Window:
    files = now.open_files / now.max_files if now.open_files is not None and now.max_files else None
    return Window(
        cpu=now.cpu_share_since(before),
        load=now.load_per_core,
        io=now.io.some if now.io else None,
        memory=now.memory.full if now.memory else None,
        memory_available=now.memory_available,
        files=files,
    )
