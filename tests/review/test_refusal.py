"""Lines that no parser takes are answered, and the server goes on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest
from mcp.types import jsonrpc_message_adapter
from mcp_client import SERVE, Place

from fourfold_server.refusal import INVALID_REQUEST, PARSE_ERROR, refusal

SURROGATE = (
    rb'{"method":"tools/call","params":{"name":"batch","arguments":{"steps":"\ud800"}},"jsonrpc":"2.0","id":7}'
)
DEEP = b'{"jsonrpc":"2.0","id":"a\\"b","method":"tools/call","params":' + b"[" * 5000 + b"]" * 5000 + b"}"


def refused(line: bytes) -> dict[str, Any] | None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (whatever the parser says is handed on)
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    reply = refusal(line, caught.value)
    return None if reply is None else json.loads(reply)


@pytest.mark.parametrize(("line", "number"), [(SURROGATE, 7), (DEEP, 'a"b')], ids=["lone surrogate", "too deep"])
def test_a_request_that_is_no_json_is_answered_under_its_own_id(line: bytes, number: int | str) -> None:
    reply = refused(line)
    assert reply is not None
    assert reply["id"] == number
    assert reply["error"]["code"] == PARSE_ERROR
    assert reply["error"]["message"].startswith("not valid JSON: ")


def test_an_id_is_looked_for_in_the_outermost_object_only() -> None:
    inner = rb'{"params":{"id":1,"s":"\"id\":2 {"},"x":"\ud800","method":"id","id":3}'
    reply = refused(inner)
    assert reply is not None
    assert reply["id"] == 3
    assert refused(rb'{"method":"x","params":{"id":1,"s":"\ud800"}}') is None


@pytest.mark.parametrize("line", [b"not json", b"[]", b"{", rb'{"id":1,"result":"\ud800"}', b"\xff\xfe"])
def test_what_nobody_waits_for_is_not_answered(line: bytes) -> None:
    assert refused(line) is None


def test_json_that_is_no_request_is_called_so() -> None:
    reply = refused(b'{"jsonrpc":"1.0","id":4,"method":"tools/list"}')
    assert reply is not None
    assert reply["error"] == {"code": INVALID_REQUEST, "message": "not a JSON-RPC request"}


@contextmanager
def server(place: Place) -> "Iterator[tuple[subprocess.Popen[bytes], Queue[bytes]]]":
    with subprocess.Popen(
        [sys.executable, *SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=place.root,
        env=place.env(),
    ) as process:
        said: Queue[bytes] = Queue()
        stdout = process.stdout
        assert stdout is not None
        Thread(target=lambda: [said.put(line) for line in stdout], daemon=True).start()
        try:
            yield process, said
        finally:
            process.kill()


def test_the_server_answers_unreadable_calls_and_goes_on(tmp_path: Path) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "wire", "version": "1"},
        },
    }
    lines = [json.dumps(hello).encode(), b'{"jsonrpc":"2.0","method":"notifications/initialized"}', SURROGATE, DEEP]
    lines.append(b'{"jsonrpc":"2.0","id":9,"method":"tools/list"}')
    with server(Place.below(tmp_path)) as (process, said):
        assert process.stdin is not None
        process.stdin.write(b"\n".join(lines) + b"\n")
        process.stdin.flush()
        answers: dict[Any, dict[str, Any]] = {}
        while not {1, 7, 'a"b', 9} <= answers.keys():
            try:
                message = json.loads(said.get(timeout=30))
            except Empty:
                break
            answers[message.get("id")] = message
    assert answers.keys() >= {1, 7, 'a"b', 9}
    assert answers[7]["error"]["code"] == answers['a"b']["error"]["code"] == PARSE_ERROR
    assert answers[9]["result"]["tools"]
