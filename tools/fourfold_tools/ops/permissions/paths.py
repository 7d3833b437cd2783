"""A path pattern: what `Read(...)` and `Edit(...)` rules name, in gitignore's syntax, bound to a folder."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from re import DOTALL, Pattern
from re import compile as compile_regex

from fourfold_tools.ops.permissions.segments import ALL, as_glob, as_regex, is_wild, quoted
from fourfold_tools.ops.workspace import settled

_ANY_NAME = "\0" * 64  # stands for every name: no file is called so, and `*` matches it


@dataclass(frozen=True)
class PathPattern:
    """One pattern under `base`, an absolute folder; what it matches, it matches with everything inside.

    segments: the names of the pattern, none of them empty and the last never `**`; no segment at all means the
        folder with everything in it. floating: the one segment stands at any depth. folders_only: it ended in `/`.
    exact: letter case counts. Refusing patterns ignore it, as the client does: on most Macs `.ENV` opens `.env`.
    """

    base: str
    segments: tuple[str, ...]
    floating: bool = False
    folders_only: bool = False
    exact: bool = False

    def matches(self, path: str) -> bool:
        """Whether the absolute path, or a folder that holds it, is meant."""
        below = self._below(path)
        if below is None:
            return False
        if not self.segments:
            return True
        found = self._regex.fullmatch(below)
        if found is None:
            return False
        return not self.folders_only or found["inside"] is not None or os.path.isdir(path)

    def covers(self, folder: str) -> bool:
        """Whether everything in the folder is meant, so that nothing of it may be listed or searched."""
        return self.matches(folder) or self.matches(os.path.join(folder, _ANY_NAME))

    def globs(self, root: str) -> set[str]:
        """The same files as ripgrep globs, without `!`, case ignored, for a run started in the folder `root`.

        With `?` and classes among letters outside ASCII they may leave out more than `matches` means, never less.
        """
        names, base = _names(self._fold(root)), _names(self._fold(self.base))
        if names[: len(base)] == base:
            return self._globs_from_inside(names[len(base) :])
        if base[: len(names)] == names:
            way = [quoted(name) for name in _names(self.base)[len(names) :]]
            return {self._glob([*way, *([ALL] if self.floating else []), *map(as_glob, self.segments)])}
        return set()

    def _globs_from_inside(self, names: list[str]) -> set[str]:
        """The root lies in the base: `names` lead from the base to it."""
        if not self.segments or (self.floating and any(self._each[0].fullmatch(name) for name in names)):
            return {ALL}
        if self.floating:
            return {as_glob(self.segments[0]) + "/" * self.folders_only}
        rests = self._rests(names)
        if len(self.segments) in rests:
            return {ALL}
        return {self._glob([as_glob(s) for s in self.segments[i:]]) for i in rests}

    def _rests(self, names: list[str]) -> set[int]:
        """Where in `segments` a walk down the names may stand; at their end the root is inside what is meant."""
        at = self._past_stars({0})
        for name in names:
            on = {i + 1 for i in at if i < len(self.segments) and self._each[i].fullmatch(name)}
            stay = {i for i in at if i == len(self.segments) or self.segments[i] == ALL}
            at = self._past_stars(on | stay)
        return at

    def _past_stars(self, at: set[int]) -> set[int]:
        """With the places reached when each `**` stands for no folder at all."""
        reached = set(at)
        for i, segment in enumerate(self.segments):
            if i in reached and segment == ALL:
                reached.add(i + 1)
        return reached

    def _glob(self, segments: Sequence[str]) -> str:
        return "/" + "/".join(segments) + "/" * self.folders_only

    def _below(self, path: str) -> str | None:
        """The path from the base, "" for the base itself, None for what lies elsewhere."""
        path, start = self._fold(path), self._start
        if path.startswith(start):
            return path[len(start) :].rstrip("/")
        return "" if path.rstrip("/") == start[:-1] else None

    def _fold(self, text: str) -> str:
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        return text if self.exact else text.lower()

    @cached_property
    def _start(self) -> str:
        return self._fold(self.base).rstrip("/") + "/"

    @cached_property
    def _each(self) -> list[Pattern[str]]:
        return [compile_regex(as_regex(self._fold(s)), DOTALL) for s in self.segments]

    @cached_property
    def _regex(self) -> Pattern[str]:
        parts = ["(?:[^/]+/)*" if s == ALL else as_regex(self._fold(s)) + "/" for s in self.segments]
        start = "(?:.*/)?" if self.floating else ""
        return compile_regex(start + "".join(parts)[:-1] + "(?P<inside>/.*)?", DOTALL)


def path_patterns(
    specifier: str, *, anchor: str, home: str, cwds: Sequence[str], allow: bool = False
) -> tuple[PathPattern, ...]:
    """The patterns of a rule's specifier: one per folder it starts from, and one more where that is a link.

    `//x` starts at the root of the disk, `~/x` at home, `/x` at `anchor`, `x` and `./x` at `cwds`. A name without
    a slash stands at any depth, and so does `name/**` unless it allows. A carve-out (`!x`) gives no pattern: what
    another rule refuses stays refused.
    """
    if specifier.startswith("!"):
        return ()
    if specifier.startswith("//"):
        bases, text = ["/"], specifier[1:]
    elif specifier == "~" or specifier.startswith("~/"):
        bases, text = [home], "/" + specifier[2:]
    elif specifier.startswith("/"):
        bases, text = [anchor], specifier
    else:
        bases, text = list(cwds), specifier
    patterns = [_pattern(base, text, allow) for base in bases]
    return tuple(dict.fromkeys(p for pattern in patterns for p in (pattern, _without_links(pattern))))


def _pattern(base: str, text: str, allow: bool) -> PathPattern:
    segments: list[str] = []
    anchored = text.startswith("/")
    for segment in text.split("/"):
        if segment == "..":
            anchored = True
            base = base if segments else os.path.dirname(base)
            del segments[-1:]
        elif segment not in {"", "."} and not (segment == ALL and segments[-1:] == [ALL]):
            segments.append(segment)
    anchored = anchored or (allow and len(segments) > 1)
    while segments and segments[-1] == ALL:
        segments.pop()
    floating = len(segments) == 1 and not anchored
    return PathPattern(base, tuple(segments), floating, bool(segments) and text.endswith("/"), exact=allow)


def _without_links(pattern: PathPattern) -> PathPattern:
    """The same pattern at the real place of what it names, as it is when the settings are read."""
    fixed = [] if pattern.floating else list(takewhile(lambda s: not is_wild(s), pattern.segments))
    named = os.path.join(pattern.base, *fixed)
    real = settled(named)
    return pattern if real == named else replace(pattern, base=real, segments=pattern.segments[len(fixed) :])


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]
