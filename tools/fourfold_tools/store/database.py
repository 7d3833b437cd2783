"""The database: one SQLite file in WAL mode, used by one thread at a time, and what happens when it is broken."""

import logging
import re
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
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
CREATE TABLE IF NOT EXISTS agent_runs(
    plan TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL, run INTEGER NOT NULL, worker TEXT NOT NULL,
    state TEXT NOT NULL, queued REAL NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, cost_usd REAL NOT NULL,
    tokens INTEGER, PRIMARY KEY(plan, task, attempt, run)) WITHOUT ROWID;
"""

_TABLES = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", _SCHEMA))
# Seconds that a writer waits for a file on which it has waited in vain before, until that has worked again: a server
# that is stopped in the middle of a write must not cost each step of every other one the whole wait.
_SHORT_S = 0.05
_AGAIN_S = 0.005  # between two tries to switch a new file to WAL, for which SQLite itself does not wait
# A mistake of the program, not of the file.
_MISTAKES = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)


class StoreBusy(Exception):
    """Another server held the file for longer than the bound; what was to be written is still in memory."""


class Database:
    """One connection. Mutable: `fault` says, once it is not None, why the file is no longer used.

    A file that cannot be opened or written (read-only folder, full disk, not a database) is replaced by a database
    in memory, so that a batch never stops for its sake; a damaged file is kept beside a new one. A file that somebody
    else moved away or deleted is left for the one that now stands, or is begun, at its path.

    generation: grows when another database takes the place of the one before; what was written there is not here.
    """

    def __init__(self, path: Path | None, busy_s: float, *, prompt: bool = False) -> None:
        """path: None keeps everything in memory. prompt: the file system answers at once (it is local)."""
        self.path = path
        self.fault: str | None = None
        self.generation = 0
        self._busy_s = self._patience_s = busy_s
        self._file: tuple[int, int] | None = None
        self._prompt = prompt
        self._in_a_row = 0
        self._waits = (0, 0)  # milliseconds for another server, pages of the log; as set on the connection
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
        try:
            value = self.use_now(work)
        except StoreBusy:
            self._patience_s = _SHORT_S
            raise
        self._patience_s = self._busy_s
        return value

    def use_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same on the calling thread.

        Raises:
            StoreBusy: the file stayed locked.
        """
        renewable = True  # the file, then a new one in its place, then memory
        while True:
            try:
                return self._transaction(self._open(), work)
            except (sqlite3.Error, OSError) as exc:
                if _is_busy(exc):
                    raise StoreBusy("another server holds the store") from exc
                if self.path is None or isinstance(exc, _MISTAKES):
                    raise
                self._give_up(exc, renewable=renewable)
                renewable = False

    def _may_be_now(self) -> bool:
        """Whether small work need not wait: the file is open and local, and no work is in the thread."""
        free = self._one.borrowed_tokens == 0 and self._connection is not None and not self._moved()
        return free and (self._prompt or self.path is None) and self._in_a_row < _MOST_IN_A_ROW

    def _at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` without waiting for another server, and without writing the log back."""
        self._patient(wait=False)
        return self.use_now(work)

    def _patient(self, *, wait: bool) -> None:
        """Whether the connection may wait: for another server, and for the disk to take the log."""
        wanted = (int(self._patience_s * 1000), _LOG_PAGES) if wait else (0, 0)
        if self._connection is not None and wanted != self._waits:
            self._connection.execute(f"PRAGMA busy_timeout={wanted[0]}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={wanted[1]}")
            self._waits = wanted

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
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            except sqlite3.Error:  # closing it undoes what was begun
                self._close()
            raise
        return value

    def _open(self) -> sqlite3.Connection:
        if self._moved():
            _log.warning("store: %s was moved or deleted by somebody else", self.path)
            self._close()
        if self._connection is None:
            if self.path is None:
                self._connection = self._connect(":memory:")
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file = _identity(self.path)
                self._connection = self._connect(str(self.path))
                self._file = self._file or _identity(self.path)
            self._patience_s = self._busy_s
            self.generation += 1
        return self._connection

    def _moved(self) -> bool:
        """Whether the file that is open stands no longer at its path; it would take writes that nobody reads."""
        opened = self._connection is not None and self.path is not None
        return opened and self.path is not None and _identity(self.path) != self._file

    def _connect(self, target: str) -> sqlite3.Connection:
        self._waits = (int(self._busy_s * 1000), _LOG_PAGES)
        connection = sqlite3.connect(target, timeout=self._busy_s, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        try:
            self._write_ahead(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise sqlite3.DatabaseError("the file was written by a newer fourfold")
            if version < SCHEMA_VERSION or not _names(connection) >= _TABLES:
                self._transaction(connection, _make_tables)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Switch to WAL; of several servers that begin one file together each waits for the others."""
        until = time.monotonic() + self._busy_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as exc:
                if not _is_busy(exc) or time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_S)
            else:
                return

    def _give_up(self, exc: sqlite3.Error | OSError, *, renewable: bool) -> None:
        """Leave the file: a damaged one is put aside and begun anew, instead of any other memory is used."""
        damaged = self._file
        self._close()
        self.fault = f"{self.path}: {exc}"
        told = "; this server's runs are kept in memory only"
        if self.path is not None and renewable and _is_damaged(exc):
            try:
                done = _put_aside(self.path, damaged, self._busy_s)
                self._open()
            except (OSError, sqlite3.Error):
                self._close()
                self.path = None
            else:
                told = done
        else:
            self.path = None
        self.fault += told
        _log.warning("store: %s", self.fault)


def _put_aside(path: Path, damaged: tuple[int, int] | None, busy_s: float) -> str:
    """Move the damaged file away, with its log, unless another server has done it; what became of it, in words."""
    with _alone(path, busy_s):
        if _identity(path) != damaged:
            return "; another server has begun a new store already"
        aside = _free_name(path)
        path.replace(aside)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            log.replace(aside.with_name(f"{aside.name}-wal"))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        return f"; kept as {aside.name}, a new store was begun"


def _free_name(path: Path) -> Path:
    found = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    number = 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}.damaged-{int(time.time())}-{number}")
    return found


@contextmanager
def _alone(path: Path, busy_s: float) -> Generator[None]:
    """Hold the right to put the file aside; SQLite's own lock on a second file, which goes with its process."""
    with closing(sqlite3.connect(path.with_name(f"{path.name}.repair"), timeout=busy_s)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _names(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}


def _text(raw: bytes) -> str:
    """A text as it is; damaged bytes in it must not give up the whole file."""
    return raw.decode("utf-8", "replace")


def _is_busy(exc: BaseException) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _is_damaged(exc: BaseException) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
