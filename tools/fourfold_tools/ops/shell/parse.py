"""A shell text as a typed tree: what bash certainly sees, or nothing at all.

Two readers have to agree. The grammar of this package reads a part of bash in which every character has one
meaning, and builds the tree; tree-sitter-bash must then find no error, and its commands and words where ours are.
Alone neither would do: tree-sitter-bash reads `cat \\ x` as `cat x` and sees no command in a here-document's
backticks.
"""

from fourfold_tools.ops.shell.cursor import Unreadable
from fourfold_tools.ops.shell.grammar import Parser
from fourfold_tools.ops.shell.syntax import Assignment, Compound, Node, Redirect, SimpleCommand, Word
from fourfold_tools.ops.shell.witness import sightings
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

MAX_CHARS = 10_000  # Claude Code's own bound for reading a command


def parse(command: str) -> Node | None:
    """The tree of a shell text; None when it cannot be read with certainty or is over 10,000 characters."""
    if len(command) > MAX_CHARS or any((c < " " and c not in "\t\n") or c == "\x7f" for c in command):
        return None
    try:
        data = command.encode()
        parser = Parser(data.decode("latin-1"))
        node = parser.whole()
    except (Unreadable, UnicodeEncodeError):
        return None
    second = sightings(data)
    return node if second is not None and second.agree(parser.heads, parser.seen) else None


def simple_commands(command: str) -> list[SimpleCommand] | None:
    """Every simple command anywhere in the text, in order, also inside `$(...)`, `<(...)`, functions, conditions.

    A redirect of a compound (`{ a; b; } > f`) comes as a simple command without words. Text handed to another
    shell (`bash -c TEXT`) is not opened: see `inline_script`. None when the text cannot be parsed with certainty.
    """
    tree = parse(command)
    if tree is None:
        return None
    found: list[SimpleCommand] = []
    _collect(tree, found)
    return found


def _collect(node: Node, found: list[SimpleCommand]) -> None:
    if isinstance(node, SimpleCommand):
        found.append(node)
        words = [*node.words, *(a.value for a in node.assignments)]
    else:
        words = list(node.words)
        if node.redirects:
            found.append(SimpleCommand((), (), node.redirects))
        for part in node.parts:
            _collect(part, found)
    for word in [*words, *(r.target for r in node.redirects)]:
        for inner in word.runs:
            _collect(inner, found)
