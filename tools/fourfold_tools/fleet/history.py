"""History: every run of an agent that has ended, those in vain too, as the fleet's database has them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from fourfold_tools.fleet.contract import Outcome
from fourfold_tools.fleet.store import Store
from fourfold_tools.store.agent_runs import AgentRun

_LOST = "SELECT key, epoch, worker, why, queued, started, ended, cost_usd FROM fourfold_lost WHERE plan=:plan"
_ENDED = (
    "SELECT key, epoch, worker, outcome, queued, started, ended FROM fourfold_tasks "
    "WHERE plan=:plan AND state='done' AND started IS NOT NULL"
)


def runs_of(store: Store, plan: str) -> list[AgentRun]:
    """A plan's runs; one transaction on the calling thread."""

    def read(db: sa.Connection) -> list[AgentRun]:
        lost = [_lost_run(tuple(row)) for row in db.execute(sa.text(_LOST), {"plan": plan})]
        return lost + [_ended_run(tuple(row)) for row in db.execute(sa.text(_ENDED), {"plan": plan})]

    return store.run(read)


def _lost_run(row: Sequence[Any]) -> AgentRun:
    key, epoch, worker, why, queued, started, ended, cost = row
    _, task, attempt = str(key).split("/")
    return AgentRun(task, int(attempt), int(epoch), str(worker), str(why), queued, started, ended, float(cost), None)


def _ended_run(row: Sequence[Any]) -> AgentRun:
    key, epoch, worker, outcome, queued, started, ended = row
    _, task, attempt = str(key).split("/")
    said = Outcome.model_validate_json(outcome)
    return AgentRun(
        task, int(attempt), int(epoch), str(worker), said.state, queued, started, ended, said.cost_usd, said.tokens
    )
