"""The database: one SQLite file in WAL mode, used by one thread at a time, and what happens when it is broken."""

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio.lowlevel
import anyio.to_thread
from anyio import CapacityLimiter

T = TypeVar("T")
_log = logging.getLogger("fourfold.store")

SCHEMA_VERSION = 1
# Small transactions in a row on the event loop, which leave the log to grow; the next one, in the thread, writes it
# back into the file and may wait for the disk (a small one is a few pages).
_MOST_IN_A_ROW = 100
_LOG_PAGES = 4_000  # of the log (16 MB), after which it is written back into the file, which waits for the disk
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs(
    id TEXT PRIMARY KEY, created REAL NOT NULL, ended REAL, state TEXT NOT NULL, owner TEXT NOT NULL,
    cwd TEXT NOT NULL,
    conversation TEXT NOT NULL DEFAULT '', steps INTEGER NOT NULL, request TEXT NOT NULL, report TEXT,
    bytes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS runs_created ON runs(created);
CREATE INDEX IF NOT EXISTS runs_conversation ON runs(conversation);
CREATE TABLE IF NOT EXISTS handoffs(
    id TEXT PRIMARY KEY, created REAL NOT NULL, conversation TEXT NOT NULL, cwd TEXT NOT NULL, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps(
    run TEXT NOT NULL, idx INTEGER NOT NULL, sub INTEGER NOT NULL, id TEXT NOT NULL, result TEXT NOT NULL,
    output TEXT, PRIMARY KEY(run, idx, sub));
CREATE INDEX IF NOT EXISTS steps_id ON steps(run, id);
CREATE TABLE IF NOT EXISTS attempts(
    run TEXT NOT NULL, step TEXT NOT NULL, started REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_run ON attempts(run);
CREATE TABLE IF NOT EXISTS timings(
    key TEXT PRIMARY KEY, count INTEGER NOT NULL, mean_s REAL NOT NULL, updated REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans(
    id TEXT PRIMARY KEY, created REAL NOT NULL, updated REAL NOT NULL, version INTEGER NOT NULL, cwd TEXT NOT NULL,
    goal TEXT NOT NULL, owner TEXT NOT NULL, complete INTEGER NOT NULL, body TEXT NOT NULL, progress TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS plans_updated ON plans(updated);
CREATE TABLE IF NOT EXISTS leases(
    plan TEXT NOT NULL, task TEXT NOT NULL, pattern TEXT NOT NULL, write INTEGER NOT NULL, owner TEXT NOT NULL,
    taken REAL NOT NULL, expires REAL NOT NULL, PRIMARY KEY(plan, task, pattern, write)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agent_times(
    agent TEXT NOT NULL, said_min REAL, took_min REAL NOT NULL, tokens INTEGER, recorded REAL NOT NULL);
CREATE INDEX IF NOT EXISTS agent_times_agent ON agent_times(agent, recorded);
"""


class StoreBusy(Exception):
    """Another server held the file for longer than the bound; what was to be written is still in memory."""


class Database:
    """One connection. Mutable: `fault` says, once it is not None, why the file is no longer used.

    A file that cannot be opened or written (read-only folder, full disk, not a database) is replaced by a database
    in memory, so that a batch never stops for its sake; a damaged file is kept beside a new one.
    """

    def __init__(self, path: Path | None, busy_s: float, *, prompt: bool = False) -> None:
        """path: None keeps everything in memory. prompt: the file system answers at once (it is local)."""
        self.path = path
        self.fault: str | None = None
        self._busy_s = busy_s
        self._prompt = prompt
        self._in_a_row = 0
        self._waits = True
        self._connection: sqlite3.Connection | None = None
        self._one = CapacityLimiter(1)

    async def use(self, work: Callable[[sqlite3.Connection], T], *, small: bool = False) -> T:
        """Run `work` in one transaction; it is run again where the file had to be given up.

        small: a few rows of a few KB. Such work runs on the event loop, in less time than a hop to the worker thread
        takes, while nobody else uses the file; everything else runs on the worker thread.

        Raises:
            StoreBusy: the file stayed locked.
        """
        if small and self._may_be_now():
            await anyio.lowlevel.checkpoint_if_cancelled()
            self._in_a_row += 1
            try:
                return self._at_once(work)
            except StoreBusy:
                pass  # the thread waits for the other server
        self._in_a_row = 0
        return await anyio.to_thread.run_sync(self._in_thread, work, limiter=self._one)

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._patient(wait=True)
        return self.use_now(work)

    def use_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same on the calling thread.

        Raises:
            StoreBusy: the file stayed locked.
        """
        try:
            return self._transaction(self._open(), work)
        except (sqlite3.Error, OSError) as exc:
            if _is_busy(exc):
                raise StoreBusy("another server holds the store") from exc
            return self._transaction(self._replace(exc), work)

    def _may_be_now(self) -> bool:
        """Whether small work need not wait: the file is open and local, and no work is in the thread."""
        free = self._one.borrowed_tokens == 0 and self._connection is not None
        return free and (self._prompt or self.path is None) and self._in_a_row < _MOST_IN_A_ROW

    def _at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` without waiting for another server, and without writing the log back."""
        self._patient(wait=False)
        return self.use_now(work)

    def _patient(self, *, wait: bool) -> None:
        """Whether the connection may wait: for another server, and for the disk to take the log."""
        if self._connection is not None and wait != self._waits:
            self._connection.execute(f"PRAGMA busy_timeout={int(self._busy_s * 1000) if wait else 0}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES if wait else 0}")
            self._waits = wait

    async def aclose(self) -> None:
        await anyio.to_thread.run_sync(self._close, limiter=self._one)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transaction(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        connection.execute("BEGIN IMMEDIATE")
        try:
            value = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return value

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self.path is None:
                self._connection = self._connect(":memory:")
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._connection = self._connect(str(self.path))
        return self._connection

    def _connect(self, target: str) -> sqlite3.Connection:
        self._waits = True
        connection = sqlite3.connect(target, timeout=self._busy_s, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] > SCHEMA_VERSION:
                raise sqlite3.DatabaseError("the file was written by a newer fourfold")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _replace(self, exc: sqlite3.Error | OSError) -> sqlite3.Connection:
        """Give the file up: a damaged one is put aside and begun anew, anything else goes on in memory."""
        self._close()
        self.fault = f"{self.path}: {exc}"
        _log.warning("store: %s", self.fault)
        if self.path is not None and _is_damaged(exc):
            aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            try:
                self.path.replace(aside)
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                self._connection = self._connect(str(self.path))
            except (OSError, sqlite3.Error):
                self._connection = None
            else:
                self.fault += f"; kept as {aside.name}, a new store was begun"
                return self._connection
        self.path = None
        self.fault += "; this server's runs are kept in memory only"
        self._connection = self._connect(":memory:")
        return self._connection


def _is_busy(exc: BaseException) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _is_damaged(exc: BaseException) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
