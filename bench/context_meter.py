"""What one measurement of the caller's context costs, over transcripts of 200 MB, as a ratio to a plain tail read.

Floor: open the file, seek to its end, read the last 64 KiB and split it into lines; the least that anybody pays who
looks at a transcript. Both are taken in turn in one process. Example:

  python bench/context_meter.py            a table on standard output
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from fourfold_config.settings import load_settings
from fourfold_tools.context.find import slug
from fourfold_tools.context.meter import Meter

SIZE = 200 << 20
TAIL = 65_536
ALLOWED_MS = 10.0  # of processor time for one measurement: on a shared machine the wall clock is not ours


def entry(kind: str, message: dict[str, Any]) -> bytes:
    fields = {"isSidechain": False, "type": kind, "message": message, "sessionId": "s", "cwd": "/w"}
    return json.dumps({**fields, "timestamp": "2026-11-23T20:00:00Z"}).encode() + b"\n"


def reply(call: str) -> bytes:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 400_000}
    content = [{"type": "tool_use", "id": call, "name": "mcp__fourfold__batch", "input": {}}]
    return entry("assistant", {"id": call, "model": "claude-opus-5-5", "content": content, "usage": usage})


def result(call: str, chars: int) -> bytes:
    content = [{"type": "tool_result", "tool_use_id": call, "content": "x" * chars}]
    return entry("user", {"role": "user", "content": content})


def write(path: Path, end: bytes) -> None:
    """A transcript of 200 MB: usual lines up to its end."""
    line = result("toolu_before", 20_000)
    with open(path, "wb") as file:
        for _ in range(SIZE // len(line)):
            file.write(line)
        file.write(end)


def tail_read(path: Path) -> int:
    with open(path, "rb", buffering=0) as file:
        file.seek(-TAIL, os.SEEK_END)
        return len(file.read().split(b"\n"))


@dataclass(frozen=True)
class Figure:
    """Medians: milliseconds of the floor and of a measurement, the ratio of each pair, and processor milliseconds."""

    floor_ms: float
    ours_ms: float
    ratio: float
    cpu_ms: float


async def compare(path: Path, measure: Callable[[], Awaitable[object]], rounds: int) -> Figure:
    """Floor and measurement in turn; one round first that does not count."""
    rows: list[tuple[float, float, float]] = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        tail_read(path)
        middle, cpu = time.perf_counter(), time.process_time()
        await measure()
        rows.append((middle - start, time.perf_counter() - middle, time.process_time() - cpu))
    floor, ours, used = ([1000 * value for value in column] for column in zip(*rows[1:], strict=True))
    ratios = [b / a for a, b in zip(floor, ours, strict=True)]
    return Figure(*(statistics.median(values) for values in (floor, ours, ratios, used)))


async def main(rounds: int) -> int:
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        home, work = Path(folder), Path(folder) / "work"
        work.mkdir()
        project = home / ".claude" / "projects" / slug(os.path.realpath(work))
        project.mkdir(parents=True)
        settings = load_settings(env={}).context.model_copy(update={"wait_s": 0.0})
        env = {"HOME": str(home), "CLAUDE_CODE_SESSION_ID": "s", "CLAUDECODE": "1"}
        results = b"".join(result("toolu_1", 100_000) for _ in range(20))
        cases = {
            "the call's line is there": reply("toolu_1"),
            "it is late, after 20 results of 100,000 characters": reply("toolu_1") + results,
            "it is late, after one result of 3,000,000": reply("toolu_1") + result("toolu_1", 3_000_000),
        }
        print("| transcript of 200 MB | floor ms | ours ms | ratio | processor ms | allowed |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, end in cases.items():
            path = project / "s.jsonl"
            write(path, end)
            call = "toolu_1" if name.startswith("the call") else "toolu_late"
            meter = Meter(env, str(work), settings)
            found = await compare(path, partial(meter.measure, call), rounds)
            met = found.cpu_ms < ALLOWED_MS
            slow = slow or not met
            row = f"| {name} | {found.floor_ms:.2f} | {found.ours_ms:.2f} | {found.ratio:.1f} | {found.cpu_ms:.2f} "
            print(f"{row}| < {ALLOWED_MS:g}{' **met**' if met else ''} |")
    return int(slow)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    raise SystemExit(anyio.run(main, parser.parse_args().rounds))
