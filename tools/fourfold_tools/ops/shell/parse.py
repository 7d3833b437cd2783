"""A shell text as a typed tree: what bash certainly sees, or nothing at all."""

from fourfold_tools.ops.shell.syntax import Assignment, Compound, Node, Redirect, SimpleCommand, Word
from fourfold_tools.ops.shell.wrappers import inline_script, unwrap

__all__ = [
    "Assignment",
    "Compound",
    "Node",
    "Redirect",
    "SimpleCommand",
    "Word",
    "inline_script",
    "parse",
    "simple_commands",
    "unwrap",
]


def parse(command: str) -> Node | None:
    """The tree of a shell text; None when it cannot be read with certainty or is over 10,000 characters."""
    raise NotImplementedError


def simple_commands(command: str) -> list[SimpleCommand] | None:
    """Every simple command anywhere in the text, in order, also inside `$(...)`, `<(...)`, functions, conditions.

    A redirect of a compound (`{ a; b; } > f`) comes as a simple command without words. Text handed to another
    shell (`bash -c TEXT`) is not opened: see `inline_script`. None when the text cannot be parsed with certainty.
    """
    raise NotImplementedError
