"""Hostile and broken HTTP: what is refused, what is bounded, and that good clients are served meanwhile."""

import json
import socket
from collections.abc import Generator

import anyio
import pytest
from http_server import TOKEN, HttpServer, Raw, http_server, initialize, session_of
from mcp_client import LEGACY, MODERN, Place, texts
from processes import linux, wait_for

BOUNDS = {
    "FOURFOLD_HTTP__HEAD_S": "0.3",
    "FOURFOLD_HTTP__BODY_S": "0.3",
    "FOURFOLD_HTTP__WRITE_S": "0.5",
    "FOURFOLD_HTTP__IDLE_S": "1",
    "FOURFOLD_HTTP__MAX_BODY_BYTES": "100000",
    "FOURFOLD_HTTP__MAX_CONNECTIONS": "8",
    "FOURFOLD_HTTP__MAX_SESSIONS": "4",
}


@pytest.fixture(scope="module")
def tight(place: Place) -> Generator[HttpServer, None, None]:
    """A server with small bounds; it still serves, and has said no word of a fault, when all tests have ended."""
    with http_server(place, **BOUNDS, FOURFOLD_LOG__LEVEL="debug") as running:
        yield running
        serves(running)
        assert running.end() == 0
        assert not [line for line in running.said if "Traceback" in line]
        assert TOKEN not in "".join(running.said)


def serves(server: HttpServer) -> None:
    with server.connection() as raw:
        request = raw.call(MODERN, "inspect", {"steps": [{"op": "glob", "pattern": "*"}]})
        raw.write(request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
        answer = raw.answer()
    assert answer.status == 200
    assert "1 step: 1 ok" in answer.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:8123", "origin": "http://evil.example:8123"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer wrong-token-of-nobody"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"content_type": "text/plain"}, 400),
        ({"content_type": "application/x-www-form-urlencoded"}, 400),
        ({"content_type": "multipart/form-data; boundary=x"}, 400),
        ({"content_type": ""}, 400),
        ({"accept": "text/html"}, 406),
        ({"mcp_session_id": "chosen-by-the-client"}, 404),
        ({"mcp_protocol_version": "1999-01-01"}, 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_request_that_is_not_a_good_clients_is_refused_and_opens_nothing(
    server: HttpServer, headers: dict[str, str], status: int
) -> None:
    answer = server.ask(body=initialize(), **headers)
    assert answer.status == status
    assert "mcp-session-id" not in answer.head or status in {400, 406}
    assert "access-control-allow-origin" not in answer.head
    assert ("www-authenticate: bearer" in answer.head) == (status == 401)


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "TRACE", "HEAD"])
def test_a_preflight_of_a_browser_gets_nothing_that_would_let_its_page_call(server: HttpServer, method: str) -> None:
    preflight = {
        "origin": "http://evil.example",
        "authorization": "",
        "access_control_request_method": "POST",
        "access_control_request_headers": "authorization, content-type",
    }
    answer = server.ask(method=method, **preflight)
    assert answer.status == 403
    assert "access-control" not in answer.head


@pytest.mark.parametrize("path", ["/", "/mcp/../mcp", "/.well-known/oauth-protected-resource", "/mcp%00", "//mcp"])
def test_another_path_is_nothing_with_the_token_and_unsaid_without_it(server: HttpServer, path: str) -> None:
    for token, status in ((f"Bearer {TOKEN}", 404), ("", 401)):
        with server.connection() as raw:
            raw.write(raw.request(initialize(), path=path, authorization=token, connection="close"))
            assert raw.answer().status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"tools/list"}',
        b"[" * 20_000,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":'
        + b'{"a":' * 5_000
        + b"1"
        + b"}" * 5_001
        + b"}",
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_a_body_that_is_no_message_gets_a_fault_in_one_line_and_no_traceback(
    server: HttpServer, era: str, body: bytes
) -> None:
    more = {"mcp_protocol_version": MODERN} if era == MODERN else {}
    answer = server.ask(body=body, **more)
    assert answer.status == 400
    assert "Traceback" not in answer.body
    assert 'File "' not in answer.body


def test_a_body_over_the_bound_is_refused_before_it_is_read(tight: HttpServer) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(b"x" * 60_000, content_length="1000000000"), b"x" * 60_000)
        assert raw.answer().status == 413


def test_a_chunked_body_over_the_bound_is_refused_where_it_crosses_it(tight: HttpServer) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(content_length="", transfer_encoding="chunked"))
        for _ in range(11):
            raw.write(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        assert raw.answer().status == 413


def test_a_head_that_never_ends_is_given_up(tight: HttpServer) -> None:
    with tight.connection() as silent, tight.connection() as slow, tight.connection() as again:
        slow.write(b"POST /mcp HTTP/1.1\r\nhost: 127")
        again.write(again.request(method="DELETE", mcp_session_id="x"))  # answered; then the next head never ends
        assert again.link.recv(65536).startswith(b"HTTP/1.1 404")
        again.write(b"POST /mcp HTTP/1.1\r\nx: ")
        assert silent.ended()
        assert slow.ended()
        assert again.ended()


def test_a_head_that_comes_byte_by_byte_is_given_up_all_the_same(tight: HttpServer) -> None:
    """A byte now and then does not renew the time; the connection ends before the endless head does."""
    with tight.connection() as raw:
        raw.link.settimeout(0.02)
        raw.write(b"POST /mcp HTTP/1.1\r\nx: ")
        for _ in range(3000):
            try:
                raw.write(b"a")
                if raw.link.recv(65536) == b"":
                    return
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return
    pytest.fail("the head was taken in without end")


def test_a_head_over_its_bound_is_refused(tight: HttpServer) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(x="a" * 100_000))
        assert raw.answer().status == 400


def test_a_body_that_never_ends_is_given_up(tight: HttpServer) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(initialize()[:-1], content_length=str(len(initialize()))))
        assert raw.answer().status == 408


def test_nobody_without_the_token_has_a_body_taken_in(tight: HttpServer) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(content_length="90000", authorization=""))  # and not a byte of it
        assert raw.answer().status == 401


def test_two_requests_in_one_write_are_two_and_the_second_shows_the_token_too(tight: HttpServer) -> None:
    """What stands behind a refused request is not read as another one."""
    with tight.connection() as raw:
        hidden = raw.request(initialize(), authorization="")
        raw.write(raw.request(initialize()), hidden)
        answer = raw.answer()
        assert answer.status == 200
        assert "HTTP/1.1 401" in answer.body
    with tight.connection() as raw:
        raw.write(raw.request(hidden, authorization=""), raw.request(initialize()))
        assert raw.answer().body == "the header Authorization: Bearer TOKEN is required"


@pytest.mark.parametrize(
    "headers",
    [
        {"transfer_encoding": "chunked"},
        {"content_length": "5, 6"},
        {"content_length": "-1"},
        {"content_length": "+5"},
        {"content_length": "0x5"},
        {"content_length": "", "transfer_encoding": "chunked, identity"},
        {"content_length": "", "transfer_encoding": "xchunked"},
    ],
    ids=str,
)
def test_a_length_that_two_readers_could_read_in_two_ways_ends_the_connection(
    tight: HttpServer, headers: dict[str, str]
) -> None:
    with tight.connection() as raw:
        raw.write(raw.request(b"0\r\n\r\n", **headers), raw.request(initialize()))
        answer = raw.answer()
    assert answer.status in {400, 501}
    assert "HTTP/1.1" not in answer.body


def test_connections_over_the_bound_get_503_and_room_comes_back(tight: HttpServer) -> None:
    held = [tight.connection() for _ in range(7)]
    for raw in held:  # a request in progress each, so that none is given up for want of a head
        raw.write(raw.call(MODERN, "batch", {"steps": [{"op": "bash", "command": "sleep 1000"}]}))
    with tight.connection() as eighth:
        eighth.write(eighth.request(method="DELETE", mcp_session_id="x"))
        assert eighth.link.recv(65536).startswith(b"HTTP/1.1 404")
        with tight.connection() as ninth:
            assert ninth.answer().status == 503
    for raw in held:
        raw.link.close()
    wait_for(lambda: tight.ask(method="DELETE", mcp_session_id="x").status == 404, "room for a connection")


def test_sessions_over_the_bound_get_503_and_room_comes_back(tight: HttpServer) -> None:
    with tight.connection() as raw:
        opened = [raw.session()]
        while (answer := tight.ask(body=initialize())).status == 200:
            opened.append(session_of(answer))
            assert len(opened) <= 4
    assert answer.status == 503
    assert tight.ask(method="DELETE", mcp_session_id=opened.pop()).status == 200
    answer = tight.ask(body=initialize())
    assert answer.status == 200
    for session in [*opened, session_of(answer)]:
        assert tight.ask(method="DELETE", mcp_session_id=session).status == 200


@linux
@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_a_client_that_does_not_read_its_answer_is_given_up(tight: HttpServer, era: str) -> None:
    """Sixteen megabytes, of which it takes no byte; what it holds is free again all the same."""
    loud = {"op": "bash", "command": "head -c 4000000 /dev/zero | tr '\\0' x"}
    with tight.connection() as good:
        good.write(
            good.call(MODERN, "batch", {"steps": [{**loud, "id": f"n{i}"} for i in range(4)], "max_tokens": 400})
        )
        run = read_until(good, b"context unknown").partition(b"run r-")[2].partition(b" ")[0].decode()
        before = tight.sockets() - 1
    wait_for(lambda: tight.sockets() == before, "the end of the first connection")
    with Raw(socket.socket(), tight) as raw:
        raw.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.link.connect(("127.0.0.1", tight.port))
        raw.write(_read_run(raw, era, f"fourfold://runs/r-{run}"))
        wait_for(lambda: tight.sockets() > before, "the connection")
        wait_for(lambda: tight.sockets() == before, "the end of a connection that nobody reads")


def read_until(raw: Raw, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        block = raw.link.recv(65536)
        assert block, data[-2000:]
        data += block
    return data


def _read_run(raw: Raw, era: str, uri: str) -> bytes:
    """The request that asks for a whole run, as `call` makes one for a tool."""
    request = raw.call(era, "status", {})
    head, _, body = request.partition(b"\r\n\r\n")
    message = json.loads(body)
    message["method"] = "resources/read"
    message["params"] = {"uri": uri, **{k: v for k, v in message["params"].items() if k == "_meta"}}
    changed = json.dumps(message).encode()
    head = head.replace(b"tools/call", b"resources/read").replace(b"mcp-name: status", b"mcp-name: " + uri.encode())
    return (
        head.replace(b"content-length: %d" % len(body), b"content-length: %d" % len(changed)) + b"\r\n\r\n" + changed
    )


@pytest.mark.anyio
async def test_a_flood_of_strangers_does_not_keep_a_good_client_out(server: HttpServer) -> None:
    """Connections that say nothing, and refused requests, beside a good client's calls."""
    silent = [server.connection() for _ in range(100)]
    async with server.client("auto") as client:
        for _ in range(20):
            assert server.ask(body=b"x" * 100, authorization="Bearer guess").status == 401
            with anyio.fail_after(30):
                result = await client.call_tool("inspect", {"steps": [{"op": "glob", "pattern": "*.md"}]})
            assert "1 step: 1 ok" in texts(result)[0]
    for raw in silent:
        raw.link.close()


def test_a_client_that_wants_to_go_on_with_a_stream_gets_a_new_one(tight: HttpServer) -> None:
    with tight.connection() as raw:
        session = raw.session()
        raw.write(raw.request(method="GET", content_type="", mcp_session_id=session, last_event_id="7"))
        assert raw.link.recv(65536).startswith(b"HTTP/1.1 200")
        assert tight.ask(method="DELETE", mcp_session_id=session).status == 200
        assert raw.ended()


def test_a_made_token_is_shown_once_and_a_given_one_never(place: Place) -> None:
    with http_server(place, token=None) as server:
        [line] = [line for line in server.said if "export FOURFOLD_HTTP__TOKEN=" in line]
        server.token = line.partition("=")[2].strip()
        assert sum(server.token in said for said in server.said) == 1
        serves(server)
    with http_server(place) as server:
        assert TOKEN not in "".join(server.said)
        assert any("'Authorization: Bearer ${FOURFOLD_HTTP__TOKEN}'" in line for line in server.said)


@linux
def test_the_token_is_in_no_argument_in_no_command_and_in_no_readable_environment(server: HttpServer) -> None:
    from pathlib import Path

    look = 'env; tr "\\0" "\\n" < /proc/$PPID/environ; for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; done'
    with server.connection() as raw:
        raw.write(raw.call(MODERN, "batch", {"steps": [{"op": "bash", "command": look}], "max_tokens": 100000}))
        seen = read_until(raw, b"MathVer | Tool: context_usage").decode()
    assert "1 step: 1 ok" in seen
    assert TOKEN not in seen
    of_server = Path(f"/proc/{server.process.pid}")
    assert TOKEN.encode() not in (of_server / "cmdline").read_bytes()
    assert TOKEN.encode() not in (of_server / "environ").read_bytes()
