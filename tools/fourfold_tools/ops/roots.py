"""Roots: the files and folders that a search starts from, checked and put in order."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fourfold_tools.errors import NotFound, Unsupported
from fourfold_tools.ops.workspace import Workspace, settled


@dataclass(frozen=True, slots=True)
class Roots:
    """Arguments for a program that runs in the workspace's folder: `./path` inside it, else absolute.

    Ordered part by part and without one inside another, so that what is found below them one after the other is
    in order too. lone_file: the one root is a file, which cannot be searched by two threads.
    """

    arguments: tuple[str, ...]
    lone_file: bool

    def chunks(self, max_bytes: int) -> Iterator[tuple[str, ...]]:
        """The arguments in runs that fit a command line."""
        chunk: list[str] = []
        size = 0
        for argument in self.arguments:
            size += len(os.fsencode(argument)) + 1
            if chunk and size > max_bytes:
                yield tuple(chunk)
                chunk, size = [], len(os.fsencode(argument)) + 1
            chunk.append(argument)
        if chunk:
            yield tuple(chunk)


def search_roots(workspace: Workspace, paths: Sequence[str] | None) -> Roots:
    """The roots for a step's paths, the workspace's folder for None; one inside another is searched as part of it.

    Raises:
        Denied, NotFound, Unsupported: one of them is outside the workspace; does not exist; is a pipe or a device.
    """
    if paths is None:
        return Roots(("./",), lone_file=False)
    modes = {workspace.check(path): path for path in paths}
    files = {real for real, path in modes.items() if _is_file(workspace, real, path)}
    kept: list[str] = []
    for real in sorted(modes, key=lambda path: path.split("/")):
        if not kept or not f"{real}/".startswith(kept[-1].rstrip("/") + "/"):
            kept.append(real)
    arguments = sorted((_argument(workspace, real) for real in kept), key=lambda argument: argument.split("/"))
    return Roots(tuple(arguments), lone_file=len(kept) == 1 and kept[0] in files)


def tree_patterns(workspace: Workspace, paths: Iterable[str]) -> frozenset[str]:
    """The effects pattern of everything at and below each path."""
    absolute = [workspace.absolute(path) for path in paths if "\0" not in path]
    return frozenset(settled(path).rstrip("/") + "/**" for path in absolute)


def _is_file(workspace: Workspace, real: str, path: str) -> bool:
    try:
        status = os.stat(real)
    except OSError as exc:
        raise NotFound(f"no such file or folder: {path}") from exc
    if stat.S_ISDIR(status.st_mode):
        if workspace.shown_by_kernel(real):
            raise Unsupported(f"{path} is shown by the kernel and holds no files on a disk; it is never searched")
        return False
    workspace.refuse_special(status, path)
    return True


def _argument(workspace: Workspace, real: str) -> str:
    relative = "" if real == workspace.cwd else workspace.relative(real)
    return relative if relative.startswith("/") else f"./{relative}"
