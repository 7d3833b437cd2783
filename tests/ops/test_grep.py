"""grep steps: fields and bounds over real ripgrep, failures that stay with their call, groups that share a pass."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from search_calls import grep_call, write_tree

from fourfold_config.settings import Settings
from fourfold_tools.model.output import GrepOutput, Match
from fourfold_tools.model.request import GrepStep, Reference
from fourfold_tools.model.result import Failure
from fourfold_tools.ops.base import Call, Op
from fourfold_tools.ops.grep import GrepOp
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

_TREE: dict[str, str | bytes] = {
    "src/app.py": "import os\n\n\ndef main():\n    return os.name\n\n\nmain()\n",
    "src/lib/util.py": "import os\r\nOS = 'os: x'\r\n",
    "src/lib.txt": "os\nno newline at the end: os",
    ".hidden/conf": "os = 1\n",
    ".git/config": "os = 1\n",
    "ignored.log": "os\n",
    ".gitignore": "*.log\n",
}


@pytest.fixture(scope="module")
async def spawner() -> AsyncIterator[Spawner]:
    spawner = Spawner()
    yield spawner
    await spawner.aclose()


@pytest.fixture
def op(settings: Settings, workspace: Workspace, spawner: Spawner) -> GrepOp:
    write_tree(Path(workspace.cwd), _TREE)
    return GrepOp(settings.grep, workspace, spawner)


async def _grep(op: GrepOp, pattern: str, **arguments: Any) -> GrepOutput:
    (outcome,) = await op.run([grep_call(pattern, **arguments)])
    assert isinstance(outcome.result, GrepOutput), outcome.result
    return outcome.result


async def _fail(op: GrepOp, pattern: str, **arguments: Any) -> Failure:
    (outcome,) = await op.run([grep_call(pattern, **arguments)])
    assert isinstance(outcome.result, Failure), outcome.result
    return outcome.result


async def test_the_fields_hold_what_the_body_shows(op: GrepOp) -> None:
    content = await _grep(op, "main", context=1, head_limit=4, path="src")
    assert content.paths == ("src/app.py",)
    assert content.matches == (Match("src/app.py", 4, "def main():"),)
    assert content.count == 2

    files = await _grep(op, "os", mode="files", type="py", head_limit=1)
    assert (files.paths, files.matches, files.count) == (("src/lib/util.py",), (), 2)

    counts = await _grep(op, "os", mode="count", type="py")
    assert (counts.paths, counts.matches, counts.count) == (("src/app.py", "src/lib/util.py"), (), 4)


async def test_names_and_lines_that_are_not_utf_8_are_escaped(op: GrepOp, workspace: Workspace) -> None:
    with open(os.fsencode(workspace.cwd) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"needle \xff\n")

    found = await _grep(op, "needle")

    assert found.text == "caf\\xe9.txt:1:needle \\xff"
    assert found.paths == ("caf\\xe9.txt",)


@pytest.mark.parametrize(("length", "shown"), [(500, "n" * 500), (501, "[Omitted long matching line]")])
async def test_a_line_past_the_bound_is_named_not_shown(
    op: GrepOp, workspace: Workspace, length: int, shown: str
) -> None:
    write_tree(Path(workspace.cwd), {"long.txt": "n" * length + "\r\n" + "m" * 70_000 + "\n"})

    assert (await _grep(op, "nnn", path="long.txt")).text == f"long.txt:1:{shown}"
    assert (await _grep(op, "mmm")).text == "long.txt:2:[Omitted long matching line]"


async def test_a_second_root_is_shown_in_full(settings: Settings, tmp_path: Path, spawner: Spawner) -> None:
    write_tree(tmp_path, {"one/a": "x\n", "two/b": "x\n"})
    op = GrepOp(settings.grep, Workspace(tmp_path / "one", [tmp_path / "two"]), spawner)
    two = os.path.realpath(tmp_path / "two")

    assert (await _grep(op, "x", path=["a", str(tmp_path / "two")])).text == f"{two}/b:1:x\na:1:x"
    assert (await _grep(op, "x", path=two, mode="files")).paths == (f"{two}/b",)


async def test_no_paths_at_all_are_not_the_whole_workspace(op: GrepOp) -> None:
    call = grep_call("os", path="src")
    nowhere = Call(
        call.id, call.step.model_copy(update={"path": []}), call.timeout_s, call.deadline, call.spill
    )  # as a reference to an empty list arrives

    (outcome,) = await op.run([nowhere])

    assert isinstance(outcome.result, GrepOutput)
    assert outcome.result.text == "No matches found"


@pytest.mark.parametrize(
    ("pattern", "arguments", "code"),
    [
        ("(", {}, "invalid_request"),
        ("a\nb", {}, "invalid_request"),
        ("a\0b", {}, "invalid_request"),
        ("x", {"type": "nosuch"}, "invalid_request"),
        ("x", {"glob": "["}, "invalid_request"),
        ("x", {"path": "/etc"}, "denied"),
        ("x", {"path": ["src", "../.."]}, "denied"),
        ("x", {"path": "outside"}, "denied"),
        ("x", {"path": "-f"}, "not_found"),
        ("x", {"path": "a\0b"}, "not_found"),
        ("x", {"path": "pipe"}, "unsupported"),
    ],
)
async def test_what_cannot_be_searched_fails_with_its_code(
    op: GrepOp, workspace: Workspace, pattern: str, arguments: dict[str, Any], code: str
) -> None:
    os.symlink("/etc", f"{workspace.cwd}/outside")
    os.mkfifo(f"{workspace.cwd}/pipe")

    assert (await _fail(op, pattern, **arguments)).code == code


async def test_a_refused_pattern_fails_alone_in_its_group(op: GrepOp) -> None:
    calls = [grep_call(pattern, mode="files", type="py") for pattern in ("main", "(", "OS", "[f", "f]", "a\nb")]

    results = [outcome.result for outcome in await op.run(calls)]

    assert [type(result).__name__ for result in results] == [
        *["GrepOutput", "Failure"],
        *["GrepOutput", "Failure"],
        *["GrepOutput", "Failure"],
    ]
    assert [result.message for result in results if isinstance(result, Failure)] == [
        "regex parse error: unclosed group",
        "regex parse error: unclosed character class",
        'the literal "\\n" is not allowed in a regex',
    ]


async def test_linked_files_are_searched_only_where_they_are_named(op: GrepOp, workspace: Workspace) -> None:
    os.symlink("src/app.py", f"{workspace.cwd}/link.py")
    os.symlink("src", f"{workspace.cwd}/linked")

    assert (await _grep(op, "def main")).paths == ("src/app.py",)
    assert (await _grep(op, "def main", path="link.py")).paths == ("src/app.py",)


async def test_the_count_is_exact_up_to_a_bound_and_the_page_is_the_same_beyond_it(
    settings: Settings, workspace: Workspace, spawner: Spawner
) -> None:
    write_tree(Path(workspace.cwd), {f"{name}.txt": "x\n" * 6 for name in "dbca"})
    page = "a.txt:1:x\na.txt:2:x\n\n[Showing results with pagination = limit: 2]"

    for counted_lines, count in ((24, 24), (23, 2)):
        limits = settings.grep.model_copy(update={"counted_lines": counted_lines})
        found = await _grep(GrepOp(limits, workspace, spawner), "x", head_limit=2)
        assert (found.text, found.count) == (page, count)


async def test_a_search_that_prints_much_gives_all_of_it_in_order(op: GrepOp, workspace: Workspace) -> None:
    write_tree(Path(workspace.cwd), {f"big/{name}.txt": "some needle\n" * 25_000 for name in ("b", "a+", "a/x")})

    found = await _grep(op, "needle", path="big", head_limit=0)

    assert (found.count, found.text.count("\n")) == (75_000, 74_999)
    assert found.paths == ("big/a/x.txt", "big/a+.txt", "big/b.txt")
    assert found.text.endswith("big/b.txt:25000:some needle")


async def test_output_past_the_bound_is_cut_and_says_so(
    settings: Settings, workspace: Workspace, spawner: Spawner
) -> None:
    write_tree(Path(workspace.cwd), {"a.txt": "x\n" * 50, "b.txt": "x\n"})
    op = GrepOp(settings.grep.model_copy(update={"max_combined_bytes": 40}), workspace, spawner)

    found = await _grep(op, "x", head_limit=0)

    note = "[Stopped at 40 bytes of output; narrow the pattern, path or glob]"
    assert found.text == f"a.txt:1:x\na.txt:2:x\na.txt:3:x\n\n{note}"


async def test_a_file_that_could_not_be_read_is_named(
    op: GrepOp, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fourfold_tools.ops import grep
    from fourfold_tools.ops.roots import Roots

    gone = Roots(("./src/app.py", "./gone", "./lost"), lone_file=False)
    monkeypatch.setattr(grep, "search_roots", lambda *_: gone)

    texts = [(await _grep(op, "main", mode="files")).text]
    for outcome in await op.run([grep_call(pattern, mode="files") for pattern in ("main", "def")]):
        assert isinstance(outcome.result, GrepOutput)
        texts.append(outcome.result.text)

    note = "[Could not be read: gone: No such file or directory (os error 2) and 1 more]"
    assert texts == [f"src/app.py\n\n{note}"] * 3


async def test_a_call_past_its_deadline_has_timed_out_and_its_neighbours_have_not(op: GrepOp) -> None:
    late, fine = grep_call("os", left_s=-1), grep_call("main", mode="files")
    assert await _codes(op, [late]) == ["timed_out"]
    assert await _codes(op, [fine, late, grep_call("def", mode="files")]) == ["ok", "timed_out", "ok"]


async def _codes(op: GrepOp, calls: list[Call]) -> list[str]:
    results = [outcome.result for outcome in await op.run(calls)]
    return [result.code if isinstance(result, Failure) else "ok" for result in results]


async def test_what_was_found_before_the_deadline_is_kept(
    op: GrepOp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rg").write_text(
        "#!/bin/sh\nprintf './a\\0001:x\\n./a\\0002:unfin'; exec sleep 60\n", encoding="utf-8"
    )
    (tmp_path / "rg").chmod(0o755)
    monkeypatch.setattr("fourfold_tools.ops.ripgrep.find_ripgrep", lambda: str(tmp_path / "rg"))

    failure = await _fail(op, "x", left_s=0.5)

    assert failure.code == "timed_out"
    assert isinstance(failure.output, GrepOutput)
    assert failure.output.text == "a:1:x"


async def test_a_cancelled_search_leaves_no_process(
    op: GrepOp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rg").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n", encoding="utf-8")
    (tmp_path / "rg").chmod(0o755)
    monkeypatch.setattr("fourfold_tools.ops.ripgrep.find_ripgrep", lambda: str(tmp_path / "rg"))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(op.run, [grep_call("x"), grep_call("y")])
            while not (pid := await _read(tmp_path / "pid")):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


async def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


async def test_calls_of_a_group_share_its_time(op: GrepOp) -> None:
    outcomes = await op.run([grep_call(pattern) for pattern in ("main", "import", "nowhere", "(")])

    durations = [outcome.duration_s for outcome in outcomes]
    assert durations[0] == durations[1] == durations[2] != durations[3]
    assert all(duration is not None and duration > 0 for duration in durations)
    assert outcomes[0].cpu_s == outcomes[1].cpu_s is not None


def _key(op: GrepOp, **arguments: Any) -> object:
    return op.group_key(grep_call("x", **arguments))


def test_calls_that_differ_in_the_pattern_only_are_grouped(op: GrepOp) -> None:
    assert op.group_key(grep_call("x")) == op.group_key(grep_call("y"))
    assert _key(op, path=["a", "b"]) == _key(op, path=["a", "b"])
    different: list[dict[str, Any]] = [
        {},
        {"path": "a"},
        {"glob": "*.py"},
        {"type": "py"},
        {"mode": "files"},
        {"ignore_case": True},
        {"fixed": True},
        {"head_limit": 3},
        {"offset": 1},
        {"hidden": False},
        {"no_ignore": True},
        {"timeout_s": 3},
    ]
    assert len({_key(op, **arguments) for arguments in different}) == len(different)


@pytest.mark.parametrize("alone", [{"multiline": True}, {"context": 1}, {"before": 1}, {"after": 2}])
def test_searches_with_context_or_across_lines_are_never_grouped(op: GrepOp, alone: dict[str, Any]) -> None:
    assert _key(op, **alone) is None


def test_a_search_reads_its_tree_and_writes_nothing(op: GrepOp, workspace: Workspace) -> None:
    as_op: Op = op
    reference = Reference.model_validate({"from": "a", "field": "paths"})
    expected: list[tuple[Any, set[str]]] = [
        (None, {f"{workspace.cwd}/**"}),
        (["src", "x.py"], {f"{workspace.cwd}/src/**", f"{workspace.cwd}/x.py/**"}),
        (reference, set()),
    ]
    for path, reads in expected:
        effects = as_op.effects(GrepStep(op="grep", pattern="x", path=path))
        assert (effects.reads, effects.writes, effects.known, effects.read_only) == (reads, set(), True, True)
    assert (as_op.resource, as_op.host(GrepStep(op="grep", pattern="x"))) == ("cpu", None)


@bounds(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.dictionaries(
        st.sampled_from(["a", "b/c", "b/d", "e.py"]), st.lists(st.booleans(), max_size=12), min_size=1
    ),
    limit=st.integers(1, 9),
    offset=st.sampled_from([0, 0, 1, 5]),
    counted_lines=st.sampled_from([1, 7, 1000]),
    mode=st.sampled_from(["content", "files"]),
)
async def test_a_search_that_stops_early_shows_the_first_of_what_a_whole_one_finds(
    settings: Settings,
    spawner: Spawner,
    counts: dict[str, list[bool]],
    limit: int,
    offset: int,
    counted_lines: int,
    mode: str,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_tree(
            Path(folder), {n: "".join("hit\n" if hit else "no\n" for hit in hits) for n, hits in counts.items()}
        )
        limits = settings.grep.model_copy(update={"counted_lines": counted_lines})
        op = GrepOp(limits, Workspace(Path(folder)), spawner)
        whole = await _grep(op, "hit", head_limit=0, mode=mode)
        part = await _grep(op, "hit", head_limit=limit, offset=offset, mode=mode)
    page = slice(offset, offset + limit)
    if mode == "content":
        assert part.matches == whole.matches[page]
        assert part.text.startswith("\n".join([f"{m.path}:{m.line}:{m.text}" for m in whole.matches[page]]))
    else:
        assert part.paths == whole.paths[page]
    assert part.count == whole.count or counted_lines < whole.count
