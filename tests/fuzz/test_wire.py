"""Mutated frames on a real wire: whatever lines come, the server lives, answers what it can and then a whole call."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from mcp_client import LEGACY, MODERN, SERVE, Place

pytestmark = pytest.mark.slow
FRAMES = 300
_ANSWER_S = 60.0
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def frame(number: int, era: str, chance: random.Random) -> dict[str, Any]:
    """A good request."""
    call = {"name": "batch", "arguments": {"steps": [{"op": "read", "path": "a.txt"}]}}
    method, params = chance.choice(
        (
            ("tools/call", call),
            ("tools/call", {"name": "status", "arguments": {}}),
            ("tools/list", {}),
            ("resources/read", {"uri": "fourfold://runs"}),
            ("prompts/list", {}),
            ("no/such/method", {}),
        )
    )
    params = params | ({"_meta": META} if era == MODERN else {})
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def bent(message: dict[str, Any], chance: random.Random) -> bytes:
    """A line that is not what it should be."""
    line = json.dumps(message).encode()
    middle = chance.randrange(1, len(line))

    def flipped() -> bytes:
        found = bytearray(line)
        for _ in range(chance.choice((1, 3, 30))):
            found[chance.randrange(len(found))] = chance.choice(range(256))
        return bytes(found).replace(b"\n", b" ")

    def other(**change: Any) -> bytes:
        return json.dumps(message | change).encode()

    ways: tuple[Callable[[], bytes], ...] = (
        flipped,
        flipped,
        lambda: line[:middle],
        lambda: line[middle:],
        lambda: line + line,
        lambda: b"[" + line + b"," + line + b"]",
        lambda: b"",
        lambda: b"\x00" * 50,
        lambda: b"\xff\xfe" + line,
        lambda: b"{" * 20_000,
        lambda: b'"' + b"x" * 2_000_000 + b'"',
        lambda: line[:-1] + b"," + b'"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        lambda: other(id=None),
        lambda: other(id={"a": 1}),
        lambda: other(id=1.5),
        lambda: other(id=True),
        lambda: other(id=-(10**30)),
        lambda: other(id="x" * 100_000),
        lambda: other(jsonrpc="1.0"),
        lambda: other(method=7),
        lambda: other(method="initialize", params={}),
        lambda: other(method="notifications/cancelled", params={"requestId": chance.choice((1, "x", None, [1]))}),
        lambda: other(params=chance.choice((None, [], "x", 7, {"name": 7}, {"name": "batch", "arguments": []}))),
        lambda: other(result={}, error={"code": 1, "message": "x"}),
        lambda: json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"x": 1}}).encode(),
        lambda: json.dumps({"jsonrpc": "2.0", "method": message["method"]}).encode(),
        lambda: line.replace(b"a.txt", b"\\ud800"),
        lambda: line.replace(b'"id"', b'"id": 7, "id"'),
    )
    return chance.choice(ways)()


@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_a_server_outlives_mutated_frames_and_answers_each_good_one(tmp_path: Path, era: str) -> None:
    place = Place.below(tmp_path)
    (place.root / "a.txt").write_text("alpha\n", encoding="utf-8")
    chance = random.Random(era)
    with subprocess.Popen(
        [sys.executable, *SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=place.root,
        env=place.env(),
    ) as process:
        try:
            answers = talk(process, era, chance)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(_ANSWER_S) == 0
        finally:
            process.kill()
    assert answers
    for answer in answers.values():
        text = json.dumps(answer)
        assert "Traceback" not in text
        assert "pydantic" not in text
        assert "internal error" not in text
        assert answer.get("jsonrpc") == "2.0"


def talk(process: "subprocess.Popen[bytes]", era: str, chance: random.Random) -> dict[str, dict[str, Any]]:
    """Write good and bent frames in turn; the answers by id, each good one's among them."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    said: Queue[bytes] = Queue()
    Thread(target=lambda: [said.put(line) for line in stdout] and said.put(b""), daemon=True).start()
    answers: dict[str, dict[str, Any]] = {}

    def until(name: str) -> None:
        while name not in answers:
            line = said.get(timeout=_ANSWER_S)
            assert line, "the server has gone"
            message = json.loads(line)
            if "id" in message:
                answers[json.dumps(message["id"])] = message

    def send(line: bytes) -> None:
        stdin.write(line + b"\n")
        stdin.flush()

    if era == LEGACY:
        client = {"name": "wire", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode())
        until("1")
        send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    else:
        send(json.dumps(frame(1, era, random.Random(1))).encode())
        until("1")
    for number in range(1_000, 1_000 + FRAMES, 2):
        send(bent(frame(number, era, chance), chance))
        send(json.dumps(frame(number + 1, era, chance)).encode())
        if number % 20 == 0:
            until(str(number + 1))
    for number in range(1_001, 1_000 + FRAMES, 2):
        until(str(number))
    return answers
