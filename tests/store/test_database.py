"""The database: several servers on one file, and everything that can be wrong with the file."""

import sqlite3
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from fourfold_tools.store.database import SCHEMA_VERSION, Database, StoreBusy

pytestmark = pytest.mark.anyio
Opened = Callable[[Path | None], Database]


@pytest.fixture
async def opened() -> AsyncGenerator[Opened, None]:
    """Databases that are closed when the test ends."""
    made: list[Database] = []

    def make(path: Path | None) -> Database:
        made.append(Database(path, busy_s=0.05))
        return made[-1]

    yield make
    for database in made:
        await database.aclose()


def put(key: str) -> Callable[[sqlite3.Connection], int]:
    sql = "INSERT INTO timings(key,count,mean_s,updated) VALUES(?,1,1.0,1.0)"
    return lambda db: db.execute(sql, (key,)).rowcount


def keys(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT key FROM timings ORDER BY key")]


async def test_what_one_server_writes_another_reads(opened: Opened, tmp_path: Path) -> None:
    first, second = opened(tmp_path / "a" / "s.sqlite"), opened(tmp_path / "a" / "s.sqlite")
    await first.use(put("x"))
    await second.use(put("y"))
    assert await first.use(keys) == ["x", "y"]
    assert first.fault is None


async def test_work_that_breaks_leaves_nothing_half_done(opened: Opened, tmp_path: Path) -> None:
    database = opened(tmp_path / "s.sqlite")

    def break_(db: sqlite3.Connection) -> None:
        put("x")(db)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.use(break_)
    assert await database.use(keys) == []
    assert database.fault is None


async def test_a_file_that_stays_locked_is_busy_and_not_given_up(opened: Opened, tmp_path: Path) -> None:
    database = opened(tmp_path / "s.sqlite")
    await database.use(keys)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await database.use(put("x"))
    other.execute("ROLLBACK")
    other.close()
    await database.use(put("x"))
    assert await database.use(keys) == ["x"]
    assert database.fault is None


async def test_a_file_that_is_locked_from_the_start_is_busy_too(opened: Opened, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    database = opened(tmp_path / "s.sqlite")
    with pytest.raises(StoreBusy):
        await database.use(keys)
    other.execute("ROLLBACK")
    other.close()
    assert await database.use(keys) == []


async def test_a_folder_that_cannot_be_made_means_memory_and_a_word_about_it(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    database = opened(tmp_path / "file" / "s.sqlite")
    await database.use(put("x"))
    assert await database.use(keys) == ["x"]
    assert database.fault is not None
    assert database.fault.endswith("this server's runs are kept in memory only")


async def test_a_file_that_cannot_be_opened_means_memory(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "s.sqlite").mkdir()
    database = opened(tmp_path / "s.sqlite")
    assert await database.use(put("x")) == 1
    assert database.fault is not None


async def test_a_file_that_is_read_only_means_memory(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(tmp_path / "s.sqlite").use(put("old"))
    real = sqlite3.connect

    def connect(target: str, **rest: object) -> sqlite3.Connection:
        if target == ":memory:":
            return real(target, **rest)  # type: ignore[call-overload, no-any-return]
        return real(f"file:{target}?mode=ro", uri=True, **rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", connect)
    database = opened(tmp_path / "s.sqlite")
    await database.use(put("x"))
    assert await database.use(keys) == ["x"]
    assert database.fault is not None
    assert "readonly" in database.fault


@pytest.mark.parametrize(
    "junk", [b"this is no database, but long enough to have a header " * 20, b"SQLite format 3\0junk"]
)
async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(opened: Opened, tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "s.sqlite").write_bytes(junk)
    database = opened(tmp_path / "s.sqlite")
    await database.use(put("x"))
    [aside] = tmp_path.glob("s.sqlite.damaged-*")
    assert aside.read_bytes() == junk
    assert database.fault is not None
    assert aside.name in database.fault
    assert await opened(tmp_path / "s.sqlite").use(keys) == ["x"]


async def test_pages_damaged_while_in_use_do_not_stop_the_server(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    first = opened(path)
    await first.use(lambda db: [put(f"{n:05}" + "x" * 200)(db) for n in range(500)])
    await first.aclose()
    body = bytearray(path.read_bytes())
    body[4096 : len(body) // 4096 * 4096] = b"\xff" * (len(body) // 4096 * 4096 - 4096)
    path.write_bytes(body)
    database = opened(path)
    await database.use(put("new"))
    assert await database.use(keys) == ["new"]
    assert list(tmp_path.glob("s.sqlite.damaged-*"))


async def test_a_full_disk_means_memory_from_then_on_and_the_work_is_done_there(
    opened: Opened, tmp_path: Path
) -> None:
    database = opened(tmp_path / "s.sqlite")
    await database.use(put("before"))

    def fill(db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA database_list").fetchone()[2]:  # the file; memory has no limit here
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count={pages}")
        for n in range(200):
            put(f"{n}" + "x" * 1_000)(db)

    await database.use(fill)
    assert len(await database.use(keys)) == 200
    assert database.fault is not None
    assert "full" in database.fault
    assert database.path is None


async def test_the_file_of_a_newer_fourfold_is_left_alone(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    newer = sqlite3.connect(path)
    newer.execute("CREATE TABLE future(x)")
    newer.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    newer.commit()
    newer.close()
    database = opened(path)
    await database.use(put("x"))
    assert database.fault is not None
    assert "newer fourfold" in database.fault
    check = sqlite3.connect(path)
    assert [row[0] for row in check.execute("SELECT name FROM sqlite_master WHERE type='table'")] == ["future"]
    check.close()


async def test_without_a_path_everything_is_in_memory(opened: Opened) -> None:
    database = opened(None)
    await database.use(put("x"))
    assert await database.use(keys) == ["x"]
    assert database.fault is None


async def test_only_the_owner_may_enter_the_folder(opened: Opened, tmp_path: Path) -> None:
    await opened(tmp_path / "state" / "s.sqlite").use(keys)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


class _Broken(Exception):
    """What a transaction ends with that is to leave nothing behind."""


_WORK = st.tuples(st.sampled_from(["put", "drop", "break", "look"]), st.integers(0, 9), st.booleans())


async def _after(database: Database, work: list[tuple[str, int, bool]], *, small: bool) -> list[object]:
    """What each piece of work gives, and what the file holds in the end; small: where the work says so."""
    given_back: list[object] = []

    def do(kind: str, key: int) -> Callable[[sqlite3.Connection], object]:
        def transact(db: sqlite3.Connection) -> object:
            if kind == "look":
                return keys(db)
            sql = "DELETE FROM timings WHERE key=?" if kind == "drop" else _REPLACE
            count = db.execute(sql, (str(key),)).rowcount
            if kind == "break":
                raise _Broken
            return count

        return transact

    for kind, key, is_small in work:
        try:
            given_back.append(await database.use(do(kind, key), small=small and is_small))
        except _Broken:
            given_back.append("broken")
    return [*given_back, await database.use(keys)]


_REPLACE = "INSERT OR REPLACE INTO timings(key,count,mean_s,updated) VALUES(?,1,1.0,1.0)"


@bounds(max_examples=30, deadline=None)
@given(work=st.lists(_WORK, max_size=20), repeats=st.sampled_from([1, 1, 1, 12]))
def test_small_work_on_the_event_loop_does_what_the_worker_thread_does(
    tmp_path_factory: pytest.TempPathFactory, work: list[tuple[str, int, bool]], repeats: int
) -> None:
    folder = tmp_path_factory.mktemp("both")

    async def both() -> list[list[object]]:
        found: list[list[object]] = []
        for name, small in (("loop", True), ("thread", False)):
            database = Database(folder / f"{name}.sqlite", busy_s=0.05, prompt=True)
            try:
                found.append(await _after(database, work * repeats, small=small))
            finally:
                await database.aclose()
        return found

    on_loop, in_thread = anyio.run(both)
    assert on_loop == in_thread
