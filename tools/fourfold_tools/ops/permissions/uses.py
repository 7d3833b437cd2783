"""A use: one thing a step does that a rule may be about: a file, a command or a host."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import iglob
from itertools import islice, takewhile
from typing import cast

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GlobStep, GrepStep, ReadStep
from fourfold_tools.ops.permissions.domains import host_of
from fourfold_tools.ops.permissions.segments import is_wild
from fourfold_tools.ops.permissions.spellings import UNKNOWN, Spellings, spellings
from fourfold_tools.ops.shell.parse import Word
from fourfold_tools.ops.shell.place import EVERYTHING
from fourfold_tools.ops.wildcards import expand_braces
from fourfold_tools.ops.workspace import Workspace

_READ = ("Read", "NotebookRead")
_WRITE = ("Edit", "Write", "MultiEdit", "NotebookEdit")
# Files that one shell wildcard is looked up for; beyond them the wildcard itself is judged, not each file.
_MAX_EXPANDED = 10_000
_MAX_FOLDERS = 20  # from which the words of one command are looked up
_GIT_SHOWS = frozenset(
    {"annotate", "archive", "blame", "cat-file", "diff", "format-patch", "grep", "log", "show", "stash"}
)
_SHELL_CODE = re.compile(r"BASH_ENV|ENV|BASH_FUNC_.*")  # variables that a starting shell runs or defines commands by


@dataclass(frozen=True, slots=True)
class FileUse:
    """Files read or written. tools: whose rules hold. paths: the absolute name, and where it leads through links.

    tree: everything below is meant too. bare: a rule for all uses of the tool (`Read`) counts as well.
    guards: tools whose path rules count only where they deny: what may not be read may not be written either.
    certain: false where part of the path is only known when it runs.
    """

    tools: tuple[str, ...]
    paths: tuple[str, ...]
    tree: bool = False
    bare: bool = True
    guards: tuple[str, ...] = ()
    certain: bool = True


@dataclass(frozen=True, slots=True)
class CommandUse:
    """The commands of a shell text."""

    spellings: Spellings


@dataclass(frozen=True, slots=True)
class HostUse:
    """A URL's host, None for a URL without one."""

    host: str | None


Use = FileUse | CommandUse | HostUse


def uses(step: AnyStep, effects: Effects, workspace: Workspace) -> list[Use]:
    """What a step with literal arguments does."""
    match step:
        case ReadStep():
            return [*_read_files(_strings(step.path), workspace)]
        case GrepStep():
            roots = _strings(step.path) or ["."]
            return [FileUse(("Grep", *_READ), _both(workspace.absolute(root)), tree=True) for root in roots]
        case GlobStep():
            folder = workspace.absolute((_strings(step.path) or ["."])[0])
            starts = {_fixed_part(os.path.join(folder, os.path.expanduser(p))) for p in _strings(step.pattern)}
            return [FileUse(("Glob", "LS", *_READ), _both(start), tree=True) for start in sorted(starts)]
        case BashStep():
            return list(_command_uses(step, effects, workspace))
        case FetchStep():
            return [HostUse(host_of(url)) for url in _strings(step.url)]


def file_use(path: str, workspace: Workspace) -> FileUse:
    """The reading of one file."""
    return FileUse(_READ, _both(workspace.absolute(path)))


def _read_files(paths: Iterable[str], workspace: Workspace) -> Iterator[FileUse]:
    for path in paths:
        for name in _expanded(workspace.absolute(path)):
            yield FileUse(_READ, _both(name))


def _command_uses(step: BashStep, effects: Effects, workspace: Workspace) -> Iterator[Use]:
    """The commands, the files they read and write by name, and files handed to programs that nobody knows."""
    found = spellings(step.command, step.shell)
    if any(_SHELL_CODE.fullmatch(name) for name in step.env or {}):
        found = replace(found, every=(*found.every, UNKNOWN))
    yield CommandUse(found)
    cwd = workspace.absolute((_strings(step.cwd) or ["."])[0])
    given = [*_strings(step.args), *_strings(list((step.env or {}).values()))]
    texts = [word.text or "" for word in found.words]
    said = "\n".join([step.command, cwd.removeprefix(workspace.cwd), *texts, *given, *step.reads, *step.writes])
    for pattern in sorted(effects.reads):
        yield from _pattern_uses(pattern, said, cwd, FileUse(_READ, ()))
    for pattern in sorted(effects.writes):
        yield from _pattern_uses(pattern, said, cwd, FileUse(_WRITE, (), guards=_READ))
    hidden = not effects.known or EVERYTHING in effects.reads or _shows_history(texts)
    words = found.words if hidden else ()
    names = _rough_words(step.command, cwd) if hidden else []
    for path in sorted(_named_files([*given, *names, *(n for word in words for n in _names(word, cwd))], cwd)):
        yield FileUse(_READ, _both(path), tree=True, bare=False)
    for end in filter(None, map(_known_end, words)):
        yield FileUse(_READ, (os.path.normpath(cwd + end),), tree=True, bare=False, certain=False)


def _shows_history(texts: Sequence[str]) -> bool:
    """Whether git may print what it has stored of files that stand among its words, which its effects do not say."""
    return "git" in texts and not _GIT_SHOWS.isdisjoint(texts)


def _pattern_uses(pattern: str, said: str, cwd: str, use: FileUse) -> Iterator[FileUse]:
    """The use of the files of one path pattern of a command's effects.

    What a program touches of its own accord (a cache, `.git`) is no use: like the client's, rules hold for the files
    that a command names. Of the folder it runs in only a rule for all of it counts unnamed.
    """
    root = _fixed_part(pattern)
    name = next((n for n in reversed(pattern.split("/")) if n and n != "**"), "")
    if name not in said:
        if root in _both(cwd):
            yield replace(use, paths=_both(root), tree=True, bare=False)
        return
    start = pattern.removesuffix("/**")
    if "**" in start.split("/"):
        yield replace(use, paths=(start,))
        return
    for path in _expanded(start):
        if start != pattern or path == start or not os.path.isdir(path):  # a wildcard that reads files skips folders
            yield replace(use, paths=_both(path), tree=start != pattern)


def _rough_words(command: str, cwd: str) -> list[str]:
    """The text cut at whatever may end a word: all there is of a text that cannot be read, or of a loop's list."""
    cut = re.split(r"[\s;&|<>()`]+", re.sub(r"[\\'\"]", "", command))
    return [text for word in cut for text in _spread(word, cwd)]


def _names(word: Word, cwd: str) -> list[str]:
    """The files that a word may name, `$HOME` and `$PWD` worked out; none where it cannot be known."""
    if word.text is not None:
        return _spread(word.text, cwd) if word.glob else [word.text]
    text = word.raw.replace('"', "").replace("'", "")
    text = re.sub(r"^\$(HOME\b|\{HOME\})", "~", text)
    text = re.sub(r"^\$(PWD\b|\{PWD\}|\(pwd\))", lambda _: cwd, text)
    return [] if "$" in text or "`" in text else _spread(text, cwd)


def _spread(text: str, cwd: str) -> list[str]:
    """A word's text with its braces and wildcards worked out."""
    try:
        forms = expand_braces(text)
    except InvalidRequest:  # more alternatives than anybody means
        forms = [text]
    wild = (_expanded(os.path.join(cwd, os.path.expanduser(form))) if is_wild(form) else [form] for form in forms)
    return [path for paths in wild for path in paths]


def _known_end(word: Word) -> str | None:
    """The literal `/rest/of/the/path` behind a word's last expansion, None where there is none."""
    found = re.search(r"(?:\$\w+|[})`])(/[^$`{}()]*)$", word.raw.replace('"', "").replace("'", ""))
    return found[1] if found and word.text is None else None


def _named_files(texts: Sequence[str], cwd: str) -> set[str]:
    """The files that texts name from `cwd`, or from a folder named as well (`cd src && tool f`, `tar -C src f`)."""
    found: set[str] = set()
    folders = [cwd]
    for folder in folders:  # grows on the way
        new = _existing(texts, folder) - found
        found |= new
        folders += [path for path in sorted(new) if os.path.isdir(path)][: _MAX_FOLDERS - len(folders)]
    return found


def _existing(texts: Iterable[str], folder: str) -> set[str]:
    """The files that texts name: as they stand, behind an option, a key and `=`, a host and `:`, curl's `@`."""
    found: set[str] = set()
    for text in texts:
        forms = {
            text,
            text.rpartition("=")[2],
            text.rpartition(":")[2],
            text.partition(":")[0],
            text.lstrip("@<"),
            text.removeprefix("file://"),
        }
        for form in forms | ({text[2:]} if text.startswith("-") else set[str]()):
            path = os.path.join(folder, os.path.expanduser(form))
            if form and "\0" not in form and os.path.lexists(path):
                found |= {os.path.normpath(path), os.path.realpath(path)}  # they differ where `..` follows a link
    return found


def _expanded(pattern: str) -> list[str]:
    """The path itself, or for a name that holds wildcards and does not exist, the files there are."""
    if not is_wild(pattern) or os.path.lexists(pattern):
        return [pattern]
    return [pattern, *islice(iglob(pattern), _MAX_EXPANDED)]


def _fixed_part(pattern: str) -> str:
    """The folder or file that an absolute pattern starts with, up to its first wildcard."""
    names = takewhile(lambda name: not any(c in name for c in "*?[{"), pattern.split("/"))
    return os.path.normpath("/".join(names) or "/")


def _both(path: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((path, os.path.realpath(path))))


def _strings(value: object) -> list[str]:
    """The literal strings of an argument; a reference that is not resolved yet has none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [item for item in cast("Sequence[object]", value) if isinstance(item, str)]
    return []
