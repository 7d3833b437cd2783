"""A bell: wakes a deployer when an attempt has ended, so that it need not look into the database all the time."""

from collections.abc import Mapping

import anyio
import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

_CHANNEL = "fourfold_ended"
_AGAIN_S = 1.0  # until a connection that was lost is tried again


class Bell:
    """Workers in the deployer's own process ring it; those of other processes notify it through PostgreSQL.

    Mutable: whether it has rung since the last wait, and heard: whether every end rings it.
    """

    def __init__(self, address: str, connect: Mapping[str, int | str]) -> None:
        """address: of a PostgreSQL database, with what connections take; empty where all is in one process."""
        self._address = make_conninfo(address, **connect) if address else ""
        self._rung = anyio.Event()
        self.heard = not address

    def ring(self) -> None:
        """Called on the event loop's own thread."""
        self._rung.set()

    async def wait(self, most_s: float) -> None:
        """Until it rings, or has rung since the last wait; so many seconds at most."""
        with anyio.move_on_after(most_s):
            await self._rung.wait()
        self._rung = anyio.Event()

    async def listen(self) -> None:
        """Ring for what other processes notify, until cancelled; while the database is away nothing is heard."""
        while self._address:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    self.heard = True
                    self.ring()  # for what came before
                    async for _ in connection.notifies():
                        self.ring()
            except psycopg.Error:
                pass  # the deployer looks by itself, and says so where the database is away for long
            finally:
                self.heard = False
            await anyio.sleep(_AGAIN_S)


def notify(db: sa.Connection) -> None:
    """Ring the deployers' bells once this transaction is committed; on SQLite they are in this process."""
    if db.dialect.name == "postgresql":
        db.execute(sa.text(f"NOTIFY {_CHANNEL}"))
