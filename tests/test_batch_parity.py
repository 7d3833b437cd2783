"""A batch, its steps grouped, shared and side by side, gives what they give one by one in their order."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from runtimes import entries, opened, run

_TREE = {
    "a.txt": "alpha\nbeta\nfoo bar\n",
    "b.py": "import os\n\n\ndef foo():\n    return 'beta'\n",
    "sub/c.txt": "foo\n\nalpha foo\n",
    "log": "begin\n",
}
# Commands whose effects are known, so that what they write orders the steps around them.
_STEPS: list[dict[str, Any]] = [
    {"op": "read", "path": "a.txt"},
    {"op": "read", "path": "a.txt", "offset": 2, "limit": 1},
    {"op": "read", "path": "log"},
    {"op": "read", "path": ["b.py", "log", "sub/c.txt"]},
    {"op": "read", "path": "none"},
    {"op": "grep", "pattern": "foo"},
    {"op": "grep", "pattern": ["foo", "b.ta", "n\\d", "("]},
    {"op": "grep", "pattern": "n\\d", "path": "log", "mode": "count"},
    {"op": "glob", "pattern": "**/*.txt"},
    {"op": "glob", "pattern": ["*.py", "new*"]},
    {"op": "bash", "command": "cat log"},
    {"op": "bash", "command": "wc -l a.txt log"},
    {"op": "bash", "command": "echo n1 >> log"},
    {"op": "bash", "command": "echo n2 foo >> log"},
    {"op": "bash", "command": "cp log new.txt"},
    {"op": "bash", "command": "ls nothing"},
]
_SAID = ("id", "parent", "op", "state", "code", "output", "error")


def _folder(home: Path) -> Path:
    for name, text in _TREE.items():
        path = home / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return home


def _seen(entry: dict[str, Any], ended: dict[str, dict[str, Any]], home: Path) -> dict[str, Any]:
    """What a step says, that of the step it shares a run with where it does."""
    full = ended[entry["same_as"]] if "same_as" in entry else entry
    said = {**{name: full.get(name) for name in _SAID}, "id": entry["id"], "parent": entry.get("parent")}
    return json.loads(json.dumps(said).replace(str(home), "HOME"))


async def _together(home: Path, steps: list[dict[str, Any]], width: int) -> list[dict[str, Any]]:
    async with opened(_folder(home)) as runtime:
        found = entries(await run(runtime, *steps, max_parallel=width, max_tokens=100_000))
    return [_seen(entry, found, home) for entry in found.values()]


async def _one_by_one(home: Path, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with opened(_folder(home)) as runtime:
        for step in steps:
            alone = entries(await run(runtime, step, max_parallel=1, max_tokens=100_000))
            found += [_seen(entry, alone, home) for entry in alone.values()]
    return found


@bounds(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chosen=st.lists(st.sampled_from(_STEPS), min_size=2, max_size=14), width=st.sampled_from([2, 8, 64]))
def test_a_batch_gives_what_its_steps_give_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[dict[str, Any]], width: int
) -> None:
    steps = [{**step, "id": f"n{i}"} for i, step in enumerate(chosen)]
    homes = [tmp_path_factory.mktemp(name) for name in ("together", "alone")]
    together = anyio.run(lambda: _together(homes[0], steps, width))
    assert together == anyio.run(lambda: _one_by_one(homes[1], steps))
    logs = [(home / "work" / "log").read_text("utf-8") for home in homes]
    assert logs[0] == logs[1]
