"""Dependencies between calls, reconstructed from what each asked for and what earlier ones had shown. Pure.

Bernstein (1966) for effects; for data the rule of evidence is: a call depends on the result in which a path, a
word, a number or a line that it uses was named first. What the user, an older result or the model itself had named
before is no dependency. Where in doubt a dependency is assumed, so that less is promised.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fourfold_tools.audit.conversation import Call
from fourfold_tools.audit.entries import number
from fourfold_tools.audit.mentions import Mentions, names_in, whole
from fourfold_tools.audit.places import absolute, below
from fourfold_tools.audit.roles import Role
from fourfold_tools.model.effects import conflict

_WINDOW = 2000  # lines that Read shows without a limit
_SHELL = re.compile(r""""[^"]*"|'[^']*'|[;&|\n(`]+|[^\s;&|(`"']+""")
_TOKEN = re.compile(r"[\w.@+~/:-]*\w")
_WILD = re.compile(r"[/*?{},\[\]]+")
_WORD = re.compile(r"\w{3,}")
# Words that anybody writes without having seen them: of programming languages, and subcommands of the usual tools.
_COMMON_WORDS = """
TODO FIXME HACK XXX def class import from return async await function const let var type interface struct enum fn impl
pub use mod func package public private static void int str string bool float list dict self this new None null true
false True False try except catch raise throw for while if else elif match case with yield lambda and not the status
log diff show branch blame ls-files rev-parse stash add commit push pull fetch checkout build test tests check run
lint format install src lib main head tail sort uniq print name exec get describe version help json
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_CLASHES = {"write-write": "both write {}", "write-read": "it writes {}", "read-write": "it has to see {} as it was"}


@dataclass(frozen=True, slots=True)
class Dependency:
    """after (a call's id) had to wait for before, for a reason that can be read."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A call that has run: what it touched, and what its result was the first to name."""

    call: Call
    role: Role
    found: Mentions


def dependency(call: Call, role: Role, earlier: Sequence[Earlier], known: Mentions) -> Dependency | None:
    """The first reason why `call` could not have run together with the earlier calls.

    known: what had been named before the first of them, or by the model itself since.
    """
    wanted = list(_wanted(call))  # none of `found` had been named before, so one name of it is enough
    for before in earlier:
        if clash := conflict(before.role.effects, role.effects):
            kind, path, _ = clash
            return Dependency(before.call.id, call.id, _CLASHES[kind].format(path))
        if name := next((name for name in wanted if name in before.found.names), None):
            return Dependency(before.call.id, call.id, f"{name!r} was first named by its result")
        if reason := _window(call, before, known):
            return Dependency(before.call.id, call.id, reason)
    return None


def _wanted(call: Call) -> Iterator[str]:
    """What the arguments name, wholes and parts."""
    given = call.arguments
    match call.tool:
        case "Read":
            yield from _path(str(given.get("file_path", "")), call.cwd)
        case "Grep":
            yield from _words(str(given.get("pattern", "")))
            yield from _searched(call)
        case "Glob":
            yield from _words(str(given.get("pattern", "")))
            yield from (part for part in _WILD.split(str(given.get("pattern", ""))) if "." in part[1:])
            yield from _searched(call)
        case "WebFetch":
            yield from _url(str(given.get("url", "")))
        case "Bash":
            yield from _command(str(given.get("command", "")), call.cwd)
        case _:
            pass


def _searched(call: Call) -> Iterator[str]:
    """Where a search looks."""
    if path := call.arguments.get("path"):
        yield from _path(str(path), call.cwd)
    if pattern := call.arguments.get("glob"):
        yield from _words(str(pattern))


def _path(path: str, cwd: str) -> Iterator[str]:
    """A path as a result would name it, then its parts and their words."""
    name = below(path, cwd)
    yield whole(name)
    yield from (part for part in names_in(name) if part not in _COMMON)


def _words(text: str) -> Iterator[str]:
    yield from (word for word in _WORD.findall(text) if word not in _COMMON)


def _url(url: str) -> Iterator[str]:
    """The address without its scheme, its host and its last part."""
    address = whole(url.partition("://")[2].partition("#")[0])
    yield from (address, address.partition("/")[0], address.rpartition("/")[2])


def _command(text: str, cwd: str) -> Iterator[str]:
    """The words of a command but for program names, options and what anybody knows."""
    program_next = True
    for word in _SHELL.findall(text):
        separator = word[0] in ";&|\n(`"
        if not separator and not program_next and not word.startswith("-"):
            yield from _named(word, cwd)
        program_next = separator


def _named(word: str, cwd: str) -> Iterator[str]:
    """What one word of a command, perhaps a quoted pattern or a script, names."""
    for token in _TOKEN.findall(word):
        for part in token.split(":"):
            if "/" in part or "." in part:
                yield from _path(part, cwd)
            else:
                yield from _words(part)


def _window(call: Call, before: Earlier, known: Mentions) -> str | None:
    """Why the lines that a Read asks for were not known: the earlier call had shown that file, or a line of it."""
    offset = number(call.arguments.get("offset"), 2)
    if call.tool != "Read" or offset is None:
        return None
    path = absolute(str(call.arguments.get("file_path", "")), call.cwd)
    name = path.rpartition("/")[2]
    asked = range(offset, offset + (number(call.arguments.get("limit"), 1) or _WINDOW))
    if any(file == name and line in asked for file, line in known.lines):
        return None
    if path in before.role.effects.reads:
        return f"it goes on in {name}, which that call had shown"
    line = next((line for file, line in before.found.lines if file == name and line in asked), None)
    return None if line is None else f"line {line} of {name} was first named by its result"
