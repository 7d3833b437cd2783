"""A client of the whole server: the SDK's own over stdio, or a wire whose lines are written and read by hand."""

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent, TextResourceContents

# Both protocol eras, and the probe that a client makes when it does not know which one it meets.
LEGACY, MODERN = "legacy", "2026-07-28"
ERAS = [LEGACY, "auto"]
SERVE = ["-I", "-m", "fourfold_server", "serve"]
MARK = "E2E_MARK"  # FOURFOLD_* is hidden from commands
_ANSWER_S = 60.0


@dataclass(frozen=True)
class Place:
    """Where one server works: its project, its home with the state below, and a mark that its commands carry."""

    root: Path
    home: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def below(cls, folder: Path) -> "Place":
        place = cls(folder / "work", folder / "home")
        place.root.mkdir()
        place.home.mkdir()
        return place

    @property
    def state(self) -> Path:
        return self.home / "state"

    def env(self, **more: str) -> dict[str, str]:
        """What the server sees: nothing of the machine's own settings."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "FOURFOLD_STATE_DIR": str(self.state),
            "FOURFOLD_CONFIG": str(self.home / "fourfold.toml"),
            MARK: self.mark,
            **more,
        }

    def client(self, mode: str, **env: str) -> Client:
        """The SDK's client, not yet connected."""
        started = StdioServerParameters(command=sys.executable, args=SERVE, env=self.env(**env), cwd=self.root)
        return Client(started, mode=mode, read_timeout_seconds=_ANSWER_S)


def texts(result: CallToolResult) -> list[str]:
    """The text blocks of an answer."""
    return [block.text for block in result.content if isinstance(block, TextContent)]


async def resource(client: Client, uri: str) -> str:
    """The text of a resource that has one part."""
    [part] = (await client.read_resource(uri, cache_mode="bypass")).contents
    assert isinstance(part, TextResourceContents)
    return part.text


def answer_size(result: CallToolResult) -> int:
    """Characters that an answer costs the agent: its text blocks, or its structured form as compact JSON."""
    if result.structured_content is not None:
        return len(json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":")))
    return sum(len(text) for text in texts(result))


class Wire:
    """A server's standard input and output. Mutable: replies wait in a queue, `said` keeps every line that came."""

    def __init__(self, process: "subprocess.Popen[str]", era: str) -> None:
        self.process = process
        self.said: list[str] = []
        self._era = era
        self._lines: Queue[str] = Queue()
        self._number = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def send(self, method: str, params: dict[str, Any] | None = None, *, answered: bool = True) -> int:
        """Write a request, or a notification; its number."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = dict(params or {})
        if self._era == MODERN and answered:
            params["_meta"] = {**meta, **params.get("_meta", {})}
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if answered:
            self._number += 1
            message["id"] = self._number
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return self._number

    def answer(self, number: int) -> dict[str, Any]:
        """The reply to a request, as the wire has it."""
        while line := self._lines.get(timeout=_ANSWER_S):
            self.said.append(line)
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == number:
                return message
        raise AssertionError(f"the server left without an answer to {number}; it said {self.said}")

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of a request."""
        message = self.answer(self.send(method, params))
        assert "result" in message, message
        result: dict[str, Any] = message["result"]
        return result

    def leave(self) -> int:
        """Close the server's standard input; its exit code once it has gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=_ANSWER_S)


@contextmanager
def wire(place: Place, era: str = MODERN, **env: str) -> Iterator[Wire]:
    """A connected server; it is killed on the way out if it still runs."""
    with subprocess.Popen(
        [sys.executable, *SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=place.root,
        env=place.env(**env),
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            line = Wire(process, era)
            if era == LEGACY:
                client = {"name": "wire", "version": "1"}
                line.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
                line.send("notifications/initialized", answered=False)
            yield line
        finally:
            process.kill()
