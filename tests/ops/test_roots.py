"""Roots: what a search starts from lies in the workspace, is in order, and is searched once."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_calls import write_tree

from fourfold_tools.errors import Denied, NotFound, Unsupported
from fourfold_tools.ops.roots import Roots, search_roots, tree_patterns
from fourfold_tools.ops.workspace import Workspace


@pytest.mark.parametrize(
    ("paths", "arguments", "lone_file"),
    [
        (None, ("./",), False),
        ([], (), False),
        (["."], ("./",), False),
        (["src"], ("./src",), False),
        (["src/a.py"], ("./src/a.py",), True),
        (["./src/../src/a.py", "src/a.py"], ("./src/a.py",), True),
        (["src/a.py", "src"], ("./src",), False),
        (["src+", "src", "-f"], ("./-f", "./src", "./src+"), False),
        (["link"], ("./src",), False),
        (["src/a.py", "."], ("./",), False),
    ],
)
def test_paths_become_ordered_arguments_without_repeats(
    workspace: Workspace, paths: list[str] | None, arguments: tuple[str, ...], lone_file: bool
) -> None:
    write_tree(Path(workspace.cwd), {"src/a.py": "", "src/b.py": "", "src+/a.py": "", "-f": ""})
    os.symlink("src", os.path.join(workspace.cwd, "link"))

    assert search_roots(workspace, paths) == Roots(arguments, lone_file)


def test_a_second_root_is_named_in_full(tmp_path: Path) -> None:
    write_tree(tmp_path, {"one/a": "", "two/b": ""})
    workspace = Workspace(tmp_path / "one", [tmp_path / "two"])
    real = os.path.realpath(tmp_path)

    assert search_roots(workspace, ["a", f"{tmp_path}/two"]).arguments == (f"{real}/two", "./a")


@pytest.mark.parametrize(
    ("path", "error"), [("..", Denied), ("/", Denied), ("out", Denied), ("none", NotFound), ("pipe", Unsupported)]
)
def test_a_path_that_cannot_be_searched_fails(workspace: Workspace, path: str, error: type[Exception]) -> None:
    os.symlink("/etc", os.path.join(workspace.cwd, "out"))
    os.mkfifo(os.path.join(workspace.cwd, "pipe"))

    with pytest.raises(error):
        search_roots(workspace, [path])


@given(st.lists(st.text("ab/é", min_size=1, max_size=6), max_size=8), st.integers(1, 20))
def test_chunks_keep_every_argument_and_its_place(arguments: list[str], max_bytes: int) -> None:
    chunks = list(Roots(tuple(arguments), lone_file=False).chunks(max_bytes))

    assert [argument for chunk in chunks for argument in chunk] == arguments
    assert all(len(chunk) == 1 or sum(len(a.encode()) + 1 for a in chunk) <= max_bytes for chunk in chunks)


def test_effects_name_the_tree_that_a_link_leads_to(workspace: Workspace) -> None:
    write_tree(Path(workspace.cwd), {"src/a.py": ""})
    os.symlink("src", os.path.join(workspace.cwd, "link"))

    assert tree_patterns(workspace, ["link", "none", "a\0b"]) == {
        f"{workspace.cwd}/src/**",
        f"{workspace.cwd}/none/**",
    }
