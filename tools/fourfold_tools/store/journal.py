"""The journal of one run: how it gets into the store while it runs, whatever becomes of the store meanwhile."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import anyio

from fourfold_tools.errors import Contention
from fourfold_tools.model.output import chars_of
from fourfold_tools.model.result import StepResult
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.frozen import freeze

RunState = Literal["running", "done", "cancelled"]
SMALL_CHARS, _SMALL_STEPS = 32_768, 16  # of results or of a request that are written on the event loop
_TOGETHER_S = 0.05  # that the end of a step which may be repeated waits for others, to be written with them
_STARTED = ".started"  # what the name of a note ends in


@dataclass(frozen=True, slots=True)
class Birth:
    """A run as it began. created: seconds of the epoch. request: the batch request as JSON text."""

    id: str
    created: float
    owner: str
    cwd: str
    conversation: str
    step_count: int
    request: str

    def insert(self, db: sqlite3.Connection) -> bool:
        """Whether the name was free."""
        columns = "id,created,state,owner,cwd,conversation,steps,request,bytes"
        sql = f"INSERT OR IGNORE INTO runs({columns}) VALUES(?,?,'running',?,?,?,?,?,?)"
        told = (self.owner, self.cwd, self.conversation, self.step_count, self.request, len(self.request))
        return bool(db.execute(sql, (self.id, self.created, *told)).rowcount)


class RunJournal:
    """One run's way into the store. Mutable: what waits to be written, and all that was, until the run is closed.

    A step that must not be repeated is written before it starts, and its end at once; other ends are written a
    little later, several together, or when much has come together. Where the store was given up in the middle of the
    run, the new one gets the whole run. Where the run stands in a file that does not take a start now, a note beside
    the file says that the step was started: an empty file, which a full disk takes too. Without one of the two the
    step does not start.
    """

    def __init__(
        self,
        database: Database,
        birth: Birth,
        folder: Path | None,
        *,
        stored: bool,
        late: Callable[["RunJournal"], None],
    ) -> None:
        """folder: of the run's notes. stored: its row is in the open database. late: told when its end must wait."""
        self._database = database
        self._birth = birth
        self._folder = folder
        self._late = late
        self.run = birth.id
        self._stored_in = database.generation if stored else 0
        self._filed = stored and database.path is not None
        self._pending: list[StepResult] = []
        self._chars = 0
        self._starts: list[tuple[str, str, float]] = []
        self._all: tuple[list[StepResult], list[tuple[str, str, float]]] = ([], [])
        self._intents: set[str] = set()
        self._news = anyio.Event()
        self._urgent = anyio.Event()
        self._end: Callable[[sqlite3.Connection], object] = lambda _: None

    async def starting(self, ids: Sequence[str]) -> None:
        """Write down that steps start which must not run twice.

        Raises:
            Contention: neither the store nor a note could take it, so they must not start.
        """
        starts = [(self.run, name, time.time()) for name in ids]
        self._starts += starts
        self._all[1].extend(starts)
        self._intents.update(ids)
        with suppress(StoreBusy):
            await self._write()
            if self._database.path is not None:
                return
        if self._filed:
            self._note(ids)

    def had(self, results: Sequence[StepResult]) -> None:
        """Results that a resumed run found in the store, should a new one have to take them all."""
        self._all[0].extend(results)

    def ended(self, result: StepResult) -> None:
        self._pending.append(result)
        self._all[0].append(result)
        self._news.set()
        self._chars += chars_of(result.output) if result.output else 0
        if result.id in self._intents or self._chars > SMALL_CHARS:
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
        self._birth = replace(self._birth, conversation=conversation)
        sql = "UPDATE runs SET conversation=? WHERE id=?"
        with suppress(StoreBusy):
            await self._database.use(lambda db: db.execute(sql, (conversation, self.run)).rowcount, small=True)

    async def flush(self) -> None:
        if self._pending or self._starts:
            with suppress(StoreBusy):
                await self._write()

    async def close(self, state: RunState, report: dict[str, Any]) -> str | None:
        """Write what is left and the run's end; a sentence when the store could not take it yet."""
        text = json.dumps(report, ensure_ascii=False)
        values = (state, time.time(), text, self.run)
        sql = "UPDATE runs SET state=?, ended=?, report=? WHERE id=?"
        self._end = lambda db: db.execute(sql, values)
        try:
            await self.settle()
        except StoreBusy as exc:
            self._late(self)
            return f"run {self.run} is not stored yet: {exc}; it is written once the store is free"
        return None

    async def settle(self) -> None:
        """Write all that waits, the run's end included.

        Raises:
            StoreBusy: it goes on waiting.
        """
        await self._write(self._end)

    async def _write(self, then: Callable[[sqlite3.Connection], object] = lambda _: None) -> None:
        """Write what waits, in one transaction with `then`; what could not be written goes on waiting."""
        ended, self._pending, self._chars = self._pending, [], 0
        starts, self._starts = self._starts, []
        written = (self._stored_in, self._filed)

        def write(db: sqlite3.Connection) -> None:
            nonlocal written
            if self._stored_in != self._database.generation:
                self._birth.insert(db)
                _write(db, self.run, *self._all)
            else:
                _write(db, self.run, ended, starts)
            then(db)
            written = self._database.generation, self._database.path is not None

        try:
            await self._database.use(write, small=_is_small(ended))
        except BaseException:
            self._pending, self._starts = ended + self._pending, starts + self._starts
            raise
        self._stored_in, filed = written
        self._filed = self._filed or filed

    def _note(self, ids: Sequence[str]) -> None:
        """Note that steps start, where the store cannot."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in ids:
                (self._folder / f"{name}{_STARTED}").touch()
        except OSError as exc:
            why = f"neither the store nor {self._folder} could note that it starts: {exc.strerror}"
            raise Contention(f"not started, because it must not run twice: {why}") from exc


def noted(folder: Path) -> frozenset[str]:
    """The steps whose start a note tells."""
    return frozenset(path.name.removesuffix(_STARTED) for path in folder.glob(f"*{_STARTED}"))


def _write(
    db: sqlite3.Connection, run: str, ended: Sequence[StepResult], starts: Sequence[tuple[str, str, float]]
) -> None:
    rows = [(run, *r.index, r.id, *freeze(r)) for r in ended]
    if rows:
        db.executemany("INSERT OR REPLACE INTO steps(run,idx,sub,id,result,output) VALUES(?,?,?,?,?,?)", rows)
        size = sum(len(row[4]) + len(row[5] or b"") for row in rows)
        db.execute("UPDATE runs SET bytes = bytes + ? WHERE id=?", (size, run))
    if starts:
        db.executemany("INSERT INTO attempts(run,step,started) VALUES(?,?,?)", starts)


def _is_small(ended: Sequence[StepResult]) -> bool:
    return len(ended) <= _SMALL_STEPS and sum(chars_of(r.output) for r in ended if r.output) <= SMALL_CHARS
