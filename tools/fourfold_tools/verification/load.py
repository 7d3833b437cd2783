"""Load: what pressed on the machine during one arm of a verification."""

import os

import anyio

from fourfold_tools.context.pressure import Pressure, read_pressure
from fourfold_tools.mathver.records import Load

_WINDOW_S = 0.25  # one reading of pressure; short enough that a run of a second has a few


class LoadLog:
    """Pressure over an arm, window by window. Mutable: windows are added while `watch` runs."""

    def __init__(self) -> None:
        self._first = read_pressure()
        self._last = self._first
        self._cpu: list[float] = []

    async def watch(self) -> None:
        """Add a window from time to time, until cancelled."""
        while True:
            await anyio.sleep(_WINDOW_S)
            self._add(read_pressure())

    def load(self) -> Load:
        """The load up to now."""
        self._add(read_pressure())
        average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        return Load(cpu=tuple(self._cpu), io=_some(self._last), memory=_full(self._last), loadavg=average)

    def _add(self, now: Pressure) -> None:
        share = now.cpu_share_since(self._last)
        if share is not None:
            self._cpu.append(share)
        self._last = now


def _some(pressure: Pressure) -> float | None:
    return None if pressure.io is None else pressure.io.some


def _full(pressure: Pressure) -> float | None:
    return None if pressure.memory is None else pressure.memory.full
