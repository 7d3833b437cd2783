"""The fleet's store: one database for all its processes, ours and DBOS's tables in it, and waits while it is gone."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, InterfaceError, InternalError, OperationalError

from fourfold_tools.errors import Contention, Unsupported
from fourfold_tools.fleet.bell import Bell

T = TypeVar("T")
_log = logging.getLogger("fourfold.fleet")

# `key` is PLAN/TASK/ATTEMPT; `epoch` grows whenever the attempt goes back to the queue, so that whoever held it
# before can no longer report. state: queued, started (the intent: written before the agent runs), done, cancelled,
# unknown (started, and nobody knows how it ended). taken: the deployer has taken the outcome in. fourfold_lost has
# the runs of agents that were begun again: `why` is lost (its worker went), left, paused, cancelled or unknown.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fourfold_tasks(
    key TEXT PRIMARY KEY, plan TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL, epoch INTEGER NOT NULL,
    state TEXT NOT NULL, worker TEXT NOT NULL DEFAULT '', priority INTEGER NOT NULL, body TEXT NOT NULL,
    outcome TEXT, cost_usd DOUBLE PRECISION NOT NULL DEFAULT 0, cancel INTEGER NOT NULL DEFAULT 0,
    taken INTEGER NOT NULL DEFAULT 0, queued DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION,
    ended DOUBLE PRECISION);
CREATE INDEX IF NOT EXISTS fourfold_tasks_plan ON fourfold_tasks(plan, taken);
CREATE INDEX IF NOT EXISTS fourfold_tasks_worker ON fourfold_tasks(worker, state);
CREATE TABLE IF NOT EXISTS fourfold_lost(
    key TEXT NOT NULL, epoch INTEGER NOT NULL, plan TEXT NOT NULL, worker TEXT NOT NULL,
    queued DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION NOT NULL, ended DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL, cost_usd DOUBLE PRECISION NOT NULL, PRIMARY KEY(key, epoch));
CREATE INDEX IF NOT EXISTS fourfold_lost_plan ON fourfold_lost(plan);
CREATE TABLE IF NOT EXISTS fourfold_plans(
    plan TEXT PRIMARY KEY, deployer TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, elsewhere TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fourfold_workers(
    name TEXT PRIMARY KEY, slots INTEGER NOT NULL, beat INTEGER NOT NULL, began DOUBLE PRECISION NOT NULL);
CREATE TABLE IF NOT EXISTS fourfold_bundles(name TEXT PRIMARY KEY, plan TEXT NOT NULL, data BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS fourfold_pauses(
    name TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL, reason TEXT NOT NULL)
"""
_DRIVER = "postgresql+psycopg"
_LOCK = 7_043_501  # an advisory lock of ours: PostgreSQL does not serialize CREATE … IF NOT EXISTS by itself
_AGAIN_S = 0.25
_FIRST_S = 5.0  # for a database that is asked for the first time: a wrong address should be told soon
# A cut link must not hold a connection for ever: seconds to connect, milliseconds for unacknowledged data.
_POSTGRES: dict[str, int | str] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
    "application_name": "fourfold",
}


class Store:
    """The database, and the bell that its workers ring. Mutable: `closing` ends every wait for it."""

    def __init__(self, url: str, patience_s: float) -> None:
        """url: `sqlite:///FILE` or `postgresql://…`. patience_s: how long the database may be gone."""
        self.url = url
        self.engine = _engine(url)
        self.bell = Bell("" if url.startswith("sqlite") else _plain(url), _POSTGRES)
        self.closing = threading.Event()
        self._patience_s = patience_s

    def prepare(self) -> None:
        """Make what is missing of our tables."""

        def make(db: sa.Connection) -> None:
            if db.dialect.name == "postgresql":
                db.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            for statement in _SCHEMA.split(";"):
                db.execute(sa.text(statement))

        self.run(make, _FIRST_S)

    def run(self, work: Callable[[sa.Connection], T], patience_s: float | None = None) -> T:
        """One transaction, on the calling thread; while the database is gone it is tried again, so `work` must not
        mind that it was committed before.

        Raises:
            Contention: the database stayed away longer than `patience_s`, or the store is closing.
        """
        until = time.monotonic() + (self._patience_s if patience_s is None else patience_s)
        told = False
        while True:
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except (OperationalError, InterfaceError, InternalError) as exc:
                if time.monotonic() >= until or self.closing.is_set():
                    raise Contention(f"the fleet's database cannot be reached: {_first_line(exc)}") from exc
                if not told:
                    _log.warning("fleet: the database is away (%s); trying again", _first_line(exc))
                told = True
                self.closing.wait(_AGAIN_S)

    def close(self) -> None:
        self.closing.set()
        self.engine.dispose()


def url_of(named: str, file: Path) -> str:
    """The database's address: what the settings name, else a file.

    Raises:
        Unsupported: neither SQLite nor PostgreSQL, or not as an address is written.
    """
    if not named:
        return f"sqlite:///{file}"
    for prefix in ("postgresql://", "postgres://", "postgresql+psycopg://"):
        if named.startswith(prefix):
            url = f"{_DRIVER}://{named.removeprefix(prefix)}"
            try:
                sa.make_url(url)
                make_conninfo(_plain(url))
            except (ValueError, ArgumentError, ProgrammingError) as exc:
                raise Unsupported(f"fleet.database: no address of PostgreSQL: {_first_line(exc)}") from exc
            return url
    raise Unsupported("fleet.database: expected postgresql://USER@HOST:PORT/NAME, or nothing for a file of ours")


def _plain(url: str) -> str:
    """The address as PostgreSQL's own library takes it."""
    return url.replace(_DRIVER, "postgresql", 1)


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(
            url, pool_size=10, max_overflow=20, pool_pre_ping=True, pool_timeout=30, connect_args=_POSTGRES
        )
    Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _tune)
    return engine


def _tune(connection: Any, _: object) -> None:
    """As DBOS sets its own SQLite connections up, and a log that readers do not wait for."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().splitlines()[0][:200]
