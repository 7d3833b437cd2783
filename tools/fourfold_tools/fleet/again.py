"""Again: an attempt whose agent ran in vain goes back to the queue, and what became of that run is kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from fourfold_tools.fleet.contract import AgentTask
from fourfold_tools.fleet.queue import enqueue

AttemptState = Literal["queued", "started", "done", "cancelled", "unknown"]
# Why an agent was begun again: its worker went, or left; it did nothing for want of quota; it was cancelled; nobody
# knew how it ended.
Why = Literal["lost", "left", "paused", "cancelled", "unknown"]
EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Pause:
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Back:
    """An attempt that goes back to the queue from the state `was`.

    why: an agent has run for it in vain; None where none had begun. cost_usd: what that agent has spent; None where
    nobody knows, then all that it was given counts as spent.
    """

    key: str
    epoch: int
    was: AttemptState
    why: Why | None
    cost_usd: float | None


def requeue(engine: sa.Engine, db: sa.Connection, back: Back) -> bool:
    """Queue it again with the next epoch; False where it is not in that state any more."""
    values = {"key": back.key, "epoch": back.epoch, "was": back.was}
    found = (
        "SELECT body, priority, started, worker, plan, queued FROM fourfold_tasks "
        "WHERE key=:key AND epoch=:epoch AND state=:was"
    )
    row = db.execute(sa.text(found), values).one_or_none()
    if row is None:
        return False
    now, begun = time.time(), row[2] is not None
    unknown_usd = AgentTask.model_validate_json(row[0]).cap_usd if begun else 0.0
    more = {"now": now, "cost": unknown_usd if back.cost_usd is None else back.cost_usd}
    sql = (
        "UPDATE fourfold_tasks SET state='queued', worker='', queued=:now, started=NULL, cancel=0, "
        "epoch=epoch+1, cost_usd=cost_usd+:cost WHERE key=:key AND epoch=:epoch AND state=:was"
    )
    if not db.execute(sa.text(sql), {**values, **more}).rowcount:
        return False
    if begun and back.why is not None:
        lost = "INSERT INTO fourfold_lost VALUES(:key,:epoch,:plan,:worker,:queued,:started,:now,:why,:cost)"
        run = {"started": row[2], "worker": row[3], "plan": row[4], "queued": row[5], "why": back.why}
        db.execute(sa.text(lost), {**values, **more, **run})
    pause = pause_of(db, now)
    enqueue(engine, db, back.key, back.epoch + 1, int(row[1]), pause.until - now if pause else 0.0)
    return True


def finish_late(db: sa.Connection, values: Mapping[str, object]) -> bool:
    """Take the outcome of a run that was thought lost, while its attempt only waits to be begun again.

    values: key, epoch, worker, outcome, cost, now.
    """
    lost = (
        "SELECT started, cost_usd FROM fourfold_lost "
        "WHERE key=:key AND epoch=:epoch AND worker=:worker AND why='lost'"
    )
    row = db.execute(sa.text(lost), values).one_or_none()
    if row is None:
        return False
    sql = (
        "UPDATE fourfold_tasks SET state='done', worker=:worker, started=:started, outcome=:outcome, ended=:now, "
        "cost_usd=cost_usd-:charged+:cost WHERE key=:key AND epoch=:epoch+1 AND state='queued'"
    )
    if not db.execute(sa.text(sql), {**values, "started": row[0], "charged": row[1]}).rowcount:
        return False
    db.execute(sa.text("DELETE FROM fourfold_lost WHERE key=:key AND epoch=:epoch"), values)
    return True


def pause_of(db: sa.Connection, now: float) -> Pause | None:
    """The fleet's pause, while it lasts."""
    sql = sa.text("SELECT until, reason FROM fourfold_pauses WHERE name=:name AND until>:now")
    row = db.execute(sql, {"name": EVERYONE, "now": now}).one_or_none()
    return None if row is None else Pause(float(row[0]), str(row[1]))
