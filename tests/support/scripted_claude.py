"""Claude Code itself, driven by a scripted model: a Messages API on loopback that says what a test tells it to."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Block = dict[str, Any]


def node_program(name: str) -> str:
    """A program that `dev.py node` installed; a skip that says why where it is not there, a failure in CI."""
    return str(node_file(f".bin/{name}"))


def node_file(name: str) -> Path:
    """A file of the packages that `dev.py node` installed; as with programs."""
    for folder in (ROOT / ".venv" / "node", Path(os.environ.get("FOURFOLD_NODE_DIR", "/nonexistent"))):
        path = folder / "node_modules" / name
        if path.exists() and shutil.which("node"):
            return path
    reason = f"{name} is not installed: run `python3 dev.py node` (needs Node.js)"
    if os.environ.get("FOURFOLD_TESTS_NEED_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def call(tool: str, arguments: Mapping[str, Any]) -> Block:
    return {"type": "tool_use", "name": tool, "input": dict(arguments)}


@dataclass
class Turn:
    """One reply of the model: its blocks, and how many tokens it says the context held.

    refusal: not None is an error of the API instead, type and message; it comes as a 429 that is not to be retried.
    """

    blocks: Sequence[Block]
    input_tokens: int = 1_000
    refusal: tuple[str, str] | None = None


@dataclass
class Script:
    """What the model says in each conversation, turn by turn. Mutable: requests are kept as they come.

    A conversation is known by what its user said: a message that holds `name` takes the turns of that name.
    """

    turns: Mapping[str, Sequence[Turn]]
    requests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: dict[str, Any]) -> Turn:
        name = self._conversation(request)
        if name is None:
            return Turn([text("ok")])
        with self.lock:
            told = self.requests.setdefault(name, [])
            told.append(request)
            turns = self.turns[name]
            return turns[len(told) - 1] if len(told) <= len(turns) else Turn([text("done")])

    def _conversation(self, request: dict[str, Any]) -> str | None:
        """The name whose mark stands in the newest user message that has one, in a request that offers tools."""
        if not request.get("tools"):
            return None
        for message in reversed(request["messages"]):
            said = _said(message["content"]) if message["role"] == "user" else ""
            if name := next((name for name in self.turns if name in said), None):
                return name
        return None

    def results(self, name: str, turn: int) -> list[dict[str, Any]]:
        """The tool results that the model sees in the request for the given turn (1 is the one after the first)."""
        messages = self.requests[name][turn]["messages"]
        last_reply = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        new = [message["content"] for message in messages[last_reply + 1 :] if isinstance(message["content"], list)]
        return [block for blocks in new for block in blocks if block["type"] == "tool_result"]

    def shown(self, name: str, turn: int, result: int = 0) -> list[str]:
        """The texts of one tool result, as the model sees them."""
        content = self.results(name, turn)[result]["content"]
        blocks = [text(content)] if isinstance(content, str) else content
        return [block["text"] for block in blocks if block["type"] == "text"]


def _said(content: Any) -> str:
    """The text of a message, without the results of tools."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


@contextmanager
def scripted_model(script: Script) -> Iterator[str]:
    """The base URL of a Messages API that follows the script."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._json({})

        def do_HEAD(self) -> None:
            self._json({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            request = json.loads(body or b"{}")
            if "count_tokens" in self.path:
                self._json({"input_tokens": len(body) // 4})
            elif "/v1/messages" in self.path:
                turn = script.reply(request)
                if turn.refusal is None:
                    self._stream(request, turn)
                else:
                    self._refuse(*turn.refusal)
            else:
                self._json({})

        def _refuse(self, kind: str, message: str) -> None:
            body = {"type": "error", "error": {"type": kind, "message": message}}
            self._json(body, 429, {"x-should-retry": "false", "retry-after": "2"})

        def _json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            for name, said in (headers or {}).items():
                self.send_header(name, said)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, request: dict[str, Any], turn: Turn) -> None:
            events = list(_events(request.get("model", "claude-opus-5-5"), turn))
            if not request.get("stream"):
                self._json(_whole(request.get("model", "claude-opus-5-5"), turn))
                return
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for kind, data in events:
                self.wfile.write(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_ids = iter(range(1, 1_000_000))


def _usage(turn: Turn) -> dict[str, int]:
    return {
        "input_tokens": turn.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 20,
    }


def _whole(model: str, turn: Turn) -> dict[str, Any]:
    return {
        "id": f"msg_{next(_ids):06}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_numbered(block) for block in turn.blocks],
        "stop_reason": _stop(turn),
        "stop_sequence": None,
        "usage": _usage(turn),
    }


def _numbered(block: Block) -> Block:
    return {**block, "id": f"toolu_{next(_ids):012}"} if block["type"] == "tool_use" else dict(block)


def _stop(turn: Turn) -> str:
    return "tool_use" if any(block["type"] == "tool_use" for block in turn.blocks) else "end_turn"


def _events(model: str, turn: Turn) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = _whole(model, turn)
    yield "message_start", {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(whole["content"]):
        if block["type"] == "tool_use":
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            start = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": start}
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": _usage(turn)}
    yield "message_stop", {"type": "message_stop"}


def clean_environment(home: Path, base_url: str = "", **more: str) -> dict[str, str]:
    """What Claude Code gets to see: a fresh home, a dummy key, nothing of the machine's own."""
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "sk-ant-dummy-key-for-tests",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "FOURFOLD_STATE_DIR": str(home / "state"),
        "MCP_TIMEOUT": "120000",
        "CLAUDE_CODE_MCP_STARTUP_WAIT_MS": "60000",  # a busy machine starts servers late, too
        "FOURFOLD_CONTEXT__WAIT_S": "20",  # the client of a busy machine writes the line of a call late
        "FOURFOLD_CONTEXT__IO_S": "20",
        **more,
    }


def server_entry(**env: str) -> dict[str, Any]:
    """fourfold as an entry of `mcpServers`."""
    return {"command": sys.executable, "args": ["-m", "fourfold_server", "serve"], "env": env}


def run_claude(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Claude Code, to its end."""
    return subprocess.run(
        [node_program("claude"), *arguments],
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def converse(
    arguments: Sequence[str], messages: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float = 120.0
) -> None:
    """One Claude Code process that is told several things, each when it has answered the one before."""
    process = subprocess.Popen(
        [node_program("claude"), *arguments],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    guard = threading.Timer(timeout_s, process.kill)
    guard.start()
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in messages:
            user = {"type": "user", "message": {"role": "user", "content": message}}
            process.stdin.write(json.dumps(user) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                if json.loads(line)["type"] == "result":
                    break
        process.stdin.close()
    guard.cancel()


def ask_claude(
    prompt: str, script: Script, *, cwd: Path, home: Path, more: Sequence[str] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    """`claude -p PROMPT` with fourfold as its one server and the scripted model behind it."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"fourfold": server_entry()}}), encoding="utf-8")
    arguments = ["-p", prompt, "--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", "mcp__fourfold"]
    with scripted_model(script) as url:
        return run_claude(
            [*arguments, "--output-format", "json", *more], cwd=cwd, env=clean_environment(home, url, **env)
        )
