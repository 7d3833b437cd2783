"""The gate: the ASGI application in front of the SDK's, through which every request passes, or does not."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fourfold_server.departure import DEPARTED
from fourfold_server.http.access import Access, Headers, Refusal

_log = logging.getLogger("fourfold.http")
_LAST_WORD_S = 1.0  # for the end of a response that the server's own end cuts short
_LEAVING = Refusal(503, "this server is about to end")


class Gate:
    """Judges a request by its headers, takes in its body within bounds, and ends what runs when the server ends.

    Mutable: the requests in flight, and whether the gate has closed.
    """

    def __init__(self, app: ASGIApp, access: Access, *, max_body_bytes: int, body_s: float) -> None:
        self._app = app
        self._access = access
        self._max_body_bytes = max_body_bytes
        self._body_s = body_s
        self._flights: set[anyio.CancelScope] = set()
        self._closed = False

    def close(self) -> None:
        """Let nobody in any more and cancel what runs, which ends its commands and writes its runs down."""
        self._closed = True
        for flight in self._flights:
            flight.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _LEAVING if self._closed else self._access.refusal(scope["headers"])
        body = refusal or await self._body(receive)
        if isinstance(body, Refusal):
            client = (scope.get("client") or ("?",))[0]
            _log.info("refused %d to %s: %s", body.status, client, body.message)
            await _refuse(send, body)
        elif body is not None:
            await self._pass_on(scope, _Exchange(receive, send, body))

    async def _body(self, receive: Receive) -> bytes | Refusal | None:
        """The whole body; None when the client left before its end."""
        body = bytearray()
        with anyio.move_on_after(self._body_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > self._max_body_bytes:
                    return Refusal(413, f"a body holds at most {self._max_body_bytes:,} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
        return Refusal(408, f"a body must be sent within {self._body_s:g} s")

    async def _pass_on(self, scope: Scope, exchange: "_Exchange") -> None:
        with self._flight() as flight:
            try:
                told = {**scope, "headers": _kept(scope["headers"]), DEPARTED: exchange.departed}
                await self._app(told, exchange.receive, exchange.send)
            finally:
                exchange.departed.set()
        if flight.cancelled_caught:
            with anyio.move_on_after(_LAST_WORD_S):
                await exchange.finish()

    @contextmanager
    def _flight(self) -> Generator[anyio.CancelScope]:
        with anyio.CancelScope() as flight:
            self._flights.add(flight)
            try:
                yield flight
            finally:
                self._flights.discard(flight)


class _Exchange:
    """One request and its response on their way. Mutable: how far both have come.

    departed: set when nobody waits for the response any more, also when it is complete.
    """

    def __init__(self, receive: Receive, send: Send, body: bytes) -> None:
        self._receive = receive
        self._send = send
        self._body: bytes | None = body
        self._started = self._complete = False
        self.departed = anyio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.departed.set()
        return message

    async def send(self, message: Message) -> None:
        self._started = True
        self._complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def finish(self) -> None:
        """End a response that was cut short: a refusal where it had not begun, else an end without a result."""
        if not self._started:
            await _refuse(self._send, _LEAVING)
        elif not self._complete:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _kept(headers: Headers) -> list[tuple[bytes, bytes]]:
    """All but the wish to go on with a stream: none is kept here, and the SDK then gives no answer at all."""
    return [(name, value) for name, value in headers if name != b"last-event-id"]


async def _refuse(send: Send, refusal: Refusal) -> None:
    text = refusal.message.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        (b"connection", b"close"),  # what the client sends on is not read
        *refusal.headers,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})
