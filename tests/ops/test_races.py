"""A path that is swapped while it is used: whoever swaps it gains nothing, whatever the moment."""

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runtimes import entries, opened, run

from fourfold_tools.errors import FourfoldError
from fourfold_tools.ops import ripgrep
from fourfold_tools.ops.confinement import file_confinement
from fourfold_tools.ops.ignore_files import ignore_files
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio
SECRET = "outside-secret"
ROUNDS_S = 1.0  # a swap takes some microseconds: tens of thousands of them happen in this time


@contextmanager
def swapping(*turns: Callable[[], None]) -> Generator[None]:
    """Another thread takes its turns in a loop, as fast as it can, until the block is left."""
    stop = threading.Event()
    counted = [0]

    def loop() -> None:
        while not stop.is_set():
            for turn in turns:
                turn()
            counted[0] += 1

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert counted[0] > 10, "nothing was swapped while the test ran"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """`work/place` holds a file `name` that is fine; `outside` holds one of the same name that is not."""
    for folder in ("work/place", "outside", "outside/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "work/place/name").write_text("inside\n")
    (tmp_path / "outside/name").write_text(f"{SECRET}\n")
    (tmp_path / "outside/only-there").write_text(f"{SECRET}\n")
    return tmp_path


def by_link(home: Path) -> tuple[Callable[[], None], ...]:
    """`place` is in turn the real folder and a link to the one outside."""
    place, aside, link = (str(home / "work" / name) for name in ("place", "aside", "link"))
    os.symlink(home / "outside", link)

    def out() -> None:
        os.rename(place, aside)
        os.rename(link, place)

    def back() -> None:
        os.rename(place, link)
        os.rename(aside, place)

    return out, back


def by_file(home: Path) -> tuple[Callable[[], None], ...]:
    """`place/name` is in turn the file and a link to the one outside."""
    name, real, link = (str(home / "work/place" / name) for name in ("name", "real", "link"))
    os.rename(name, real)
    os.link(real, name)

    def out() -> None:
        os.symlink(home / "outside/name", link)
        os.rename(link, name)

    def back() -> None:
        os.link(real, link)
        os.rename(link, name)

    return out, back


@pytest.mark.parametrize("swap", [by_link, by_file])
def test_a_read_never_holds_a_byte_from_outside(
    home: Path, swap: Callable[[Path], tuple[Callable[[], None], ...]]
) -> None:
    workspace = Workspace(home / "work")
    seen: set[str] = set()
    with swapping(*swap(home)):
        least = time.monotonic() + ROUNDS_S
        both, most = {"inside\n", "denied"}, least + 60
        while time.monotonic() < least or (not both <= seen and time.monotonic() < most):
            try:
                fd = workspace.open("place/name")
            except FourfoldError as exc:
                seen.add(exc.code)
                continue
            seen.add(os.read(fd, 100).decode())
            os.close(fd)
    assert SECRET not in "".join(seen)
    assert both <= seen, "both sides of the swap were met"


async def test_read_grep_and_glob_steps_never_show_what_lies_outside(home: Path) -> None:
    assert file_confinement(), "this kernel has no Landlock: ripgrep cannot be held to the workspace here"
    told: list[str] = []
    async with opened(home) as runtime:
        with swapping(*by_link(home)):
            end = time.monotonic() + 3 * ROUNDS_S
            while time.monotonic() < end:
                reply = await run(
                    runtime,
                    {"op": "read", "path": "place/name"},
                    {"op": "grep", "pattern": SECRET, "path": "place"},
                    {"op": "grep", "pattern": SECRET},
                    {"op": "grep", "pattern": "inside"},
                    {"op": "glob", "pattern": "**/*"},
                    {"op": "glob", "pattern": "*", "path": "place"},
                    {"op": "bash", "command": "cat only-there || true", "cwd": "place"},
                )
                told += [str(entry.get("output") or entry.get("error")) for entry in entries(reply).values()]
    assert not [text for text in told if SECRET in text or "only-there'" in text]
    assert any("inside" in text for text in told)


async def test_without_the_kernels_help_the_same_race_is_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the confinement is for: ripgrep opens by name what it has listed. A first loss proves it; docs say so."""
    monkeypatch.setattr(ripgrep, "file_confinement", lambda: False)
    async with opened(home) as runtime:
        with swapping(*by_link(home)):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                reply = await run(runtime, {"op": "grep", "pattern": SECRET, "path": "place"})
                if SECRET in str(entries(reply)["s1"].get("output")):
                    return
    pytest.fail("ripgrep was never led outside: is the race closed elsewhere by now?")


async def test_confined_ripgrep_still_hears_the_ignore_files_above_the_workspace(home: Path) -> None:
    (home / ".git").mkdir()
    (home / ".gitignore").write_text("left-out\n")
    (home / "work/left-out").write_text("needle\n")
    (home / "work/kept").write_text("needle\n")
    async with opened(home) as runtime:
        first = entries(await run(runtime, {"op": "grep", "pattern": "needle", "mode": "files"}))["s1"]
        assert first["output"]["paths"] == ["kept"]
        (home / ".new").write_text("kept\n")
        os.replace(home / ".new", home / ".gitignore")  # as editors write: another file of the same name
        second = entries(await run(runtime, {"op": "grep", "pattern": "needle", "mode": "files"}))["s1"]
        assert second["output"]["paths"] == ["left-out"]


def test_ignore_files_are_those_above_those_of_a_worktrees_repository_and_the_users_own(tmp_path: Path) -> None:
    work, main, own = tmp_path / "a/work", tmp_path / "main/.git", tmp_path / "own"
    for folder in (work, main / "worktrees/w", main / "info", own / ".config/git"):
        folder.mkdir(parents=True)
    (work / ".git").write_text(f"gitdir: {main}/worktrees/w\n")
    (main / "worktrees/w/commondir").write_text("../..\n")
    (own / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    wanted = [tmp_path / "a/.ignore", main / "info/exclude", own / "mine", own / ".config/git/ignore"]
    for file in wanted:
        file.write_text("x\n")
    (work / ".gitignore").write_text("inside: not named\n")
    found = ignore_files([str(work)], {"HOME": str(own)})
    assert {str(file) for file in wanted} < set(found)
    assert str(work / ".gitignore") not in found


async def test_a_ripgrep_that_is_installed_as_a_link_is_confined_like_any_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.symlink(ripgrep.find_ripgrep(), home / "rg")
    monkeypatch.setattr(ripgrep, "_packaged", lambda: str(home / "rg"))
    ripgrep.find_ripgrep.cache_clear()
    try:
        async with opened(home) as runtime:
            found = entries(await run(runtime, {"op": "grep", "pattern": "inside", "mode": "files"}))["s1"]
        assert found["output"]["paths"] == ["place/name"]
    finally:
        ripgrep.find_ripgrep.cache_clear()
