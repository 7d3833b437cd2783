"""An agent's command: the program, its arguments, its variables and its input for one task."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fourfold_config.settings import Fleet
from fourfold_tools.deployment.prompts import allowed
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
_OURS = "mcp__fourfold__inspect"  # of fourfold's tools the one that only reads: its batch would be a shell


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start: argv[0] is an absolute path; stdin is the prompt."""

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: str


def command_of(
    task: AgentTask, folder: str, settings: Fleet, program: Sequence[str], env: Mapping[str, str]
) -> Command:
    """The command that carries out a task in a folder. program: empty is Claude Code.

    Raises:
        NotFound: no such program on PATH.
    """
    argv = [*program] if program else ["claude", *_claude(task, folder, settings)]
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


def _claude(task: AgentTask, folder: str, settings: Fleet) -> list[str]:
    """`claude -p`: the prompt comes on standard input, the report as one JSON line, fourfold is its only server.

    It has the tools that its rules name and no others; what these do not let pass is refused: nobody can be asked.
    """
    server = {"command": sys.executable, "args": ["-I", "-m", "fourfold_server", "serve"]}
    rules = allowed([f"/{os.path.join(folder, path)}" for path in task.owns], git=task.merges)
    rules += settings.allow if task.owns else ()
    tools = dict.fromkeys(rule.partition("(")[0] for rule in rules if not rule.startswith("mcp__"))
    if task.owns:
        tools |= {"Write": None}  # which the rules of Edit cover
    return [
        "-p",
        *("--output-format", "json"),
        *("--json-schema", json.dumps(REPORT_SCHEMA)),
        *("--max-budget-usd", f"{task.cap_usd:.6g}"),
        *("--max-turns", str(settings.max_turns)),
        *(("--agent", task.agent) if task.agent else ()),
        *("--tools", ",".join(tools)),
        *("--allowedTools", *rules, _OURS),
        *("--mcp-config", json.dumps({"mcpServers": {"fourfold": server}})),
        "--strict-mcp-config",
    ]
