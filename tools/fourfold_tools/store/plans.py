"""Plans in the store: what was decided, how far it has come, the paths held by running tasks, what agents took."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fourfold_tools.errors import Contention, NotFound
from fourfold_tools.model.faults import brief
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.owner import is_alive

T = TypeVar("T")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that look like digits
_MOST_TIMES = 64  # observations kept for each agent type; the newest count


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as the store has it. body, progress: JSON text. version: grows with every change of the progress.

    owner: `PROCESS/CONVERSATION` that made it or last went on with it.
    """

    id: str
    created: float
    updated: float
    version: int
    cwd: str
    goal: str
    owner: str
    complete: bool
    body: str
    progress: str


@dataclass(frozen=True, slots=True)
class Lease:
    """An absolute path pattern that a running task writes (or reads); expires: seconds of the epoch.

    owner: `PROCESS/CONVERSATION`, the server that took it and the conversation that it serves.
    """

    plan: str
    task: str
    pattern: str
    write: bool
    owner: str
    taken: float
    expires: float


@dataclass(frozen=True, slots=True)
class AgentTime:
    """What one task took. said_min: what it was expected to take, as stated; None where nothing was."""

    agent: str
    said_min: float | None
    took_min: float
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a plan, written whole or not at all. release: tasks whose leases end.

    known: (plan, task, pattern) of the other conversations' leases that it was decided on; a new one undoes it.
    """

    progress: str
    complete: bool
    owner: str
    take: Sequence[Lease] = ()
    release: Sequence[str] = ()
    times: Sequence[AgentTime] = ()
    known: frozenset[tuple[str, str, str]] = frozenset()


class Plans:
    """The plans of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, make_body: Callable[[str], str], progress: str, cwd: str, goal: str, owner: str) -> str:
        """A new plan with an id of its own, which `make_body` may write into the body.

        Raises:
            Contention: the store stayed locked.
        """

        def insert(db: sqlite3.Connection) -> str:
            for length in (4, 4, 4, 6, 8):
                name = "p-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
                if db.execute("SELECT 1 FROM plans WHERE id=?", (name,)).fetchone() is None:
                    now = time.time()
                    row = (name, now, now, 0, cwd, goal, owner, 0, make_body(name), progress)
                    db.execute(f"INSERT INTO plans({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?)", row)
                    return name
            raise RuntimeError("no free plan id in five draws")

        return await self._use(insert)

    async def get(self, plan: str) -> StoredPlan:
        """A plan.

        Raises:
            NotFound: no such plan (it may have been pruned). Contention: the store stayed locked.
        """
        row = await self._use(lambda db: db.execute(f"SELECT {_COLUMNS} FROM plans WHERE id=?", (plan,)).fetchone())
        if row is None:
            why = f"; the store: {self._database.fault}" if self._database.fault else ""
            raise NotFound(
                f"no plan {brief(plan)} in the store (fourfold://plans lists what is there; "
                f"`fourfold plan FILE` makes one){why}"
            )
        return _plan(row)

    async def recent(self, limit: int) -> list[StoredPlan]:
        sql = f"SELECT {_COLUMNS} FROM plans ORDER BY updated DESC, id LIMIT ?"
        return [_plan(row) for row in await self._use(lambda db: db.execute(sql, (limit,)).fetchall())]

    async def save(self, plan: str, version: int, step: Step) -> bool:
        """Write a step on top of `version`; False where somebody else went on from it, or took a lease, first."""

        def write(db: sqlite3.Connection) -> bool:
            values = "updated=?, version=version+1, owner=?, complete=?, progress=?"
            sql = f"UPDATE plans SET {values} WHERE id=? AND version=?"
            now = time.time()
            others = {(x.plan, x.task, x.pattern) for x in _held_by_others(db, plan, step.owner, now)}
            if step.take and not others <= step.known:
                return False
            if not db.execute(sql, (now, step.owner, int(step.complete), step.progress, plan, version)).rowcount:
                return False
            db.executemany("DELETE FROM leases WHERE plan=? AND task=?", [(plan, task) for task in step.release])
            rows = [(x.plan, x.task, x.pattern, int(x.write), x.owner, x.taken, x.expires) for x in step.take]
            db.executemany(f"INSERT OR REPLACE INTO leases({_LEASE}) VALUES(?,?,?,?,?,?,?)", rows)
            _learn(db, step.times, now)
            return True

        return await self._use(write)

    async def held_by_others(self, plan: str, owner: str, now: float) -> list[Lease]:
        """Leases of other conversations whose server still runs; those that have run out are deleted."""
        return await self._use(lambda db: _held_by_others(db, plan, owner, now))

    async def held_beside(self, plan: str, owner: str, now: float) -> list[Lease]:
        """Leases that other plans of the same conversation, or of its subagents, hold: nobody waits for those."""
        return await self._use(lambda db: [x for x in _held(db, plan, now) if _session(x.owner) == _session(owner)])

    async def times(self) -> list[AgentTime]:
        """What past tasks took, newest first; empty where the store cannot be read now."""
        sql = "SELECT agent, said_min, took_min, tokens FROM agent_times ORDER BY recorded DESC, rowid DESC"
        try:
            return [AgentTime(*row) for row in await self._database.use(lambda db: db.execute(sql).fetchall())]
        except StoreBusy:
            return []

    async def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._database.use(work)
        except StoreBusy as exc:
            raise Contention(f"{exc}; call again") from exc


_COLUMNS = "id,created,updated,version,cwd,goal,owner,complete,body,progress"
_LEASE = "plan,task,pattern,write,owner,taken,expires"


def _plan(row: Sequence[Any]) -> StoredPlan:
    return StoredPlan(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8], row[9])


def _held_by_others(db: sqlite3.Connection, plan: str, owner: str, now: float) -> list[Lease]:
    return [x for x in _held(db, plan, now) if _session(x.owner) != _session(owner)]


def _held(db: sqlite3.Connection, plan: str, now: float) -> list[Lease]:
    """What the running tasks of other plans hold, where the server that launched them still runs."""
    db.execute("DELETE FROM leases WHERE expires<=?", (now,))
    rows = db.execute(f"SELECT {_LEASE} FROM leases WHERE plan<>? ORDER BY taken, task, pattern", (plan,)).fetchall()
    leases = [Lease(r[0], r[1], r[2], bool(r[3]), r[4], r[5], r[6]) for r in rows]
    return [lease for lease in leases if _serves(lease.owner)]


def _session(owner: str) -> str:
    """The conversation without the subagent that acts in it: a subagent works inside what its own task holds."""
    return owner.partition("/")[2].partition("/")[0]


def _serves(owner: str) -> bool:
    """Whether the server that took a lease still runs; it ends with its client, and nobody launches after that."""
    return is_alive(owner.partition("/")[0])


def _learn(db: sqlite3.Connection, times: Sequence[AgentTime], now: float) -> None:
    sql = "INSERT INTO agent_times(agent,said_min,took_min,tokens,recorded) VALUES(?,?,?,?,?)"
    db.executemany(sql, [(t.agent, t.said_min, t.took_min, t.tokens, now) for t in times])
    for agent in {t.agent for t in times}:
        newest = "SELECT rowid FROM agent_times WHERE agent=? ORDER BY recorded DESC, rowid DESC LIMIT ?"
        db.execute(f"DELETE FROM agent_times WHERE agent=? AND rowid NOT IN ({newest})", (agent, agent, _MOST_TIMES))
