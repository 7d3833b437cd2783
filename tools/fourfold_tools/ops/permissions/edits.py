"""Edits: the commands that the client runs without asking once its user accepts edits (its mode `acceptEdits`)."""

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import BashStep
from fourfold_tools.ops.effects import classify
from fourfold_tools.ops.permissions.spellings import spellings
from fourfold_tools.ops.workspace import Workspace, settled

_PROGRAMS = frozenset({"mkdir", "touch", "rm", "rmdir", "mv", "cp", "sed"})
# What it guards even then: the state of repositories, and what other programs run or obey.
_GUARDED = frozenset(
    {".git", ".claude", ".vscode", ".idea", ".husky", ".mcp.json", ".gitconfig", ".gitmodules", ".fourfold.toml"}
    | {".bashrc", ".bash_profile", ".zshrc", ".zprofile", ".profile"}
)


def only_edits(step: BashStep, effects: Effects, workspace: Workspace) -> bool:
    """Whether a command only reads, and changes unguarded files of the workspace with the client's programs."""
    commands = spellings(step.command, step.shell).plain
    if not effects.known or step.env or step.shell or not commands:
        return False
    written = [settled(path.removesuffix("/**")) for path in effects.writes]
    if not all(workspace.contains(path) and _GUARDED.isdisjoint(path.split("/")) for path in written):
        return False
    return all(text is not None and _harmless(text, workspace.cwd) for text in commands)


def _harmless(command: str, folder: str) -> bool:
    return command.split(" ", 1)[0] in _PROGRAMS or classify(command, folder).read_only
