"""Presence: which processes of the fleet are alive, by their beats as somebody sees them."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fourfold_tools.fleet.store import Store
from fourfold_tools.store.owner import is_alive, this_process


def this_worker() -> str:
    """`HOST/PID:START` of this process; the host's part differs between machines and containers."""
    return f"{this_host()}/{this_process()}"


def is_here(worker: str) -> bool:
    """Whether a process was started on this machine, so that it can be asked after directly."""
    return worker.rpartition("/")[0] == this_host()


def this_host() -> str:
    """This machine since its last start, and the namespace of its processes."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8])
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    except OSError:  # not Linux: the name has to do
        pass
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class _Seen:
    beat: int
    since: float


class Watcher:
    """Judges beats by its own clock: only time during which the database could be read counts. Mutable: what it saw.

    No clocks are compared: a beat that has not changed for dead_s of looking is a process that has gone, and by
    then, if it is only cut off, it has ended what others may take over (see `fence_s`).
    """

    def __init__(self, dead_s: float) -> None:
        self._dead_s = dead_s
        self._seen: dict[str, _Seen] = {}
        self._looked_at = float("-inf")

    def look(self, beats: Mapping[str, int], now: float) -> set[str]:
        """The processes that have gone, of those that ever were. now: seconds of a monotonic clock.

        Looks further apart than a quarter of `dead_s` say that the database was away: all is counted anew.
        """
        if now - self._looked_at > self._dead_s / 4:
            self._seen.clear()
        self._looked_at = now
        for worker, beat in beats.items():
            known = self._seen.get(worker)
            if known is None or known.beat != beat:
                self._seen[worker] = _Seen(beat, now)
        return {w for w in beats if self._gone(w, now)}

    def _gone(self, worker: str, now: float) -> bool:
        if is_here(worker) and not is_alive(worker.rpartition("/")[2]):
            return True
        return now - self._seen[worker].since >= self._dead_s


class Beats:
    """The beats in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, worker: str, slots: int) -> None:
        sql = sa.text("INSERT INTO fourfold_workers VALUES(:name, :slots, 0, :now) ON CONFLICT (name) DO NOTHING")
        self._store.run(lambda db: db.execute(sql, {"name": worker, "slots": slots, "now": time.time()}))

    def beat(self, worker: str) -> None:
        """Raises Contention at once where the database is away."""
        sql = sa.text("UPDATE fourfold_workers SET beat=beat+1 WHERE name=:name")
        self._store.run(lambda db: db.execute(sql, {"name": worker}), 0.0)

    def all(self) -> dict[str, int]:
        sql = sa.text("SELECT name, beat FROM fourfold_workers")
        return self._store.run(lambda db: {str(row[0]): int(row[1]) for row in db.execute(sql)}, 0.0)

    def leave(self, worker: str) -> None:
        """A worker that has ended, or was found dead with nothing of it left."""
        self._store.run(
            lambda db: db.execute(sa.text("DELETE FROM fourfold_workers WHERE name=:name"), {"name": worker})
        )
