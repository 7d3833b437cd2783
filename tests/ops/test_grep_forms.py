"""grep bodies: the client's forms, word for word, over real ripgrep."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from search_calls import grep_call, write_tree

from fourfold_config.settings import Settings
from fourfold_tools.model.output import GrepOutput
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


_ALL_OS = """\
.hidden/conf:1:os = 1
src/app.py:1:import os
src/app.py:5:    return os.name
src/lib/util.py:1:import os
src/lib/util.py:2:OS = 'os: x'
src/lib.txt:1:os
src/lib.txt:2:no newline at the end: os"""


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({}, _ALL_OS.split("\n")),
        ({"path": "src/app.py"}, ["src/app.py:1:import os", "src/app.py:5:    return os.name"]),
        ({"path": "src", "glob": "*.txt"}, ["src/lib.txt:1:os", "src/lib.txt:2:no newline at the end: os"]),
        (
            {"path": "src", "type": "py", "head_limit": 1},
            ["src/app.py:1:import os", "", "[Showing results with pagination = limit: 1]"],
        ),
        (
            {"type": "py", "head_limit": 2, "offset": 1},
            [
                "src/app.py:5:    return os.name",
                "src/lib/util.py:1:import os",
                "",
                "[Showing results with pagination = limit: 2, offset: 1]",
            ],
        ),
        (
            {"type": "py", "head_limit": 2, "offset": 2},
            [
                "src/lib/util.py:1:import os",
                "src/lib/util.py:2:OS = 'os: x'",
                "",
                "[Showing results with pagination = offset: 2]",
            ],
        ),
        (
            {"type": "py", "offset": 9},
            ["No entries at this offset", "", "[Showing results with pagination = offset: 9]"],
        ),
        (
            {"glob": "*.py", "path": ["src/lib.txt", "src/lib"]},
            [
                "src/lib/util.py:1:import os",
                "src/lib/util.py:2:OS = 'os: x'",
                "src/lib.txt:1:os",
                "src/lib.txt:2:no newline at the end: os",
            ],
        ),
        ({"glob": "!src", "hidden": False, "no_ignore": True}, ["ignored.log:1:os"]),
        ({"path": ".git"}, [".git/config:1:os = 1"]),
        ({"mode": "files", "type": "py"}, ["src/lib/util.py", "src/app.py"]),
        (
            {"mode": "files", "path": "src", "head_limit": 1},
            ["src/lib.txt", "", "[Showing results with pagination = limit: 1]"],
        ),
        (
            {"mode": "files", "path": "src", "head_limit": 1, "offset": 1},
            ["src/lib/util.py", "", "[Showing results with pagination = limit: 1, offset: 1]"],
        ),
        (
            {"mode": "count", "path": "src"},
            ["src/app.py:2", "src/lib/util.py:2", "src/lib.txt:2", "", "Found 6 total occurrences across 3 files."],
        ),
        ({"mode": "count", "path": "src/app.py"}, ["src/app.py:2", "", "Found 2 total occurrences across 1 file."]),
    ],
)
async def test_the_body_has_the_clients_form(
    op: GrepOp, workspace: Workspace, arguments: dict[str, Any], body: list[str]
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=workspace.cwd, check=True)
    write_tree(Path(workspace.cwd), {".git/config": "os = 1\n"})

    assert (await _grep(op, r"\bos\b", **arguments)).text == "\n".join(body)


@pytest.mark.parametrize(
    ("pattern", "arguments", "body"),
    [
        (
            "main",
            {"context": 1, "path": "src"},
            [
                "src/app.py-3-",
                "src/app.py:4:def main():",
                "src/app.py-5-    return os.name",
                "--",
                "src/app.py-7-",
                "src/app.py:8:main()",
            ],
        ),
        (
            "import",
            {"after": 1, "path": "src"},
            [
                "src/app.py:1:import os",
                "src/app.py-2-",
                "--",
                "src/lib/util.py:1:import os",
                "src/lib/util.py-2-OS = 'os: x'",
            ],
        ),
        (
            "OS =",
            {"context": 5, "before": 1, "after": 0},
            ["src/lib/util.py-1-import os", "src/lib/util.py:2:OS = 'os: x'"],
        ),
        (r"main.*?return", {"multiline": True}, ["src/app.py:4:def main():", "src/app.py:5:    return os.name"]),
        ("MAIN()", {"ignore_case": True, "fixed": True}, ["src/app.py:4:def main():", "src/app.py:8:main()"]),
        (
            "main()",
            {"head_limit": 1},
            ["src/app.py:4:def main():", "", "[Showing results with pagination = limit: 1]"],
        ),
        ("x'$", {}, ["No matches found"]),
        ("nowhere", {}, ["No matches found"]),
        ("nowhere", {"mode": "files"}, ["No files found"]),
        ("nowhere", {"mode": "count"}, ["No matches found", "", "Found 0 total occurrences across 0 files."]),
    ],
)
async def test_patterns_and_context_read_as_ripgrep_reads_them(
    op: GrepOp, pattern: str, arguments: dict[str, Any], body: list[str]
) -> None:
    assert (await _grep(op, pattern, **arguments)).text == "\n".join(body)
