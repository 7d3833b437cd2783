"""A use: one thing a step does that a rule may be about: a file, a command or a host."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import cast

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GlobStep, GrepStep, ReadStep
from fourfold_tools.ops.permissions.domains import host_of
from fourfold_tools.ops.permissions.named import expanded, known_ends, named_files
from fourfold_tools.ops.permissions.spellings import UNKNOWN, Spellings, spellings
from fourfold_tools.ops.shell.place import EVERYTHING
from fourfold_tools.ops.workspace import Workspace

_READ = ("Read", "NotebookRead")
_WRITE = ("Edit", "Write", "MultiEdit", "NotebookEdit")
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
            files = [file for path in _absolute(step.path, workspace) for file in expanded(path)]
            return [FileUse(_READ, _both(file)) for file in files]
        case GrepStep():
            roots = _absolute("." if step.path is None else step.path, workspace)
            return [FileUse(("Grep", *_READ), _both(root), tree=True) for root in roots]
        case GlobStep():
            folders = _absolute("." if step.path is None else step.path, workspace)
            patterns = [os.path.expanduser(pattern) for pattern in _strings(step.pattern) if "\0" not in pattern]
            starts = {_fixed_part(os.path.join(folder, pattern)) for folder in folders for pattern in patterns}
            return [FileUse(("Glob", "LS", *_READ), _both(start), tree=True) for start in sorted(starts)]
        case BashStep():
            return list(_command_uses(step, effects, workspace))
        case FetchStep():
            return [HostUse(host_of(url)) for url in _strings(step.url)]


def file_uses(path: str, workspace: Workspace) -> list[Use]:
    """The reading of one file; none for a name that no file can have."""
    return [FileUse(_READ, _both(file)) for file in _absolute(path, workspace)]


def _command_uses(step: BashStep, effects: Effects, workspace: Workspace) -> Iterator[Use]:
    """The commands, the files they read and write by name, and files handed to programs that nobody knows."""
    found = spellings(step.command, step.shell)
    if any(_SHELL_CODE.fullmatch(name) for name in step.env or {}):
        found = replace(found, every=(*found.every, UNKNOWN))
    yield CommandUse(found)
    cwd = next(iter(_absolute(step.cwd, workspace)), workspace.cwd)
    given = [*_strings(step.args), *_strings(list((step.env or {}).values()))]
    texts = [word.text or "" for word in found.words]
    said = "\n".join([step.command, cwd.removeprefix(workspace.cwd), *texts, *given, *step.reads, *step.writes])
    for pattern in sorted(effects.reads):
        yield from _pattern_uses(pattern, said, cwd, FileUse(_READ, ()))
    for pattern in sorted(effects.writes):
        yield from _pattern_uses(pattern, said, cwd, FileUse(_WRITE, (), guards=_READ))
    hidden = not effects.known or EVERYTHING in effects.reads or _shows_history(texts)
    command, words = (step.command, found.words) if hidden else ("", ())
    for path in sorted(named_files(command, words, given, cwd)):
        yield FileUse(_READ, _both(path), tree=True, bare=False)
    for end in known_ends(words):
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
    for path in expanded(start):
        if start != pattern or path == start or not os.path.isdir(path):  # a wildcard that reads files skips folders
            yield replace(use, paths=_both(path), tree=start != pattern)


def _fixed_part(pattern: str) -> str:
    """The folder or file that an absolute pattern starts with, up to its first wildcard."""
    names = takewhile(lambda name: not any(c in name for c in "*?[{"), pattern.split("/"))
    return os.path.normpath("/".join(names) or "/")


def _absolute(value: object, workspace: Workspace) -> list[str]:
    return [workspace.absolute(path) for path in _strings(value) if "\0" not in path]


def _both(path: str) -> tuple[str, ...]:
    """The path and where it leads."""
    try:
        return tuple(dict.fromkeys((path, os.path.realpath(path))))
    except (OSError, ValueError):  # a name that the system cannot hold
        return (path,)


def _strings(value: object) -> list[str]:
    """The literal strings of an argument; a reference that is not resolved yet has none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [item for item in cast("Sequence[object]", value) if isinstance(item, str)]
    return []
