"""Processes as the kernel shows them: who carries a mark, who descends from whom, and a wait for their end."""

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="other people's processes can be seen through /proc only")
_GONE_S = 20.0
_LOOK_S = 0.01


def _ids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> tuple[str, int] | None:
    """State and parent of a process; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def lives(pid: int) -> bool:
    found = _stat(pid)
    return found is not None and found[0] != "Z"


def carrying(mark: str) -> list[int]:
    """The living processes, servers of ours left out, whose variables hold the mark."""
    found: list[int] = []
    for pid in _ids():
        with suppress(OSError):
            marked = mark.encode() in Path(f"/proc/{pid}/environ").read_bytes()
            if marked and lives(pid) and b"fourfold_server" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def descendants(pid: int) -> list[int]:
    """Everything that a process started and what that started, itself left out."""
    parents = {other: found[1] for other in _ids() if (found := _stat(other)) and found[0] != "Z"}
    below: list[int] = []
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        below += sorted(level)
    return below


def wait_for(condition: Callable[[], bool], what: str, within_s: float = _GONE_S) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(_LOOK_S)


def wait_gone(pids: Iterable[int], within_s: float = _GONE_S) -> None:
    """Wait until none of these processes lives."""
    wanted = list(pids)
    wait_for(lambda: not any(map(lives, wanted)), f"the end of {wanted}", within_s)
