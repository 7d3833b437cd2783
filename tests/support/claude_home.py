"""A fake home of Claude Code, whose transcripts have the shape that 2.1.330 writes."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = 1_795_457_602.0


class Transcript:
    """Writes one conversation's file, line by line, as the client does."""

    def __init__(self, path: Path, session: str, agent: str | None = None, owner: str | None = None) -> None:
        self.path = path
        self.session = session
        self.clock = NOW - 100
        self._agent = {"agentId": agent} if agent else {}
        self._owner = {"session_id": owner} if owner else {}
        self._sidechain = agent is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def raw(self, data: bytes) -> "Transcript":
        with self.path.open("ab") as file:
            file.write(data)
        return self

    def line(self, value: Mapping[str, Any]) -> "Transcript":
        return self.raw(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")

    def entry(self, **fields: Any) -> "Transcript":
        """A line of the conversation proper; the client puts the message before the type."""
        tail = {"uuid": "u", "timestamp": _iso(self.clock), **self._owner, "cwd": "/w", "sessionId": self.session}
        return self.line({"parentUuid": "p", "isSidechain": self._sidechain, **self._agent, **fields, **tail})

    def prompt(self, text: str = "do the work") -> "Transcript":
        return self.entry(type="user", message={"role": "user", "content": text})

    def request(self, attachment_chars: int = 4_000) -> "Transcript":
        """What the client writes when it asks for a reply."""
        self.entry(
            attachment={"type": "prompt_snapshot", "systemPrompt": ["x" * attachment_chars]}, type="attachment"
        )
        head = {"sessionId": self.session, **self._agent}
        blob = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_quoted", "input": {}}]}
        self.line({"type": "api-request-blob", **head, "hash": "h", "message": blob})
        return self.line({"type": "api-request", **head, "params": {"model": "claude-opus-5-5"}, "keep": 0})

    def reply(
        self,
        used: int,
        *calls: str,
        model: str = "claude-opus-5-5",
        requested: str | None = None,
        output: int = 50,
    ) -> "Transcript":
        """One reply: a line for its text and one for each call, each with the same usage."""
        blocks: list[dict[str, Any]] = [{"type": "text", "text": "I will."}]
        blocks += [{"type": "tool_use", "id": call, "name": "mcp__fourfold__inspect", "input": {}} for call in calls]
        usage = {
            "input_tokens": used - used // 3 - used // 2,
            "cache_creation_input_tokens": used // 3,
            "cache_read_input_tokens": used // 2,
            "output_tokens": output,
        }
        for block in blocks:
            message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [block]}
            self.entry(message={**message, "usage": usage}, requestedModel=requested or model, type="assistant")
        return self

    def result(self, call: str, text: str = "ok") -> "Transcript":
        content = [{"tool_use_id": call, "type": "tool_result", "content": text}]
        return self.entry(type="user", message={"role": "user", "content": content}, toolUseResult={"stdout": text})

    def compact(self, left: int | None) -> "Transcript":
        """A compaction with its summary and the remains of the command, as /compact leaves them."""
        after = {} if left is None else {"postTokens": left}
        self.entry(type="system", subtype="compact_boundary", compactMetadata={"trigger": "manual", **after})
        self.entry(type="user", isCompactSummary=True, message={"role": "user", "content": "This session …"})
        return self.entry(type="user", message={"role": "user", "content": "<local-command-stdout>Compacted"})


class CountingFile(io.FileIO):
    """A file that counts the bytes it hands out."""

    handed_out = 0

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.handed_out += len(block)
        return block


@dataclass
class Home:
    """A client's home folder and the project it works in."""

    root: Path
    cwd: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def project(self) -> Path:
        slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in os.path.realpath(self.cwd))
        return self.root / ".claude" / "projects" / slug

    def session(self, name: str, *, owner: str | None = None) -> Transcript:
        return Transcript(self.project / f"{name}.jsonl", name, owner=owner)

    def agent(self, session: str, agent: str, below: str = "") -> Transcript:
        return Transcript(self.project / session / "subagents" / below / f"agent-{agent}.jsonl", session, agent)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
