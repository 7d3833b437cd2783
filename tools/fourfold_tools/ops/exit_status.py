"""Exit status 1 as an answer: `grep` without a match, `diff` with a difference, `test` that is false."""

import re
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_ANSWERS = frozenset({"grep", "egrep", "fgrep", "rg", "diff", "cmp", "test", "[", "[["})
_GIT_ANSWERS = frozenset({"diff", "grep"})
# Commands that say on stderr why they fail: before an `&&` they cannot be what gave a silent 1.
_LOUD = frozenset(
    {":", "cat", "cd", "chmod", "cp", "cut", "echo", "head", "ln", "ls", "mkdir", "mv", "popd", "printf", "pushd"}
    | {"rm", "set", "shopt", "sleep", "sort", "tail", "touch", "tr", "true", "uniq", "unset", "wc"}
)
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_PREFIXES = frozenset({"command", "builtin", "time", "nice", "nohup", "env"})
_GIT_VALUES = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace"})
_ERREXIT = re.compile(r"\bset\s+-\w*e|\berrexit\b")
_PIPEFAIL = re.compile(r"\bpipefail\b")


def is_answer(command: str, shell: str, *, said_error: bool) -> bool:
    """Whether exit status 1 of a shell text is an answer of its last simple command and not a failure.

    Every command that may have given the status counts: those before `&&`, with `pipefail` all of a pipe. Where one
    of them may just as well have failed, or the text cannot be read, it is a failure. said_error: stderr holds
    something.
    """
    if PurePosixPath(shell).name not in _SHELLS:
        return False
    root = _parser().parse(command.encode("utf-8", "replace")).root_node
    if root.has_error:
        return False
    strict = _ERREXIT.search(command) is not None, _PIPEFAIL.search(command) is not None
    deciders = _deciders(root, *strict)
    if not deciders or deciders[-1] is None or not _answers(_words(deciders[-1])):
        return False
    return all(_harmless(node, said_error) for node in deciders[:-1])


@cache
def _parser() -> "Parser":
    import tree_sitter  # 20 ms, which no run without an exit status 1 should pay
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _deciders(node: "Node", errexit: bool, pipefail: bool) -> list["Node | None"]:
    """The simple commands that may have given the status, the last one last; None for what is no such command."""
    parts = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case "command" | "test_command":
            return [node]
        case "variable_assignment" | "variable_assignments":
            return [None] if _substitutes(node) else []
        case "declaration_command":
            return []
        case _ if not parts:
            return [None]
        case "redirected_statement":  # what follows `<<WORD` on its line stands below the redirect in this grammar
            below = [
                n for r in parts if r.type == "heredoc_redirect" for n in r.named_children if n.type == "pipeline"
            ]
            deciding = below or parts[:1]
        case "list":
            deciding = parts if any(child.type == "&&" for child in node.children) else parts[-1:]
        case "pipeline":
            deciding = parts if pipefail else parts[-1:]
        case "program" | "subshell" | "compound_statement" | "negated_command":
            deciding = parts if errexit else parts[-1:]
        case _:
            return [None]
    return [found for part in deciding for found in _deciders(part, errexit, pipefail)]


def _substitutes(node: "Node") -> bool:
    text = node.text or b""
    return b"$(" in text or b"`" in text


def _words(node: "Node") -> list[str]:
    """The words of a simple command as written, without quotes and without what only prefixes it."""
    if node.type == "test_command":
        return ["["]
    nodes = [
        n
        for n in node.named_children
        if n.type not in {"variable_assignment", "file_redirect", "herestring_redirect"}
    ]
    words = [(n.text or b"").decode("utf-8", "replace").strip("'\"").lstrip("\\") for n in nodes]
    while words and PurePosixPath(words[0]).name in _PREFIXES:
        del words[0]
        while words and (words[0].startswith("-") or "=" in words[0]):
            del words[0]
    return words


def _answers(words: list[str]) -> bool:
    if not words:
        return False
    name = PurePosixPath(words[0]).name
    return name in _ANSWERS or (name == "git" and _git_verb(words[1:]) in _GIT_ANSWERS)


def _git_verb(words: list[str]) -> str:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _GIT_VALUES else words[1:]
    return words[0] if words else ""


def _harmless(node: "Node | None", said_error: bool) -> bool:
    """Whether a silent exit status 1 is an answer of this command too, or cannot come from it."""
    if node is None:
        return False
    words = _words(node)
    return _answers(words) or (bool(words) and words[0] in _LOUD and not said_error and not _muted(node))


def _muted(node: "Node") -> bool:
    """Whether stderr of the command goes elsewhere."""
    around = node.parent if node.parent is not None and node.parent.type == "redirected_statement" else node
    text = around.text or b""
    return b"2>" in text or b"&>" in text
