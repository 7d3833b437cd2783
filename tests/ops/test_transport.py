"""The transport: which addresses are dialled, under which name, and what is said when none answers."""

import socket
import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager

import anyio
import httpcore2
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.errors import Denied, NetworkFailure
from fourfold_tools.ops.transport import CheckedBackend, CheckedTransport, Resolve

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Stream(httpcore2.AsyncNetworkStream):
    """A connection that answers with fixed bytes and keeps what it was told."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.sent = b""
        self.server_name: str | None = None
        self.closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part, self.answer = self.answer[:max_bytes], self.answer[max_bytes:]
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent += buffer

    async def aclose(self) -> None:
        self.closed = True

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        self.server_name = server_hostname
        return self


class Dial(httpcore2.AsyncNetworkBackend):
    """Connects to nothing: addresses in `dead` refuse, those in `silent` never answer, all others give a Stream."""

    def __init__(self, dead: Sequence[str] = (), silent: Sequence[str] = ()) -> None:
        self.dead = dead
        self.silent = silent
        self.dialled: list[str] = []
        self.streams: list[Stream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(host)
        if host in self.silent:
            await anyio.sleep_forever()
        if host in self.dead:
            try:
                raise ConnectionRefusedError(111, "Connection refused")
            except OSError as exc:
                raise httpcore2.ConnectError from exc
        self.streams.append(Stream())
        return self.streams[-1]


def answers(*rounds: Sequence[str]) -> Resolve:
    """A name server that gives one round of addresses after the other."""
    left = list(rounds)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0)

    return resolve


@asynccontextmanager
async def client(
    dial: Dial, resolve: Resolve | None = None, max_connections: int = 4
) -> AsyncGenerator[httpx2.AsyncClient]:
    backend = CheckedBackend(allow_private=False, resolve=resolve, dial=dial)
    transport = CheckedTransport(backend, max_connections=max_connections)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as made:
        yield made


async def test_the_checked_address_is_dialled_and_the_name_stays_in_host_header_and_handshake() -> None:
    dial = Dial()
    async with client(dial, answers(["93.184.216.34"])) as http:
        assert (await http.get("https://pages.example/x")).text == "ok"
    assert dial.dialled == ["93.184.216.34"]
    assert dial.streams[0].server_name == "pages.example"
    assert b"\r\nHost: pages.example\r\n" in dial.streams[0].sent


async def test_a_name_that_turns_private_between_two_requests_is_refused() -> None:
    dial = Dial()
    async with client(dial, answers(["93.184.216.34"], ["10.0.0.5"])) as http:
        await http.get("http://pages.example/")
        with pytest.raises(Denied, match=r"^pages.example \(10\.0\.0\.5\) is not reached: private address"):
            await http.get("http://pages.example/")
    assert dial.dialled == ["93.184.216.34"]


async def test_one_private_address_among_public_ones_refuses_all() -> None:
    dial = Dial()
    async with client(dial, answers(["93.184.216.34", "::ffff:127.0.0.1"])) as http:
        with pytest.raises(Denied):
            await http.get("http://pages.example/")
    assert dial.dialled == []


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata.google.internal.", "METADATA.goog"])
async def test_the_name_of_a_metadata_service_is_not_even_looked_up(host: str) -> None:
    async with client(Dial(), answers()) as http:
        with pytest.raises(Denied):
            await http.get(f"http://{host}/computeMetadata/v1/")


@pytest.mark.parametrize("dial", [Dial(dead=["192.0.1.1"]), Dial(silent=["192.0.1.1"])], ids=["dead", "silent"])
async def test_the_next_address_is_tried_when_the_first_does_not_answer(dial: Dial) -> None:
    async with client(dial, answers(["192.0.1.1", "192.0.1.2"])) as http:
        assert (await http.get("http://pages.example/")).text == "ok"
    assert dial.dialled == ["192.0.1.1", "192.0.1.2"]


async def test_the_loser_of_a_race_is_closed() -> None:
    both = anyio.Event()

    class Racing(Dial):
        async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore2.AsyncNetworkStream:
            stream = await super().connect_tcp(host, port)
            if len(self.dialled) == 2:
                both.set()
            with anyio.CancelScope(shield=True):
                await both.wait()
            return stream

    dial = Racing()
    async with client(dial, answers(["192.0.1.1", "192.0.1.2"])) as http:
        assert (await http.get("http://pages.example/")).text == "ok"
    assert [stream.closed for stream in dial.streams] == [True, True]
    assert sorted(bool(stream.sent) for stream in dial.streams) == [False, True]


async def test_when_no_address_answers_the_last_reason_is_given() -> None:
    async with client(Dial(dead=["192.0.1.1", "192.0.1.2"]), answers(["192.0.1.1", "192.0.1.2"])) as http:
        with pytest.raises(NetworkFailure) as caught:
            await http.get("http://pages.example/")
    assert caught.value.message == "no connection to pages.example: connection refused"
    assert caught.value.retryable


@pytest.mark.parametrize(("errno", "retryable"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
async def test_a_name_without_address_is_said_so(
    monkeypatch: pytest.MonkeyPatch, errno: int, retryable: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(errno, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    async with client(Dial()) as http:
        with pytest.raises(NetworkFailure, match=r"^no address found for nosuch\.example$") as caught:
            await http.get("http://nosuch.example/")
    assert caught.value.retryable is retryable


async def test_an_answer_that_is_no_http_is_one_sentence() -> None:
    class Odd(Dial):
        async def connect_tcp(self, *_: object, **__: object) -> httpcore2.AsyncNetworkStream:
            return Stream(b"SSH-2.0-OpenSSH_9.6\r\n")

    async with client(Odd(), answers(["93.184.216.34"])) as http:
        with pytest.raises(NetworkFailure) as caught:
            await http.get("http://pages.example/")
    assert caught.value.message == "pages.example broke off its answer or sent no valid HTTP"


class Full(Dial):
    """Lets nobody have a connection until `count` were asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._full = anyio.Event()

    async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore2.AsyncNetworkStream:
        stream = await super().connect_tcp(host, port)
        if len(self.dialled) >= self._count:
            self._full.set()
        await self._full.wait()
        return stream


async def test_as_many_requests_run_at_once_as_there_may_be_connections_after_others_were_cut_off_too() -> None:
    dial = Full(27)
    async with client(dial, max_connections=20) as http:
        async with anyio.create_task_group() as group:  # cut off while they connect: what they held is free again
            for _ in range(7):
                group.start_soon(http.get, "http://93.184.216.34/")
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(http.get, "http://93.184.216.34/")
    assert len(dial.dialled) == 27


KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Keeping(Dial):
    """Connections that stay open behind an answer, and hear nothing more unless they have `ended`."""

    def __init__(self, ended: bool = False) -> None:
        super().__init__()
        self.ended = ended
        self.kept = KEPT

    async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore2.AsyncNetworkStream:
        dial = self

        class Kept(Stream):
            async def write(self, buffer: bytes, timeout: float | None = None) -> None:
                await super().write(buffer, timeout)
                self.answer = dial.kept

            def get_extra_info(self, info: str) -> object:
                return dial.ended

        self.dialled.append(host)
        self.streams.append(Kept(b""))
        return self.streams[-1]


@pytest.mark.parametrize(("ended", "connections"), [(False, 1), (True, 3)])
async def test_a_connection_is_used_again_unless_its_other_side_has_ended_it(ended: bool, connections: int) -> None:
    dial = Keeping(ended)
    async with client(dial) as http:
        for path in "abc":
            assert (await http.get(f"http://93.184.216.34/{path}")).text == "ok"
    assert len(dial.streams) == connections
    assert all(stream.closed for stream in dial.streams)


async def test_bytes_behind_an_answer_are_no_answer_to_the_next_request() -> None:
    dial = Keeping()
    dial.kept += b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"
    async with client(dial) as http:
        for path in "ab":
            assert (await http.get(f"http://93.184.216.34/{path}")).text == "ok"
    assert len(dial.streams) == 2


async def test_no_more_connections_are_open_than_there_may_be_whatever_their_origin() -> None:
    dial = Keeping()
    async with client(dial, max_connections=2) as http:
        for host in (1, 2, 3, 1, 3):
            await http.get(f"http://93.184.216.{host}/")
            assert sum(not stream.closed for stream in dial.streams) <= 2
    assert dial.dialled == [f"93.184.216.{host}" for host in (1, 2, 3, 1)]  # the third was still open at the end


async def test_an_answer_that_is_left_before_its_end_closes_its_connection() -> None:
    dial = Keeping()
    async with client(dial) as http:
        async with http.stream("GET", "http://93.184.216.34/"):
            pass
        assert dial.streams[0].closed
        await http.get("http://93.184.216.34/")
    assert len(dial.streams) == 2


def _chunked(body: bytes, step: int) -> bytes:
    parts = [body[i : i + step] for i in range(0, len(body), step)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    framing=st.sampled_from(["length", "chunked", "close", "short"]),
    step=st.integers(1, 80),
    spare=st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]),
)
@settings(max_examples=12, deadline=None)
async def test_answers_are_read_as_the_usual_pool_reads_them(
    bodies: list[bytes], framing: str, step: int, spare: bytes
) -> None:
    class Wire(Keeping):
        async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore2.AsyncNetworkStream:
            class InSteps(Stream):
                async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
                    return await super().read(min(max_bytes, step), timeout)

                async def write(self, buffer: bytes, timeout: float | None = None) -> None:
                    self.sent += buffer
                    if buffer.startswith(b"GET"):
                        self.answer = spare + answer_of(next(left), framing, step)

            self.streams.append(InSteps(b""))
            return self.streams[-1]

    told: list[list[object]] = []
    pool = httpcore2.AsyncConnectionPool(network_backend=Wire(), max_connections=4)
    async with client(Wire()) as http, pool:
        for ask in (lambda: _ours(http), lambda: _usual(pool)):
            left = iter(bodies)
            told.append([await ask() for _ in bodies])
    assert told[0] == told[1]


def answer_of(body: bytes, framing: str, step: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nX-Two: a\r\nX-Two: b\r\n"
    if framing == "chunked":
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(body, step)
    if framing == "close":
        return head + b"Connection: close\r\n\r\n" + body
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body) + (framing == "short"), body)


async def _ours(http: httpx2.AsyncClient) -> object:
    try:
        answer = await http.get("http://93.184.216.34/x")
    except NetworkFailure:
        return "broken"
    return answer.status_code, answer.headers.raw, answer.content


async def _usual(pool: httpcore2.AsyncConnectionPool) -> object:
    try:
        answer = await pool.request("GET", "http://93.184.216.34/x")
    except httpcore2.RemoteProtocolError:
        return "broken"
    return answer.status, answer.headers, answer.content
