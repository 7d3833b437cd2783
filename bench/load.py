"""Load: one batch of 10,000 steps, and 200 calls in flight at once, against one server over its real wire.

What is told: seconds, steps or calls a second, the slowest answer, and the most memory the server and its helper had.

  python bench/load.py            a table on standard output
  python bench/load.py --write    also into bench/results.md
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from machine import heading
from soak import FILES, look, proc, settled, write_files
from table import RESULTS
from wire import Wire, fourfold_argv

STEPS = 10_000
CALLS = 200
_LOOK_S = 0.05


@dataclass(frozen=True)
class Load:
    name: str
    seconds: float
    count: int
    all_ok: bool
    most_mib: float


def watched(wire: Wire, name: str, count: int, work: Callable[[], bool]) -> Load:
    """Do the work while somebody looks at the server's memory."""
    over = threading.Event()
    mib: list[float] = []

    def watch() -> None:
        while not over.wait(_LOOK_S):
            mib.append(int(proc(wire.pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    print(f"{name} …", file=sys.stderr)
    start = time.monotonic()
    try:
        all_ok = work()
    finally:
        over.set()
        watcher.join()
    return Load(name, time.monotonic() - start, count, all_ok, max(mib, default=0.0))


def batch(wire: Wire, steps: list[dict[str, Any]]) -> Callable[[], bool]:
    def go() -> bool:
        [head, *_] = wire.call("batch", {"steps": steps, "max_tokens": 4_000})["content"][0]["text"].split("\n")
        return f"{len(steps):,} steps: {len(steps):,} ok" in head or f"{len(steps)} steps: {len(steps)} ok" in head

    return go


def together(wire: Wire) -> bool:
    params = [
        {
            "name": "batch",
            "arguments": {
                "steps": [
                    {"op": "read", "path": f"file{n % FILES}.py", "limit": 20},
                    {"op": "grep", "pattern": f"name_{n}\\b", "mode": "count"},
                    {"op": "bash", "command": f"wc -l file{n % FILES}.py"},
                ]
            },
        }
        for n in range(CALLS)
    ]
    answers = wire.answers([wire.write("tools/call", each) for each in params])
    return all("3 steps: 3 ok" in answer["content"][0]["text"].split("\n")[0] for answer in answers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the figures into bench/results.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = write_files(Path(folder) / "tree")
        env = {"PATH": os.environ["PATH"], "HOME": folder, "FOURFOLD_STATE_DIR": f"{folder}/state"}
        names = [f"file{n % FILES}.py" for n in range(STEPS)]
        reads = [{"op": "read", "path": name, "offset": n // FILES + 1, "limit": 1} for n, name in enumerate(names)]
        commands = [{"op": "bash", "command": f"printf %s {n}"} for n in range(STEPS)]
        chain = [{"id": f"n{n}", "op": "read", "path": name, "limit": 1} for n, name in enumerate(names)]
        chain = [step | ({"needs": [f"n{n - 1}"]} if n % 10 else {}) for n, step in enumerate(chain)]
        with Wire(fourfold_argv(), root, env) as wire:
            wire.call("batch", {"steps": [{"op": "bash", "command": "true"}, {"op": "grep", "pattern": "name_1"}]})
            start = time.monotonic()
            before = settled(wire.pid, start, None)
            loads = [
                watched(wire, f"{STEPS:,} reads in one batch", STEPS, batch(wire, reads)),
                watched(wire, f"{STEPS:,} reads in 1,000 chains of ten", STEPS, batch(wire, chain)),
                watched(wire, f"{STEPS:,} commands in one batch", STEPS, batch(wire, commands)),
                watched(wire, f"{CALLS} calls at once, three steps each", 3 * CALLS, lambda: together(wire)),
            ]
            after = settled(wire.pid, start, before)
            level = look(wire.pid, start)
    rows = ["| load | seconds | steps a second | most MiB | all ok |", "| --- | --- | --- | --- | --- |"]
    for x in loads:
        told = f"{x.seconds:.1f} | {x.count / x.seconds:,.0f} | {x.most_mib:.0f} | {'yes' if x.all_ok else 'NO'}"
        rows.append(f"| {x.name} | {told} |")
    counts = f"Open files {before.files} → {after.files}, processes {before.processes} → {after.processes}, "
    counts += f"memory {before.mib:.0f} → {level.mib:.0f} MiB (server and helper)."
    text = "### Load\n\n" + "\n".join(rows) + f"\n\n{counts}\n"
    print(text)
    if args.write:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"\n{heading()}\n\n{text}")
    return 0 if all(load.all_ok for load in loads) and after.files <= before.files else 1


if __name__ == "__main__":
    sys.exit(main())
