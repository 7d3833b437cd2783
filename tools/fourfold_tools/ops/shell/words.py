"""The word reader: one shell word with its quotes, escapes and expansions, refusing what is not certain."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from fourfold_tools.ops.shell.cursor import META, Cursor, Unreadable
from fourfold_tools.ops.shell.escapes import ANSI, ansi_value, decode
from fourfold_tools.ops.shell.syntax import Node, Word

_PLAIN = re.compile(r"[A-Za-z0-9_./,:@%+=^!\]#-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
# Parameter expansions whose parts are plain text. `=` assigns, `!` and `@P` evaluate: they are refused.
_PARAMETER = re.compile(
    r"\{(?:#?(?:[A-Za-z_]\w*|[0-9]+|[@*#?$!-])"
    r"|(?:[A-Za-z_]\w*|[0-9]+|[@*])(?:\[(?:[0-9]+|[@*])\])?"
    r"(?:(?::?[-+?]|##?|%%?|//?[#%]?|\^\^?|,,?)[\w./*?:,@%+=~ ^#\-]*|: ?-?[0-9]+(?::-?[0-9]+)?)?)\}",
    re.ASCII,
)
_ARITHMETIC = re.compile(r"(?:[A-Za-z0-9_ \t+\-*/%<>=!&|^~?:,]|\$(?=[A-Za-z_0-9]))*")
# A continued line that ends a word: a plain character before it, a blank after it, so that nothing joins.
_WORD_END = re.compile(r"[A-Za-z0-9_./-]\\\n(?=[ \t])")
_MAX_DEPTH = 8


@dataclass(slots=True)
class _Parts:
    """A word while it is read.

    known: nothing unknown so far. fixed: every value so far starts with `prefix`.
    bare: what stands outside quotes, a quoted part as one `q`; only there braces expand.
    """

    text: list[str] = field(default_factory=list[str])
    prefix: list[str] = field(default_factory=list[str])
    bare: list[str] = field(default_factory=list[str])
    runs: list[Node] = field(default_factory=list[Node])
    known: bool = True
    fixed: bool = True
    glob: bool = False
    home: bool = False
    many: bool = False
    quoted: bool = False
    hazard: str = ""

    def add(self, text: str, bare: str = "q") -> None:
        self.text.append(text)
        self.bare.append(bare)
        if self.fixed:
            self.prefix.append(text)

    def unknown(self, *, many: bool) -> None:
        self.known = self.fixed = False
        self.many |= many

    def word(self, raw: str) -> Word:
        text = decode("".join(self.text)) if self.known else None
        return Word(
            raw=decode(raw),
            text=text,
            prefix=decode("".join(self.prefix)) if text is None or self.glob else text,
            glob=self.glob,
            home=self.home,
            many=self.many or self.glob,
            quoted=self.quoted,
            hazard=self.hazard,
            runs=tuple(self.runs),
        )


class WordReader(Cursor, ABC):
    """Reads words at the cursor; `commands` reads what a substitution runs."""

    @abstractmethod
    def commands(self, closing: str) -> Node:
        """The commands from the cursor on, up to and over `closing`; up to the end for ""."""

    def word(self) -> Word:
        """The word at the cursor.

        Raises:
            Unreadable: there is none, or it is not certain what bash makes of it.
        """
        start = self.pos
        if self.char() in ("<", ">") and self.ahead() == "(":
            return self._stream(start)
        parts = _Parts()
        while (c := self.char()) and c not in META:
            self._piece(c, parts, start)
        if self.pos == start:
            raise Unreadable("a word is missing")
        if self.char() in ("<", ">") and self.ahead() == "(":
            raise Unreadable("process substitution inside a word")
        if _expands_braces("".join(parts.bare)):
            parts.unknown(many=True)
        return parts.word(self.source[start : self.pos])

    def body(self, start: int, stop: int) -> Word:
        """A part of the text as bash expands a here-document: as in double quotes, where `"` is no quote."""
        saved = self.pos, self.end, self.pending
        self.pos, self.end, self.pending = start, stop, {}
        parts = _Parts()
        self._expand(parts, "")
        self.pos, self.end, self.pending = saved
        return parts.word(self.source[start:stop])

    def _piece(self, c: str, parts: _Parts, start: int) -> None:
        """One more piece of a word outside quotes."""
        if m := _PLAIN.match(self.source, self.pos, self.end):
            self.pos = m.end()
            parts.add(m[0], m[0])
        elif c == "\\" and self.pos > start and _WORD_END.match(self.source, self.pos - 1, self.end):
            self.jump(self.pos + 2)
        elif c == "\\":
            parts.quoted = True
            parts.add(self._after_backslash())
        elif c == "'":
            parts.quoted = True
            parts.add(self._single())
        elif c == '"':
            self.pos += 1
            parts.quoted = True
            parts.add("")
            self._expand(parts, '"')
            self.expect('"')
        elif c == "$":
            self._dollar(parts, quoted=False)
        elif c == "`":
            self._backticks(parts, quote="'")
        else:
            self._special(c, parts, start)

    def _special(self, c: str, parts: _Parts, start: int) -> None:
        """A bare character that may mean more than itself."""
        if c in "\x85\xa0":
            raise Unreadable("a blank in some locales")
        if c in "*?" or (c == "[" and self.ahead() not in ("", *META) and "]" in self.source[self.pos : self.end]):
            parts.fixed = False
            parts.glob = True
        elif c == "{":
            parts.fixed = False
        elif c == "~" and self.pos == start and (self.ahead() == "/" or self.ahead() in META or not self.ahead()):
            parts.home = True
        elif c == "~" and (self.pos == start or self.source[self.pos - 1] in "=:"):
            parts.unknown(many=False)  # ~user, ~+, and what looks like an assignment
        self.pos += 1
        parts.add(c, c)

    def _single(self) -> str:
        stop = self.source.find("'", self.pos + 1, self.end)
        if stop < 0:
            raise Unreadable("unclosed quote")
        text = self.source[self.pos + 1 : stop]
        self.jump(stop + 1)
        return text

    def _expand(self, parts: _Parts, quote: str) -> None:
        """The inside of double quotes up to `quote`, or of a here-document up to the end where that is ""."""
        plain = re.compile(rf"[^\\$`{quote}]+")
        while (c := self.char()) and c != quote:
            if m := plain.match(self.source, self.pos, self.end):
                self.jump(m.end())
                parts.add(m[0])
            elif c == "\\":
                parts.add(self._quoted_escape("$`\\" + quote))
            elif c == "$":
                self._dollar(parts, quoted=True)
            else:
                self._backticks(parts, quote=quote)

    def _quoted_escape(self, escapable: str) -> str:
        following = self._after_backslash()
        return following if following in escapable else "\\" + following

    def _after_backslash(self) -> str:
        following = self.ahead()
        if following in ("", "\n"):
            raise Unreadable("continued line inside a word")
        self.pos += 2
        return following

    def _dollar(self, parts: _Parts, *, quoted: bool) -> None:
        """What a dollar sign starts; `quoted` inside double quotes and here-documents."""
        following = self.ahead()
        if self.source.startswith("$((", self.pos, self.end):
            self._arithmetic(parts, quoted=quoted)
        elif following == "(":
            parts.unknown(many=not quoted)
            parts.runs.append(self._substitution(2, ")"))
        elif following == "{":
            self._parameter(parts, quoted=quoted)
        elif following == "[" or (following == '"' and not quoted):
            raise Unreadable(f"${following}")
        elif following == "'" and not quoted:
            self.pos += 2
            parts.quoted = True
            self._ansi(parts)
        elif m := _NAME.match(self.source, self.pos + 1, self.end):
            self.pos = m.end()
            parts.unknown(many=not quoted or m[0] in "@*")
        else:
            self.pos += 1
            parts.add("$", "$")

    def _parameter(self, parts: _Parts, *, quoted: bool) -> None:
        m = _PARAMETER.match(self.source, self.pos + 1, self.end)
        if m is None:
            raise Unreadable("parameter expansion")
        self.pos = m.end()
        parts.unknown(many=not quoted or "@" in m[0] or "*" in m[0])

    def _arithmetic(self, parts: _Parts, *, quoted: bool) -> None:
        """`$((...))` of names, numbers and operators; bash evaluates the value of a name once more."""
        self.pos += 3
        start, depth = self.pos, 0
        while depth >= 0:
            m = _ARITHMETIC.match(self.source, self.pos, self.end)
            self.pos = m.end() if m else self.pos
            if self.char() not in ("(", ")"):
                raise Unreadable("arithmetic")
            depth += 1 if self.char() == "(" else -1
            self.pos += 1
        self.expect(")")
        if re.search(r"[A-Za-z_$]", self.source[start : self.pos]):
            parts.hazard = "arithmetic on a variable"
        parts.unknown(many=not quoted)

    def _backticks(self, parts: _Parts, *, quote: str) -> None:
        """A substitution in backticks: it ends at the next backtick, whatever stands between."""
        stop = self.source.find("`", self.pos + 1, self.end)
        inside = self.source[self.pos + 1 : stop]
        if stop < 0 or "\\" in inside or "<<" in inside or (quote == '"' and '"' in inside):
            raise Unreadable("backticks")
        outer, self.end = self.end, stop
        parts.unknown(many=quote == "'")
        parts.runs.append(self._substitution(1, ""))
        self.end = outer
        self.expect("`")

    def _substitution(self, opening: int, closing: str) -> Node:
        """The commands of a substitution; the cursor ends after `closing`."""
        start = self.pos
        self.pos += opening
        outer, self.pending = self.pending, {}
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise Unreadable("substitutions too deep")
        node = self.commands(closing)
        self.depth -= 1
        if self.pending or any(start <= line < self.pos for line in outer):
            raise Unreadable("here-document across a substitution")
        self.pending = outer
        return node

    def _stream(self, start: int) -> Word:
        """A word that is one process substitution; what `>(...)` starts may live on after the command."""
        hazard = "process behind >(...)" if self.char() == ">" else ""
        node = self._substitution(2, ")")
        if self.char() and self.char() not in " \t\n|&;)":
            raise Unreadable("process substitution inside a word")
        raw = decode(self.source[start : self.pos])
        return Word(raw, None, prefix="/dev/fd/", hazard=hazard, runs=(node,), stream=not hazard)

    def _ansi(self, parts: _Parts) -> None:
        """The inside of `$'...'` and its closing quote."""
        while self.char() != "'":
            m = ANSI.match(self.source, self.pos, self.end)
            if m is None:
                raise Unreadable("$'...'")
            self.jump(m.end())
            parts.add(ansi_value(m[0]))
        self.pos += 1


def _expands_braces(bare: str) -> bool:
    """Whether brace expansion may happen: a comma or `..` between bare braces."""
    inside = bare[bare.find("{") : bare.rfind("}") + 1] if "{" in bare else ""
    return "," in inside or ".." in inside
