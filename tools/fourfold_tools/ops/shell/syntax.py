"""The typed tree of a shell text: words, redirects, simple commands, and what joins them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Word:
    """One word as bash will see it.

    raw: as written. text: with quotes and escapes resolved, None where the value is only known when it runs.
    prefix: the literal text that every value starts with ("" where that is unknown).
    glob: holds unquoted glob characters (they stand in `text` as they are; quoted ones cannot be told apart).
    home: starts with an unquoted `~/` or is `~`; `text` then starts with `~` and stays to be expanded.
    many: may become none or several words (glob, brace expansion, unquoted expansion).
    quoted: some part is quoted or escaped.
    hazard: why expanding the word may itself run code or set a variable, in a few words; "" otherwise.
    runs: what the substitutions inside it run. stream: the word is one `<(...)`.
    """

    raw: str
    text: str | None
    prefix: str = ""
    glob: bool = False
    home: bool = False
    many: bool = False
    quoted: bool = False
    hazard: str = ""
    runs: tuple["Node", ...] = ()
    stream: bool = False

    @property
    def dynamic(self) -> bool:
        """Whether the value is only known when it runs."""
        return self.text is None

    @property
    def literal(self) -> str | None:
        """The one value of the word, None when it is dynamic, a glob or starts at the home folder."""
        return None if self.glob or self.home else self.text


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value` before a command, or alone."""

    name: str
    value: Word


@dataclass(frozen=True, slots=True)
class Redirect:
    """An operator (`>`, `>>`, `>|`, `&>`, `&>>`, `>&`, `<`, `<>`, `<&`, `<<`, `<<<`) with the number before it.

    target: the file or descriptor; for `<<` the body, which is data, its substitutions as `runs`.
    nested: a here-document inside a substitution, where shells of the past disagree.
    """

    op: str
    target: Word
    fd: str = ""
    nested: bool = False


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """A program or builtin with its words; `words` is empty for bare assignments and bare redirects."""

    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()

    @property
    def name(self) -> str | None:
        """The literal first word, None when there is none or it is only known when it runs."""
        return self.words[0].literal if self.words else None


Kind = Literal[
    "sequence",
    "and",
    "or",
    "not",
    "pipe",
    "background",
    "group",
    "subshell",
    "if",
    "loop",
    "case",
    "function",
    "test",
]


@dataclass(frozen=True, slots=True)
class Compound:
    """Commands joined: `words` are those of a for list, a case subject with its patterns, or a `[[ ]]`.

    name: the function's or the loop variable's name.
    """

    kind: Kind
    parts: tuple["Node", ...]
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    name: str = ""


Node = SimpleCommand | Compound
