"""A control group: the folders of this process's cgroup and of those above it, where Linux keeps its limits."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Folders from the process's own group up to the mount, own first; empty where there is no such hierarchy.

    unified: version 2. cpu, memory: version 1, one hierarchy per controller.
    """

    unified: tuple[Path, ...] = ()
    cpu: tuple[Path, ...] = ()
    memory: tuple[Path, ...] = ()


@lru_cache(maxsize=8)
def own_cgroup(root: Path = Path("/")) -> Cgroup:
    """The cgroup of this process; `root` stands for `/`. A process that is moved later keeps its first answer."""
    groups = dict(_groups(root))
    found: dict[str, tuple[Path, ...]] = {}
    for mount_root, mount_point, controllers in _mounts(root):
        for controller in controllers & groups.keys():
            found.setdefault(controller, _upwards(root, mount_root, mount_point, groups[controller]))
    return Cgroup(found.get("", ()), found.get("cpu", ()), found.get("memory", ()))


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """(controller, path of the group) from `/proc/self/cgroup`; the controller of version 2 is the empty name."""
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            yield from ((controller, path) for controller in controllers.split(","))


def _mounts(root: Path) -> Iterator[tuple[str, str, set[str]]]:
    """(path inside the hierarchy, mount point, controllers) of each cgroup mount in `/proc/self/mountinfo`."""
    for line in read_text(root / "proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        controllers = {""} if kind[0] == "cgroup2" else set(kind[2].split(","))
        yield _unescaped(fields[3]), _unescaped(fields[4]), controllers


def _upwards(root: Path, mount_root: str, mount_point: str, group: str) -> tuple[Path, ...]:
    """The group's folder below its mount and those above it. A group outside the mounted part is the mount itself."""
    top = root / mount_point.lstrip("/")
    try:
        inside = PurePosixPath(group).relative_to(mount_root)
    except ValueError:
        return (top,)
    own = top / inside
    return (
        (own, *(folder for folder in own.parents if folder.is_relative_to(top))) if ".." not in own.parts else (top,)
    )


def read_text(path: Path) -> str:
    """A small kernel file, empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65_536)
    except (OSError, ValueError):
        return ""


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), field) if os.sep == "/" else field
