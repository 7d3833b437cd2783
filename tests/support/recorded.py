"""A recorded conversation: a transcript in Claude Code's shape, written turn by turn with times and usage."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START_S = 1_795_457_602.0


@dataclass(frozen=True)
class Use:
    """A tool use and what came back; without a result it was interrupted."""

    id: str
    tool: str
    arguments: dict[str, Any]
    result: str | None = "ok"
    failed: bool = False


def read(call: str, path: str, result: str | None = "1\tx = 1", **arguments: Any) -> Use:
    return Use(call, "Read", {"file_path": path, **arguments}, result)


def grep(call: str, pattern: str, result: str = "No files found", **arguments: Any) -> Use:
    return Use(call, "Grep", {"pattern": pattern, **arguments}, result)


def glob(call: str, pattern: str, result: str = "No files found", **arguments: Any) -> Use:
    return Use(call, "Glob", {"pattern": pattern, **arguments}, result)


def bash(call: str, command: str, result: str = "", *, failed: bool = False, **arguments: Any) -> Use:
    return Use(call, "Bash", {"command": command, **arguments}, result, failed)


def fetch(call: str, url: str, result: str = "a page") -> Use:
    return Use(call, "WebFetch", {"url": url, "prompt": "what is new?"}, result)


def edit(call: str, path: str) -> Use:
    arguments = {"file_path": path, "old_string": "x", "new_string": "y"}
    return Use(call, "Edit", arguments, "The file has been updated successfully.")


class Recorded:
    """One file, or one voice of it. Mutable: the clock and the number of replies so far."""

    def __init__(self, path: Path, *, agent: str | None = None, sidechain: bool = False, cwd: str = "/w") -> None:
        self.path = path
        self.cwd = cwd
        self.clock_s = START_S
        self._tag = {"isSidechain": sidechain or agent is not None, **({"agentId": agent} if agent else {})}
        self._replies = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def raw(self, data: bytes) -> "Recorded":
        with self.path.open("ab") as file:
            file.write(data)
        return self

    def entry(self, **fields: Any) -> "Recorded":
        stamp = datetime.fromtimestamp(self.clock_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {**self._tag, "uuid": "u", "timestamp": stamp, "cwd": self.cwd, "sessionId": "s", **fields}
        return self.raw(json.dumps(line).encode() + b"\n")

    def say(self, text: str = "do the work", **fields: Any) -> "Recorded":
        return self.entry(type="user", message={"role": "user", "content": text}, **fields)

    def compact(self) -> "Recorded":
        self.entry(type="system", subtype="compact_boundary", compactMetadata={"trigger": "auto"})
        return self.say("This session is being continued …", isCompactSummary=True)

    def turn(
        self,
        *uses: Use,
        model_s: float = 5.0,
        tools_s: float = 1.0,
        used: int | None = 10_000,
        cached: int = 9_000,
        output: int = 100,
        text: str = "I will.",
        interleaved: bool = False,
        message: str = "",
    ) -> "Recorded":
        """A reply as the client writes it, a line for each block, and then its results.

        interleaved: each result before the next block, as when a call starts while the reply still streams.
        message: its id, a new one by default.
        """
        self._replies += 1
        self.clock_s += model_s
        usage: dict[str, Any] = {}
        if used is not None:
            counts = {"input_tokens": 10, "cache_creation_input_tokens": used - cached - 10}
            usage = {"usage": {**counts, "cache_read_input_tokens": cached, "output_tokens": output}}
        head = {"id": message or f"msg_{self._replies:03}", "role": "assistant", "model": "claude-opus-5-5", **usage}
        self.entry(type="assistant", message={**head, "content": [{"type": "text", "text": text}]})
        for use in uses:
            block = {"type": "tool_use", "id": use.id, "name": use.tool, "input": use.arguments}
            self.entry(type="assistant", message={**head, "content": [block]})
            if interleaved:
                self.answer(use)
        self.clock_s += tools_s
        for use in uses:
            if not interleaved:
                self.answer(use)
        return self

    def answer(self, use: Use) -> None:
        if use.result is None:
            return
        block = {"type": "tool_result", "tool_use_id": use.id, "content": use.result, "is_error": use.failed}
        self.entry(type="user", message={"role": "user", "content": [block]})
