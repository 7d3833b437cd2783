"""Inputs: whether what a step reads has changed since a moment, by the times of the files themselves."""

import os
from collections.abc import Iterable

from fourfold_tools.model.effects import overlap

_MOST_ENTRIES = 200_000  # of one look; a tree larger than that is not vouched for
_TICK_S = 0.01  # the clock that stamps files may be this far behind
_WILD = frozenset("*?[{")


def changed_since(patterns: Iterable[str], moment: float) -> bool:
    """Whether a file or folder that the patterns name was modified at or after `moment` (seconds since the epoch).

    A folder's own time tells of entries that were made, renamed or removed in it. What cannot be looked at within
    the bound counts as changed, so a pair is never kept on a guess.
    """
    left, moment = _MOST_ENTRIES, moment - _TICK_S
    for pattern in patterns:
        base, deep = _base(pattern)
        left = _look(base, pattern if deep else None, moment, left)
        if left < 0:
            return True
    return False


def _base(pattern: str) -> tuple[str, bool]:
    """The folder or file above the first wildcard, and whether there is one."""
    parts = pattern.split("/")
    for i, part in enumerate(parts):
        if _WILD & set(part):
            return "/".join(parts[:i]) or "/", True
    return pattern, False


def _look(path: str, pattern: str | None, moment: float, left: int) -> int:
    """Entries left to look at, or -1 where something is newer than the moment or cannot be told."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return left - 1
    except OSError:
        return -1
    if status.st_mtime >= moment or status.st_ctime >= moment:
        return -1
    if pattern is None:
        return left - 1
    stack = [path]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0 or _newer(entry, pattern, moment):
                        return -1
                    if entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                        stack.append(entry.path)
        except PermissionError:  # what may not be listed was not read either
            continue
        except OSError:
            return -1
    return left


def _newer(entry: os.DirEntry[str], pattern: str, moment: float) -> bool:
    folder = entry.is_dir(follow_symlinks=False)
    if not folder and not pattern.endswith("/**") and not overlap(pattern, entry.path):
        return False
    status = entry.stat(follow_symlinks=False)
    return status.st_mtime >= moment or status.st_ctime >= moment
