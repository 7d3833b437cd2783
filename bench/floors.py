"""Floors: what the machine itself needs for the same work, done the plainest fast way."""

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
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


def read_and_number_heads(paths: Sequence[Path], limit: int) -> int:
    """The same for the first lines of each file."""
    total = 0
    for path in paths:
        with path.open(encoding="utf-8") as file:
            total += len("".join([f"{n}\t{line}" for n, line in enumerate(islice(file, limit), 1)]))
    return total


def read_one_line(paths: Sequence[Path], count: int) -> int:
    """So many openings of files, one line of each."""
    total = 0
    for i in range(count):
        with paths[i % len(paths)].open(encoding="utf-8") as file:
            total += sum(len(line) for line in islice(file, i // len(paths), i // len(paths) + 1))
    return total


def forget_pages(paths: Sequence[Path]) -> bool:
    """Drop the files' pages from memory; whether they are gone."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with paths[0].open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(16)], 0, os.RWF_NOWAIT) < 1
        except BlockingIOError:
            return True
        except OSError:  # a file system that cannot say
            return False


def tail_and_head(path: Path, first: int, count: int) -> None:
    """Lines of a file the way a shell user would cut them out."""
    subprocess.run(
        ["bash", "-c", 'tail -n +"$1" "$2" | head -n "$3"', "bash", str(first), str(path), str(count)],
        capture_output=True,
        check=True,
    )


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


def shell(command: str) -> None:
    subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=True)
