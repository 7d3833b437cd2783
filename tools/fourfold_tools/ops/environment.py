"""The environment of commands: the server's variables without its secrets, and how the server hides those itself."""

import fnmatch
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping

from fourfold_tools.ops.spawn_helper import stat_fields

# Git would otherwise take a lock to refresh its index in `git status`, and side-by-side reads would meet at it.
_ALWAYS = {"GIT_OPTIONAL_LOCKS": "0"}
# Settings of this server may name tokens; a fourfold inside a command reads its own files.
_OURS = "FOURFOLD_"
# Fields of /proc/PID/stat, counted from the state: where the block of the first variables starts and ends.
_ENV_START, _ENV_END = 47, 48


class Environment:
    """Which variables commands see. Patterns are those of a shell, without regard to case.

    server: this process's variables, looked through once: they do not change while it runs.
    """

    def __init__(self, hide: Iterable[str], keep: Iterable[str], server: Mapping[str, str]) -> None:
        self._hide = _any_of(hide)
        self._keep = _any_of(keep)
        self._seen = {name: value for name, value in server.items() if not self.hides(name)} | _ALWAYS

    def hides(self, name: str) -> bool:
        return not self._keep(name) and (name.startswith(_OURS) or self._hide(name))

    def of(self, folder: str, extra: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command that starts in `folder`; what its step names wins."""
        return {**self._seen, "PWD": folder, **extra}

    def conceal(self) -> None:
        """Blank hidden values where every program of this user can read them: /proc/PID/environ of this process.

        That file shows the memory in which this process got its variables. os.environ and getenv answer as before,
        from copies. Where there is no such file (macOS) nothing is done.
        """
        if sys.platform == "linux":
            _blank(self.hides)


def _any_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    joined = "|".join(fnmatch.translate(pattern) for pattern in patterns) or r"(?!)"
    matcher = re.compile(joined, re.IGNORECASE)
    return lambda name: matcher.match(name) is not None


def _blank(hides: Callable[[str], bool]) -> None:
    import ctypes

    fields = stat_fields(os.getpid())
    if len(fields) <= _ENV_END:
        return
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    if not 0 < start < end:  # the kernel does not tell
        return
    place = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, equals, value = entry.partition(b"=")
        text = os.fsdecode(name)
        if equals and value and hides(text):
            if text in os.environ:
                os.putenv(text, os.environ[text])
            ctypes.memset(place + len(name) + 1, 0, len(value))
        place += len(entry) + 1
