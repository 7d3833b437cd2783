"""The peers: one entry each, in settings that favour it; a new one is compared by adding it to `PEERS`."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mix import MixStep
from world import World

Call = tuple[str, dict[str, Any]]  # a tool and its arguments
_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Peer:
    """A server: where it comes from, how it is started, and how each step becomes a call of it.

    package: name and version as its registry knows them. argv: `{prefix}` is where it was installed, `{work}` the
    workspace. call: None for a step that it has no tool for. batch: one call for many steps, where it has one.
    ready: a program that is there already, used instead of an installation.
    """

    name: str
    source: Literal["pip", "npm"]
    package: str
    argv: tuple[str, ...]
    call: Callable[[MixStep, World], Call | None]
    batch: Callable[[Sequence[MixStep], World], Call] | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    ready: Path | None = None


def _filesystem(step: MixStep, world: World) -> Call | None:
    if step.kind == "read":
        return "read_text_file", {"path": step.step["path"]}
    if step.kind == "glob":
        return "search_files", {"path": step.step["path"], "pattern": step.step["pattern"]}
    return None


def _fetch(step: MixStep, world: World) -> Call | None:
    # raw: its simplification starts a Node process for each page.
    return ("fetch", {"url": step.step["url"], "raw": True, "max_length": 100_000}) if step.kind == "fetch" else None


def _ripgrep(step: MixStep, world: World) -> Call | None:
    if step.kind != "grep":
        return None
    return "search", {"pattern": step.step["pattern"], "path": step.step["path"], "caseSensitive": True}


def _shell(step: MixStep, world: World) -> Call | None:
    if step.kind != "bash":
        return None
    return "shell_execute", {"command": shlex.split(step.step["command"]), "directory": str(world.root)}


def _claude(step: MixStep, world: World) -> Call | None:
    # It has no grep and no glob, and its WebFetch asks a model: those steps go to its shell.
    if step.kind == "read":
        return "Read", {"file_path": step.step["path"]}
    return "Bash", {"command": _as_command(step, world), "description": "a step"}


def _tasker(step: MixStep, world: World) -> Call:
    return "execute", {**_task(step, world), "output_mode": "compact"}


def _tasker_batch(steps: Sequence[MixStep], world: World) -> Call:
    return "execute_batch", {"tasks": [_task(step, world) for step in steps], "output_mode": "compact"}


def _task(step: MixStep, world: World) -> dict[str, Any]:
    if step.kind == "read":
        return {"task_type": "file_read", "path": step.step["path"]}
    if step.kind == "fetch":
        return {"task_type": "http_request", "method": "GET", "url": step.step["url"]}
    return {"task_type": "shell_command", "command": _as_command(step, world)}


def _as_command(step: MixStep, world: World) -> str:
    """A step as the fastest usual program does it."""
    given = step.step
    if step.kind == "grep":
        return shlex.join([world.rg, "-n", "--no-heading", "-e", given["pattern"], given["path"]])
    if step.kind == "glob":
        return shlex.join(["find", given["path"], "-name", given["pattern"].rpartition("/")[2], "-type", "f"])
    if step.kind == "fetch":
        return shlex.join(["curl", "-s", given["url"]])
    return given["command"]


AGENT_TASKER = Peer(
    "agent-tasker-mcp-server",
    "pip",
    "agent-tasker-mcp-server==1.0.1",
    ("{prefix}/bin/agent-tasker-mcp-server", "--workers", "16"),
    _tasker,
    _tasker_batch,
)
_FILESYSTEM = Peer(
    "@modelcontextprotocol/server-filesystem",
    "npm",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    ("node", "{prefix}/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js", "{work}"),
    _filesystem,
)
_FETCH = Peer(
    "mcp-server-fetch",
    "pip",
    "mcp-server-fetch==2026.10.24",
    ("{prefix}/bin/mcp-server-fetch", "--allow-private-ips", "--ignore-robots-txt"),
    _fetch,
)
_RIPGREP = Peer(
    "mcp-ripgrep",
    "npm",
    "mcp-ripgrep@0.4.0",
    ("node", "{prefix}/node_modules/mcp-ripgrep/dist/index.js"),
    _ripgrep,
)
_SHELL = Peer(
    "mcp-shell-server",
    "pip",
    "mcp-shell-server==1.1.14",
    ("{prefix}/bin/mcp-shell-server",),
    _shell,
    env={"ALLOW_COMMANDS": "echo"},
)
_CLAUDE = Peer(
    "claude mcp serve",
    "npm",
    "@anthropic-ai/claude-code@2.1.330",
    ("{prefix}/node_modules/.bin/claude", "mcp", "serve"),
    _claude,
    env={"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
    ready=_CHECKOUT / ".venv" / "node",
)

PEERS = (AGENT_TASKER, _FILESYSTEM, _FETCH, _RIPGREP, _SHELL, _CLAUDE)
# Servers of one purpose each that do the whole mix together, side by side.
TOGETHER = (_FILESYSTEM, _FETCH, _RIPGREP, _SHELL)
