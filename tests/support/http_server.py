"""A server over HTTP in its own process: the SDK's clients for it, and connections written and read by hand."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_client import LEGACY, MODERN, Place
from processes import wait_for

TOKEN = "a-token-of-the-tests-0123456789"
_ANSWER_S = 60.0
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "raw", "version": "1"},
}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class HttpServer:
    """A running server. Mutable: `said` grows by each line on its standard error."""

    process: "subprocess.Popen[str]"
    token: str = TOKEN
    said: list[str] = field(default_factory=list[str])
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @asynccontextmanager
    async def client(self, mode: str) -> AsyncGenerator[Client, None]:
        """The SDK's client, connected."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=_ANSWER_S) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client

    def connection(self) -> "Raw":
        return Raw(socket.create_connection(("127.0.0.1", self.port), timeout=_ANSWER_S), self)

    def ask(self, head: str = "", body: bytes = b"", *, method: str = "POST", **headers: str) -> "Answer":
        """One request on a connection of its own; its answer, read to the end of the connection."""
        with self.connection() as raw:
            raw.write(raw.request(body, method=method, **{"connection": "close", **headers}), head.encode())
            return raw.answer()

    def sockets(self) -> int:
        """The connections that it holds open, the one it listens on included."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum("socket:" in str(_target(link)) for link in links)

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(timeout=_ANSWER_S)


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the head in lower case, and the rest as it was sent."""

    status: int
    head: str
    body: str


class Raw:
    """One connection, written and read by hand."""

    def __init__(self, link: socket.socket, server: HttpServer) -> None:
        self.link = link
        self._server = server

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    def write(self, *parts: bytes) -> None:
        self.link.sendall(b"".join(parts))

    def request(self, body: bytes = b"", *, method: str = "POST", path: str = "/mcp", **headers: str) -> bytes:
        """A request as a good client sends it, where `headers` do not say else (`_` stands for `-`, "" for none)."""
        good = {
            "host": f"127.0.0.1:{self._server.port}",
            "authorization": f"Bearer {self._server.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "content-length": str(len(body)),
        }
        told = {**good, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items() if value)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def call(self, era: str, tool: str, arguments: Mapping[str, Any], number: int = 7) -> bytes:
        """A request that calls a tool; in the handshake's era a session is opened for it first."""
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call"}
        if era == LEGACY:
            session = self.session()
            body = json.dumps({**message, "params": {"name": tool, "arguments": arguments}}).encode()
            return self.request(body, mcp_session_id=session, mcp_protocol_version="2025-11-25")
        body = json.dumps({**message, "params": {"name": tool, "arguments": arguments, "_meta": _META}}).encode()
        return self.request(body, mcp_protocol_version=MODERN, mcp_method="tools/call", mcp_name=tool)

    def session(self) -> str:
        """Open a session on a connection of its own; its id."""
        opened = self._server.ask(body=initialize())
        return session_of(opened)

    def answer(self) -> Answer:
        """Everything up to the end of the connection."""
        data = b""
        try:
            while block := self.link.recv(65536):
                data += block
        except ConnectionResetError:
            assert data, "reset before any answer"
        head, _, body = data.partition(b"\r\n\r\n")
        return Answer(int(head.split()[1]), head.decode().lower(), body.decode())

    def ended(self) -> bool:
        """Whether the other side ends the connection, however it does."""
        try:
            while self.link.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


def session_of(answer: Answer) -> str:
    """The id of the session that an answer opened."""
    found = re.search(r"mcp-session-id: (\S+)", answer.head)
    assert found, answer
    return found[1]


def initialize() -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": _INITIALIZE}).encode()


@contextmanager
def http_server(place: Place, *, token: str | None = TOKEN, **env: str) -> Generator[HttpServer, None, None]:
    """A server that listens on a free port of loopback; it is killed on the way out if it still runs."""
    given = {} if token is None else {"FOURFOLD_HTTP__TOKEN": token}
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "fourfold_server", "serve", "--http", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=place.root,
        env=place.env(**given, **env),
        text=True,
        encoding="utf-8",
    ) as process:
        server = HttpServer(process, token or "")
        reader = threading.Thread(target=_read, args=(server,), daemon=True)
        reader.start()
        try:
            wait_for(
                lambda: any("--header" in line for line in server.said), f"a listening server: {server.said}", 60
            )
            [port] = [
                found[1] for line in server.said if (found := re.search(r"listening on http://.*:(\d+)/", line))
            ]
            server.port = int(port)
            yield server
        finally:
            process.kill()
            reader.join(timeout=_ANSWER_S)


def _read(server: HttpServer) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        server.said.append(line)


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None
