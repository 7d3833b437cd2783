"""Timings: how long steps of a kind took before, by class and size, for the next run's order and predictions."""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GlobStep, GrepStep
from fourfold_tools.model.result import StepResult
from fourfold_tools.store.database import Database, StoreBusy

# Seconds of a step nobody has timed yet, by op; only their order matters for the schedule (judgement, from the
# measured floors: a read 10 us, a search 30 ms, a walk 60 ms, a command and a page about a second).
PRIORS: dict[str, float] = {"read": 0.001, "grep": 0.05, "glob": 0.05, "bash": 1.0, "fetch": 0.5}
_ALPHA = 0.3  # weight of the newest observation in the moving average
_FEW = 16  # kinds whose news are written together, on the event loop
_SAVE_S = 10.0  # seconds that fewer may wait; what a killed server had not written is learned again
_MOST = 5_000  # kinds kept; the longest unused go first


def kind_of(step: AnyStep) -> str:
    """The key of a step's kind: the command's text, the page's host, the searched folder, else the op alone."""
    match step:
        case BashStep():
            return "bash:" + hashlib.sha256(step.command.encode()).hexdigest()[:16]
        case FetchStep() if isinstance(step.url, str):
            return "fetch:" + step.url.partition("://")[2].partition("/")[0]
        case GrepStep() | GlobStep() if isinstance(step.path, str):
            return f"{step.op}:{step.path}"
        case _:
            return step.op


class Timings:
    """Moving averages by kind, read once and kept in memory. Mutable."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[int, float]] | None = None
        self._unsaved: dict[str, tuple[int, float]] = {}
        self._saved_at = clock()

    async def load(self) -> Mapping[str, tuple[int, float]]:
        """(count, mean seconds) by kind; empty where the store cannot be read now."""
        if self._known is None:
            try:
                self._known = await self._database.use(_read)
            except StoreBusy:
                return {}
        return self._known

    async def weights(self, steps: Sequence[AnyStep]) -> list[float]:
        """Expected seconds of each step: history, else the prior of its op."""
        known = await self.load()
        return [known.get(kind_of(step), (0, PRIORS[step.op]))[1] for step in steps]

    async def learn(self, steps: Sequence[AnyStep], results: Sequence[StepResult]) -> None:
        """Take in what the steps of a run took."""
        known = dict(await self.load())
        changed: dict[str, tuple[int, float]] = {}
        for result in results:
            if result.state != "ok" or result.duration_s is None or result.same_as:
                continue
            key = kind_of(steps[result.index[0]])
            count, mean = changed.get(key) or known.get(key, (0, result.duration_s))
            changed[key] = (count + 1, mean + _ALPHA * (result.duration_s - mean))
        known.update(changed)
        self._known = known
        self._unsaved |= changed
        if len(self._unsaved) >= _FEW or self._clock() - self._saved_at >= _SAVE_S:
            await self.save()

    async def save(self) -> None:
        """Write down what was learned since the last time; it goes on waiting where the store is busy."""
        changed, self._unsaved = self._unsaved, {}
        self._saved_at = self._clock()
        if not changed:
            return
        rows = [(key, count, mean, time.time()) for key, (count, mean) in changed.items()]
        try:
            await self._database.use(lambda db: _save(db, rows), small=len(rows) <= _FEW)
        except StoreBusy:
            self._unsaved = changed | self._unsaved


def _read(db: sqlite3.Connection) -> dict[str, tuple[int, float]]:
    rows = db.execute("SELECT key, count, mean_s FROM timings ORDER BY updated DESC LIMIT ?", (_MOST,))
    return {key: (count, mean) for key, count, mean in rows}


def _save(db: sqlite3.Connection, rows: Sequence[tuple[str, int, float, float]]) -> None:
    db.executemany("INSERT OR REPLACE INTO timings(key,count,mean_s,updated) VALUES(?,?,?,?)", rows)
    db.execute(
        "DELETE FROM timings WHERE key IN (SELECT key FROM timings ORDER BY updated DESC LIMIT -1 OFFSET ?)", (_MOST,)
    )
