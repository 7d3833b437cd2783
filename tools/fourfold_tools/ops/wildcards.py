"""Wildcards: a path pattern, compiled to one test for folders and one for names. Pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fourfold_tools.errors import Denied, InvalidRequest

# Alternatives that the braces of one pattern may spread to: `{a,b}` ten times over would be 1,024 patterns.
_MAX_ALTERNATIVES = 1000
_MAGIC = re.compile(r"[*?\[{\\]")


class Entries:
    """The names in one folder, and all of them in one text for a regex to go through: `/first/second/`."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names
        self.joined = "/".join(["", *names, ""]) if names else ""


@dataclass(frozen=True, slots=True)
class Names:
    """A test for the last part of a path; within: finds each name that passes between two slashes, None where names
    that are asked for as they are and endings tell them all."""

    exact: frozenset[str]
    suffixes: tuple[str, ...]
    within: re.Pattern[str] | None

    def pick(self, entries: Entries) -> list[str]:
        """The names that pass, in their order. A folder at a time, because a call for each name costs more."""
        suffixes, exact = self.suffixes, self.exact
        if self.within is not None:
            return self.within.findall(entries.joined)
        if exact:
            return [name for name in entries.names if name in exact or name.endswith(suffixes)]
        return [name for name in entries.names if name.endswith(suffixes)]


@dataclass(frozen=True, slots=True)
class Branch:
    """Paths of one shape: folders that `folder` matches, in them the files that `names` takes.

    Folders are written from the root with a final slash, the root itself is "". `way` matches every folder that
    is on the way to such a one, or is one. anywhere: every folder matches.
    """

    folder: re.Pattern[str]
    way: re.Pattern[str]
    names: Names
    anywhere: bool


@dataclass(frozen=True, slots=True)
class Wildcards:
    """A whole pattern: the union of its branches.

    `*` and `?` stay within a name and take a leading dot too, `**` is any number of folders, `[ab]` `[a-z]` `[!a]`
    are classes, `{a,b}` alternatives (also nested, also with slashes), `\\` takes the next letter as it is.
    A pattern without a slash matches at any depth.
    """

    branches: tuple[Branch, ...]

    def leads_through(self, folder: str) -> bool:
        return any(b.anywhere or b.way.fullmatch(folder) for b in self.branches)

    def pick(self, folder: str, entries: Entries) -> list[str]:
        """Those of the names that match when they lie directly in a folder."""
        picked = [b.names.pick(entries) for b in self.branches if b.anywhere or b.folder.fullmatch(folder)]
        return picked[0] if len(picked) == 1 else list(dict.fromkeys(name for some in picked for name in some))

    def matches(self, path: str) -> bool:
        """Whether a path from the root, written with single slashes, matches."""
        head, slash, name = path.rpartition("/")
        return bool(self.pick(head + slash, Entries([name])))


@lru_cache(maxsize=1024)
def compile_wildcards(pattern: str, anchored: bool = False) -> Wildcards:
    """The pattern, to be matched from some root; anchored: one without a slash matches in the root only.

    Raises:
        InvalidRequest: too many alternatives, a class with its ends swapped, or nothing to match.
        Denied: a part is `..`.
    """
    by_folder: dict[tuple[str, ...], list[str]] = {}
    for alternative in expand_braces(pattern):
        folders, name = _parts(alternative, anchored)
        by_folder.setdefault(folders, []).append(name)
    try:
        return Wildcards(tuple(_branch(folders, names) for folders, names in by_folder.items()))
    except re.error as exc:
        raise InvalidRequest(f"pattern {pattern!r}: {exc}") from exc


def has_magic(path: str) -> bool:
    """Whether some letter of a path is a wildcard."""
    return any(c in path for c in "*?[{")


def split_base(pattern: str) -> tuple[str, str]:
    """An absolute pattern as the folder that holds no wildcard, and the rest below it."""
    magic = _MAGIC.search(pattern)
    cut = pattern.rfind("/", 0, magic.start() if magic else len(pattern))
    return pattern[:cut] or "/", pattern[cut + 1 :]


def expand_braces(pattern: str) -> list[str]:
    """The pattern once per alternative, in the order written; a brace without its partner stands for itself.

    Raises:
        InvalidRequest: more than 1,000 alternatives.
    """
    done: list[str] = []
    queue = [(pattern, 0)]
    while queue:
        text, start = queue.pop()
        group = _first_group(text, start)
        if group is None:
            done.append(text)
        else:
            begin, end, bodies = group
            queue += [(text[:begin] + body + text[end:], begin) for body in reversed(bodies)]
        if len(done) + len(queue) > _MAX_ALTERNATIVES:
            raise InvalidRequest(f"pattern {pattern!r}: more than {_MAX_ALTERNATIVES} alternatives in braces")
    return done


def _first_group(text: str, start: int) -> tuple[int, int, list[str]] | None:
    """The first brace pair from `start` on: where it begins and ends, and the alternatives of its top level."""
    i = start
    while i < len(text):
        if text[i] == "\\":
            i += 2
        elif text[i] == "[":
            i = _class_end(text, i) or i + 1
        elif text[i] == "{" and (closed := _group_at(text, i)) is not None:
            return closed
        else:
            i += 1
    return None


def _group_at(text: str, begin: int) -> tuple[int, int, list[str]] | None:
    depth, i, last = 0, begin, begin + 1
    bodies: list[str] = []
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
        elif c == "{":
            depth += 1
        elif c == "," and depth == 1:
            bodies.append(text[last:i])
            last = i + 1
        elif c == "}":
            depth -= 1
            if depth == 0:
                return begin, i + 1, [*bodies, text[last:i]]
        i += 1
    return None


def _parts(pattern: str, anchored: bool) -> tuple[tuple[str, ...], str]:
    """Folder parts and name part; `**` at the end means every file below, no slash means any folder."""
    parts = [p for p in pattern.split("/") if p not in {"", "."}]
    if ".." in parts:
        raise Denied(f"pattern {pattern!r} leaves its folder: `..` is not followed")
    if not parts:
        raise InvalidRequest(f"pattern {pattern!r} names no file")
    if pattern.endswith("/"):
        raise InvalidRequest(f"pattern {pattern!r} names folders; only files are listed, try {pattern + '**'!r}")
    if parts[-1] == "**":
        parts.append("*")
    folders = parts[:-1] if anchored or "/" in pattern or len(parts) > 1 else ["**"]
    return tuple(p for i, p in enumerate(folders) if p != "**" or folders[i - 1 : i] != ["**"]), parts[-1]


def _branch(folders: Sequence[str], names: Sequence[str]) -> Branch:
    folder, way = re.compile(_folder_regex(folders), re.DOTALL), re.compile(_way_regex(folders), re.DOTALL)
    return Branch(folder, way, _names(names), anywhere=tuple(folders) == ("**",))


def _folder_regex(folders: Sequence[str]) -> str:
    """Runs of plain parts between `**`: the first fixed at the start, the last at the end, each other one taken
    where it first fits and never given back, which is enough for wildcards and keeps the time linear."""
    runs: list[str] = [""]
    for part in folders:
        if part == "**":
            runs.append("")
        else:
            runs[-1] += _name_regex(part) + "/"
    if len(runs) == 1:
        return runs[0]
    middle = "".join(f"(?>(?:[^/]+/)*?{run})" for run in runs[1:-1])
    return f"{runs[0]}{middle}(?:[^/]+/)*{runs[-1]}"


def _way_regex(folders: Sequence[str]) -> str:
    """Any beginning of a folder that matches; behind the first `**` everything is on the way."""
    fixed = list(folders[: folders.index("**")] if "**" in folders else folders)
    regex = ".*" if len(fixed) < len(folders) else ""
    for part in reversed(fixed):
        regex = f"(?:{_name_regex(part)}/{regex})?"
    return regex


def _names(patterns: Sequence[str]) -> Names:
    exact = [pattern for pattern in patterns if not _MAGIC.search(pattern)]
    suffixes = [p for p in patterns if p[0] == "*" and not _MAGIC.search(p, 1)]
    within = None
    if len(exact) + len(suffixes) < len(patterns):
        regex = "|".join(map(_name_regex, patterns))
        within = re.compile(rf"/((?:{regex}))(?=/)", re.DOTALL)
    return Names(frozenset(exact), tuple(pattern[1:] for pattern in suffixes), within)


def _name_regex(pattern: str) -> str:
    """One part of a path; a `*` in the middle takes its shortest fit for good (linear time, as fnmatch does)."""
    pieces: list[str] = [""]
    i = 0
    while i < len(pattern):
        c = pattern[i]
        end = _class_end(pattern, i) if c == "[" else None
        if c == "*":
            pieces.append("")
            i += 1
        elif c == "?":
            pieces[-1] += "[^/]"
            i += 1
        elif end is not None:
            pieces[-1] += _class_regex(pattern[i + 1 : end - 1])
            i = end
        else:
            i += c == "\\" and i + 1 < len(pattern)
            pieces[-1] += re.escape(pattern[i])
            i += 1
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}[^/]*{pieces[-1]}"


def _class_end(text: str, begin: int) -> int | None:
    """The index behind the `]` that closes the class at `begin`; a `]` that comes first is a member."""
    i = begin + 1
    if text[i : i + 1] in {"!", "^"}:
        i += 1
    if text[i : i + 1] == "]":
        i += 1
    while i < len(text) and text[i] != "]":
        i += 2 if text[i] == "\\" else 1
    return i + 1 if i < len(text) else None


def _class_regex(body: str) -> str:
    negated = body[0] in "!^"
    items: list[str] = []
    i = int(negated)
    while i < len(body):
        first, i = _member(body, i)
        if body[i : i + 1] == "-" and i + 1 < len(body):
            last, i = _member(body, i + 1)
            items.append(f"{re.escape(first)}-{re.escape(last)}")
        else:
            items.append(re.escape(first))
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]"


def _member(body: str, i: int) -> tuple[str, int]:
    i += body[i] == "\\" and i + 1 < len(body)
    return body[i], i + 1
