"""A raw MCP client on pipes: what a call costs the server, without a client library's own time in it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self


class Wire:
    """One server process in the handshake era: one call at a time, or many written before any is read."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            argv, cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._next = 0
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        }
        self.request("initialize", params)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A tool's result; raises where the tool refused."""
        result = self.request("tools/call", {"name": tool, "arguments": dict(arguments)})
        if result.get("isError"):
            raise RuntimeError(result["content"][0]["text"])
        return result

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self.answers([self.write(method, params)])[0]

    def write(self, method: str, params: Mapping[str, Any]) -> int:
        self._next += 1
        self._send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def answers(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The results of the given requests, in their order."""
        found: dict[int, dict[str, Any]] = {}
        assert self._process.stdout is not None
        while len(found) < len(ids):
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the server has gone")
            message = json.loads(line)
            if message.get("id") in ids and "method" not in message:
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                found[message["id"]] = message["result"]
        return [found[i] for i in ids]

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fourfold_argv() -> list[str]:
    return [sys.executable, "-m", "fourfold_server", "serve"]
