"""A whole run: all that the store has of it, in the JSON form of an answer."""

from typing import Any

from fourfold_tools.answer.structured import entries, error_groups_of
from fourfold_tools.resume import whole_record
from fourfold_tools.store.runs import StoredRun


def whole_run(stored: StoredRun) -> dict[str, Any]:
    """A stored run in the JSON form of an answer, nothing cut; of one that broke off, what is known."""
    results = whole_record(stored)
    report = stored.report or {"mathver": None, "context": None, "signals": []}
    state = "crashed" if stored.crashed else stored.state
    return {"run": stored.id, "state": state, "steps": entries(results), **report, "errors": error_groups_of(results)}
