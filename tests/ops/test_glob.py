"""glob steps: files newest first in the client's form, many patterns in one walk, nothing outside the workspace."""

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from search_calls import glob_call, write_tree

from fourfold_config.settings import Settings, load_settings
from fourfold_tools.errors import Denied, TimedOut
from fourfold_tools.model.output import GlobOutput
from fourfold_tools.model.request import GlobStep, Reference
from fourfold_tools.model.result import Failure
from fourfold_tools.ops import glob as glob_module
from fourfold_tools.ops.base import Op
from fourfold_tools.ops.glob import GlobOp, expand_glob, is_glob
from fourfold_tools.ops.wildcards import compile_wildcards
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

_TREE: dict[str, str | bytes] = {
    "old.py": "",
    "src/app.py": "",
    "src/lib/util.py": "",
    "src/lib/notes.md": "",
    ".git/hook.py": "",
    "node_modules/m/index.py": "",
    "ignored.log": "",
    ".gitignore": "*.log\n",
    "new.py": "",
}


@pytest.fixture
def op(settings: Settings, workspace: Workspace) -> GlobOp:
    write_tree(Path(workspace.cwd), _TREE)
    return GlobOp(settings.glob, workspace)


async def _glob(op: GlobOp, pattern: str, **arguments: Any) -> GlobOutput:
    (outcome,) = await op.run([glob_call(pattern, **arguments)])
    assert isinstance(outcome.result, GlobOutput), outcome.result
    return outcome.result


async def _fail(op: GlobOp, pattern: str, **arguments: Any) -> Failure:
    (outcome,) = await op.run([glob_call(pattern, **arguments)])
    assert isinstance(outcome.result, Failure), outcome.result
    return outcome.result


@pytest.mark.parametrize(
    ("pattern", "path", "body"),
    [
        ("*.py", None, "new.py\nnode_modules/m/index.py\n.git/hook.py\nsrc/lib/util.py\nsrc/app.py\nold.py"),
        ("*.py", "src", "src/lib/util.py\nsrc/app.py"),
        ("src/*.py", None, "src/app.py"),
        ("lib/*", "src", "src/lib/notes.md\nsrc/lib/util.py"),
        ("./*.py", None, "new.py\nold.py"),
        ("**/util.py", None, "src/lib/util.py"),
        ("src/**", None, "src/lib/notes.md\nsrc/lib/util.py\nsrc/app.py"),
        ("{src/*,new,old}.py", None, "new.py\nsrc/app.py\nold.py"),
        ("{src/**/*.py,*.py,s*/a*}", "src", "src/lib/util.py\nsrc/app.py"),
        ("{lib/*,*}.py", "src", "src/lib/util.py\nsrc/app.py"),
        ("*.{log,md}", None, "ignored.log\nsrc/lib/notes.md"),
        ("*.rs", None, "No files found"),
        ("src", None, "No files found"),
    ],
)
async def test_the_body_lists_files_newest_first(op: GlobOp, pattern: str, path: str | None, body: str) -> None:
    found = await _glob(op, pattern, path=path)

    assert found.text == body
    paths = () if body == "No files found" else tuple(body.split("\n"))
    assert (found.paths, found.count) == (paths, len(paths))


@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_absolute_pattern_works_in_the_workspace(op: GlobOp, workspace: Workspace, slash: str) -> None:
    assert (await _glob(op, f"{workspace.cwd}/{slash}src/*.py")).text == "src/app.py"
    assert (await _glob(op, f"{workspace.cwd}/*.py")).text == "new.py\nold.py"
    assert (await _glob(op, f"{workspace.cwd}/none/*.py")).text == "No files found"


async def test_files_of_one_age_are_listed_by_path(settings: Settings, workspace: Workspace) -> None:
    for name in ("b", "c/d", "a"):
        write_tree(Path(workspace.cwd), {name: ""})

    assert (await _glob(GlobOp(settings.glob, workspace), "*")).paths == ("a", "b", "c/d")


@pytest.mark.parametrize(("head_limit", "shown"), [(None, 100), (0, 145), (1, 1), (144, 144), (145, 145), (200, 145)])
async def test_a_long_list_says_how_much_it_leaves_out(
    settings: Settings, workspace: Workspace, head_limit: int | None, shown: int
) -> None:
    write_tree(Path(workspace.cwd), {f"{n:03}.txt": "" for n in range(145)})

    found = await _glob(GlobOp(settings.glob, workspace), "*.txt", head_limit=head_limit)

    lines = [f"{n:03}.txt" for n in range(144, 144 - shown, -1)]
    if shown < 145:
        lines.append(
            f"(Showing {shown} of 145 matching files; {145 - shown} more are not listed."
            " Narrow the pattern or path to see the rest.)"
        )
    assert found.text.split("\n") == lines
    assert (len(found.paths), found.count) == (145, 145)


async def test_past_the_bound_the_newest_are_kept_and_all_are_counted(
    op: GlobOp, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glob_module, "MAX_PATHS", 3)
    write_tree(Path(workspace.cwd), {f"many/{n}": "" for n in range(10)})

    found = await _glob(op, "many/*", head_limit=0)

    assert (found.paths, found.count) == (("many/9", "many/8", "many/7"), 10)
    assert "(Showing 3 of 10 matching files; 7 more are not listed." in found.text


async def test_names_that_are_not_utf_8_are_escaped(op: GlobOp, workspace: Workspace) -> None:
    os.makedirs(os.fsencode(workspace.cwd) + b"/d\xff")
    with open(os.fsencode(workspace.cwd) + b"/d\xff/caf\xe9.txt", "wb"):
        pass

    assert (await _glob(op, "caf?.txt")).text == "d\\xff/caf\\xe9.txt"


async def test_links_to_files_are_listed_and_linked_folders_are_not_entered(op: GlobOp, workspace: Workspace) -> None:
    root = workspace.cwd
    os.symlink("app.py", f"{root}/src/link.py")
    os.symlink("..", f"{root}/src/loop")
    os.symlink("nowhere", f"{root}/src/broken.py")
    os.mkfifo(f"{root}/src/pipe.py")

    assert sorted((await _glob(op, "src/**/*.py")).paths) == ["src/app.py", "src/lib/util.py", "src/link.py"]


@pytest.mark.parametrize(
    ("pattern", "path", "code"),
    [
        ("../*", None, "denied"),
        ("src/../../x", None, "denied"),
        ("/etc/*", None, "denied"),
        ("/*", None, "denied"),
        ("*", "..", "denied"),
        ("*", "out", "denied"),
        ("*", "none", "not_found"),
        ("*", "old.py", "not_found"),
        ("*", "a\0b", "not_found"),
        ("[z-a]", None, "invalid_request"),
        ("src/", None, "invalid_request"),
    ],
)
async def test_what_cannot_be_listed_fails_with_its_code(
    op: GlobOp, workspace: Workspace, pattern: str, path: str | None, code: str
) -> None:
    os.symlink("/etc", f"{workspace.cwd}/out")

    assert (await _fail(op, pattern, path=path)).code == code


async def test_a_bad_pattern_fails_alone_in_its_group(op: GlobOp) -> None:
    outcomes = await op.run([glob_call(pattern) for pattern in ("src/*.py", "../x", "new*")])

    assert [o.result.text if isinstance(o.result, GlobOutput) else "failed" for o in outcomes] == [
        "src/app.py",
        "failed",
        "new.py",
    ]
    assert all(outcome.duration_s is not None for outcome in outcomes)


_NAMES = st.sampled_from(["a", "b.py", ".c", "d.txt", "é"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_SHAPES = "* ** *.py a/* a/** **/a/* .c/*/d.txt {a,b.py}/* [ab]* ? */*.txt **/?/** é ./*"
_PATTERNS = st.sampled_from(_SHAPES.split())


@bounds(max_examples=50, deadline=None)
@given(st.sets(_PATHS, max_size=10), st.lists(_PATTERNS, min_size=1, max_size=6))
async def test_many_patterns_in_one_walk_find_what_each_finds_alone_and_what_matches(
    paths: set[str], patterns: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
        write_tree(Path(folder), dict.fromkeys(sorted(files), ""))
        op = GlobOp(load_settings(env={}).glob, Workspace(Path(folder)))

        together = [outcome.result for outcome in await op.run([glob_call(pattern) for pattern in patterns])]

        assert together == [await _glob(op, pattern) for pattern in patterns]
        for pattern, result in zip(patterns, together, strict=True):
            assert isinstance(result, GlobOutput)
            wildcards = compile_wildcards(pattern)
            assert set(result.paths) == {file for file in files if wildcards.matches(file)}


async def test_a_walk_past_its_deadline_has_timed_out(op: GlobOp) -> None:
    failure = await _fail(op, "*.py", left_s=-1)

    assert (failure.code, failure.output) == ("timed_out", None)


async def test_a_cancelled_walk_ends_at_the_next_folder(op: GlobOp, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    visited: list[str] = []
    scandir, walk = os.scandir, glob_module._walk

    def slow_scandir(path: str) -> object:
        visited.append(path)
        entered.set()
        go_on.wait(10)
        return scandir(path)

    def watched_walk(*arguments: Any) -> bool:
        try:
            return walk(*arguments)
        finally:
            ended.set()

    monkeypatch.setattr(os, "scandir", slow_scandir)
    monkeypatch.setattr(glob_module, "_walk", watched_walk)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(op.run, [glob_call("**")])
        await anyio.to_thread.run_sync(entered.wait, 10)
        tasks.cancel_scope.cancel()
    go_on.set()

    assert await anyio.to_thread.run_sync(ended.wait, 10)
    assert len(visited) == 1


async def test_a_pattern_in_a_path_is_expanded_in_order(op: GlobOp, workspace: Workspace) -> None:
    assert await expand_glob(workspace, "src/**/*.py", timeout_s=60) == ["src/app.py", "src/lib/util.py"]
    assert await expand_glob(workspace, "*.rs", timeout_s=60) == []
    with pytest.raises(Denied):
        await expand_glob(workspace, "../*", timeout_s=60)
    with pytest.raises(Denied):
        await expand_glob(workspace, "/etc/*", timeout_s=60)
    with pytest.raises(TimedOut):
        await expand_glob(workspace, "*", timeout_s=-1)


def test_a_path_is_a_pattern_unless_a_file_has_just_this_name(workspace: Workspace) -> None:
    write_tree(Path(workspace.cwd), {"app/[id]/page.tsx": "", "plain": ""})

    assert [is_glob(workspace, path) for path in ("app/[id]/page.tsx", "plain", "none", "a\0*")] == [False] * 4
    assert [is_glob(workspace, path) for path in ("app/[id]/*.tsx", "*.py", "{a,b}", "a?")] == [True] * 4


def test_calls_on_one_tree_are_grouped(op: GlobOp) -> None:
    assert op.group_key(glob_call("*.py")) == op.group_key(glob_call("*.md", head_limit=3))
    assert op.group_key(glob_call("*.py")) != op.group_key(glob_call("*.py", path="src"))


def test_a_glob_reads_its_trees_and_writes_nothing(op: GlobOp, workspace: Workspace) -> None:
    as_op: Op = op
    reference = Reference.model_validate({"from": "a", "field": "paths"})
    root = workspace.cwd
    for step, reads in (
        (GlobStep(op="glob", pattern="*"), {f"{root}/**"}),
        (GlobStep(op="glob", pattern=["*", f"{root}/src/*"], path="lib"), {f"{root}/lib/**", f"{root}/src/**"}),
        (GlobStep(op="glob", pattern="*", path=reference), set[str]()),
        (GlobStep(op="glob", pattern=reference), {f"{root}/**"}),
    ):
        effects = as_op.effects(step)
        assert (effects.reads, effects.writes, effects.known, effects.read_only) == (reads, set(), True, True)
