"""Calls of the searching ops, as the engine would hand them over."""

import os
import time
from pathlib import Path
from typing import Any

from fourfold_tools.model.request import GlobStep, GrepStep
from fourfold_tools.ops.base import Call


def grep_call(pattern: str, *, left_s: float = 60.0, **arguments: Any) -> Call:
    return _call(GrepStep(op="grep", pattern=pattern, **arguments), left_s)


def glob_call(pattern: str, *, left_s: float = 60.0, **arguments: Any) -> Call:
    return _call(GlobStep(op="glob", pattern=pattern, **arguments), left_s)


def _call(step: GrepStep | GlobStep, left_s: float) -> Call:
    return Call("s1", step, 60.0, time.monotonic() + left_s, Path("/nowhere/s1.txt"))


def write_tree(root: Path, files: dict[str, str | bytes]) -> None:
    """Write files below a folder; each is a second younger than the one before."""
    for age, (name, content) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))
