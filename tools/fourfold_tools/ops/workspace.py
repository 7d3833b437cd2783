"""The workspace: the folders that steps may touch, and the one way to open a file in them."""

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from fourfold_tools.errors import Contention, Denied, FourfoldError, NotFound, Unsupported
from fourfold_tools.ops.mounts import kernel_mounts

_LINUX = sys.platform == "linux"
_LOOKS = 16  # at a path that changes meanwhile
_BY_DESCRIPTOR = os.scandir in os.supports_fd


class Workspace:
    """Roots (absolute, real) and the folder that relative paths start from.

    A path is judged by what was opened, not by its name: a swap between check and use gains nothing.
    kernel: folders in the workspace in which the kernel shows itself (/proc); nothing in them is a file of anybody.
    """

    def __init__(self, cwd: Path, roots: Sequence[Path] = ()) -> None:
        self.cwd = os.path.realpath(cwd)
        self.roots = tuple(dict.fromkeys(os.path.realpath(r) for r in (cwd, *roots)))
        self._prefixes = tuple(r.rstrip("/") + "/" for r in self.roots)
        self.kernel = kernel_mounts(self.roots) if _LINUX else ()
        self._kernel_devices = frozenset(filter(None, map(_device, self.kernel)))

    def absolute(self, path: str) -> str:
        """The path from the workspace's folder, with `~`, `.` and `..` worked out; no link is followed.

        A name that is not UTF-8 is taken as it is shown, with `\\xNN` for a byte, where no file has that very name.
        """
        found = _absolute(self.cwd, path)
        if "\\x" in path and not os.path.lexists(found):
            raw = _absolute(self.cwd, _unescaped(path))
            return raw if os.path.lexists(raw) else found
        return found

    def relative(self, path: str) -> str:
        """How the client shows a path: from the workspace's folder where it lies in it, else absolute."""
        prefix = self._prefixes[0] if self.roots[0] == self.cwd else self.cwd.rstrip("/") + "/"
        return path[len(prefix) :] if path.startswith(prefix) else path

    def contains(self, real: str) -> bool:
        """Whether a path without links lies in the workspace."""
        return real in self.roots or real.startswith(self._prefixes)

    def shown_by_kernel(self, real: str) -> bool:
        """Whether a path lies where the kernel shows itself."""
        return bool(self.kernel) and f"{real}/".startswith(tuple(f"{point}/" for point in self.kernel))

    def check(self, path: str) -> str:
        """The real path of a file or folder, which need not exist.

        Raises:
            Denied, NotFound: it lies outside the workspace; it changes while it is looked up.
        """
        real = real_path(self.absolute(path))
        if not self.contains(real):
            raise self.denied(path, real)
        return real

    def folder(self, path: str | None) -> str:
        """The real path of an existing folder, the workspace's own when none is named.

        Raises:
            Denied, NotFound: outside, or no such folder.
        """
        if path is None:
            return self.cwd
        real = self.check(path)
        if not os.path.isdir(real):
            raise NotFound(f"{path} is not a folder" if os.path.exists(real) else f"no such folder: {path}")
        return real

    def open(self, path: str) -> int:
        """A descriptor of a regular file, read-only; the caller closes it.

        Raises:
            NotFound, Denied, Unsupported, Contention: no such file, outside or unreadable, not a regular file,
                out of descriptors.
        """
        absolute = self.absolute(path)
        try:
            return self._open_linux(path, absolute) if _LINUX else self._open_checked(path, absolute)
        except OSError as exc:
            # What lies outside is not told from what does not exist there.
            if exc.errno in {errno.ENOENT, errno.ENOTDIR} and not self.contains(real := real_path(absolute)):
                raise self.denied(path, real) from exc
            raise _translate(exc, path, self.cwd) from exc

    def _open_linux(self, path: str, absolute: str) -> int:
        # O_PATH opens nothing yet (no FIFO waits, no device wakes); what it names is judged, then opened.
        handle = os.open(absolute, os.O_PATH | os.O_CLOEXEC)
        try:
            link = f"/proc/self/fd/{handle}"
            real = os.readlink(link)
            if not self.contains(real):
                raise self.denied(path, real)
            self.refuse_special(os.fstat(handle), path)
            return os.open(link, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        finally:
            os.close(handle)

    def _open_checked(self, path: str, absolute: str) -> int:
        real = real_path(absolute)
        if not self.contains(real):
            raise self.denied(path, real)
        self.refuse_special(os.lstat(real), path)
        fd = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            self.refuse_special(os.fstat(fd), path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def refuse_special(self, status: os.stat_result, path: str) -> None:
        """
        Raises:
            Unsupported: no regular file, or one that the kernel only shows.
        """
        if stat.S_ISDIR(status.st_mode):
            raise Unsupported(f"EISDIR: {path} is a folder; use glob to list it")
        if not stat.S_ISREG(status.st_mode):
            raise Unsupported(f"{path} is not a regular file (a pipe, socket or device); it is never opened")
        if status.st_dev in self._kernel_devices:
            raise Unsupported(f"{path} is shown by the kernel and is no file on a disk; it is never opened")

    def denied(self, path: str, real: str) -> Denied:
        where = "" if real == self.absolute(path) else f" (it leads to {real})"
        return Denied(f"{path} is outside the workspace{where}: {', '.join(self.roots)}")


class Listing:
    """The entries of a folder whose path holds no link, as a context; where it does by now nothing is listed.

    Entering raises OSError: no such folder, not readable, another one than its path says. Mutable: what is open.
    """

    __slots__ = ("_descriptor", "_entries", "_real")

    def __init__(self, real: str) -> None:
        self._real = real
        self._descriptor = -1

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        if not _BY_DESCRIPTOR:
            self._entries = os.scandir(self._real)
            return self._entries
        fd = os.open(self._real, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if _LINUX and os.readlink(f"/proc/self/fd/{fd}") != self._real:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self._real)
            self._entries = os.scandir(fd)
        except OSError:
            os.close(fd)
            raise
        self._descriptor = fd
        return self._entries

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entries.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)


def real_path(path: str) -> str:
    """The path with its links followed; what of it does not exist stays as it is.

    Raises:
        NotFound: a link on the way is replaced each time it is followed.
    """
    for _ in range(_LOOKS):
        try:
            return os.path.realpath(path)
        except OSError:  # it was a link when it was looked at, and was gone when it was read
            continue
    raise NotFound(f"{path} changes while it is looked up")


def settled(path: str) -> str:
    """The path with its links followed, or as it is where it changes all the time: for names, not for opening."""
    try:
        return real_path(path)
    except NotFound:
        return path


@lru_cache(maxsize=8_192)
def _absolute(cwd: str, path: str) -> str:
    if "\0" in path:
        raise NotFound("a path cannot hold a NUL character")
    return _normal(cwd, os.path.expanduser(path))


@lru_cache(maxsize=4096)  # a step's path is worked out for its effects, its check and its opening
def _normal(cwd: str, path: str) -> str:
    return os.path.normpath(os.path.join(cwd, path))


def _unescaped(path: str) -> str:
    """The name that is shown as `path`: each `\\xNN` is one byte of it."""
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), os.fsencode(path))
    return os.fsdecode(raw)


def _device(folder: str) -> int | None:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None


def _translate(exc: OSError, path: str, cwd: str) -> FourfoldError:
    if exc.errno in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(f"File does not exist. Note: your current working directory is {cwd}. (asked for {path})")
    if exc.errno in {errno.EMFILE, errno.ENFILE, errno.EAGAIN}:
        return Contention(f"{path}: {exc.strerror}")
    if exc.errno in {errno.EACCES, errno.EPERM, errno.ELOOP}:
        return Denied(f"{path}: {exc.strerror}")
    return Unsupported(f"{path}: {exc.strerror}")
