"""Pruning: age and size hold, the newest stay, what runs stays, what crashed does not stay for ever."""

import os
import sqlite3
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from fourfold_tools.store.database import Database
from fourfold_tools.store.owner import this_process
from fourfold_tools.store.prune import prune, prune_handoffs
from fourfold_tools.store.runs import Runs

pytestmark = pytest.mark.anyio
DAY_S = 86_400.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database, None]:
    made = Database(tmp_path / "s.sqlite", busy_s=0.05)
    yield made
    await made.aclose()


async def add(
    database: Database, name: str, *, days: float = 0.0, size: int = 0, state: str = "done", owner: str = "0:0"
) -> None:
    row = (name, time.time() - days * DAY_S, state, owner, "/w", 1, "{}", size)
    sql = "INSERT INTO runs(id,created,state,owner,cwd,steps,request,bytes) VALUES(?,?,?,?,?,?,?,?)"
    await database.use(lambda db: db.execute(sql, row).rowcount)


def left(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT id FROM runs")}


async def test_old_runs_go_with_their_steps_and_files(database: Database, tmp_path: Path) -> None:
    runs = Runs(database)
    kept = await runs.begin("{}", "/w", 1)
    await kept.close("done", {})
    await add(database, "r-old", days=15)
    for name in (kept.run, "r-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s1.txt").write_text("x", encoding="utf-8")
    await database.use(lambda db: db.execute("INSERT INTO attempts VALUES('r-old','s1',0)").rowcount)
    assert await prune(database, tmp_path, 14, 10**9) == ["r-old"]
    assert await database.use(left) == {kept.run}
    assert not (tmp_path / "r-old").exists()
    assert (tmp_path / kept.run / "s1.txt").exists()
    assert await database.use(lambda db: db.execute("SELECT COUNT(*) FROM attempts").fetchone()[0]) == 0


async def test_the_newest_runs_that_fit_stay_files_counted(database: Database, tmp_path: Path) -> None:
    for n in range(5):
        await add(database, f"r-{n}", days=n, size=100)
    (tmp_path / "r-1").mkdir()
    (tmp_path / "r-1" / "s1.txt").write_bytes(b"x" * 150)
    await prune(database, tmp_path, 14, 360)
    assert await database.use(left) == {"r-0", "r-1"}


@pytest.mark.parametrize(("alive", "stays"), [(True, True), (False, False)])
async def test_a_run_stays_while_its_process_lives(
    database: Database, tmp_path: Path, alive: bool, stays: bool
) -> None:
    owner = this_process() if alive else "999999999:1"
    await add(database, "r-runs", days=99, state="running", owner=owner)
    await prune(database, tmp_path, 14, 10**9)
    assert (await database.use(left) == {"r-runs"}) is stays


async def test_a_folder_that_no_run_has_goes_once_it_is_an_hour_old(database: Database, tmp_path: Path) -> None:
    for name, age_s in (("r-lost", 4_000), ("r-new", 0), ("other", 4_000)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    await prune(database, tmp_path, 14, 10**9)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["other", "r-new"]


async def test_a_busy_store_is_pruned_another_time(database: Database, tmp_path: Path) -> None:
    await add(database, "r-old", days=15)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await prune(database, tmp_path, 14, 10**9) == []
    other.execute("ROLLBACK")
    other.close()
    assert await database.use(left) == {"r-old"}


def test_old_handoffs_go_with_what_a_broken_write_left_and_nothing_else_does(tmp_path: Path) -> None:
    names = {"h-new.json": 1.0, "h-old.json": 15.0, "h-old.md": 15.0, ".h-torn.json.77": 15.0, "notes.txt": 99.0}
    for name, days in names.items():
        (tmp_path / name).touch()
        at = time.time() - days * DAY_S
        os.utime(tmp_path / name, (at, at))
    prune_handoffs(tmp_path, 14.0)
    assert {path.name for path in tmp_path.iterdir()} == {"h-new.json", "notes.txt"}
    prune_handoffs(tmp_path / "missing", 14.0)
