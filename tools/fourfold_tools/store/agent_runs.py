"""Agent runs: where and when the agents of a deployed plan ran, one by one, and what each cost."""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from fourfold_tools.store.database import Database, StoreBusy


@dataclass(frozen=True, slots=True)
class AgentRun:
    """One agent from its start to its end. run: from 1, grows when an attempt is begun again without having ended.

    worker: `HOST/PID:START`. state: ok, failed, or why there is no outcome: lost, left, paused, cancelled, unknown.
    queued, started, ended: seconds of the epoch; of a run that was lost `ended` is when that was found.
    """

    task: str
    attempt: int
    run: int
    worker: str
    state: str
    queued: float
    started: float
    ended: float
    cost_usd: float
    tokens: int | None


def worker_name(worker: str) -> str:
    """`HOST/PID` of a worker, as people are shown it: its host goes without what tells starts of it apart."""
    host, _, process = worker.rpartition("/")
    return f"{host.partition('.')[0]}/{process.partition(':')[0]}" if worker else "nobody"


class AgentRuns:
    """The runs of a store's plans; kept as long as the plan is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, plan: str, runs: Sequence[AgentRun]) -> None:
        """Write runs down, in place of what was known of them; nothing where the store cannot be written now."""
        rows = [(plan, *astuple(run)) for run in runs]

        def write(db: sqlite3.Connection) -> None:
            db.executemany(f"INSERT OR REPLACE INTO agent_runs VALUES({','.join('?' * 11)})", rows)

        try:
            await self._database.use(write)
        except StoreBusy:
            return  # the next time brings all of them

    async def of(self, plan: str) -> list[AgentRun]:
        """The runs of a plan by their starts; none where nobody deployed it, or the store cannot be read now."""
        sql = (
            "SELECT task,attempt,run,worker,state,queued,started,ended,cost_usd,tokens FROM agent_runs "
            "WHERE plan=? ORDER BY started, task, attempt, run"
        )
        try:
            rows = await self._database.use(lambda db: db.execute(sql, (plan,)).fetchall())
        except StoreBusy:
            return []
        return [AgentRun(*row) for row in rows]
