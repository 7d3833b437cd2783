"""A place: the folder a command runs in, and how its words become absolute path patterns."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.syntax import Word

_SAFE_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/stdin"})
EVERYTHING = "/**"


class Uncertain(Exception):
    """A command whose effects cannot be told from its text; the message names the part in a few words."""


@dataclass(frozen=True, slots=True)
class Place:
    """An absolute folder; `entered` where a `cd` of the text led there, perhaps through a link."""

    path: str
    entered: bool = False

    def file(self, word: Word) -> str:
        """The pattern of one path; unquoted globs stay, quoted glob characters count as globs too.

        Raises:
            Uncertain: it is only known at run time, leads through `..` where a link may stand, or is a device.
        """
        if word.text is None:
            raise Uncertain("variable in a path")
        text = os.path.expanduser(word.text) if word.home else word.text
        names = [n for n in text.split("/") if n not in ("", ".")]
        leading = next((i for i, n in enumerate(names) if n != ".."), len(names))
        if ".." in names[leading:] or (leading and (self.entered or text.startswith("/"))):
            raise Uncertain("`..` in a path")
        path = "/" + os.path.normpath(os.path.join(self.path, text)).lstrip("/")
        if path.startswith("/dev/") and path not in _SAFE_DEVICES:
            raise Uncertain("device")
        return path

    def files(self, words: Iterable[Word]) -> frozenset[str]:
        """The patterns of operands; `-` and `<(...)` are no files."""
        return frozenset(self.file(w) for w in words if w.literal != "-" and not w.stream)

    def trees(self, words: Iterable[Word]) -> frozenset[str]:
        """The patterns of operands with all that is below them."""
        return frozenset(below(p) for p in self.files(words))

    @property
    def tree(self) -> str:
        return below(self.path)

    def entering(self, word: Word) -> "Place":
        """The place after `cd WORD`; the shell works `..` out by name."""
        text = word.literal
        if word.home and word.text is not None:
            text = os.path.expanduser(word.text)
        if not text or text.startswith("-"):
            raise Uncertain("cd to an unknown folder")
        return Place(os.path.normpath(os.path.join(self.path, text)), entered=True)


def below(path: str) -> str:
    return path.rstrip("/") + "/**"


def reading(*patterns: Iterable[str]) -> Effects:
    """A command that certainly only reads."""
    return Effects(reads=frozenset(p for some in patterns for p in some), read_only=True)


def writing(writes: Iterable[str], reads: Iterable[str] = (), hosts: Iterable[str] = ()) -> Effects:
    """A known command that is not read-only."""
    return Effects(reads=frozenset(reads), writes=frozenset(writes), hosts=frozenset(hosts))


def joined(effects: Iterable[Effects]) -> Effects:
    """What several known commands do together."""
    some = list(effects)
    return Effects(
        reads=frozenset(p for e in some for p in e.reads),
        writes=frozenset(p for e in some for p in e.writes),
        read_only=all(e.read_only for e in some),
        hosts=frozenset(h for e in some for h in e.hosts),
    )
