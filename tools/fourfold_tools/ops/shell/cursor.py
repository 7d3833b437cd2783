"""A cursor over a shell text: blanks, comments, operators and the jump over here-documents, as bash reads them."""

import re

# The text is held as Latin-1 of its UTF-8 bytes: one character per byte, as bash and tree-sitter count.

META = frozenset(" \t\n|&;()<>")
_OPERATORS = ("&>>", "<<<", "<<-", ";;&", "&&", "||", ";;", ";&", "|&", "&>", "<<", "<&", "<>", ">>", ">&", ">|")
# A continued line joins what stands around it (`$`, `\\`, newline, `(x)` is one expansion): here it follows a blank.
_BLANKS = re.compile(r"[ \t]+(?:\\\n[ \t]*)*")


class Unreadable(Exception):
    """The text holds something that bash might read otherwise than this reader."""


class Cursor:
    """Stands at `pos`, sees the text up to `end`; `depth` counts the substitutions around it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.pos: int = 0
        self.end: int = len(source)
        self.depth: int = 0
        self.pending: dict[int, int] = {}  # end of a line -> end of the here-documents that start after it

    def char(self) -> str:
        return self.source[self.pos] if self.pos < self.end else ""

    def ahead(self) -> str:
        """The character after the one at the cursor."""
        return self.source[self.pos + 1] if self.pos + 1 < self.end else ""

    def blanks(self) -> None:
        """Move over blanks, line continuations and a comment."""
        if m := _BLANKS.match(self.source, self.pos, self.end):
            self.jump(m.end())
        if self.char() == "#":
            if self.depth:
                raise Unreadable("comment in a substitution")  # bash before 4 counts its brackets
            stop = self.source.find("\n", self.pos, self.end)
            self.pos = self.end if stop < 0 else stop

    def operator(self) -> str:
        """The operator at the cursor by longest match; "\\n" at a line's end, "" at a word or the text's end."""
        c = self.char()
        if c not in META or c == "" or (c in "<>" and self.ahead() == "("):  # `<(` starts a word
            return ""
        return next((o for o in _OPERATORS if self.source.startswith(o, self.pos, self.end)), c)

    def take(self, operator: str) -> None:
        """Move over an operator; over a line's end together with the here-documents that follow it."""
        start = self.pos
        self.pos += len(operator)
        if operator == "\n":
            self.pos = self.pending.pop(start, self.pos)

    def expect(self, c: str) -> None:
        if self.char() != c:
            raise Unreadable(f"{c} is missing")
        self.pos += 1

    def jump(self, stop: int) -> None:
        """Move on inside a line; a line's end after which a here-document starts is none to pass over."""
        if any(self.pos <= line < stop for line in self.pending):
            raise Unreadable("here-document after an unfinished line")
        self.pos = stop
