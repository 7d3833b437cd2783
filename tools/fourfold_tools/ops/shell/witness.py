"""The second reader: where tree-sitter-bash sees commands, their words and the targets of redirects."""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

# Children of a redirect that stand for themselves or are no words.
_NO_WORDS = frozenset(
    {"file_descriptor", "heredoc_body", "heredoc_end", "file_redirect", "herestring_redirect", "pipeline", "command"}
)


@dataclass(slots=True)
class Sightings:
    """Byte offsets: `heads` of commands' first words, `words` of the others and of what follows redirect operators.

    opaque: (start, end) of commands whose words are other things to tree-sitter (expressions, declarations).
    """

    heads: set[int] = field(default_factory=set[int])
    words: set[int] = field(default_factory=set[int])
    opaque: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def agree(self, heads: set[int], words: set[int]) -> bool:
        """Whether the first reader has the same words, and the same of them as first words of commands.

        A first word after a redirect (`> f ls`) may be one more target to tree-sitter.
        """
        mine, theirs = self._clear(heads | words), self._clear(self.heads | self.words)
        return mine == theirs and self.heads <= heads <= self.heads | self.words

    def _clear(self, offsets: set[int]) -> set[int]:
        return {o for o in offsets if not any(start < o < end for start, end in self.opaque)}


# The grammar's scanner crashes on some high code points after a brace; what it finds stands on ASCII alone, and one
# letter for each other byte keeps every offset.
_ASCII = bytes(b if b < 128 else ord("x") for b in range(256))


def sightings(data: bytes) -> Sightings | None:
    """What tree-sitter sees in a text; None where it finds an error."""
    root = _parser().parse(data.translate(_ASCII)).root_node
    if root.has_error:
        return None
    found = Sightings()
    todo = [root]
    while todo:
        node = todo.pop()
        _note(node, found)
        todo.extend(node.children)
    return found


def _note(node: "tree_sitter.Node", found: Sightings) -> None:
    match node.type:
        case "command_name":
            found.heads.add(node.start_byte)
        case "test_command" | "declaration_command" | "unset_command":
            found.heads.add(node.start_byte)
            found.opaque.append((node.start_byte, node.end_byte))
        case "command" | "file_redirect":
            field = "argument" if node.type == "command" else "destination"
            found.words.update(n.start_byte for n in node.children_by_field_name(field))
        case "herestring_redirect" | "heredoc_redirect":
            found.words.update(n.start_byte for n in node.named_children if n.type not in _NO_WORDS)
        case _:
            pass


@cache
def _parser() -> "tree_sitter.Parser":
    # Loaded with the first command, not with the server.
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
