"""Connections: HTTP/1.1 exchanges over a bounded number of streams, kept open for the next one to the same origin."""

import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio
import h11
import httpcore2

Headers = Sequence[tuple[bytes, bytes]]

_READ_BYTES = 65_536
_HEAD_BYTES = 102_400  # of an answer's status and headers
_IDLE_S = 30.0  # a connection that nobody used for so long is closed


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int


@dataclass(slots=True, eq=False)
class _Connection:
    """A stream and where its conversation stands. Mutable: the conversation; idle_since: time.monotonic()."""

    stream: httpcore2.AsyncNetworkStream
    talk: h11.Connection = field(
        default_factory=partial(h11.Connection, h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    )
    idle_since: float = 0.0

    def usable(self, now: float) -> bool:
        """Whether it may carry another request: not idle for long, and nothing came since, such as its end."""
        return now - self.idle_since <= _IDLE_S and not self.stream.get_extra_info("is_readable")

    async def ask(self, target: bytes, headers: Headers) -> h11.Response:
        asked = self.talk.send(h11.Request(method=b"GET", target=target, headers=list(headers))) or b""
        asked += self.talk.send(h11.EndOfMessage()) or b""
        with suppress(httpcore2.WriteError):  # a server may answer, and close, before it has read all
            await self.stream.write(asked)
        while not isinstance(event := await self.event(), h11.Response):
            if event is h11.PAUSED:
                raise h11.RemoteProtocolError("another protocol than the one that was asked for")
        return event

    async def event(self) -> object:
        while (event := self.talk.next_event()) is h11.NEED_DATA:
            data = await self.stream.read(_READ_BYTES)
            if not data and self.talk.their_state is h11.SEND_RESPONSE:
                raise h11.RemoteProtocolError("closed before it answered")
            self.talk.receive_data(data)
        return event


class Body:
    """The bytes of an answer as they arrive; closing it frees the connection. Mutable: whether it was closed."""

    def __init__(self, connection: _Connection, release: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._release: Callable[[], Awaitable[None]] | None = release

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while isinstance(event := await self._connection.event(), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            await release()


class Connections:
    """At most so many streams at a time; whoever asks for one more waits for a request to end.

    Mutable: the idle ones by origin, the one that was used last at the end, and how many are busy.
    """

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext, max_connections: int) -> None:
        self._backend = backend
        self._tls = tls
        self._tls.set_alpn_protocols(["http/1.1"])
        self._most = max_connections
        self._turns = anyio.Semaphore(max_connections, fast_acquire=True)
        self._idle: OrderedDict[_Connection, Origin] = OrderedDict()
        self._busy = 0

    async def get(self, origin: Origin, target: bytes, headers: Headers) -> tuple[int, Headers, "Body"]:
        """The status, the headers and the body of the answer; the body is to be closed.

        Raises:
            httpcore2.NetworkError, h11.ProtocolError, and what the backend raises.
        """
        await self._turns.acquire()
        self._busy += 1
        connection = None
        try:
            connection = await self._connection(origin)
            head = await connection.ask(target, headers)
        except BaseException:
            await self._release(connection, origin)
            raise
        return (
            head.status_code,
            head.headers.raw_items(),
            Body(connection, partial(self._release, connection, origin)),
        )

    async def aclose(self) -> None:
        """Close the idle ones; those at work close when their answer ends."""
        self._most = 0
        while self._idle:
            await self._idle.popitem()[0].stream.aclose()

    async def _connection(self, origin: Origin) -> _Connection:
        now = time.monotonic()
        while (found := next((c for c in reversed(self._idle) if self._idle[c] == origin), None)) is not None:
            del self._idle[found]
            if found.usable(now):
                return found
            await found.stream.aclose()
        # The one that was used longest ago goes first: when it is old, or when its room is needed.
        while self._idle and (
            len(self._idle) + self._busy > self._most or now - next(iter(self._idle)).idle_since > _IDLE_S
        ):
            await self._idle.popitem(last=False)[0].stream.aclose()
        stream = await self._backend.connect_tcp(origin.host, origin.port)
        if origin.scheme == "https":
            stream = await stream.start_tls(self._tls, server_hostname=origin.host)
        return _Connection(stream)

    async def _release(self, connection: _Connection | None, origin: Origin) -> None:
        """Keep a connection whose exchange ended in good order, close any other."""
        self._busy -= 1
        self._turns.release()
        if connection is None:
            return
        talk = connection.talk
        ended = talk.our_state is h11.DONE and talk.their_state is h11.DONE
        if ended and not talk.trailing_data[0] and self._most:  # more than was asked for belongs to no answer
            talk.start_next_cycle()
            connection.idle_since = time.monotonic()
            self._idle[connection] = origin
        else:
            with anyio.CancelScope(shield=True):
                await connection.stream.aclose()
