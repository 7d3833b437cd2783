"""Programs given as text: sed scripts and awk programs, known only where nothing in them can write or run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import may_be_option
from fourfold_tools.ops.shell.place import Place, Uncertain, reading, writing
from fourfold_tools.ops.shell.syntax import Word

# A regex up to its delimiter D that ends at the same place for a sed that looks into brackets and one that does not.
_CLASS = r"\[\^?\]?(?:\[:[a-z]+:\]|(?!D)[^\]\[\\\n])*\]"
_REGEX = rf"(?:\\[^\n]|{_CLASS}|(?!D)[^\\\n\[])*"
_TEXT = r"(?:\\[^\n]|(?!D)[^\\\n])*"
_ADDRESS = rf"(?:[0-9]+(?:~[0-9]+)?|\$|/{_REGEX}/I?)".replace("D", "/")
_SUBSTITUTE = rf"s(?P<d>[/|,:@!%+_#~]){_REGEX}D{_TEXT}D[gpiI0-9]*".replace("D", "(?P=d)")
_TRANSLITERATE = f"y/{_TEXT}/{_TEXT}/".replace("D", "/")
_SED_SKIP = re.compile(r"[ \t\n;}]*")
_SED_COMMAND = re.compile(
    rf"(?:{_ADDRESS}(?:,(?:{_ADDRESS}|[+~][0-9]+))?)?[ \t]*!?[ \t]*"
    r"(?:\{|(?:[=dgGhHnNpPxFz]|D|[qQl] ?[0-9]*|[btT] ?[A-Za-z0-9_]*|:[A-Za-z0-9_]+|[aic] ?[^\\\s}][^\\\n]*"
    rf"|{_SUBSTITUTE}|{_TRANSLITERATE})[ \t]*(?=[;\n}}]|$))"
)
_SED_FLAGS = re.compile(r"-[nErsuz]+|--(quiet|silent|regexp-extended|separate|unbuffered|null-data|posix)")
_SED_SCRIPT = re.compile(r"-[nErsuz]*e|--expression(?==|$)")
_SED_IN_PLACE = re.compile(r"-[nErsuz]*i[^/*]*|--in-place(=[^/*]*)?")


@dataclass(slots=True)
class _SedCall:
    """in_place: `-i`; empty: without a suffix, which BSD takes from the next word."""

    scripts: list[Word] = field(default_factory=list[Word])
    operands: list[Word] = field(default_factory=list[Word])
    in_place: bool = False
    empty: bool = False


def sed(words: Sequence[Word], place: Place) -> Effects:
    """Reads its operands, or writes them with `-i`; every script has to be literal and harmless."""
    call = _sed_call(words)
    if not call.scripts:
        call.scripts.append(call.operands.pop(0) if call.operands else Word("", None))
        if call.empty and call.scripts[0].literal == "" and call.operands:
            call.scripts.append(call.operands.pop(0))  # BSD: the empty word is the suffix
    for script in call.scripts:
        if script.literal is None or not harmless_sed(script.literal):
            raise Uncertain("sed script")
    files = place.files(call.operands)
    return writing([*files, *(f + "*" for f in files)], files) if call.in_place else reading(files)


def _sed_call(words: Sequence[Word]) -> _SedCall:
    call, rest = _SedCall(), list(words)
    while rest:
        word = rest.pop(0)
        text = word.literal
        if text == "--":
            call.operands += rest
            break
        if text is None and may_be_option(word):
            raise Uncertain("a word that may be an option of sed")
        if text is None or not text.startswith("-") or text == "-":
            call.operands.append(word)
        elif found := _SED_SCRIPT.match(text):
            attached = text[found.end() :].removeprefix("=" if text.startswith("--") else "")
            if not attached and (not rest or rest[0].many):
                raise Uncertain("sed script")
            call.scripts.append(Word(attached, attached) if attached else rest.pop(0))
        elif found := _SED_IN_PLACE.fullmatch(text):
            call.in_place, call.empty = True, text.endswith(("i", "--in-place"))
        elif not _SED_FLAGS.fullmatch(text):
            raise Uncertain(f"option {text} of sed")
    return call


def harmless_sed(script: str) -> bool:
    """Whether a sed script holds only commands that edit and print: no `w`, `r`, `e`, and no form left open."""
    at = 0
    while True:
        skipped = _SED_SKIP.match(script, at)
        at = skipped.end() if skipped else at
        if at == len(script):
            return True
        command = _SED_COMMAND.match(script, at)
        if command is None:
            return False
        at = command.end()


_AWK_REFUSED = re.compile(r"system|getline|ARGV|ARGC|PROCINFO|asort|[@\x00-\x08\x0b-\x1f\x7f]|\\\n|\\$")
# Before the first `>` of a program stands a pattern alone: there it compares, everywhere else it may redirect.
_AWK_PATTERN = re.compile(r"[^\"/{}'#;\\\n]*")


def awk(words: Sequence[Word], place: Place) -> Effects:
    """Options `-F` and `-v`, then the program; what follows is read, `NAME=value` aside."""
    rest = list(words)
    while rest and rest[0].prefix.startswith("-"):
        word = rest.pop(0)
        if word.literal == "--":
            break
        if word.literal in ("-F", "-v"):
            if not rest or rest.pop(0).many:
                raise Uncertain("value of an option of awk")
        elif word.many or word.prefix[:2] not in ("-F", "-v") or len(word.prefix) == 2:
            raise Uncertain(f"option {word.raw} of awk")
    if not rest or rest[0].literal is None or not harmless_awk(rest[0].literal):
        raise Uncertain("awk program")
    return reading(place.files(w for w in rest[1:] if not re.match(r"[A-Za-z_][A-Za-z0-9_]*=", w.prefix)))


def harmless_awk(program: str) -> bool:
    """Whether an awk program certainly opens nothing and runs nothing."""
    text = program.replace(">=", "=")
    compared = text.rfind(">") + 1
    return (
        not _AWK_REFUSED.search(text)
        and "|" not in text.replace("||", "")
        and _AWK_PATTERN.match(text, 0, compared).end() == compared  # type: ignore[union-attr]  # it matches ""
        and "print" not in text[:compared]
    )
