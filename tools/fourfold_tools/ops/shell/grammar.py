"""The grammar: a shell text read into the typed tree, in the part of bash whose meaning is certain."""

import re

from fourfold_tools.ops.shell.cursor import META, Unreadable
from fourfold_tools.ops.shell.syntax import Assignment, Compound, Node, Redirect, SimpleCommand, Word
from fourfold_tools.ops.shell.words import WordReader, decode

# `time` is not among them: it is taken off later, like a program that runs another.
_CLOSERS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_RESERVED = _CLOSERS | {
    "if",
    "for",
    "while",
    "until",
    "case",
    "select",
    "function",
    "coproc",
    "{",
    "!",
    "[[",
    "]]",
    "in",
}
_REDIRECTS = frozenset({">", ">>", ">|", "&>", "&>>", ">&", "<", "<>", "<&", "<<", "<<-", "<<<"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[[^=]*\]\+?=")
_DELIMITER = re.compile(r"(['\"]?)[A-Za-z0-9_][A-Za-z0-9_.-]*\1|\\[A-Za-z0-9_.-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"[0-9]{1,3}(?=[<>])")
_MAX_NESTING = 40


class Parser(WordReader):
    """One reading of one text. `seen` holds where each word of a simple command and each redirect target starts.

    heads: where the first words of simple commands start; both are for the second reader to agree with.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.seen: set[int] = set()
        self.heads: set[int] = set()
        self._nesting = 0

    def whole(self) -> Node:
        """The whole text.

        Raises:
            Unreadable: some of it is not certain.
        """
        node = self.commands("")
        if self.pending:
            raise Unreadable("here-document without a body")
        return node

    def commands(self, closing: str) -> Node:
        node = self._list()
        if closing:
            self.expect(closing)
        elif self.pos < self.end:
            raise Unreadable("text after the end")
        return node

    # -- lists ---------------------------------------------------------------------------------------------------

    def _list(self) -> Node:
        """Pipelines joined by `;`, `&`, `&&`, `||` and lines' ends, up to a closing word or bracket."""
        parts: list[Node] = []
        while True:
            self._lines()
            if self._at_end():
                break
            node = self._and_or()
            separator = self.operator()
            if separator == "&":
                node = Compound("background", (node,))
            parts.append(node)
            if separator in (";", "&", "\n"):
                self.take(separator)
            elif not self._at_end():
                raise Unreadable("commands without a separator")
            elif self._closer():
                raise Unreadable("closing word without a separator")
        return parts[0] if len(parts) == 1 else Compound("sequence", tuple(parts))

    def _body(self) -> Node:
        """A list with at least one command."""
        node = self._list()
        if node == Compound("sequence", ()):
            raise Unreadable("a command is missing")
        return node

    def _lines(self) -> None:
        """Blanks, comments and empty lines."""
        self.blanks()
        while self.operator() == "\n":
            self.take("\n")
            self.blanks()

    def _at_end(self) -> bool:
        self.blanks()
        return self.pos >= self.end or self.operator() in (")", ";;") or self._closer() != ""

    def _closer(self) -> str:
        return found if (found := self._bare()) in _CLOSERS else ""

    def _bare(self) -> str:
        """The run of plain characters at the cursor, for recognising reserved words."""
        stop = self.pos
        while stop < self.end and self.source[stop] not in META:
            stop += 1
        return self.source[self.pos : stop]

    def _and_or(self) -> Node:
        node, turns, last = self._pipeline(), 0, ""
        while (op := self.operator()) in ("&&", "||"):
            self.take(op)
            self._lines()
            following = self._pipeline()
            if op == last and isinstance(node, Compound):
                node = Compound(node.kind, (*node.parts, following))
            else:
                node = Compound("and" if op == "&&" else "or", (node, following))
                turns += 1
            last = op
        if turns > _MAX_NESTING:
            raise Unreadable("too many turns of && and ||")
        return node

    def _pipeline(self) -> Node:
        negated = self._bare() == "!" and self.ahead() in (" ", "\t")
        if negated:
            self.pos += 1
            self.blanks()
        parts = [self._command()]
        while (op := self.operator()) in ("|", "|&"):
            self.take(op)
            self._lines()
            parts.append(self._command())
        node = parts[0] if len(parts) == 1 else Compound("pipe", tuple(parts))
        return Compound("not", (node,)) if negated else node

    # -- commands ------------------------------------------------------------------------------------------------

    def _command(self) -> Node:
        """One command; the cursor ends before the operator that follows."""
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise Unreadable("too deep")
        node = self._any_command()
        self._nesting -= 1
        return node

    def _any_command(self) -> Node:
        word = self._bare()
        if self.operator() == "(":
            if self.ahead() == "(":
                raise Unreadable("((")
            self.take("(")
            node: Node = Compound("subshell", (self._body(),))
            self.expect(")")
        elif word in ("{", "if", "while", "until", "for", "case", "[[", "function"):
            if word == "[[":
                self.heads.add(self.pos)
            self.pos += len(word)
            node = self._compound(word)
        elif word in _RESERVED:
            raise Unreadable(word)
        else:
            return self._simple()
        return self._redirected(node)

    def _compound(self, word: str) -> Compound:
        """A compound command; the cursor stands after its first word."""
        self.blanks()
        match word:
            case "{":
                body = self._body()
                self._reserved("}")
                return Compound("group", (body,))
            case "if":
                return self._if()
            case "while" | "until":
                condition = self._body()
                return Compound("loop", (condition, self._do()))
            case "for":
                return self._for()
            case "case":
                return self._case()
            case "[[":
                return Compound("test", (), self._test())
            case _:
                return self._function(self.word())

    def _redirected(self, node: Compound) -> Compound:
        redirects: list[Redirect] = []
        self.blanks()
        while (redirect := self._redirect()) is not None:
            redirects.append(redirect)
            self.blanks()
        return Compound(node.kind, node.parts, node.words, tuple(redirects), node.name)

    def _reserved(self, *words: str) -> str:
        """Move over a reserved word.

        Raises:
            Unreadable: another word stands there.
        """
        self._lines()
        word = self._bare()
        if word not in words:
            raise Unreadable(f"{words[0]} is missing")
        self.pos += len(word)
        return word

    def _if(self) -> Compound:
        parts: list[Node] = []
        word = "if"
        while word != "fi":
            if word != "else":
                parts.append(self._body())
                self._reserved("then")
            parts.append(self._body())
            word = self._reserved("fi") if word == "else" else self._reserved("fi", "elif", "else")
        return Compound("if", tuple(parts))

    def _do(self) -> Node:
        self._reserved("do")
        body = self._body()
        self._reserved("done")
        return body

    def _for(self) -> Compound:
        name = self.word()
        words: list[Word] = []
        if name.text is None or name.quoted or not _NAME.fullmatch(name.text):
            raise Unreadable("for")
        self._lines()
        if self._bare() == "in":
            self.pos += 2
            self.blanks()
            while not self.operator():
                words.append(self.word())
                self.blanks()
        if self.operator() in (";", "\n"):
            self.take(self.operator())
        return Compound("loop", (self._do(),), tuple(words), name=name.text)

    def _case(self) -> Compound:
        if self.depth:
            raise Unreadable("case in a substitution")  # bash before 4 takes its bracket for the end
        words = [self.word()]
        parts: list[Node] = []
        self._reserved("in")
        self._lines()
        while self._bare() != "esac":
            if self.operator() == "(":
                self.take("(")
                self.blanks()
            words += self._patterns()
            parts.append(self._list())
            self._lines()
            if self.operator() == ";;":
                self.take(";;")
                self._lines()
            elif self._bare() != "esac":
                raise Unreadable("case")
        self._reserved("esac")
        return Compound("case", tuple(parts), tuple(words))

    def _patterns(self) -> list[Word]:
        words = [self.word()]
        self.blanks()
        while self.operator() == "|":
            self.take("|")
            self.blanks()
            words.append(self.word())
            self.blanks()
        self.expect(")")
        return words

    def _test(self) -> tuple[Word, ...]:
        """The words of a `[[ ]]`, its operators among them, without the closing one."""
        words: list[Word] = []
        while True:
            self._lines()
            op = self.operator()
            if op in ("&&", "||", "(", ")", "<", ">"):
                self.take(op)
                words.append(Word(op, op))
            elif op or self.pos >= self.end:
                raise Unreadable("[[")
            elif self._bare() == "]]":
                self.pos += 2
                return tuple(words)
            else:
                words.append(self.word())

    def _function(self, name: Word) -> Compound:
        """A function's body; the cursor stands after its name."""
        if name.text is None or name.quoted or not _NAME.fullmatch(name.text):
            raise Unreadable("function")
        self.blanks()
        if self.operator() == "(":
            self.take("(")
            self.blanks()
            self.expect(")")
        self._lines()
        if self._bare() not in ("{", "if", "while", "until", "for", "case") and self.operator() != "(":
            raise Unreadable("function")
        return Compound("function", (self._command(),), name=name.text)

    # -- simple commands -----------------------------------------------------------------------------------------

    def _simple(self) -> Node:
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        while True:
            redirect = self._redirect()
            if redirect is not None:
                redirects.append(redirect)
            elif self.operator() or self.pos >= self.end:
                break
            elif not words and (name := _ASSIGNMENT.match(self.source, self.pos, self.end)):
                assignments.append(self._assignment(name))
            else:
                start = self.pos
                words.append(self._argument(words))
                self.blanks()
                if self.operator() == "(" and len(words) == 1 and not assignments and not redirects:
                    self.seen.discard(start)
                    self.heads.discard(start)
                    return self._function(words[0])
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
        if word.text in _RESERVED and not word.quoted and (timed or not before):
            raise Unreadable(word.text)
        if self.char() in ("<", ">") and (word.raw.startswith("{") or re.fullmatch(r"[0-9\\\n]+", word.raw)):
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

    def _redirect(self) -> Redirect | None:
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

    # -- here-documents ------------------------------------------------------------------------------------------

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
