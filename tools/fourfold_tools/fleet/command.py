"""An agent's command: the program, its arguments, its variables and its input for one task."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fourfold_tools.errors import NotFound
from fourfold_tools.fleet.contract import REPORT_SCHEMA, AgentTask

# What a conversation of Claude Code sets for its children; an agent is no child of that conversation.
_OF_A_CONVERSATION = {
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_PROJECT_DIR",
}
_READING, _WRITING = "Read,Grep,Glob", "Edit,Write,Bash"


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start: argv[0] is an absolute path; stdin is the prompt."""

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: str


def command_of(task: AgentTask, program: Sequence[str], max_turns: int, env: Mapping[str, str]) -> Command:
    """The command that carries out a task. program: empty is Claude Code.

    Raises:
        NotFound: no such program on PATH.
    """
    argv = [*program] if program else ["claude", *_claude(task, max_turns)]
    found = shutil.which(argv[0], path=env.get("PATH"))
    if found is None:
        raise NotFound(f"no such program on PATH: {argv[0]} (the agent's command)")
    own = {name: value for name, value in env.items() if name not in _OF_A_CONVERSATION}
    told = {
        "FOURFOLD_PLAN": task.plan,
        "FOURFOLD_TASK": task.task,
        "FOURFOLD_ATTEMPT": str(task.attempt),
        "FOURFOLD_MAX_USD": f"{task.cap_usd:.6g}",
    }
    return Command((found, *argv[1:]), own | told, task.prompt)


def _claude(task: AgentTask, max_turns: int) -> list[str]:
    """`claude -p`: the prompt comes on standard input, the report as one JSON line, fourfold is its only server."""
    server = {"command": sys.executable, "args": ["-I", "-m", "fourfold_server", "serve"]}
    ours = "mcp__fourfold" if task.edits else "mcp__fourfold__inspect"
    return [
        "-p",
        *("--output-format", "json"),
        *("--json-schema", json.dumps(REPORT_SCHEMA)),
        *("--max-budget-usd", f"{task.cap_usd:.6g}"),
        *("--max-turns", str(max_turns)),
        *("--tools", f"{_READING},{_WRITING}" if task.edits else _READING),
        *("--allowedTools", f"{_READING},{_WRITING},{ours}" if task.edits else f"{_READING},{ours}"),
        *("--mcp-config", json.dumps({"mcpServers": {"fourfold": server}})),
        "--strict-mcp-config",
    ]
