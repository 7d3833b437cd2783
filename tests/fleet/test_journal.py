"""Attempts that are given up and begun again, and outcomes that come late."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fourfold_tools.fleet.contract import AgentTask, Outcome
from fourfold_tools.fleet.journal import Attempt, Journal
from fourfold_tools.fleet.queue import Listener
from fourfold_tools.fleet.store import Store, url_of

KEY = "p-none/t/1"
CUT, NEAR = "far/1:1", "near/2:2"
SAID = Outcome(state="ok", summary="from the one that was cut off", cost_usd=0.3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(url_of("", tmp_path / "fleet.sqlite"), 5.0)
    store.prepare()
    listener = Listener(store.engine, "nobody/0:0")
    listener.prepare()
    yield store
    listener.close()
    store.close()


@pytest.fixture
def journal(store: Store) -> Journal:
    """One attempt, begun by a worker that was then given up."""
    journal = Journal(store)
    names = dict.fromkeys(("title", "prompt", "home", "folder", "agent"), "")
    rest = {"once": False, "owns": (), "merges": False, "cap_usd": 2.0, "timeout_s": 60.0}
    task = AgentTask.model_validate({"plan": "p-none", "task": "t", "attempt": 1, **names, **rest})
    journal.add([(task, 1)])
    assert journal.claim(KEY, 1, CUT) == task
    assert journal.release(KEY, 1, "lost")
    return journal


def _attempt(journal: Journal) -> Attempt:
    (attempt,) = journal.every("p-none")
    return attempt


def _lost(store: Store) -> list[tuple[str, int, str, str, float]]:
    sql = sa.text("SELECT key, epoch, worker, why, cost_usd FROM fourfold_lost")
    return store.run(lambda db: [tuple(row) for row in db.execute(sql)])


def test_a_run_that_was_given_up_is_kept_and_what_it_was_given_counts_as_spent(
    journal: Journal, store: Store
) -> None:
    assert _lost(store) == [(KEY, 1, CUT, "lost", 2.0)]
    found = _attempt(journal)
    assert (found.state, found.epoch, found.spent_usd) == ("queued", 2, 2.0)


def test_an_outcome_that_comes_late_counts_where_nobody_has_begun_again(journal: Journal, store: Store) -> None:
    assert journal.finish(KEY, 1, CUT, SAID)
    found = _attempt(journal)
    assert (found.state, found.outcome, found.worker) == ("done", SAID, CUT)
    assert found.spent_usd == pytest.approx(0.3)
    assert _lost(store) == []
    assert journal.claim(KEY, 2, NEAR) is None  # nobody begins it again
    assert not journal.finish(KEY, 1, CUT, SAID)


def test_an_outcome_that_comes_too_late_counts_for_nothing(journal: Journal) -> None:
    assert journal.claim(KEY, 2, NEAR) is not None
    assert not journal.finish(KEY, 1, CUT, SAID)
    assert journal.finish(KEY, 2, NEAR, Outcome(state="ok", summary="again"))
    assert not journal.finish(KEY, 1, CUT, SAID)
    found = _attempt(journal)
    assert found.outcome is not None
    assert found.outcome.summary == "again"


def test_only_the_worker_that_was_given_up_may_come_late(journal: Journal) -> None:
    assert not journal.finish(KEY, 1, NEAR, SAID)
    assert _attempt(journal).state == "queued"
