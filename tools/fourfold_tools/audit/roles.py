"""A role: what a call is to a group, one that a batch could do, one that only stands by, or a wall."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.audit.conversation import Call
from fourfold_tools.audit.places import absolute
from fourfold_tools.audit.to_batch import step_of
from fourfold_tools.model.effects import Effects

Classify = Callable[[str, str], Effects]

_CHANGES_FOLDER = re.compile(r"(?:^|[\s;&|(){}`])(?:cd|pushd|popd|chdir)(?=$|[\s;&|(){}`])")
_WRITERS = {"Edit": "file_path", "MultiEdit": "file_path", "Write": "file_path", "NotebookEdit": "notebook_path"}
# Tools of the client that touch no file; what they show or note stays in the conversation.
_NEUTRAL = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet", "ToolSearch", "WebSearch"})
_NONE = Effects(read_only=True)


@dataclass(frozen=True, slots=True)
class Role:
    """kind `step`: a batch has a step for it. `bystander`: it has none, but its effects are known.

    `wall`: nothing is grouped across it; why says so in a few words.
    """

    kind: Literal["step", "bystander", "wall"]
    effects: Effects = _NONE
    why: str = ""


def role_of(call: Call, classify: Classify) -> Role:
    """By the tool and, for commands, by what `classify` (a text, an absolute folder) says of them."""
    cwd = call.cwd or "/"
    given = call.arguments
    if call.tool == "Bash":
        return _command(call, cwd, classify)
    if name := _WRITERS.get(call.tool):
        path = given.get(name)
        if not isinstance(path, str):
            return Role("wall", why=f"{call.tool} of an unknown path")
        written = frozenset({absolute(path, cwd)})
        return Role("bystander", Effects(written, written))
    if call.tool in _NEUTRAL:
        return Role("bystander")
    reads = _reads(call, cwd)
    if reads is None:
        return Role("wall", why=f"the effects of {call.tool} are unknown")
    return Role("step" if step_of(call, call.cwd) else "bystander", Effects(reads, read_only=True))


def _command(call: Call, cwd: str, classify: Classify) -> Role:
    command = call.arguments.get("command")
    if not isinstance(command, str) or call.arguments.get("run_in_background"):
        return Role("wall", why="a command in the background")
    if _CHANGES_FOLDER.search(command):
        return Role("wall", why="the folder changes")
    effects = classify(command, cwd)
    if not effects.known:
        return Role("wall", why=f"a command of unknown effect ({effects.note})" if effects.note else "unknown effect")
    return Role("step" if step_of(call, call.cwd) else "bystander", effects)


def _reads(call: Call, cwd: str) -> frozenset[str] | None:
    """What a tool that only reads touches, None for any other tool; a search reads all that lies below."""
    match call.tool:
        case "Read":
            return frozenset({absolute(str(call.arguments.get("file_path", "")), cwd)})
        case "Grep" | "Glob" | "LS":
            path = absolute(str(call.arguments.get("path") or "."), cwd)
            pattern = str(call.arguments.get("pattern", ""))
            outside = (
                {absolute(pattern, cwd)} if call.tool == "Glob" and pattern.startswith(("/", "..")) else set[str]()
            )
            return frozenset({path, path.rstrip("/") + "/**"} | outside)
        case "WebFetch":
            return frozenset()
        case _:
            return None
