"""Inputs: a change of anything that the patterns name is seen; what cannot be told counts as a change."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fourfold_tools.verification import inputs
from fourfold_tools.verification.inputs import changed_since

LONG_AGO = 1_000.0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """src/a.py, src/deep/b.py, src/[x].py and notes.txt, all old."""
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("src/a.py", "src/deep/b.py", "src/[x].py", "notes.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    return tmp_path


def after_now() -> float:
    """A moment that everything written so far lies before, and nothing written later."""
    moment = time.time() + 0.05
    while time.time() < moment + 0.02:
        pass
    return moment


PATTERNS = [
    "{0}/src/a.py",
    "{0}/src/**",
    "{0}/**",
    "{0}/src/*.py",
    "{0}/**/a.py",
    "{0}/src/[ab].py",
    "{0}/src/{{a,b}}.py",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_untouched_inputs_have_not_changed(tree: Path, pattern: str) -> None:
    moment = after_now()
    assert not changed_since([pattern.format(tree)], moment)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_change_of_a_file_that_is_named_is_seen(tree: Path, pattern: str) -> None:
    moment = after_now()
    (tree / "src" / "a.py").write_text("y", encoding="utf-8")
    assert changed_since([pattern.format(tree)], moment)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "src" / "new.py").touch(),
        lambda tree: (tree / "src" / "a.py").unlink(),
        lambda tree: (tree / "src" / "a.py").rename(tree / "src" / "c.py"),
        lambda tree: os.chmod(tree / "src" / "a.py", 0o600),
        lambda tree: os.utime(tree / "src" / "a.py", (LONG_AGO, LONG_AGO)),
        lambda tree: (tree / "src" / "deep" / "b.py").write_text("y", encoding="utf-8"),
    ],
)
def test_every_way_to_change_a_tree_is_seen(tree: Path, change: Callable[[Path], object]) -> None:
    moment = after_now()
    change(tree)
    assert changed_since([f"{tree}/src/**"], moment)


def test_a_file_whose_name_looks_like_a_pattern_is_seen_too(tree: Path) -> None:
    moment = after_now()
    (tree / "src" / "[x].py").write_text("y", encoding="utf-8")
    assert changed_since([f"{tree}/src/[x].py"], moment)


def test_a_change_elsewhere_is_none(tree: Path) -> None:
    moment = after_now()
    (tree / "notes.txt").write_text("y", encoding="utf-8")
    assert not changed_since([f"{tree}/src/**"], moment)
    assert not changed_since([f"{tree}/src/*.py", f"{tree}/src/a.py"], moment)


def test_what_is_not_there_has_not_changed(tree: Path) -> None:
    assert not changed_since([f"{tree}/missing", f"{tree}/missing/**"], after_now())


def test_a_tree_too_large_to_look_at_counts_as_changed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_MOST_ENTRIES", 3)
    assert changed_since([f"{tree}/**"], after_now())


def test_a_folder_that_cannot_be_looked_at_counts_as_changed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> None:
        raise OSError(5, "Input/output error")

    moment = after_now()
    monkeypatch.setattr(os, "scandir", broken)
    assert changed_since([f"{tree}/src/**"], moment)


def test_a_write_right_after_the_moment_is_seen_although_file_clocks_are_coarse(tree: Path) -> None:
    for _ in range(50):
        moment = time.time()
        (tree / "src" / "a.py").write_text("y", encoding="utf-8")
        assert changed_since([f"{tree}/src/a.py"], moment)
