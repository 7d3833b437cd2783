"""To batch: calls of the client's tools become steps that fourfold accepts, or are said to have none."""

from typing import Any

import pytest

from fourfold_tools.audit.conversation import Call
from fourfold_tools.audit.to_batch import batch_of, linked_batch, step_of
from fourfold_tools.model.request import BatchRequest


def call(tool: str, arguments: dict[str, Any], cwd: str = "/w") -> Call:
    return Call("c", tool, arguments, cwd)


STEPS = [
    ("Read", {"file_path": "/w/a.py"}, {"op": "read", "path": "/w/a.py"}),
    ("Read", {"file_path": "a.py", "offset": 5, "limit": 9}, {"op": "read", "path": "a.py", "offset": 5, "limit": 9}),
    ("Read", {"file_path": "a.py", "limit": "30"}, {"op": "read", "path": "a.py", "limit": 30}),
    ("Grep", {"pattern": "def"}, {"op": "grep", "pattern": "def", "mode": "files"}),
    (
        "Grep",
        {"pattern": "x", "output_mode": "content", "-A": 2, "-n": True, "-i": True, "glob": "*.py", "head_limit": 0},
        {
            "op": "grep",
            "pattern": "x",
            "mode": "content",
            "after": 2,
            "ignore_case": True,
            "glob": "*.py",
            "head_limit": 0,
        },
    ),
    ("Grep", {"pattern": "x", "-C": 3}, {"op": "grep", "pattern": "x", "mode": "files"}),
    ("Glob", {"pattern": "**/*.py", "path": "src"}, {"op": "glob", "pattern": "**/*.py", "path": "src"}),
    (
        "Bash",
        {"command": "git log", "timeout": 5000, "description": "History"},
        {"op": "bash", "command": "git log", "timeout_s": 5.0, "label": "History"},
    ),
    ("WebFetch", {"url": "https://e.org/", "prompt": "title?"}, {"op": "fetch", "url": "https://e.org/"}),
]


@pytest.mark.parametrize(("tool", "arguments", "step"), STEPS)
def test_a_call_becomes_the_step_that_does_the_same(tool: str, arguments: dict[str, Any], step: object) -> None:
    assert step_of(call(tool, arguments), "/w") == step


def test_every_step_is_accepted_as_a_batch() -> None:
    batch = batch_of([call(tool, arguments) for tool, arguments, _ in STEPS], "/w")
    assert [step.id for step in BatchRequest.model_validate(batch).steps or []] == [f"s{n}" for n in range(1, 10)]


@pytest.mark.parametrize(
    ("tool", "arguments", "step"),
    [
        ("Read", {"file_path": "a.py"}, {"op": "read", "path": "/w/src/a.py"}),
        ("Grep", {"pattern": "x"}, {"op": "grep", "pattern": "x", "mode": "files", "path": "/w/src"}),
        ("Glob", {"pattern": "*", "path": "lib"}, {"op": "glob", "pattern": "*", "path": "/w/src/lib"}),
        ("Bash", {"command": "ls"}, {"op": "bash", "command": "ls", "cwd": "/w/src"}),
    ],
)
def test_a_call_in_another_folder_says_where(tool: str, arguments: dict[str, Any], step: object) -> None:
    assert step_of(call(tool, arguments, "/w/src"), "/w") == step


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("Read", {"file_path": "manual.pdf", "pages": "1-3"}),
        ("Read", {}),
        ("Grep", {"pattern": "x", "output_mode": "other"}),
        ("Bash", {"command": "serve", "run_in_background": True}),
        ("Bash", {"command": "ls", "dangerouslyDisableSandbox": True}),
        ("Edit", {"file_path": "a.py", "old_string": "x", "new_string": "y"}),
        ("WebFetch", {"prompt": "what?"}),
    ],
)
def test_what_a_batch_cannot_do_has_no_step(tool: str, arguments: dict[str, Any]) -> None:
    assert step_of(call(tool, arguments), "/w") is None


def test_a_call_without_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match="Edit has no step"):
        batch_of([call("Edit", {"file_path": "a.py"})], "/w")


def test_reads_of_what_a_command_listed_take_its_lines() -> None:
    reads = [call("Read", {"file_path": path, "limit": 20}) for path in ("a.py", "b.py")]
    batch = linked_batch(call("Bash", {"command": "ls *.py"}), "lines", reads, "/w")
    assert batch == {
        "steps": [
            {"id": "s1", "op": "bash", "command": "ls *.py"},
            {"id": "s2", "op": "read", "path": {"from": "s1", "field": "lines", "each": True}, "limit": 20},
        ]
    }
    assert BatchRequest.model_validate(batch).steps is not None


def test_reads_of_different_lines_cannot_share_a_reference() -> None:
    reads = [call("Read", {"file_path": "a.py", "limit": n}) for n in (20, 30)]
    assert linked_batch(call("Glob", {"pattern": "*"}), "paths", reads, "/w") is None
