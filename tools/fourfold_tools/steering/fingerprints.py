"""Fingerprints: what lies at the declared outputs of tasks, as hashes that tell whether it changed."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread
from anyio import CapacityLimiter

from fourfold_tools.deployment.progress import Found
from fourfold_tools.errors import FourfoldError, NotFound
from fourfold_tools.ops.workspace import Workspace

_BLOCK = 1 << 20
_MOST_ENTRIES = 10_000  # of a folder that is an output; beyond, only its first ones tell of a change


async def look(workspace: Workspace, paths: Mapping[str, str], limiter: CapacityLimiter) -> dict[str, Found]:
    """Name -> hash of the file or folder at each absolute path, None where there is none."""
    if not paths:
        return {}
    return await anyio.to_thread.run_sync(
        lambda: {name: look_at(workspace, path) for name, path in paths.items()}, limiter=limiter
    )


def look_at(workspace: Workspace, path: str) -> Found:
    """The hash of what lies at one path; an error's text in a tuple where it may not or cannot be read."""
    try:
        real = workspace.check(path)
        status = os.stat(real)
        return _of_folder(Path(real)) if stat.S_ISDIR(status.st_mode) else _of_file(workspace, real)
    except (FileNotFoundError, NotADirectoryError, NotFound):
        return None
    except FourfoldError as exc:
        return (exc.message,)
    except OSError as exc:
        return (exc.strerror or str(exc),)


def _of_file(workspace: Workspace, path: str) -> str:
    digest = hashlib.sha256()
    with os.fdopen(workspace.open(path), "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _of_folder(folder: Path) -> str:
    """Over names, sizes and times of what the folder holds, however deep."""
    digest = hashlib.sha256(b"folder")
    count = 0
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            status = os.lstat(os.path.join(parent, name))
            line = f"{os.path.relpath(parent, folder)}/{name} {status.st_size} {status.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
            count += 1
            if count >= _MOST_ENTRIES:
                return digest.hexdigest()
    return digest.hexdigest()
