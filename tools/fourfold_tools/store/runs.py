"""Runs in the store: written while they run, read back whole, resumed after a crash."""

import json
import secrets
import sqlite3
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fourfold_tools.errors import InvalidRequest, NotFound
from fourfold_tools.model.faults import brief
from fourfold_tools.model.result import StepResult
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.frozen import thaw
from fourfold_tools.store.journal import SMALL_CHARS, Birth, RunJournal, RunState, noted
from fourfold_tools.store.owner import is_alive, this_process

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letters that look like digits
_SHORT, _LONG = 4, 10  # letters of a run's name, and of one that nobody could compare with those there are


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


class Runs:
    """The runs of a store. Mutable: the journals of runs whose end the store has not taken yet."""

    def __init__(self, database: Database, files: Path | None = None) -> None:
        """files: the folder that holds one for each run; None where nothing is kept beside the store."""
        self._database = database
        self._files = files
        self._late: list[RunJournal] = []

    async def begin(self, request: str, cwd: str, step_count: int, conversation: str = "") -> RunJournal:
        """A new run with an id of its own. conversation: key of the calling conversation, "" while unknown."""
        await self.settle()
        birth = Birth(_name(_LONG), time.time(), this_process(), cwd, conversation, step_count, request)

        def insert(db: sqlite3.Connection) -> Birth:
            for length in (_SHORT, _SHORT, _SHORT, 6, 8):
                named = replace(birth, id=_name(length))
                if named.insert(db):
                    return named
            raise RuntimeError("no free run id in five draws")

        try:
            birth = await self._database.use(insert, small=len(request) <= SMALL_CHARS)
        except StoreBusy:
            return self._journal(birth, stored=False)
        return self._journal(birth, stored=True)

    async def settle(self) -> None:
        """Write the ends that wait, where the store takes them now."""
        while self._late:
            journal = self._late.pop(0)  # nobody else writes it meanwhile
            try:
                await journal.settle()
            except BaseException as exc:
                self._late.insert(0, journal)
                if isinstance(exc, StoreBusy):
                    return
                raise

    async def get(self, run: str, *, outputs: bool = True) -> StoredRun:
        """A run with all its results.

        Raises:
            NotFound: no such run (it may have been pruned), or damaged bytes where it was.
        """
        await self.settle()
        try:
            found = await self._database.use(lambda db: _get(db, run, outputs=outputs))
        except (ValueError, KeyError, TypeError) as exc:
            raise NotFound(f"run {run} cannot be read: its record in the store is damaged") from exc
        if found is None:
            raise NotFound(f"no run {brief(run)} in the store (`fourfold runs` lists what is there){self._why()}")
        return self._with_notes(found)

    def _with_notes(self, run: StoredRun) -> StoredRun:
        """A run that broke off, with the starts that the store could not take."""
        if self._files is None or run.state == "done":
            return run
        return replace(run, intents=run.intents | noted(self._files / run.id))

    def _why(self) -> str:
        return f"; the store: {self._database.fault}" if self._database.fault else ""

    def _journal(self, birth: Birth, *, stored: bool) -> RunJournal:
        folder = None if self._files is None else self._files / birth.id
        return RunJournal(self._database, birth, folder, stored=stored, late=self._late.append)

    async def recent(
        self, limit: int, conversation: str | None = None, cwd: str | None = None, state: RunState | None = None
    ) -> list[StoredRun]:
        """The last runs, newest first, without their steps; of what is named (a conversation, a folder) only."""
        await self.settle()
        given = {"conversation": conversation, "cwd": cwd, "state": state}
        named = {column: value for column, value in given.items() if value is not None}
        where = " AND ".join(f"{column}=?" for column in named)

        def read(db: sqlite3.Connection) -> list[StoredRun]:
            sql = f"{_SELECT} {'WHERE ' + where if where else ''} ORDER BY created DESC, id LIMIT ?"
            return [_run(row) for row in db.execute(sql, (*named.values(), limit)).fetchall()]

        return await self._database.use(read)

    async def refused(self, request: str, cwd: str, conversation: str) -> str | None:
        """The run of a conversation that was kept for want of context with this very request, and never started."""
        sql = (
            "SELECT id FROM runs WHERE state='cancelled' AND cwd=? AND conversation=? AND request=? "
            "AND json_extract(report, '$.refused')='context' AND id NOT IN (SELECT run FROM steps) "
            "AND id NOT IN (SELECT run FROM attempts) ORDER BY created DESC LIMIT 1"
        )

        def read(db: sqlite3.Connection) -> str | None:
            row = db.execute(sql, (cwd, conversation, request)).fetchone()
            return None if row is None else str(row[0])

        await self.settle()
        return await self._database.use(read)

    async def step(self, run: str, step: str) -> StepResult | None:
        """One step's or sub-step's result, None when there is no such step.

        Raises:
            NotFound: its record is damaged.
        """

        def read(db: sqlite3.Connection) -> StepResult | None:
            row = db.execute("SELECT result, output FROM steps WHERE run=? AND id=?", (run, step)).fetchone()
            return None if row is None else thaw(*row)

        try:
            return await self._database.use(read)
        except (ValueError, KeyError, TypeError) as exc:
            raise NotFound(f"step {step} of run {run} cannot be read: its record is damaged") from exc

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
        told = (stored.cwd, stored.conversation, stored.step_count, stored.request)
        return self._journal(Birth(run, stored.created, this_process(), *told), stored=True)


_SELECT = "SELECT id,created,ended,state,owner,cwd,conversation,steps,request,report FROM runs"


def _run(row: tuple[Any, ...]) -> StoredRun:
    run, created, ended, state, owner, cwd, conversation, steps, request, report = row
    try:
        parsed = json.loads(report) if report else None
    except ValueError:  # damaged bytes
        parsed = None
    return StoredRun(run, created, ended, state, owner, cwd, conversation, steps, request, parsed)


def _get(db: sqlite3.Connection, run: str, *, outputs: bool) -> StoredRun | None:
    row = db.execute(f"{_SELECT} WHERE id=?", (run,)).fetchone()
    if row is None:
        return None
    columns = "result, output" if outputs else "result, NULL"
    rows = db.execute(f"SELECT {columns} FROM steps WHERE run=? ORDER BY idx, sub", (run,)).fetchall()
    intents = frozenset(name for (name,) in db.execute("SELECT step FROM attempts WHERE run=?", (run,)))
    return replace(_run(row), results=tuple(thaw(*entry) for entry in rows), intents=intents)


def _name(length: int) -> str:
    return "r-" + "".join(secrets.choice(_ALPHABET) for _ in range(length))
