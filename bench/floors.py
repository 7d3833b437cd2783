"""Floors: what the machine itself needs for the same work, done the plainest fast way."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SDK_SERVER = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("floor", log_level="ERROR")
@server.tool(structured_output=False)
async def echo(text: str) -> str:
    return text
server.run()
"""


def sdk_argv() -> list[str]:
    """The SDK's smallest server, on its own stdio transport."""
    return [sys.executable, "-c", SDK_SERVER]


def read_and_number(paths: Sequence[Path]) -> int:
    """One process that reads and numbers every line; characters made."""
    total = 0
    for path in paths:
        lines = path.read_text(encoding="utf-8").split("\n")
        total += len("\n".join([f"{n}\t{line}" for n, line in enumerate(lines, 1)]))
    return total


def ripgrep_each(rg: str, patterns: Sequence[str], root: Path) -> None:
    """One ripgrep run per pattern, one after another."""
    for pattern in patterns:
        subprocess.run([rg, "-n", "--no-heading", "-e", pattern, str(root)], capture_output=True, check=False)


def ripgrep_files_each(rg: str, globs: Sequence[str], root: Path) -> None:
    for glob in globs:
        subprocess.run(
            [rg, "--files", "--hidden", "--no-ignore", "-g", glob, str(root)], capture_output=True, check=False
        )


def xargs_true(count: int, at_once: int = 2) -> None:
    """`bash -c true` as often, the way a shell user would run it side by side."""
    text = "\n".join(["true"] * count)
    command = ["xargs", f"-P{at_once}", "-n1", "bash", "-c"]
    subprocess.run(command, input=text, text=True, capture_output=True, check=True)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
