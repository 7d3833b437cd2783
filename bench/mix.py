"""The mix: one hundred steps of five kinds, each with a text that its answer must hold."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from world import World, text_files

Kind = Literal["read", "grep", "glob", "bash", "fetch"]
KINDS: tuple[Kind, ...] = ("read", "grep", "glob", "bash", "fetch")
_PATTERNS = (
    "def getsize", "def chdir", "def mktemp", "def insort", "def nlargest",
    r"class \w*Lock\w*", r"class \w*Queue\w*", r"class \w*Loader\w*", r"def [a-z]+_cookie\(", r"raise [A-Z]\w+Full",
)  # fmt: skip


@dataclass(frozen=True)
class MixStep:
    """A step as fourfold takes it, and a text that stands in a right answer."""

    kind: Kind
    step: Mapping[str, Any]
    marker: str


def mix(world: World, delay_ms: int = 50) -> list[MixStep]:
    """60 reads of small files, 10 greps, 5 globs, 10 commands, 15 fetches; the whole answer fits into one budget."""
    files = text_files(world.root, 60, least=1_000, most=7_000)
    fetches = [f"/{delay_ms}/mix{i}" for i in range(15)]
    return [
        *(MixStep("read", {"op": "read", "path": str(path)}, _longest_line(path)) for path in files),
        *(_grep(world, pattern) for pattern in _PATTERNS),
        *(_glob(world.root, letter) for letter in "abcde"),
        *(MixStep("bash", {"op": "bash", "command": f"echo mix-{i}-done"}, f"mix-{i}-done") for i in range(10)),
        *(
            MixStep("fetch", {"op": "fetch", "url": f"http://127.0.0.1:{world.port}{path}"}, f"Page {path}<")
            for path in fetches
        ),
    ]


def steps_of(steps: Sequence[MixStep]) -> list[dict[str, Any]]:
    return [dict(step.step) for step in steps]


def _longest_line(path: Path) -> str:
    return max(path.read_text(encoding="utf-8").splitlines(), key=len).strip()


def _grep(world: World, pattern: str) -> MixStep:
    found = subprocess.run(
        [world.rg, "--no-heading", "-N", "-I", "--sort=path", "-e", pattern, str(world.root)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    step = {"op": "grep", "pattern": pattern, "path": str(world.root)}
    return MixStep("grep", step, found.stdout.splitlines()[-1].strip())


def _glob(root: Path, letter: str) -> MixStep:
    names = sorted(path.name for path in root.rglob(f"{letter}*.py") if re.fullmatch(r"[\w.]+", path.name))
    return MixStep("glob", {"op": "glob", "pattern": f"**/{letter}*.py", "path": str(root)}, names[-1])
