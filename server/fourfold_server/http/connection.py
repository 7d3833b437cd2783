"""A connection: HTTP/1.1 as uvicorn speaks it, with bounds on how long a slow client can hold it."""

import asyncio
from collections.abc import Callable
from functools import partial

from uvicorn.protocols.http.h11_impl import H11Protocol

from fourfold_config.settings import Http

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connection(H11Protocol):
    """One client's connection. Mutable: the two timers.

    uvicorn bounds an idle connection after a response, but neither a head that never ends nor a client that does
    not read. A class for each server binds the bounds (`bounded`), because uvicorn makes the connections.
    """

    bounds: Http

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it
        super().connection_made(transport)
        self._head = _Timer(self.loop, self.bounds.head_s, self._end)
        self._unread = _Timer(self.loop, self.bounds.write_s, transport.abort)
        if len(self.connections) > self.bounds.max_connections:
            transport.write(_FULL)
            self._end()
        else:
            self._head.start()

    def data_received(self, data: bytes) -> None:
        """While no request is being answered the next head must be whole in time; its parts do not renew that."""
        super().data_received(data)
        if not self.cycle or self.cycle.response_complete:  # uvicorn sets it with the first head
            self._head.start()
        else:
            self._head.stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._unread.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.stop()
        self._unread.stop()
        super().connection_lost(exc)

    def _end(self) -> None:
        """Close; what the client has not read by then is dropped after a while."""
        self.transport.close()
        self._unread.start()


class _Timer:
    """A call that comes after a while, once, unless it is stopped. Mutable."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float, act: Callable[[], None]) -> None:
        self._start = partial(loop.call_later, delay_s, act)
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start it where it does not run; a running one is not renewed."""
        self._handle = self._handle or self._start()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def bounded(bounds: Http) -> type[Connection]:
    """The class of the connections of one server."""
    return type("BoundedConnection", (Connection,), {"bounds": bounds})
