"""Ignore files: the files outside a folder that tell ripgrep what to leave out of a search in it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence

# What ripgrep reads in every folder above its root, and in a repository's own folder.
_NAMES = (".gitignore", ".ignore", ".rgignore")
_EXCLUDE = os.path.join("info", "exclude")
_NAMED = re.compile(r"(?im)^\s*excludesfile\s*=\s*\"?\s*(.+?)\s*\"?\s*$")
_MOST_BYTES = 1 << 20  # of a configuration or a pointer that is looked into


def ignore_files(roots: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """The ignore files there are for searches in `roots` (absolute, real) by a user with these variables.

    Those above a root, those of the repository that a worktree belongs to, the user's own and the system's.
    Links are followed.
    """
    found = [path for root in roots for path in _above(root)]
    return tuple(dict.fromkeys(os.path.realpath(path) for path in (*found, *_own(env)) if os.path.isfile(path)))


def _above(root: str) -> Iterator[str]:
    folder = root
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isfile(git):
            yield from _of_worktree(git)
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above
        yield from (os.path.join(folder, name) for name in _NAMES)
        yield os.path.join(folder, ".git", _EXCLUDE)


def _of_worktree(pointer: str) -> Iterator[str]:
    """The files behind the `.git` of a worktree, which is a file that names a folder."""
    named = _text(pointer).partition("gitdir:")[2].strip()
    if named:
        folder = os.path.normpath(os.path.join(os.path.dirname(pointer), named))
        common = _text(os.path.join(folder, "commondir")).strip()
        yield from (pointer, os.path.join(folder, "commondir"))
        yield os.path.normpath(os.path.join(folder, common, _EXCLUDE))


def _own(env: Mapping[str, str]) -> Iterator[str]:
    """The user's and the system's configuration of git, and the file that it names."""
    home = env.get("HOME", "")
    config = env.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else "")
    files = ["/etc/gitconfig", *([os.path.join(home, ".gitconfig")] if home else [])]
    files += [os.path.join(config, "git", "config")] if config else []
    yield from files
    if config:
        yield os.path.join(config, "git", "ignore")
    for file in files:
        for named in _NAMED.findall(_text(file)):
            yield os.path.join(home, named[2:]) if named.startswith("~/") else named


def _text(path: str) -> str:
    """The text of a small file; nothing of one that cannot be read."""
    try:
        if os.path.isfile(path) and os.path.getsize(path) <= _MOST_BYTES:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
    except OSError:
        pass
    return ""
