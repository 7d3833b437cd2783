"""Forms: programs whose words have an order of their own, and that write or run something in another one."""

import re
from collections.abc import Sequence

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import options, sort_words
from fourfold_tools.ops.shell.place import Place, Uncertain, reading
from fourfold_tools.ops.shell.syntax import Word

_UNIQ = options(
    "c d u i D f: s: w: z --count --repeated --unique --ignore-case --skip-fields= --skip-chars= --check-chars="
)


def uniq(words: Sequence[Word], place: Place) -> Effects:
    """The second operand is written, and so is an option behind an operand where programs do not look ahead."""
    found = sort_words(words, _UNIQ)
    if len(found.operands) > 1 or found.mixed or any(w.many for w in found.operands):
        raise Uncertain("second operand of uniq")
    return reading(place.files(found.operands))


_XXD_FLAG = re.compile(r"-(a|b|e|i|u|p|ps|plain|E|[cglso]([0-9]+|0x[0-9a-f]+))")


def xxd(words: Sequence[Word], place: Place) -> Effects:
    """Its options stand alone, each in a word of its own; the second operand is written."""
    rest = list(words)
    while rest and (text := rest[0].literal or "").startswith("-") and text != "-":
        valued = text in ("-c", "-g", "-l", "-s", "-o")
        if not (valued or _XXD_FLAG.fullmatch(text)) or (valued and (len(rest) < 2 or rest[1].literal is None)):
            raise Uncertain(f"option {text} of xxd")
        rest = rest[1 + valued :]
    if len(rest) > 1 or any(w.literal is None or (w.literal.startswith("-") and w.literal != "-") for w in rest):
        raise Uncertain("second operand of xxd")
    return reading(place.files(rest))


_DATE_FLAG = re.compile(r"-(u|R|I(date|hours|minutes|seconds|ns)?)|--(utc|universal|rfc-email|iso-8601)")
_DATE_VALUE = re.compile(r"\+|--(date|reference|rfc-3339|iso-8601)=")


def date(words: Sequence[Word], place: Place) -> Effects:
    """Only what shows a time: an operand without `+` sets the clock."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.literal in ("-d", "-r") and rest and not rest[0].many:
            rest.pop(0)
        elif word.many or not (_DATE_VALUE.match(word.prefix) or _DATE_FLAG.fullmatch(word.literal or "")):
            raise Uncertain(f"word {word.raw} of date")
    return reading()


_PRINTF_STORES = re.compile(r"%[^%A-Za-z]*[hlLjztq]*n")


def printf(words: Sequence[Word], place: Place) -> Effects:
    """`-v` and `%n` set a variable, whose name may be an array element that runs code."""
    rest = words[1:] if words and words[0].literal == "--" else words
    form = rest[0].literal if rest else ""
    if form is None or form.startswith("-") or _PRINTF_STORES.search(form.replace("%%", "")):
        raise Uncertain("format of printf")
    return reading()


_UNARY = frozenset(f"-{c}" for c in "abcdefghknoprstuwxzGLNOS")
_BINARY = frozenset({"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})
_FILE_TESTS = _UNARY - {"-n", "-z", "-o", "-t"}


def test(words: Sequence[Word], place: Place) -> Effects:
    """One test of at most three words after `!`, the operator literal: no value can turn into `-v 'a[$(x)]'`."""
    rest = list(words)
    if any(w.many for w in rest):
        raise Uncertain("unquoted variable in a test")
    if len(rest) > 1 and rest[0].literal == "!":
        rest.pop(0)
    if len(rest) == 2 and rest[0].literal in _UNARY:
        return reading(place.files(rest[1:]) if rest[0].literal in _FILE_TESTS else ())
    if len(rest) == 3 and rest[1].literal in _BINARY:
        files = [rest[0], rest[2]] if rest[1].literal in ("-nt", "-ot", "-ef") else []
        return reading(place.files(files))
    if len(rest) > 1:
        raise Uncertain("form of a test")
    return reading()


def bracket(words: Sequence[Word], place: Place) -> Effects:
    if not words or words[-1].literal != "]":
        raise Uncertain("form of a test")
    return test(words[:-1], place)
