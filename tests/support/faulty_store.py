"""A SQLite that fails at one statement: the k-th that touches the file, in one of the ways in which files fail."""

import errno
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest


def _error(kind: type[sqlite3.Error], code: int, text: str) -> Callable[[], Exception]:
    def make() -> Exception:
        error = kind(text)
        error.sqlite_errorcode = code
        return error

    return make


FAULTS: dict[str, Callable[[], Exception]] = {
    "busy": _error(sqlite3.OperationalError, sqlite3.SQLITE_BUSY, "database is locked"),
    "full": _error(sqlite3.OperationalError, sqlite3.SQLITE_FULL, "database or disk is full"),
    "input or output": _error(sqlite3.OperationalError, sqlite3.SQLITE_IOERR, "disk I/O error"),
    "damaged": _error(sqlite3.DatabaseError, sqlite3.SQLITE_CORRUPT, "database disk image is malformed"),
    "the system's": lambda: OSError(errno.EIO, "Input/output error"),
}
_NO_FILE = ("PRAGMA busy_timeout", "PRAGMA wal_autocheckpoint")  # statements that no file is touched by


class Faulty:
    """Counts statements. Mutable: how many there were; `at` is the one that fails, `times` how many after it too."""

    def __init__(self, at: int, fault: Callable[[], Exception], times: int = 1) -> None:
        self.count = 0
        self.failed = 0
        self.over = False
        self._at = at
        self._fault = fault
        self._times = times

    def look(self, sql: str) -> None:
        if self.over or sql.startswith(_NO_FILE):
            return
        self.count += 1
        if self._at <= self.count < self._at + self._times:
            self.failed += 1
            raise self._fault()


@contextmanager
def failing(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """While it lasts, connections to files (not to memory) that are opened in it fail as told."""

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            faulty.look(sql)
            return super().execute(sql, *rest)

        def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            faulty.look(sql)
            return super().executemany(sql, *rest)

    real = sqlite3.connect

    def connect(target: Any, **rest: Any) -> sqlite3.Connection:
        more = {} if target == ":memory:" or str(target).endswith(".repair") else {"factory": Connection}
        return real(target, **rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect)
        try:
            yield
        finally:
            faulty.over = True
