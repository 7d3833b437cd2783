"""Tasks that write in a git repository: a checkout for each, and merges."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from fleet_lab import Lab

from fourfold_tools.errors import Denied, InvalidRequest
from fourfold_tools.fleet.repository import Repository

pytestmark = pytest.mark.anyio


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab.below(tmp_path)
    lab.repository()
    return lab


def _writes(lab: Lab, name: str, path: str, text: str, **more: Any) -> dict[str, Any]:
    return lab.task(name, 0.0, writes=[path], files={path: text}, **more)


def _clean(lab: Lab) -> bool:
    """Whether nothing is left: no branch, no worktree, no change that is not committed."""
    branches = lab.git("branch", "--list", "fourfold/*")
    return not branches and lab.git("worktree", "list").count("\n") == 0 and not lab.git("status", "--porcelain")


async def test_what_tasks_write_comes_back_as_merged_commits(lab: Lab) -> None:
    tasks = [
        _writes(lab, "api", "out/api.md", "the api"),
        _writes(lab, "web", "out/web.md", "the pages"),
        _writes(lab, "sum", "sum.md", "both", reads=["out/*.md"], run="cat out/api.md out/web.md"),
        lab.task("look", 0.0, reads=["sum.md"], run="cat sum.md"),
    ]
    ended = await lab.carry_out(tasks)
    assert ended.all_ok, ended.stepped.flags
    assert (lab.work / "sum.md").read_text(encoding="utf-8") == "both"
    merges = lab.git("log", "--merges", "--format=%s").splitlines()
    assert sorted(merges) == [f"Merge fourfold/{name}: task {name}" for name in ("api", "sum", "web")]
    assert "Task api of plan p-" in lab.git("log", "--format=%b")
    assert _clean(lab)


async def test_an_attempt_that_fails_leaves_nothing_behind(lab: Lab) -> None:
    lab.git("config", "status.showUntrackedFiles", "no")  # which must not hide that the second one made a file
    ended = await lab.carry_out([_writes(lab, "a", "a.md", "text", failures=1)])
    assert ended.all_ok
    assert lab.noted("begin") == [("a", "1"), ("a", "2")]
    assert lab.git("rev-list", "--count", "HEAD") == "3"  # the first, the work, the merge
    assert _clean(lab)


async def test_work_that_clashes_is_done_again_on_what_was_merged_first(lab: Lab) -> None:
    """Both write a file that neither declares, so nobody could know before."""
    told = {f"{name}.md": "x" for name in ("a", "b")}
    a = lab.task("a", 0.0, writes=["a.md"], files={"a.md": told["a.md"], "shared": "from a\n"})
    b = lab.task("b", 0.4, writes=["b.md"], files={"b.md": told["b.md"], "shared": "from b\n"})
    ended = await lab.carry_out([a, b])
    assert ended.all_ok
    assert sorted(lab.noted("begin")) == [("a", "1"), ("b", "1"), ("b", "2")]
    assert (lab.work / "shared").read_text(encoding="utf-8") == "from b\n"
    assert _clean(lab)


async def test_a_merge_task_brings_isolated_work_together(lab: Lab) -> None:
    tasks = [
        lab.task(f"w{i}", 0.0, minutes=60.0, writes=["src/**"], files={f"src/{i}.txt": f"{i}\n"}) for i in range(3)
    ]
    ended = await lab.carry_out(tasks, shared="isolate")
    assert ended.all_ok
    assert sorted(path.name for path in (lab.work / "src").iterdir()) == ["0.txt", "1.txt", "2.txt"]


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ({"reads": ["notes.md"]}, "it reads notes.md, which has changes that are not committed"),
        ({"reads": ["*.md"]}, "it reads notes.md, which has changes that are not committed"),
        ({"reads": ["cache/x"]}, "it reads cache/x, which git ignores"),
        ({"also": "cache/y"}, "it writes cache/y, which git ignores"),
        ({"also": "notes.md"}, "it writes notes.md, which has changes that are not committed"),
    ],
)
async def test_what_cannot_travel_is_refused_before_anything_starts(lab: Lab, task: dict[str, Any], why: str) -> None:
    (lab.work / ".gitignore").write_text("cache/\n", encoding="utf-8")
    lab.git("add", ".gitignore")
    lab.git("commit", "-q", "-m", "ignore")
    (lab.work / "notes.md").write_text("not committed", encoding="utf-8")
    (lab.work / "cache").mkdir()
    (lab.work / "cache" / "x").write_text("x", encoding="utf-8")
    writes = ["out.md", *([task["also"]] if "also" in task else [])]
    with pytest.raises(InvalidRequest) as refused:
        await lab.carry_out([lab.task("t", 0.0, writes=writes, reads=task.get("reads", []))])
    assert refused.value.message.startswith(f"task t: {why}")
    assert lab.log() == []


async def test_a_task_without_writes_sees_the_folder_as_it_is(lab: Lab) -> None:
    (lab.work / "notes.md").write_text("not committed", encoding="utf-8")
    assert (await lab.carry_out([lab.task("t", 0.0, reads=["notes.md"], run="cat notes.md")])).all_ok


async def test_a_branch_of_that_name_or_a_merge_of_the_users_is_left_alone(lab: Lab) -> None:
    lab.git("branch", "fourfold/t")
    with pytest.raises(InvalidRequest, match="a branch fourfold/t is there already"):
        await lab.carry_out([_writes(lab, "t", "t.md", "x")])
    lab.git("branch", "-D", "fourfold/t")
    lab.git("checkout", "-q", "-b", "other")
    (lab.work / "README").write_text("theirs\n", encoding="utf-8")
    lab.git("commit", "-qam", "theirs")
    lab.git("checkout", "-q", "main")
    lab.git("merge", "-q", "--no-ff", "--no-commit", "other")
    with pytest.raises(Denied, match="a merge is under way"):
        await lab.carry_out([_writes(lab, "t", "t.md", "x")])


async def test_worktrees_that_are_made_at_the_same_moment_do_not_disturb_each_other(lab: Lab) -> None:
    """Each git reads what the others are just writing about theirs: of 400 made twelve at a time 43 failed."""
    home, few = Repository(str(lab.work)), anyio.CapacityLimiter(12)
    base = await home.head()

    async def make(number: int) -> None:
        folder = str(lab.root / f"tree-{number}")
        async with few:
            await home.git("worktree", "add", "--quiet", "--detach", "--force", folder, base)
            await home.git("worktree", "remove", "--force", "--force", folder)

    async with anyio.create_task_group() as tasks:
        for number in range(60):
            tasks.start_soon(make, number)
    assert _clean(lab)


async def test_a_worker_without_room_fails_the_attempts_and_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fourfold_tools.fleet.checkout.tempfile.mkdtemp", full)
    ended = await lab.carry_out([_writes(lab, "t", "t.md", "x")])
    (task,) = ended.stepped.progress.tasks
    assert (task.state, task.attempts) == ("failed", 3)
    assert "No space left on device" in task.why
