"""Owners: which process a run belongs to, and whether that process still lives."""

import os
from functools import lru_cache
from pathlib import Path


def this_process() -> str:
    """`pid:start` of this process; the start time tells a reused pid apart."""
    return _mark(os.getpid())


@lru_cache(maxsize=1)  # a run asks each time
def _mark(pid: int) -> str:
    return f"{pid}:{_start_of(pid) or 0}"


def is_alive(owner: str) -> bool:
    """Whether the process that wrote this mark still runs on this machine."""
    pid_text, _, start = owner.partition(":")
    if not pid_text.isdigit():
        return False
    pid = int(pid_text)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    now = _start_of(pid)
    return now is None or now == start


def _start_of(pid: int) -> str | None:
    """The start time of a process in clock ticks since boot, None where /proc does not tell.

    A process that ended and was not waited for has none: its number is taken, but nothing runs.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] in {"Z", "X"} else fields[19]
