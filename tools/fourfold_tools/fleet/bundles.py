"""Bundles: commits on their way between machines, kept in the fleet's database until the deployment has ended."""

import sqlalchemy as sa

from fourfold_tools.fleet.store import Store


class Bundles:
    """Rows of (name, plan, data); a name is written once, and again only with the same content."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, name: str, plan: str, data: bytes) -> None:
        sql = sa.text(
            "INSERT INTO fourfold_bundles VALUES(:name, :plan, :data) "
            "ON CONFLICT (name) DO UPDATE SET data=excluded.data"
        )
        self._store.run(lambda db: db.execute(sql, {"name": name, "plan": plan, "data": data}))

    def has(self, name: str) -> bool:
        sql = sa.text("SELECT 1 FROM fourfold_bundles WHERE name=:name")
        return self._store.run(lambda db: db.execute(sql, {"name": name}).one_or_none() is not None)

    def get(self, name: str) -> bytes | None:
        sql = sa.text("SELECT data FROM fourfold_bundles WHERE name=:name")
        found = self._store.run(lambda db: db.execute(sql, {"name": name}).scalar_one_or_none())
        return None if found is None else bytes(found)

    def drop(self, plan: str) -> None:
        self._store.run(
            lambda db: db.execute(sa.text("DELETE FROM fourfold_bundles WHERE plan=:plan"), {"plan": plan})
        )
