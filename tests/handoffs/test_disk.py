"""The state of files on disk: what changed since, and what a repository says of itself."""

import subprocess
from pathlib import Path

import pytest

from fourfold_tools.handoffs.disk import changes, repository, state_of


def test_every_change_of_a_file_is_told_and_nothing_else(tmp_path: Path) -> None:
    names = ["same", "changed", "removed", "created"]
    for name in names[:3]:
        (tmp_path / name).write_text("before", encoding="utf-8")
    before = [state_of(str(tmp_path / name)) for name in names]
    (tmp_path / "same").write_text("before", encoding="utf-8")
    (tmp_path / "changed").write_text("beFore", encoding="utf-8")
    (tmp_path / "removed").unlink()
    (tmp_path / "created").write_text("new", encoding="utf-8")
    assert changes(before) == [f"{tmp_path / name}: {name}" for name in names[1:]]


def test_a_large_file_is_known_by_size_and_time_and_a_folder_too(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 1_048_577)
    before = [state_of(str(large)), state_of(str(tmp_path))]
    assert changes(before) == []
    large.write_bytes(b"x" * 1_048_578)
    assert changes(before)[0] == f"{large}: changed"


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    done = subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("below", [".", "sub"])
def test_a_repository_tells_its_commit_and_what_is_changed_from_wherever_one_asks(tmp_path: Path, below: str) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("kept", "moved", "sub/é ü \n.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "mv", "moved", "sub/here")
    (tmp_path / "sub" / "é ü \n.txt").write_text("y", encoding="utf-8")
    (tmp_path / "new").write_text("z", encoding="utf-8")
    head, changed = repository(str(tmp_path / below))
    assert head == git(tmp_path, "rev-parse", "--short=12", "HEAD")
    real = tmp_path.resolve()
    assert sorted(changed) == sorted(str(real / n) for n in ("moved", "sub/here", "sub/é ü \n.txt", "new"))


def test_outside_a_repository_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert repository(str(tmp_path)) == ("", [])
    assert repository(str(tmp_path / "missing")) == ("", [])
