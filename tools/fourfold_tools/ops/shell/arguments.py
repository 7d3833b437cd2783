"""The arguments of a program: its words sorted into options and operands by what the program accepts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fourfold_tools.ops.shell.place import Uncertain
from fourfold_tools.ops.shell.syntax import Word


@dataclass(frozen=True, slots=True)
class Options:
    """What a program accepts.

    flags: options without a value (`n`, `--number`). values: options with one, attached or in the next word.
    maybe: long options with an attached value or none. pairs: long options with two values.
    lenient: the program writes under no option at all, so that unknown ones pass. digits: `-5` passes.
    apart: a value never stands in the same word as its letter.
    """

    flags: frozenset[str]
    values: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    lenient: bool = False
    digits: bool = False
    apart: bool = False


def options(text: str = "", *, lenient: bool = False, digits: bool = False, apart: bool = False) -> Options:
    """Options from a short text: `ab c: --long --value= --maybe? --pair==`."""
    kinds: dict[str, set[str]] = {"": set(), ":": set(), "?": set(), "==": set()}
    for token in text.split():
        name = token.rstrip(":=?")
        mark = token[len(name) :].replace("=", ":") if token[len(name) :] != "==" else "=="
        kinds[mark].update([name] if name.startswith("--") else name)
    flags, values, maybe, pairs = map(frozenset, kinds.values())
    return Options(flags, values, maybe, pairs, lenient=lenient, digits=digits, apart=apart)


def names(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Arguments:
    """given: (option, its value or None) in order. mixed: an option stands behind an operand."""

    given: tuple[tuple[str, Word | None], ...]
    operands: tuple[Word, ...]
    mixed: bool = False

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.given)

    def values(self, *names: str) -> tuple[Word, ...]:
        return tuple(value for name, value in self.given if value is not None and name in names)


def may_be_option(word: Word) -> bool:
    """Whether a word that is not literal could turn into an option, or into several words of which one is."""
    if word.text is None:
        return word.many or not word.prefix or word.prefix.startswith("-")
    return word.glob and (not word.prefix or word.prefix.startswith("-"))


def sort_words(words: Sequence[Word], accepted: Options) -> Arguments:
    """Options and operands, wherever they stand, as GNU programs take them.

    Raises:
        Uncertain: an option is not accepted, or a word could turn into one.
    """
    given: list[tuple[str, Word | None]] = []
    operands: list[Word] = []
    mixed = False
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word.literal == "--":
            operands += reversed(rest)
            break
        if not _is_option(word, accepted):
            operands.append(word)
            continue
        mixed |= bool(operands)
        given += _take(word, rest, accepted)
    return Arguments(tuple(given), tuple(operands), mixed)


def _is_option(word: Word, accepted: Options) -> bool:
    if word.literal is not None:
        return word.literal.startswith("-") and word.literal != "-"
    if word.prefix.startswith("-") and not word.many:
        return True  # -n"$x", --name="$x"
    if may_be_option(word) and not (accepted.lenient and word.glob):
        raise Uncertain("a glob that may be an option" if word.glob else "a variable that may be an option")
    return False


def _take(word: Word, rest: list[Word], accepted: Options) -> list[tuple[str, Word | None]]:
    """The options of one word, with values from the following words, which are taken off `rest`."""
    text = word.prefix if word.text is None else word.text
    if accepted.digits and word.text is not None and re.fullmatch(r"-[0-9]+", text):
        return []
    if text.startswith("--"):
        return [_long(text, word, rest, accepted)]
    found: list[tuple[str, Word | None]] = []
    for i, letter in enumerate(text[1:], 2):
        attached = text[i:] or word.text is None
        if letter in accepted.values:
            if attached and accepted.apart:
                raise Uncertain(f"option {word.raw}")
            return [*found, (letter, part(word, i) if attached else _next(rest, word))]
        if letter not in accepted.flags and not accepted.lenient:
            raise Uncertain(f"option -{letter}")
        found.append((letter, None))
    if word.text is None:
        raise Uncertain("a variable in an option")
    return found


def _long(text: str, word: Word, rest: list[Word], accepted: Options) -> tuple[str, Word | None]:
    name, equals, _ = text.partition("=")
    if word.text is None and not equals:
        raise Uncertain("a variable in an option")
    if name in accepted.pairs and not equals:
        _next(rest, word)
        return name, _next(rest, word)
    if equals and name in accepted.values | accepted.maybe:
        return name, part(word, len(name) + 1)
    if name in accepted.values:
        return name, _next(rest, word)
    if accepted.lenient or (name in accepted.flags | accepted.maybe and not equals):
        return name, None
    raise Uncertain(f"option {name}")


def part(word: Word, at: int) -> Word:
    """What follows an option inside its own word."""
    text = None if word.text is None else word.text[at:]
    return replace(word, raw=word.raw, text=text, prefix=word.prefix[at:])


def _next(rest: list[Word], option: Word) -> Word:
    if not rest or rest[-1].many:
        raise Uncertain(f"value of {option.raw}")
    return rest.pop()
