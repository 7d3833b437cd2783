"""Mounts: which file systems lie in a folder; those of other machines can hang, those of the kernel hold no files."""

import os
from collections.abc import Sequence

# Beginnings of the names of file systems that ask another machine or another program.
_REMOTE = ("nfs", "cifs", "smb", "9p", "virtiofs", "ceph", "afs", "lustre", "gpfs", "gfs2", "ocfs2", "fuse", "autofs")
# File systems in which the kernel shows itself: what looks like a file there may wait for ever, answer differently
# each time, or be the memory and the variables of another process.
_KERNEL = (
    *("proc", "sysfs", "debugfs", "tracefs", "securityfs", "selinuxfs", "cgroup", "cgroup2", "bpf", "configfs"),
    *("fusectl", "pstore", "efivarfs", "mqueue", "binfmt_misc", "rpc_pipefs", "nfsd", "devpts"),
)
_TABLE = "/proc/self/mountinfo"


def all_local(folders: Sequence[str], table: str = _TABLE) -> bool:
    """Whether no folder (absolute, real) lies on a remote file system nor holds one; False where it cannot be seen.

    Reads Linux's table of mounts (proc_pid_mountinfo(5)), never the file systems themselves.
    """
    try:
        mounts = _mounts(table)
    except OSError:
        return False
    for folder in folders:
        home = max((point for point, _ in mounts if _within(folder, point)), key=len, default="")
        if any(kind.startswith(_REMOTE) and (point == home or _within(point, folder)) for point, kind in mounts):
            return False
    return True


def kernel_mounts(folders: Sequence[str], table: str = _TABLE) -> tuple[str, ...]:
    """Where in or around the folders (absolute, real) the kernel shows itself; none where it cannot be seen."""
    try:
        mounts = _mounts(table)
    except OSError:
        return ()
    points = [point for point, kind in mounts if kind in _KERNEL]
    return tuple(dict.fromkeys(p for p in points if any(_within(p, f) or _within(f, p) for f in folders)))


def _mounts(table: str) -> list[tuple[str, str]]:
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        return [_mount(line) for line in file]


def _mount(line: str) -> tuple[str, str]:
    """Mount point and type: field 5, and the first one after the lone hyphen."""
    left, _, right = line.partition(" - ")
    point = left.split(" ")[4]
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point, right.split(" ", 1)[0]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
