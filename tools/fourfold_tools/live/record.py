"""The live record of one server: a small file that is there while runs are in flight, and gone with the last."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio import CapacityLimiter

from fourfold_tools.context.pressure import Pressure, read_pressure
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.live.again import Again
from fourfold_tools.store.owner import is_alive, this_process

if TYPE_CHECKING:
    from fourfold_tools.live.snapshot import Snapshot

_EVERY_S = 0.5  # as often as the pressure watch looks
_LEAST_S = 1.0  # of a run before anything is written for it: most are over by then
_MOST_BYTES = 1 << 20  # of a record; a longer file is none of ours
_serial = count(1)


class RecordFile:
    """One record of this process in the live folder. Mutable: whether it lies there. A disk that does not take it
    ends the record, never the work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{this_process().replace(':', '-')}-{next(_serial)}.json"
        self._written = False
        self.broken = False

    def write(self, text: bytes) -> None:
        try:
            if not self._written:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _sweep(self._folder)
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(text)
            fresh.replace(self._path)
            self._written = True
        except OSError:
            self.broken = True

    def remove(self) -> None:
        if self._written:
            self._written = False
            self._path.unlink(missing_ok=True)


class LiveRecord:
    """The runs of one server.

    It rides on the pressure watch, which looks twice a second while the steps of runs are in flight; only a
    verification, during which no limit moves, has it look by itself. What a snapshot is made of is imported with the
    first one. Mutable: the newest decisions.
    """

    def __init__(
        self,
        folder: Path,
        cwd: str,
        limiter: Limiter,
        active: Mapping[str, Scheduler],
        again: Mapping[str, Again],
    ) -> None:
        self._cwd = cwd
        self._limiter = limiter
        self._full = {key: total for key, total in limiter.totals.items() if ":" not in key}
        self._active = active
        self._again = again
        self._decisions: Sequence[Signal] = ()
        self._owner = this_process()
        self._file = RecordFile(folder)
        self._one = CapacityLimiter(1)
        self.percent: Callable[[], float | None] = lambda: None

    async def look(self, pressure: Pressure, decisions: Sequence[Signal]) -> None:
        """Write what is in flight now, where a run has lasted long enough to be looked at."""
        self._decisions = decisions[-8:]
        lasting = any(run.now_s() >= _LEAST_S for run in self._active.values())
        if self._file.broken or not (lasting or any(a.clock() - a.began >= _LEAST_S for a in self._again.values())):
            return
        from fourfold_tools.live.snapshot import Snapshot, freeze, last_signals, live_runs, pressure_of, slots_of

        snapshot = Snapshot(
            owner=self._owner,
            cwd=self._cwd,
            at=time.time(),
            slots=slots_of(self._limiter.in_use(), self._limiter.totals, self._full),
            pressure=pressure_of(pressure),
            context_percent=self.percent(),
            signals=last_signals(signal.line() for signal in self._decisions),
            runs=live_runs(self._active, self._again),
        )
        await anyio.to_thread.run_sync(self._file.write, freeze(snapshot), limiter=self._one)

    async def keep(self) -> None:
        """Look until cancelled."""
        while True:
            await anyio.sleep(_EVERY_S)
            await self.look(read_pressure(), self._decisions)

    def runs_ended(self) -> None:
        """Called when a run, or a verification, has ended: without another in flight the file goes."""
        if not self._active and not self._again:
            self._file.remove()


def read_live(folder: Path) -> "list[Snapshot]":
    """What the servers that still run say, those with the oldest run first; files of dead ones are passed over."""
    from fourfold_tools.live.snapshot import thaw

    found: list[Snapshot] = []
    for path in _records(folder):
        try:
            if path.stat().st_size <= _MOST_BYTES:
                found.append(thaw(path.read_bytes()))
        except (OSError, ValueError):  # it went meanwhile, or another version wrote it
            continue
    alive = [snapshot for snapshot in found if is_alive(snapshot.owner)]
    return sorted(alive, key=lambda s: (s.at - max((run.elapsed_s for run in s.runs), default=0.0), s.owner))


def _sweep(folder: Path) -> None:
    """Remove what servers that were killed have left."""
    for path in [*_records(folder), *folder.glob("*.new")]:
        pid, start, *_ = [*path.stem.split("-"), "", ""]
        if not is_alive(f"{pid}:{start}"):
            path.unlink(missing_ok=True)


def _records(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json")) if folder.is_dir() else []
