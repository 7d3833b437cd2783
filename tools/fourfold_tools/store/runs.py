"""Runs in the store: written while they run, read back whole, resumed after a crash."""

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import anyio
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from fourfold_tools.errors import InvalidRequest, NotFound
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import (
    AnyOutput,
    BashOutput,
    FetchOutput,
    GlobOutput,
    GrepOutput,
    ReadOutput,
    chars_of,
)
from fourfold_tools.model.result import StepResult
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.owner import is_alive, this_process

RunState = Literal["running", "done", "cancelled"]
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that look like digits
_TOGETHER_S = 0.05  # that the end of a step which may be repeated waits for others, to be written with them
_SMALL_CHARS, _SMALL_STEPS = 32_768, 16  # of results or of a request that are written on the event loop
_OUTPUTS: dict[str, type] = {
    "read": ReadOutput,
    "grep": GrepOutput,
    "glob": GlobOutput,
    "bash": BashOutput,
    "fetch": FetchOutput,
}


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the store has it. state: `running` of a process that is gone means that it crashed.

    request: the batch request as JSON text. report: mathver, context, signals and the like as JSON, None until
    the run ended. intents: ids of steps that must not be repeated and were started.
    """

    id: str
    created: float
    ended: float | None
    state: RunState
    owner: str
    cwd: str
    conversation: str
    step_count: int
    request: str
    report: dict[str, Any] | None
    results: tuple[StepResult, ...] = ()
    intents: frozenset[str] = frozenset()

    @property
    def crashed(self) -> bool:
        return self.state == "running" and not is_alive(self.owner)


class RunJournal:
    """One run's way into the store. Mutable: results wait here until `write` takes them along.

    A step that must not be repeated is written before it starts, and its end at once; other ends are written a
    little later, several together, or when much has come together.
    """

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self.run = run
        self._pending: list[StepResult] = []
        self._chars = 0
        self._starts: list[tuple[str, str, float]] = []
        self._intents: set[str] = set()
        self._news = anyio.Event()
        self._urgent = anyio.Event()

    async def starting(self, ids: Sequence[str]) -> None:
        self._starts += [(self.run, name, time.time()) for name in ids]
        self._intents.update(ids)
        with suppress(StoreBusy):
            await self._write()

    def ended(self, result: StepResult) -> None:
        self._pending.append(result)
        self._news.set()
        self._chars += chars_of(result.output) if result.output else 0
        if result.id in self._intents or self._chars > _SMALL_CHARS:
            self._urgent.set()

    async def write_on(self) -> None:
        """Write ends as they come, for as long as the run lasts; cancelled from outside."""
        while True:
            await self._news.wait()
            with anyio.move_on_after(_TOGETHER_S):
                await self._urgent.wait()
            self._news, self._urgent = anyio.Event(), anyio.Event()
            await self.flush()

    async def belongs_to(self, conversation: str) -> None:
        """Name the conversation of a run that began before it was known."""
        sql = "UPDATE runs SET conversation=? WHERE id=?"
        with suppress(StoreBusy):
            await self._database.use(lambda db: db.execute(sql, (conversation, self.run)).rowcount, small=True)

    async def flush(self) -> None:
        if self._pending or self._starts:
            with suppress(StoreBusy):
                await self._write()

    async def close(self, state: RunState, report: dict[str, Any]) -> str | None:
        """Write what is left and the run's end; a sentence when the store could not take it."""
        text = json.dumps(report, ensure_ascii=False)
        try:
            await self._write(lambda db: _end(db, self.run, state, text))
        except StoreBusy as exc:
            return f"run {self.run} is not stored: {exc}"
        return None

    async def _write(self, then: Callable[[sqlite3.Connection], None] = lambda _: None) -> None:
        """Write what waits, in one transaction with `then`; what could not be written goes on waiting."""
        ended, self._pending, self._chars = self._pending, [], 0
        starts, self._starts = self._starts, []

        def write(db: sqlite3.Connection) -> None:
            _write(db, self.run, ended, starts)
            then(db)

        try:
            await self._database.use(write, small=_is_small(ended))
        except BaseException:
            self._pending, self._starts = ended + self._pending, starts + self._starts
            raise


class Runs:
    """The runs of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, request: str, cwd: str, step_count: int, conversation: str = "") -> RunJournal:
        """A new run with an id of its own. conversation: key of the calling conversation, "" while unknown."""

        def insert(db: sqlite3.Connection) -> str:
            for length in (4, 4, 4, 6, 8):
                name = "r-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
                row = (
                    name,
                    time.time(),
                    "running",
                    this_process(),
                    cwd,
                    conversation,
                    step_count,
                    request,
                    len(request),
                )
                columns = "id,created,state,owner,cwd,conversation,steps,request,bytes"
                sql = f"INSERT OR IGNORE INTO runs({columns}) VALUES(?,?,?,?,?,?,?,?,?)"
                if db.execute(sql, row).rowcount:
                    return name
            raise RuntimeError("no free run id in five draws")

        try:
            small = len(request) <= _SMALL_CHARS
            return RunJournal(self._database, await self._database.use(insert, small=small))
        except StoreBusy:
            return RunJournal(self._database, "r-" + "".join(secrets.choice(_ALPHABET) for _ in range(10)))

    async def get(self, run: str, *, outputs: bool = True) -> StoredRun:
        """A run with all its results.

        Raises:
            NotFound: no such run (it may have been pruned).
        """
        found = await self._database.use(lambda db: _get(db, run, outputs=outputs))
        if found is None:
            raise NotFound(f"no run {run!r} in the store (`fourfold runs` lists what is there)")
        return found

    async def recent(self, limit: int, conversation: str | None = None) -> list[StoredRun]:
        """The last runs, newest first, without their steps; of one conversation where it is named."""

        def read(db: sqlite3.Connection) -> list[StoredRun]:
            where = "" if conversation is None else "WHERE conversation=?"
            given = (limit,) if conversation is None else (conversation, limit)
            rows = db.execute(f"{_SELECT} {where} ORDER BY created DESC, id LIMIT ?", given).fetchall()
            return [_run(row) for row in rows]

        return await self._database.use(read)

    async def step(self, run: str, step: str) -> StepResult | None:
        """One step's or sub-step's result, None when there is no such step."""

        def read(db: sqlite3.Connection) -> StepResult | None:
            row = db.execute("SELECT result, output FROM steps WHERE run=? AND id=?", (run, step)).fetchone()
            return None if row is None else _thaw(*row)

        return await self._database.use(read)

    async def claim(self, run: str) -> RunJournal:
        """Take a crashed run over.

        Raises:
            NotFound: no such run. InvalidRequest: it has ended, or its process still runs.
        """
        stored = await self.get(run, outputs=False)
        if stored.state == "running" and not stored.crashed:
            raise InvalidRequest(f"resume: run {run} is still running in process {stored.owner.partition(':')[0]}")

        def take(db: sqlite3.Connection) -> int:
            sql = "UPDATE runs SET owner=?, state='running' WHERE id=? AND owner=? AND state=?"
            return db.execute(sql, (this_process(), run, stored.owner, stored.state)).rowcount

        if not await self._database.use(take):
            raise InvalidRequest(f"resume: another server has taken run {run} over just now")
        return RunJournal(self._database, run)


_SELECT = "SELECT id,created,ended,state,owner,cwd,conversation,steps,request,report FROM runs"


def _run(row: tuple[Any, ...]) -> StoredRun:
    run, created, ended, state, owner, cwd, conversation, steps, request, report = row
    parsed = json.loads(report) if report else None
    return StoredRun(run, created, ended, state, owner, cwd, conversation, steps, request, parsed)


def _get(db: sqlite3.Connection, run: str, *, outputs: bool) -> StoredRun | None:
    row = db.execute(f"{_SELECT} WHERE id=?", (run,)).fetchone()
    if row is None:
        return None
    columns = "result, output" if outputs else "result, NULL"
    rows = db.execute(f"SELECT {columns} FROM steps WHERE run=? ORDER BY idx, sub", (run,)).fetchall()
    intents = frozenset(name for (name,) in db.execute("SELECT step FROM attempts WHERE run=?", (run,)))
    return replace(_run(row), results=tuple(_thaw(*entry) for entry in rows), intents=intents)


def _write(
    db: sqlite3.Connection, run: str, ended: Sequence[StepResult], starts: Sequence[tuple[str, str, float]]
) -> None:
    rows = [(run, *r.index, r.id, *_freeze(r)) for r in ended]
    if rows:
        db.executemany("INSERT OR REPLACE INTO steps(run,idx,sub,id,result,output) VALUES(?,?,?,?,?,?)", rows)
        size = sum(len(row[4]) + len(row[5] or b"") for row in rows)
        db.execute("UPDATE runs SET bytes = bytes + ? WHERE id=?", (size, run))
    if starts:
        db.executemany("INSERT INTO attempts(run,step,started) VALUES(?,?,?)", starts)


def _is_small(ended: Sequence[StepResult]) -> bool:
    return len(ended) <= _SMALL_STEPS and sum(chars_of(r.output) for r in ended if r.output) <= _SMALL_CHARS


def _end(db: sqlite3.Connection, run: str, state: RunState, report: str) -> None:
    db.execute("UPDATE runs SET state=?, ended=?, report=? WHERE id=?", (state, time.time(), report, run))


@cache
def _result_adapter() -> TypeAdapter[StepResult]:
    return TypeAdapter(StepResult)


@cache
def _output_adapter(op: str) -> TypeAdapter[Any]:
    return TypeAdapter(_OUTPUTS[op])


def _freeze(result: StepResult) -> tuple[bytes, bytes | None]:
    """A result as two JSON texts in UTF-8, its output apart."""
    bare = replace(result, output=None)
    try:
        head = _result_adapter().dump_json(bare, exclude_defaults=True)
    except PydanticSerializationError:  # a name in its effects is not UTF-8
        shown = replace(bare, effects=_shown(bare.effects) if bare.effects else None)
        head = _result_adapter().dump_json(shown, exclude_defaults=True)
    return head, None if result.output is None else _output_adapter(result.op).dump_json(result.output)


def _shown(effects: Effects) -> Effects:
    """The effects with each byte of a name that is not UTF-8 as `\\xNN`."""

    def told(patterns: frozenset[str]) -> frozenset[str]:
        return frozenset(os.fsencode(p).decode("utf-8", "backslashreplace") for p in patterns)

    return replace(effects, reads=told(effects.reads), writes=told(effects.writes))


def _thaw(head: str | bytes, output: str | bytes | None) -> StepResult:
    result = _result_adapter().validate_json(head)
    if output is None:
        return result
    restored: AnyOutput = _output_adapter(result.op).validate_json(output)
    return replace(result, output=restored)
