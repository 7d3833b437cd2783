"""Streams: TCP and TLS connections to a literal address, with little between them and the event loop."""

import select
import socket
import ssl
from collections.abc import Iterable

import anyio
import anyio.abc
import anyio.streams.tls
import httpcore2


class Dial(httpcore2.AsyncNetworkBackend):
    """Opens connections. The caller bounds the time of everything here, `timeout` is not looked at."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            stream = await anyio.connect_tcp(host, port)
        except OSError as exc:
            raise httpcore2.ConnectError from exc
        return _Stream(stream, stream.extra(anyio.abc.SocketAttribute.raw_socket))


class _Stream(httpcore2.AsyncNetworkStream):
    """plug: the socket below the stream, to be looked at only."""

    def __init__(self, stream: anyio.abc.ByteStream, plug: socket.socket) -> None:
        self._stream = stream
        self._plug = plug

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise httpcore2.ReadError from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise httpcore2.WriteError from exc

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            wrapped = await anyio.streams.tls.TLSStream.wrap(
                self._stream, ssl_context=ssl_context, hostname=server_hostname, standard_compatible=False
            )
        except (anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError) as exc:
            await self.aclose()
            raise httpcore2.ConnectError from exc
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        return _Stream(wrapped, self._plug)

    def get_extra_info(self, info: str) -> object:
        """`is_readable`: whether something came, the end included; nothing else is known."""
        if info != "is_readable":
            return None
        if self._plug.fileno() < 0:
            return True
        if hasattr(select, "poll"):
            look = select.poll()
            look.register(self._plug, select.POLLIN)
            return bool(look.poll(0))
        return bool(select.select([self._plug], [], [], 0)[0])
