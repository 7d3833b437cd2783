"""Pruning: the store stays within its age and size; the oldest runs and their files go first."""

import shutil
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.owner import is_alive


async def prune(database: Database, files: Path, max_age_days: float, max_bytes: int) -> list[str]:
    """Delete runs that are too old or too many, with their files, and plans that are too old; the runs that went.

    Runs that are still running are kept; one whose process is gone is not running. A folder of a run that the store
    does not know any more goes too, unless the store has a fault: then it may be another one than they belong to.
    """
    oldest = time.time() - max_age_days * 86_400
    sizes = await anyio.to_thread.run_sync(_sizes, files)

    def choose(db: sqlite3.Connection) -> tuple[list[str], set[str]]:
        rows = db.execute("SELECT id, created, bytes, state, owner FROM runs ORDER BY created DESC").fetchall()
        total, gone = 0, list[str]()
        for name, created, size, state, owner in rows:
            total += size + sizes.get(name, 0)
            if not (state == "running" and is_alive(owner)) and (created < oldest or total > max_bytes):
                gone.append(name)
        for table, column in (("runs", "id"), ("steps", "run"), ("attempts", "run")):
            db.executemany(f"DELETE FROM {table} WHERE {column}=?", [(name,) for name in gone])
        db.execute("DELETE FROM plans WHERE updated<?", (oldest,))
        db.execute("DELETE FROM agent_runs WHERE plan NOT IN (SELECT id FROM plans)")
        return gone, {row[0] for row in rows} - set(gone)

    try:
        gone, kept = await database.use(choose)
    except StoreBusy:
        return []
    if database.fault is None:
        await anyio.to_thread.run_sync(_remove, files, set(gone), kept)
    return gone


def _remove(files: Path, gone: set[str], kept: set[str]) -> None:
    for folder in _folders(files):
        if folder.name in gone or (folder.name not in kept and _age_s(folder) > 3_600):
            shutil.rmtree(folder, ignore_errors=True)


def _sizes(files: Path) -> dict[str, int]:
    """Bytes of each run's files; looked at before the store is locked, because there may be thousands."""
    return {folder.name: _files_bytes(folder) for folder in _folders(files)}


def prune_handoffs(folder: Path, max_age_days: float) -> None:
    """Delete handoffs, and what a write that broke off left of one, that are too old."""
    try:
        entries = [entry for entry in folder.iterdir() if entry.name.startswith(("h-", ".h-"))]
    except OSError:
        return
    for entry in entries:
        if _age_s(entry) > max_age_days * 86_400:
            with suppress(OSError):
                entry.unlink()


def _files_bytes(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in folder.iterdir())
    except OSError:
        return 0


def _folders(files: Path) -> list[Path]:
    try:
        return [entry for entry in files.iterdir() if entry.is_dir() and entry.name.startswith("r-")]
    except OSError:
        return []


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0
