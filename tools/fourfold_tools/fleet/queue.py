"""The queue of attempts, carried by DBOS: who enqueues, and the process that takes attempts from it."""

import logging
from collections.abc import Callable
from functools import lru_cache

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, EnqueueOptions, error
from sqlalchemy.exc import SQLAlchemyError

from fourfold_tools.errors import Unsupported

_APPLICATION = "fourfold"
_QUEUE = "fourfold-agents"
_WORKFLOW = "fourfold-agent"
# Processes of the same version take each other's attempts; it changes when the arguments of the workflow do.
_VERSION = "fleet-1"
_NOTICES_S = 0.05  # DBOS' thread for messages, of which the fleet has none, looks so often whether it is to end


@lru_cache(maxsize=4)
def _client(engine: sa.Engine) -> DBOSClient:
    return DBOSClient(system_database_engine=engine, application_name=_APPLICATION, lazy=True)


def workflow_id(key: str, epoch: int) -> str:
    return f"{key}#{epoch}"


def enqueue(engine: sa.Engine, db: sa.Connection, key: str, epoch: int, priority: int, delay_s: float = 0.0) -> None:
    """Queue one attempt within a transaction of the caller's: both are there afterwards, or neither."""
    options: EnqueueOptions = {
        "workflow_name": _WORKFLOW,
        "queue_name": _QUEUE,
        "workflow_id": workflow_id(key, epoch),
        "app_version": _VERSION,
        "priority": priority,
    }
    if delay_s > 0:
        options["delay_seconds"] = delay_s
    _client(engine).enqueue_in_transaction(db, options, key, epoch)


def holder_of(engine: sa.Engine, key: str, epoch: int) -> tuple[str, str | None]:
    """(status, executor) of an attempt in the queue, as DBOS has it."""
    status = _client(engine).retrieve_workflow(workflow_id(key, epoch)).get_status()
    return status.status, status.executor_id


class Listener:
    """This process as one that DBOS knows; there is one in a process."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def prepare(self) -> None:
        """Make DBOS's tables, and take nothing from the queue."""
        self._launch([], lambda: None)

    def listen(self, at_once: int, poll_s: float, carry: Callable[[str, int], None]) -> None:
        """Take attempts from the queue: `carry(key, epoch)` runs on a thread of DBOS for each.

        The queue is there before DBOS starts, which looks for new ones only once a second.
        """

        @DBOS.workflow(name=_WORKFLOW)
        def carried(key: str, epoch: int) -> None:  # pyright: ignore[reportUnusedFunction]  (the decorator keeps it)
            carry(key, epoch)

        def register() -> None:
            DBOS.migrate(self._engine.url.render_as_string(hide_password=False))
            _client(self._engine).register_queue(_QUEUE, worker_concurrency=at_once, polling_interval_sec=poll_s)

        self._launch([_QUEUE], register)

    def close(self) -> None:
        """End DBOS's threads; what ran has ended before."""
        DBOS.destroy(destroy_registry=True)

    def _launch(self, queues: list[str], before: Callable[[], None]) -> None:
        """Raises Unsupported where DBOS cannot work with the database."""
        logging.getLogger("dbos").setLevel(logging.ERROR)
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_engine": self._engine,
                "application_version": _VERSION,
                "executor_id": self._name,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": _NOTICES_S,
                "log_level": "ERROR",
            }
        )
        DBOS.listen_queues(queues)
        try:
            before()
            DBOS.launch()
        except (SQLAlchemyError, error.DBOSException) as exc:
            DBOS.destroy(destroy_registry=True)
            raise Unsupported(f"DBOS cannot use the fleet's database: {str(exc).splitlines()[0][:300]}") from exc
