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
        """The results of the given requests, in their order; raises where one is an error."""
        replies = self._replies(ids)
        for reply in replies:
            if "error" in reply:
                raise RuntimeError(reply["error"]["message"])
        return [reply["result"] for reply in replies]

    def replies(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """The same, with an empty result for an error or a tool's refusal."""
        results = [reply.get("result", {}) for reply in self._replies(ids)]
        return [{} if result.get("isError") else result for result in results]

    def _replies(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        wanted = set(ids)
        assert self._process.stdout is not None
        while len(found) < len(wanted):
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the server has gone")
            message = json.loads(line)
            if message.get("id") in wanted and "method" not in message:
                found[message["id"]] = message
        return [found[i] for i in ids]

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the server, with force where it does not leave by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fourfold_argv() -> list[str]:
    """How `fourfold register` has it started."""
    return [sys.executable, "-I", "-m", "fourfold_server", "serve"]
