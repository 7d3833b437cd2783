"""The journal when the store lets it down: what must not run twice is noted or not started, and nothing is lost."""

import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread

import anyio
import pytest
from reports import printed, step_result
from runtimes import opened, run

from fourfold_tools.errors import Contention, NotFound
from fourfold_tools.resume import record_of, stored_steps
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.prune import prune
from fourfold_tools.store.runs import Runs

pytestmark = pytest.mark.anyio
REQUEST = '{"steps": [{"op": "bash", "command": "x", "id": "s1"}, {"op": "bash", "command": "y", "id": "s2"}]}'


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database, None]:
    made = Database(tmp_path / "s.sqlite", busy_s=0.05)
    yield made
    await made.aclose()


@pytest.fixture
def runs(database: Database, tmp_path: Path) -> Runs:
    return Runs(database, tmp_path / "runs")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another server holds the file."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


async def states_after_a_crash(tmp_path: Path, name: str) -> dict[str, str]:
    """What the next server knows of a run whose server has gone."""
    database = Database(tmp_path / "s.sqlite", busy_s=1.0)
    stored = await Runs(database, tmp_path / "runs").get(name)
    await database.aclose()
    return {r.id: r.state for r in record_of(stored, stored_steps(stored))}


async def test_a_start_that_a_locked_store_cannot_take_is_noted_beside_it(runs: Runs, tmp_path: Path) -> None:
    """Issue 6: the step started without its durable intent, and after a crash it ran a second time."""
    journal = await runs.begin(REQUEST, "/w", 2)
    with locked(tmp_path / "s.sqlite"):
        await journal.starting(["s1"])
        assert (tmp_path / "runs" / journal.run / "s1.started").exists()
    assert await states_after_a_crash(tmp_path, journal.run) == {"s1": "unknown", "s2": "not_started"}


async def test_a_start_that_nobody_can_note_does_not_happen(runs: Runs, tmp_path: Path) -> None:
    journal = await runs.begin(REQUEST, "/w", 2)
    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    with locked(tmp_path / "s.sqlite"), pytest.raises(Contention, match="not started, because it must not run twice"):
        await journal.starting(["s1"])


async def test_a_step_whose_start_nobody_can_note_fails_without_having_run(tmp_path: Path) -> None:
    async with opened(tmp_path, FOURFOLD_STORE__BUSY_S="0.05") as runtime:
        state = tmp_path / "state"
        (state / "runs").parent.mkdir(exist_ok=True)
        (state / "runs").write_text("in the way", encoding="utf-8")
        begin = runtime.runs.begin

        async def then_lock(*given: object, **more: object) -> object:
            journal = await begin(*given, **more)  # type: ignore[arg-type]
            blocker.execute("BEGIN IMMEDIATE")
            return journal

        await run(runtime, {"op": "bash", "command": "true"})
        blocker = sqlite3.connect(state / "fourfold.sqlite", isolation_level=None)
        runtime.runs.begin = then_lock  # type: ignore[method-assign, assignment]
        reply = await run(runtime, {"op": "bash", "command": "touch ran"})
        blocker.execute("ROLLBACK")
        blocker.close()
    assert reply.structured is not None
    [step] = reply.structured["steps"]
    assert (step["state"], step["code"]) == ("failed", "contention")
    assert step["error"]["message"].startswith("not started, because it must not run twice")
    assert not (tmp_path / "work" / "ran").exists()


async def test_a_run_that_began_while_the_store_was_locked_is_stored_with_its_end(runs: Runs, tmp_path: Path) -> None:
    """Issue 6: such a run was never stored, and nobody said so."""
    await runs.begin(REQUEST, "/w", 2)
    with locked(tmp_path / "s.sqlite"):
        journal = await runs.begin(REQUEST, "/w", 2, "c")
        await journal.starting(["s1"])
        journal.ended(step_result(0, output=printed("x")))
    assert await journal.close("done", {}) is None
    stored = await runs.get(journal.run)
    assert (stored.state, stored.conversation, stored.intents) == ("done", "c", {"s1"})
    assert [r.id for r in stored.results] == ["s1"]


async def test_an_end_that_a_locked_store_cannot_take_is_written_when_it_is_free(runs: Runs, tmp_path: Path) -> None:
    journal = await runs.begin(REQUEST, "/w", 2)
    with locked(tmp_path / "s.sqlite"):
        journal.ended(step_result(0))
        told = await journal.close("done", {"wall_s": 1.0})
        assert told is not None
        assert journal.run in told
    [stored] = await runs.recent(5)
    assert (stored.id, stored.state, stored.report) == (journal.run, "done", {"wall_s": 1.0})


async def test_ends_that_wait_are_each_written_however_many_ask_at_once(runs: Runs, tmp_path: Path) -> None:
    journals = [await runs.begin(REQUEST, "/w", 2) for _ in range(6)]
    with locked(tmp_path / "s.sqlite"):
        for journal in journals:
            assert await journal.close("done", {}) is not None
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(runs.settle)
    assert {stored.state for stored in await runs.recent(10)} == {"done"}


async def test_the_end_of_the_last_run_is_written_when_the_server_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path, FOURFOLD_STORE__BUSY_S="0.05") as runtime:
        journal = await runtime.runs.begin(REQUEST, "/w", 2)
        with locked(tmp_path / "state" / "fourfold.sqlite"):
            assert await journal.close("done", {}) is not None
    async with opened(tmp_path) as runtime:
        assert (await runtime.runs.get(journal.run)).state == "done"


@pytest.mark.parametrize("way", ["deleted", "moved", "damaged"])
async def test_a_store_that_is_lost_in_the_middle_of_a_run_gets_the_whole_run_anew(
    runs: Runs, database: Database, tmp_path: Path, way: str
) -> None:
    journal = await runs.begin(REQUEST, "/w", 2)
    await journal.starting(["s1"])
    journal.ended(step_result(0, output=printed("x")))
    await journal.flush()
    path = tmp_path / "s.sqlite"
    if way == "damaged":
        await database.aclose()
        path.write_bytes(b"this is no database " * 500)
    for suffix in ("", "-wal", "-shm") if way != "damaged" else ("-wal", "-shm"):
        file = tmp_path / f"s.sqlite{suffix}"
        if file.exists():
            file.unlink() if way == "deleted" else file.rename(tmp_path / f"old{suffix}")
    await journal.starting(["s2"])
    journal.ended(step_result(1))
    assert await journal.close("done", {}) is None
    other = Database(path, 1.0)
    stored = await Runs(other).get(journal.run)
    await other.aclose()
    assert [r.id for r in stored.results] == ["s1", "s2"]
    assert (stored.state, stored.intents) == ("done", {"s1", "s2"})


def test_of_two_servers_that_find_a_damaged_store_one_puts_it_aside(tmp_path: Path) -> None:
    """Issue 6: the second one put the new store of the first aside, with the runs in it."""
    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        (folder / "s.sqlite").write_bytes(b"this is no database " * 500)
        found = [Database(folder / "s.sqlite", 5.0) for _ in range(4)]
        start = Barrier(len(found))

        def put(database: Database, key: int, start: Barrier = start) -> None:
            start.wait()
            sql = "INSERT INTO timings(key,count,mean_s,updated) VALUES(?,1,1.0,1.0)"
            database.use_now(lambda db: db.execute(sql, (str(key),)))

        threads = [Thread(target=put, args=(database, key)) for key, database in enumerate(found)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([p for p in folder.glob("s.sqlite.damaged-*") if not p.name.endswith("-wal")]) == 1
        keys = found[0].use_now(lambda db: db.execute("SELECT key FROM timings ORDER BY key").fetchall())
        assert [key for (key,) in keys] == ["0", "1", "2", "3"]
        for database in found:
            database._close()


async def test_a_run_whose_record_is_damaged_is_said_so_and_the_others_are_read(
    runs: Runs, database: Database
) -> None:
    bad, good = await runs.begin(REQUEST, "/w", 2), await runs.begin(REQUEST, "/w", 2)
    for journal in (bad, good):
        journal.ended(step_result(0))
        await journal.close("done", {})
    damage = "UPDATE steps SET result=CAST(x'7b22ff' AS TEXT) WHERE run=?"
    await database.use(lambda db: db.execute(damage, (bad.run,)))
    await database.use(lambda db: db.execute("UPDATE runs SET report='{' WHERE id=?", (bad.run,)))
    with pytest.raises(NotFound, match=f"run {bad.run} cannot be read: its record in the store is damaged"):
        await runs.get(bad.run)
    with pytest.raises(NotFound, match="damaged"):
        await runs.step(bad.run, "s1")
    assert (await runs.get(good.run)).state == "done"
    assert {stored.id for stored in await runs.recent(5)} == {bad.run, good.run}
    assert database.fault is None


async def test_files_of_runs_are_left_alone_where_the_store_has_a_fault(tmp_path: Path) -> None:
    """Issue 6: beside the store of a newer fourfold every folder older than an hour was deleted."""
    import os

    folder = tmp_path / "runs" / "r-old"
    folder.mkdir(parents=True)
    os.utime(folder, (time.time() - 7_200,) * 2)
    newer = sqlite3.connect(tmp_path / "s.sqlite")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    database = Database(tmp_path / "s.sqlite", 0.05)
    assert await prune(database, tmp_path / "runs", 14.0, 10**9) == []
    assert database.fault is not None
    assert folder.exists()
    await database.aclose()


async def test_whoever_asks_for_a_run_of_a_store_that_was_given_up_hears_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    database = Database(tmp_path / "file" / "s.sqlite", 0.05)
    with pytest.raises(NotFound, match="kept in memory only"):
        await Runs(database).get("r-none")
    await database.aclose()


async def test_whoever_waited_in_vain_waits_less_until_the_store_is_free(tmp_path: Path) -> None:
    """Issue 6: a server stopped in the middle of a write cost each step of every other one the whole wait."""
    database = Database(tmp_path / "s.sqlite", busy_s=0.2)

    async def wait_ms() -> int:
        return await database.use(lambda db: int(db.execute("PRAGMA busy_timeout").fetchone()[0]))

    assert await wait_ms() == 200
    with locked(tmp_path / "s.sqlite"), pytest.raises(StoreBusy):
        await wait_ms()
    assert await wait_ms() == 50
    assert await wait_ms() == 200
    await database.aclose()
