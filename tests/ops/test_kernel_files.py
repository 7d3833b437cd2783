"""What only the kernel shows is no file of a workspace, and a pipe with a well-known name holds nobody up."""

import os
from pathlib import Path

import pytest
from runtimes import entries, opened, run

from fourfold_tools.errors import Unsupported
from fourfold_tools.ops.effects import classify
from fourfold_tools.ops.mounts import kernel_mounts
from fourfold_tools.ops.permissions.sources import main_checkout
from fourfold_tools.ops.roots import search_roots
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio
TABLE = """\
1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:5 / /proc rw - proc proc rw
3 1 0:6 / /sys rw - sysfs sysfs rw
4 3 0:7 / /sys/fs/cgroup rw - cgroup2 none rw
5 1 0:8 / /home/me/root/proc rw - proc proc rw
6 1 0:9 / /tmp rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/", ("/proc", "/sys", "/sys/fs/cgroup", "/home/me/root/proc")),
        ("/home/me", ("/home/me/root/proc",)),
        ("/proc/1", ("/proc",)),
        ("/process", ()),
        ("/tmp", ()),
    ],
)
def test_the_kernels_own_mounts_in_and_around_a_folder_are_found(
    tmp_path: Path, folder: str, found: tuple[str, ...]
) -> None:
    (tmp_path / "mountinfo").write_text(TABLE)
    assert kernel_mounts([folder], str(tmp_path / "mountinfo")) == found


@pytest.mark.parametrize(
    "path", ["/proc/self/environ", "/proc/self/mem", "/proc/kmsg", "/proc/1/cmdline", "/sys/power/state"]
)
def test_they_are_refused_even_where_the_workspace_is_everything(path: str) -> None:
    if not os.path.exists(path):
        path = "/proc/self/status"
    workspace = Workspace(Path("/"))
    with pytest.raises(Unsupported, match="shown by the kernel"):
        workspace.open(path)
    with pytest.raises(Unsupported, match="shown by the kernel"):
        search_roots(workspace, [path])


async def test_searches_and_listings_of_a_whole_tree_pass_them_by(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        for name in ("work/a/proc/self", "work/b"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "work/a/proc/self/environ").write_text("needle\n")
        (tmp_path / "work/b/proc").write_text("needle\n")
        runtime.workspace.kernel = (f"{tmp_path}/work/a/proc",)
        reply = await run(
            runtime,
            {"op": "grep", "pattern": "needle", "mode": "files"},
            {"op": "grep", "pattern": "needle", "mode": "files", "path": "a"},
            {"op": "glob", "pattern": "**/*"},
            {"op": "grep", "pattern": "needle", "path": "a/proc"},
            {"op": "glob", "pattern": "*", "path": "a/proc/self"},
        )
    first, second, listed, searched, inside = entries(reply).values()
    assert first["output"]["paths"] == ["b/proc"]
    assert second["output"]["paths"] == []
    assert listed["output"]["paths"] == ["b/proc"]
    assert searched["code"] == "unsupported"
    assert inside["output"]["paths"] == []


def test_a_pipe_in_the_place_of_a_repository_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert classify("git status", str(tmp_path)).reads
    assert main_checkout(str(tmp_path)) == str(tmp_path)
