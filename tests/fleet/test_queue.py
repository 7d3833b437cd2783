"""The queue that DBOS carries."""

from pathlib import Path

import pytest
from dbos import DBOS

from fourfold_tools.fleet.queue import Listener
from fourfold_tools.fleet.store import Store, url_of


def test_the_queue_is_there_before_dbos_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again only a second later, which every first task would wait for."""
    store = Store(url_of("", tmp_path / "fleet.sqlite"), 5.0)
    store.prepare()
    seen: list[str] = []

    def launch() -> None:
        with store.engine.begin() as db:
            seen.extend(row[0] for row in db.exec_driver_sql("SELECT name FROM queues"))

    monkeypatch.setattr(DBOS, "launch", launch)
    listener = Listener(store.engine, "me")
    listener.listen(2, 0.05, lambda key, epoch: None)
    listener.close()
    store.close()
    assert seen == ["fourfold-agents"]
