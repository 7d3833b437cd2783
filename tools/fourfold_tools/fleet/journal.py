"""The journal: every attempt of every deployed task, from the queue to its outcome, so that no end is told twice."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from fourfold_tools.errors import Denied
from fourfold_tools.fleet.again import (
    EVERYONE,
    AttemptState,
    Back,
    Pause,
    Why,
    finish_late,
    pause_of,
    requeue,
)
from fourfold_tools.fleet.bell import notify
from fourfold_tools.fleet.contract import AgentTask, Outcome
from fourfold_tools.fleet.queue import enqueue
from fourfold_tools.fleet.store import Store

_SAME_S = 0.001  # two clocks' readings of one moment, through two databases


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row. started: seconds of the epoch. spent_usd: over all that worked on it."""

    key: str
    task: str
    attempt: int
    epoch: int
    state: AttemptState
    worker: str
    body: AgentTask
    outcome: Outcome | None
    spent_usd: float
    started: float | None


@dataclass(frozen=True, slots=True)
class Watched:
    """What a worker must know of an attempt it runs: whose it is now, and whether it is cancelled."""

    key: str
    epoch: int
    worker: str
    cancel: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Attempts whose end the deployer has not taken in, what all of the plan have spent, and the fleet's pause."""

    attempts: tuple[Attempt, ...]
    spent_usd: float
    pause: Pause | None


class Journal:
    """Reads and writes the fleet's tables; every method is one transaction on the calling thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # The deployer's side.

    def adopt(self, plan: str, created: float, deployer: str, elsewhere: Sequence[str]) -> tuple[str, ...]:
        """Make a deployer responsible for a plan; gives the attempts that were in flight before the fleet knew it.

        created: when the plan was made; it tells two plans of one name in different stores apart.

        Raises:
            Denied: the database holds another plan of that name.
        """

        def write(db: sa.Connection) -> tuple[str, ...]:
            found = db.execute(
                _text("SELECT elsewhere, created FROM fourfold_plans WHERE plan=:plan"), {"plan": plan}
            )
            row = found.one_or_none()
            values = {"plan": plan, "deployer": deployer, "created": created, "elsewhere": json.dumps(elsewhere)}
            if row is None:
                db.execute(_text("INSERT INTO fourfold_plans VALUES(:plan, :deployer, :created, :elsewhere)"), values)
                return tuple(elsewhere)
            if abs(float(row[1]) - created) > _SAME_S:
                raise Denied(f"the fleet's database holds another plan named {plan}")
            db.execute(_text("UPDATE fourfold_plans SET deployer=:deployer WHERE plan=:plan"), values)
            return tuple(json.loads(row[0]))

        return self._store.run(write)

    def deployer_of(self, plan: str) -> str | None:
        sql = _text("SELECT deployer FROM fourfold_plans WHERE plan=:plan")
        return self._store.run(lambda db: cast("str | None", db.execute(sql, {"plan": plan}).scalar_one_or_none()))

    def add(self, tasks: Sequence[tuple[AgentTask, int]]) -> None:
        """Queue attempts, each with its priority; nothing happens with those that are known already."""
        sql = _text(
            "INSERT INTO fourfold_tasks(key,plan,task,attempt,epoch,state,priority,body,queued) VALUES"
            "(:key,:plan,:task,:attempt,1,'queued',:priority,:body,:now) ON CONFLICT (key) DO NOTHING"
        )

        def write(db: sa.Connection) -> None:
            for task, priority in tasks:
                values = {
                    "key": task.key,
                    "plan": task.plan,
                    "task": task.task,
                    "attempt": task.attempt,
                    "priority": priority,
                    "body": task.model_dump_json(),
                    "now": time.time(),
                }
                if db.execute(sql, values).rowcount:
                    enqueue(self._store.engine, db, task.key, 1, priority)

        if tasks:
            self._store.run(write)

    def moment(self, plan: str) -> "Moment":
        """What a deployer looks at in every turn, read at once."""
        mine = _text(f"SELECT {_COLUMNS} FROM fourfold_tasks WHERE plan=:plan AND taken=0 ORDER BY queued, key")
        spent = _text("SELECT COALESCE(SUM(cost_usd), 0) FROM fourfold_tasks WHERE plan=:plan")

        def read(db: sa.Connection) -> Moment:
            attempts = [_attempt(tuple(row)) for row in db.execute(mine, {"plan": plan})]
            spent_usd = float(db.execute(spent, {"plan": plan}).scalar_one())
            return Moment(tuple(attempts), spent_usd, pause_of(db, time.time()))

        return self._store.run(read)

    def every(self, plan: str) -> list[Attempt]:
        sql = _text(f"SELECT {_COLUMNS} FROM fourfold_tasks WHERE plan=:plan ORDER BY queued, key")
        return self._store.run(lambda db: [_attempt(tuple(row)) for row in db.execute(sql, {"plan": plan})])

    def known(self, plan: str) -> set[str]:
        sql = _text("SELECT key FROM fourfold_tasks WHERE plan=:plan")
        return self._store.run(lambda db: {str(row[0]) for row in db.execute(sql, {"plan": plan})})

    def take(self, keys: Sequence[str]) -> None:
        """Note that the deployer has taken these outcomes in."""
        sql = _text("UPDATE fourfold_tasks SET taken=1 WHERE key=:key")
        if keys:
            self._store.run(lambda db: db.execute(sql, [{"key": key} for key in keys]))

    def cancel(self, plan: str) -> None:
        """What is queued does not start, what runs is to be ended by its worker."""

        def write(db: sa.Connection) -> None:
            queued = "UPDATE fourfold_tasks SET state='cancelled' WHERE plan=:plan AND state='queued'"
            db.execute(_text(queued), {"plan": plan})
            db.execute(
                _text("UPDATE fourfold_tasks SET cancel=1 WHERE plan=:plan AND state='started'"), {"plan": plan}
            )

        self._store.run(write)

    # The workers' side.

    def claim(self, key: str, epoch: int, worker: str) -> AgentTask | None:
        """Write down that an agent is about to start; None where this is no longer to be done by this worker, or
        everyone pauses (it goes back to the queue for later)."""

        def write(db: sa.Connection) -> AgentTask | None:
            now = time.time()
            pause = pause_of(db, now)
            if pause is not None:
                requeue(self._store.engine, db, Back(key, epoch, "queued", None, 0.0))
                return None
            values = {"key": key, "epoch": epoch, "worker": worker, "now": now}
            sql = (
                "UPDATE fourfold_tasks SET state='started', worker=:worker, started=:now, cancel=0 "
                "WHERE key=:key AND epoch=:epoch AND state='queued'"
            )
            db.execute(_text(sql), values)
            mine = (
                "SELECT body FROM fourfold_tasks "
                "WHERE key=:key AND epoch=:epoch AND worker=:worker AND state='started'"
            )
            row = db.execute(_text(mine), values).one_or_none()
            return None if row is None else AgentTask.model_validate_json(row[0])

        return self._store.run(write)

    def finish(self, key: str, epoch: int, worker: str, outcome: Outcome) -> bool:
        """Write an outcome down, once; False where the attempt is somebody else's by now. A worker that was given
        up may still report what nobody repeated, or nobody has begun again yet."""

        def write(db: sa.Connection) -> bool:
            values = {
                "key": key,
                "epoch": epoch,
                "worker": worker,
                "now": time.time(),
                "outcome": outcome.model_dump_json(),
                "cost": outcome.cost_usd,
            }
            sql = (
                "UPDATE fourfold_tasks SET state='done', outcome=:outcome, ended=:now, cost_usd=cost_usd+:cost "
                "WHERE key=:key AND epoch=:epoch AND worker=:worker AND state IN ('started','unknown')"
            )
            notify(db)
            return bool(db.execute(_text(sql), values).rowcount) or finish_late(db, values)

        return self._store.run(write)

    def pause(self, outcome: Outcome) -> None:
        """Somebody met a rate limit: everyone pauses."""

        def write(db: sa.Connection) -> None:
            values = {"name": EVERYONE, "until": outcome.until or 0.0, "reason": outcome.summary[:300]}
            sql = (
                "INSERT INTO fourfold_pauses VALUES(:name, :until, :reason) ON CONFLICT (name) DO UPDATE "
                "SET until=excluded.until, reason=excluded.reason WHERE excluded.until > fourfold_pauses.until"
            )
            db.execute(_text(sql), values)

        self._store.run(write)

    def release(
        self, key: str, epoch: int, why: Why | None, was: AttemptState = "started", cost_usd: float | None = None
    ) -> bool:
        """Put an attempt back into the queue; False where it is not in that state any more.

        why, cost_usd: as in Back.
        """
        return self._store.run(lambda db: requeue(self._store.engine, db, Back(key, epoch, was, why, cost_usd)))

    def end(self, key: str, epoch: int, state: AttemptState) -> None:
        """A started attempt ends without an outcome: it was cancelled, or nobody knows."""
        sql = _text(
            "UPDATE fourfold_tasks SET state=:state WHERE key=:key AND epoch=:epoch AND state IN ('started','queued')"
        )

        def write(db: sa.Connection) -> None:
            notify(db)
            db.execute(sql, {"key": key, "epoch": epoch, "state": state})

        self._store.run(write)

    def give_up(self, key: str, epoch: int, outcome: Outcome) -> None:
        """Settle an attempt that no worker will report on."""
        sql = _text(
            "UPDATE fourfold_tasks SET state='done', outcome=:outcome, ended=:now "
            "WHERE key=:key AND epoch=:epoch AND state<>'done'"
        )
        values = {"key": key, "epoch": epoch, "outcome": outcome.model_dump_json(), "now": time.time()}
        self._store.run(lambda db: db.execute(sql, values))

    def watched(self, keys: Sequence[str]) -> list[Watched]:
        """What became of attempts that a worker runs; asked once, without patience."""
        sql = _text("SELECT key, epoch, worker, cancel FROM fourfold_tasks WHERE key IN :keys").bindparams(
            sa.bindparam("keys", expanding=True)
        )
        rows = self._store.run(lambda db: db.execute(sql, {"keys": list(keys)}).all(), 0.0)
        return [Watched(str(row[0]), int(row[1]), str(row[2]), bool(row[3])) for row in rows]


_COLUMNS = "key,task,attempt,epoch,state,worker,body,outcome,cost_usd,started"


def _text(sql: str) -> sa.TextClause:
    return sa.text(sql)


def _attempt(row: Sequence[Any]) -> Attempt:
    key, task, attempt, epoch, state, worker, body, outcome, cost, started = row
    return Attempt(
        key=str(key),
        task=str(task),
        attempt=int(attempt),
        epoch=int(epoch),
        state=cast("AttemptState", state),
        worker=str(worker),
        body=AgentTask.model_validate_json(body),
        outcome=None if outcome is None else Outcome.model_validate_json(outcome),
        spent_usd=float(cost),
        started=None if started is None else float(started),
    )
