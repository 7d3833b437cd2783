"""Rows about commands: many small ones, and one that floods."""

from functools import cached_property

import floors
from case import Case, Probe
from cases.reads import batch
from machine import forget_peak, peak_mib, resident_mib
from wire import Wire
from world import World

_LINE = "0123456789" * 12
_FLOOD = f"yes {_LINE} | head -c {400 << 20}"
_KEPT_BYTES = 1 << 20


def rows(world: World) -> list[Case | Probe]:
    flood = _Flood(world)
    return [
        Case(
            "200 x true",
            "xargs -P2 bash -c true",
            lambda: floors.xargs_true(200),
            batch(world, [{"op": "bash", "command": f"true {i}"} for i in range(200)]),
            1.25,
        ),
        Case(
            "400 MiB of output kept to 1 MiB",
            "the same output | cat > /dev/null",
            lambda: floors.shell(f"{_FLOOD} | cat > /dev/null"),
            flood.run,
            1.3,
        ),
        Probe("memory of it above rest", "peak of server and helper", "MiB", flood.extra_mib, 16.0, rounds=3),
    ]


class _Flood:
    """A command that floods a server which keeps one MiB of it; the server starts when it is first asked."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self) -> None:
        self._wire.call("batch", {"steps": [{"op": "bash", "command": _FLOOD}]})

    def extra_mib(self) -> float:
        """The peak of one flood above what the server held before it, in a server that has flooded before."""
        self.run()
        rest = resident_mib(self._wire.pid)
        forget_peak(self._wire.pid)
        self.run()
        return peak_mib(self._wire.pid) - rest

    @cached_property
    def _wire(self) -> Wire:
        return self._world.server(FOURFOLD_BASH__MAX_OUTPUT_BYTES=str(_KEPT_BYTES))
