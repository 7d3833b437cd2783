"""The state of files on disk: hashes to compare later, the repository's commit and what is changed in it."""

import hashlib
import os
import subprocess
from collections.abc import Iterable

from fourfold_tools.handoffs.document import FileState

_HASHED_BYTES = 1_048_576
_GIT_S = 3.0


def state_of(path: str) -> FileState:
    """A file's hash; of a large one its size and time, of a missing one None."""
    try:
        status = os.stat(path)
        if not os.path.isfile(path) or status.st_size > _HASHED_BYTES:
            return FileState(path, f"size {status.st_size} time {status.st_mtime_ns}")
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            return FileState(path, hashlib.sha256(file.read(_HASHED_BYTES + 1)).hexdigest()[:16])
    except OSError:
        return FileState(path, None)


def changes(before: Iterable[FileState]) -> list[str]:
    """The files that are not as they were, each with what happened to it."""
    out: list[str] = []
    for file in before:
        now = state_of(file.path).digest
        if now != file.digest:
            what = "removed" if now is None else "created" if file.digest is None else "changed"
            out.append(f"{file.path}: {what}")
    return out


def repository(cwd: str) -> tuple[str, list[str]]:
    """(commit, absolute paths of changed files) of the repository around a folder; ("", []) without one or git."""
    told = _git(cwd, "rev-parse", "--show-toplevel", "--short=12", "HEAD")
    if told is None:
        return "", []
    top, head = told.rstrip("\n").rsplit("\n", 1)
    status = _git(cwd, "status", "--porcelain", "-z", "--untracked-files=normal", "--no-renames") or ""
    return head, [os.path.join(top, entry[3:]) for entry in status.split("\0") if entry]


def _git(cwd: str, *arguments: str) -> str | None:
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],  # a repository's own hook is no part of looking
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=_GIT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
