"""A cache of pages: what was loaded within the last minutes, and what is being loaded right now."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[V]):
    """A value that was just loaded, and the bytes it takes in the cache; None: it is not kept."""

    value: V
    size_bytes: int | None


@dataclass(slots=True)
class _Flight(Generic[V]):
    """A load under way. When `done` is set without a result its leader was cancelled or broke."""

    done: anyio.Event = field(default_factory=anyio.Event)
    result: Loaded[V] | None = None


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    size_bytes: int
    expires: float


class PageCache(Generic[V]):
    """Values by key, each for ttl_s seconds of `clock`, at most max_bytes together; the least recently used go first.

    Mutable: the entries and the flights, changed between awaits of one event loop only.
    """

    def __init__(self, ttl_s: float, max_bytes: int, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry[V]] = OrderedDict()
        self._flights: dict[Hashable, _Flight[V]] = {}
        self.used_bytes = 0

    async def get(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> tuple[V, bool]:
        """The value of the key and whether it came without a load of our own.

        Calls at the same time share one load, what it gives is shared even where it is not kept. When the one that
        loads is cancelled or raises, another goes on with a load of its own.
        """
        while True:
            entry = self._fresh(key)
            if entry is not None:
                return entry.value, True
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, load), False
            await flight.done.wait()
            if flight.result is not None:
                return flight.result.value, True

    async def _lead(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> V:
        flight = self._flights[key] = _Flight[V]()
        try:
            flight.result = await load()
            self._keep(key, flight.result)
            return flight.result.value
        finally:
            del self._flights[key]
            flight.done.set()

    def _fresh(self, key: Hashable) -> _Entry[V] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _keep(self, key: Hashable, loaded: Loaded[V]) -> None:
        size = loaded.size_bytes
        if size is None or size > self._max_bytes or self._ttl_s <= 0:
            return
        self._entries[key] = _Entry(loaded.value, size, self._clock() + self._ttl_s)
        self.used_bytes += size
        while self.used_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        self.used_bytes -= self._entries.pop(key).size_bytes
