"""Simple commands: words, assignments and redirects, here-documents among them."""

import re

from fourfold_tools.ops.shell.cursor import Unreadable
from fourfold_tools.ops.shell.escapes import decode
from fourfold_tools.ops.shell.syntax import Assignment, Redirect, SimpleCommand, Word
from fourfold_tools.ops.shell.words import WordReader

CLOSERS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
# `time` is not among them: it is taken off later, like a program that runs another.
RESERVED = CLOSERS | {
    "if", "for", "while", "until", "case", "select", "function", "coproc", "{", "!", "[[", "]]", "in",
}  # fmt: skip
_REDIRECTS = frozenset({">", ">>", ">|", "&>", "&>>", ">&", "<", "<>", "<&", "<<", "<<-", "<<<"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[[^=]*\]\+?=")
_DELIMITER = re.compile(r"(['\"]?)[A-Za-z0-9_][A-Za-z0-9_.-]*\1|\\[A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"[0-9]{1,3}(?=[<>])")


class SimpleReader(WordReader):
    """Reads simple commands at the cursor.

    seen: where each of their words and each redirect target starts. heads: where first words start. Both are for
    the second reader to agree with.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.seen: set[int] = set()
        self.heads: set[int] = set()

    def simple(self) -> SimpleCommand:
        """The simple command at the cursor; it ends before the operator that follows."""
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        while True:
            redirect = self.redirect()
            if redirect is not None:
                redirects.append(redirect)
            elif self.operator() or self.pos >= self.end:
                break
            elif not words and (name := _ASSIGNMENT.match(self.source, self.pos, self.end)):
                assignments.append(self._assignment(name))
            else:
                words.append(self._argument(words))
            self.blanks()
        if self.operator() == "(" or not (words or assignments or redirects):
            raise Unreadable("a command is missing")
        return SimpleCommand(tuple(words), tuple(assignments), tuple(redirects))

    def _argument(self, before: list[Word]) -> Word:
        """The next word of a simple command whose words so far are `before`."""
        start = self.pos
        if not before and _ELEMENT.match(self.source, start, self.end):
            raise Unreadable("array element")
        word = self.word()
        timed = before and before[0].text == "time"
        if word.text in RESERVED and not word.quoted and (timed or not before):
            raise Unreadable(word.text)
        if self.char() in ("<", ">") and (word.raw.startswith("{") or word.raw.isdigit()):
            raise Unreadable("descriptor before a redirect")
        if not before:
            self.heads.add(start)
        self.seen.add(start)
        return word

    def _assignment(self, name: re.Match[str]) -> Assignment:
        self.pos = name.end()
        if self.operator() == "(":
            raise Unreadable("array")
        ended = self.pos >= self.end or self.operator() != ""
        return Assignment(name[1], Word("", "") if ended or self.char() in " \t" else self.word())

    def redirect(self) -> Redirect | None:
        """The redirect at the cursor, if there is one."""
        start = self.pos
        number = _NUMBER.match(self.source, start, self.end)
        self.pos = number.end() if number else start
        op = self.operator()
        if op not in _REDIRECTS:
            self.pos = start
            return None
        self.take(op)
        self.blanks()
        self.seen.add(self.pos)
        fd = number[0] if number else ""
        if op in ("<<", "<<-"):
            return Redirect("<<", self._here_document(strip_tabs=op == "<<-"), fd, nested=self.depth > 0)
        return Redirect(op, self.word(), fd)

    def _here_document(self, *, strip_tabs: bool) -> Word:
        """The body of a here-document as data; the cursor stands on the delimiter and ends after it."""
        delimiter = self.word()
        if delimiter.text is None or not _DELIMITER.fullmatch(delimiter.raw):
            raise Unreadable("here-document delimiter")
        line_end = self.source.find("\n", self.pos, self.end)
        if line_end < 0:
            raise Unreadable("here-document without a body")
        start = self.pending.get(line_end, line_end + 1)
        stop, self.pending[line_end] = self._extent(start, delimiter.text, strip_tabs)
        body = self.source[start:stop]
        if delimiter.quoted:
            return Word(decode(body), decode(body), quoted=True)
        if "\\\n" in body:
            raise Unreadable("continued line in a here-document")  # it could hide the delimiter
        return self.body(start, stop)

    def _extent(self, start: int, delimiter: str, strip_tabs: bool) -> tuple[int, int]:
        """Where the body ends, and where the line after its delimiter starts."""
        at = start
        while at < self.end:
            stop = self.source.find("\n", at, self.end)
            stop = self.end if stop < 0 else stop
            line = self.source[at:stop]
            if (line.lstrip("\t") if strip_tabs else line) == delimiter:
                return at, min(stop + 1, self.end)
            at = stop + 1
        raise Unreadable("unclosed here-document")
