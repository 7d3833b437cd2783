"""The transport of fetches: connections go only to addresses that were checked, on each hop and each reconnect."""

import os
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address

import anyio
import h11
import httpcore2
import httpx2

from fourfold_tools.errors import Denied, NetworkFailure
from fourfold_tools.ops.addresses import METADATA_NAMES, host_address, refusal
from fourfold_tools.ops.connections import Body, Connections, Origin
from fourfold_tools.ops.streams import Dial

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_LOOKUPS = 16  # names looked up at a time, each in a thread that mostly waits
_NEXT_ADDRESS_S = 0.25  # RFC 8305, section 5


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections: resolves the host, checks every address, connects to one that was checked.

    The connection goes to the literal address, so a second answer of the name server gains nothing. The Host header
    and the name in the TLS handshake are set above and stay.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolve | None = None,
        dial: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve or self._look_up
        self._lookups = anyio.CapacityLimiter(_LOOKUPS)
        self._dial = dial or Dial()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._checked(host, port)
        return await _first(
            [partial(self._dial.connect_tcp, a, port, timeout, local_address, socket_options) for a in addresses]
        )

    async def _checked(self, host: str, port: int) -> list[str]:
        """The addresses of a host; one that is refused refuses all.

        Raises:
            Denied, NetworkFailure: an address that is not reached; no such name.
        """
        literal = host_address(host)
        if literal is None and host.rstrip(".") in METADATA_NAMES:
            raise Denied(f"{host} is a metadata service; it is never reached")
        found = [str(literal)] if literal else await self._resolve(host, port)
        if not found:
            raise NetworkFailure(f"{host} has no address")
        for address in found:
            kind = refusal(ip_address(address), allow_private=self._allow_private)
            if kind:
                raise Denied(_denial(host, address, kind, opens=not refusal(ip_address(address), allow_private=True)))
        return list(found)

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        call = partial(socket.getaddrinfo, host.encode("ascii"), port, type=socket.SOCK_STREAM)
        try:
            found = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._lookups)
        except socket.gaierror as exc:
            raise NetworkFailure(f"no address found for {host}", retryable=exc.errno == socket.EAI_AGAIN) from exc
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedTransport(httpx2.AsyncBaseTransport):
    """httpx2 over checked connections; what goes wrong below comes out as Denied or NetworkFailure. For GET alone."""

    def __init__(self, backend: CheckedBackend, *, max_connections: int) -> None:
        self._connections = Connections(backend, httpx2.create_ssl_context(), max_connections)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        origin = Origin(url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))
        with _translated(url.host):
            status, headers, body = await self._connections.get(origin, url.raw_path, request.headers.raw)
        return httpx2.Response(status, headers=list(headers), stream=AnswerBody(body, url.host))

    async def aclose(self) -> None:
        await self._connections.aclose()


class AnswerBody(httpx2.AsyncByteStream):
    """The bytes of an answer as they arrive, with the errors of this module."""

    def __init__(self, body: Body, host: str) -> None:
        self._body = body
        self._host = host

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        with _translated(self._host):
            async for part in self._body:
                yield part

    async def aclose(self) -> None:
        await self._body.aclose()


async def _first(
    attempts: Sequence[Callable[[], Awaitable[httpcore2.AsyncNetworkStream]]],
) -> httpcore2.AsyncNetworkStream:
    """The first connection that stands: each attempt starts when the one before failed or took long (RFC 8305).

    Raises:
        httpcore2.ConnectError, httpcore2.ConnectTimeout: none stands; the last error.
    """
    if len(attempts) == 1:
        return await attempts[0]()
    won: list[httpcore2.AsyncNetworkStream] = []
    lost: list[Exception] = []

    async def attempt(connect: Callable[[], Awaitable[httpcore2.AsyncNetworkStream]], failed: anyio.Event) -> None:
        try:
            stream = await connect()
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
            lost.append(exc)
            failed.set()
            return
        won.append(stream)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for connect in attempts:
            failed = anyio.Event()
            group.start_soon(attempt, connect, failed)
            with anyio.move_on_after(_NEXT_ADDRESS_S):
                await failed.wait()
    if not won:
        raise lost[-1]
    for stream in won[1:]:
        await stream.aclose()
    return won[0]


@contextmanager
def _translated(host: str) -> Generator[None]:
    """The errors of the network as one sentence each."""
    try:
        yield
    except httpcore2.TimeoutException as exc:
        raise NetworkFailure(f"{host} did not answer in time", retryable=True) from exc
    except httpcore2.ConnectError as exc:
        raise _not_connected(host, exc) from exc
    except h11.ProtocolError as exc:
        raise NetworkFailure(f"{host} broke off its answer or sent no valid HTTP", retryable=True) from exc
    except (httpcore2.NetworkError, OSError) as exc:
        raise NetworkFailure(f"the connection to {host} was lost", retryable=True) from exc


def _not_connected(host: str, error: BaseException) -> NetworkFailure:
    reason = _reason(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NetworkFailure(f"the certificate of {host} is not trusted: {reason.verify_message}")
    if isinstance(reason, ssl.SSLError):
        return NetworkFailure(f"no TLS connection to {host}: {(reason.reason or 'failed').replace('_', ' ').lower()}")
    words = f": {os.strerror(reason.errno).lower()}" if reason and reason.errno else ""
    return NetworkFailure(f"no connection to {host}{words}", retryable=True)


def _reason(error: BaseException | None) -> OSError | None:
    """What the system said, behind the errors that stand for it; the pool cuts causes off, contexts stay."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error
        error = error.__cause__ or error.__context__
    return None


def _denial(host: str, address: str, kind: str, *, opens: bool) -> str:
    name = host if host == address else f"{host} ({address})"
    hint = "; FOURFOLD_FETCH__ALLOW_PRIVATE=true lets fetch reach private addresses" if opens else ""
    return f"{name} is not reached: {kind} address{hint}"
