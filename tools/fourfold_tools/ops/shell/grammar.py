"""The grammar: a shell text read into the typed tree, in the part of bash whose meaning is certain."""

import re

from fourfold_tools.ops.shell.cursor import META, Unreadable
from fourfold_tools.ops.shell.simple import CLOSERS, RESERVED, SimpleReader
from fourfold_tools.ops.shell.syntax import Compound, Node, Redirect, Word

_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?=[ \t]*\()")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MAX_NESTING = 40


class Parser(SimpleReader):
    """One reading of one text."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
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
        return found if (found := self._bare()) in CLOSERS else ""

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
            node = Compound("subshell", (self._body(),))
            self.expect(")")
        elif word in ("{", "if", "while", "until", "for", "case", "[[", "function"):
            if word == "[[":
                self.heads.add(self.pos)
            self.pos += len(word)
            node = self._compound(word)
        elif word in RESERVED:
            raise Unreadable(word)
        elif _FUNCTION.match(self.source, self.pos, self.end):
            node = self._function()
        else:
            return self.simple()
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
                return self._function()

    def _redirected(self, node: Compound) -> Compound:
        redirects: list[Redirect] = []
        self.blanks()
        while (redirect := self.redirect()) is not None:
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
        word = "elif"
        while word == "elif":
            parts.append(self._body())
            self._reserved("then")
            parts.append(self._body())
            word = self._reserved("fi", "elif", "else")
        if word == "else":
            parts.append(self._body())
            self._reserved("fi")
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

    def _function(self) -> Compound:
        """A function; the cursor stands on its name."""
        name = self.word()
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
