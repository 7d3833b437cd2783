"""The soak: mixed calls against one server for a while; afterwards memory, open files and processes must be level.

Calls go one after another with pauses between them (`--duty`), so that it may run beside other work. Memory is the
resident set of the server and of its helper, looked at while nothing runs. Its slope is the least-squares line
through the medians of blocks of samples, after the first sixth, with the 95 % interval of Student's t: long blocks
hide most of what neighbouring samples have in common, medians what one large answer left for a while. Examples:

  python bench/soak.py --minutes 60 --duty 0.2 --write    the full figure, into bench/results.md
  python bench/soak.py --seconds 20                       open files and processes only: too short for a slope
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fourfold_tools.mathver.student import t_quantile
from machine import heading
from table import RESULTS
from wire import Wire, fourfold_argv
from world import web_server

BLOCKS = 20  # of the samples that count for the slope
LEVEL_MIB_PER_H = 4.0  # a slope whose interval lies above this fails: about one percent a quarter of an hour
WARM_ROUNDS = 3  # of every kind of call before anything is counted
BACK_S = 20.0  # seconds in which open files and processes must be back where they began
LEAST_BLOCK_S = 30.0  # blocks shorter than this say nothing about a slope
FILES = 120


@dataclass(frozen=True)
class Look:
    """One look at the server while no call runs: seconds since the start, MiB, and counts of it and its helper."""

    at_s: float
    mib: float
    files: int
    processes: int
    threads: int


def look(pid: int, since: float) -> Look:
    family = [pid, *below(pid)]
    own = [pid, *(child for child in below(pid) if b"spawn_helper" in proc(child, "cmdline"))]
    pages = sum(int(proc(member, "statm").split()[1]) for member in own)
    files = sum(len(os.listdir(f"/proc/{member}/fd")) for member in own)
    threads = len(os.listdir(f"/proc/{pid}/task"))
    mib = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Look(time.monotonic() - since, mib, files, len(family), threads)


def proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def below(pid: int) -> list[int]:
    """Every process that this one started, directly or not."""
    found: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in map(int, proc(pid, f"task/{task}/children").split()):
            found += [child, *below(child)]
    return found


class Caller:
    """Calls of every kind, each by its name. Mutable: what later calls name, and states that nobody expected."""

    def __init__(self, wire: Wire, chance: random.Random, port: int) -> None:
        self._wire = wire
        self._chance = chance
        self._port = port
        self._run = self._plan = ""
        self._number = 0
        self.surprises: list[str] = []
        self.kinds: dict[str, Callable[[], object]] = {
            "reads": self.reads,
            "searches": self.searches,
            "graph": self.graph,
            "commands": self.commands,
            "failures": self.failures,
            "flood": self.flood,
            "pages": self.pages,
            "together": self.together,
            "cancelled": self.cancelled,
            "verified": self.verified,
            "planned": self.planned,
            "handed over": self.handed_over,
            "told": self.told,
            "refused": self.refused,
        }

    def batch(self, expected: str, *steps: Mapping[str, Any], **options: Any) -> None:
        answer = self._wire.call("batch", {"steps": list(steps), "format": "json", **options})["structuredContent"]
        self._run = answer["run"]
        found = " ".join(sorted({step["state"] for step in answer["steps"]}))
        if found != expected:
            self.surprises.append(f"{found} instead of {expected}: {answer['errors']}")

    def file(self) -> str:
        return f"file{self._chance.randrange(FILES)}.py"

    def reads(self) -> None:
        steps = [{"op": "read", "path": self.file(), "limit": self._chance.randrange(1, 80)} for _ in range(12)]
        self.batch("ok", *steps)

    def searches(self) -> None:
        words = [f"name_{self._chance.randrange(FILES)}\\b" for _ in range(4)]
        self.batch("ok", {"op": "grep", "pattern": words}, {"op": "glob", "pattern": "*1*.py"})

    def graph(self) -> None:
        hits = {"id": "hits", "op": "grep", "pattern": "name_7", "mode": "files"}
        each = {"op": "read", "path": {"from": "hits", "field": "paths", "each": True}, "limit": 5}
        count = {"op": "bash", "command": 'wc -l "$@"', "args": {"from": "hits", "field": "paths"}}
        self.batch("ok", hits, each, count)

    def commands(self) -> None:
        self._number += 1
        steps = [{"op": "bash", "command": f"echo {n}; wc -c file{n}.py"} for n in range(4)]
        steps.append({"op": "bash", "command": f"printf '%s\\n' {self._number}"})
        self.batch("ok", *steps)

    def failures(self) -> None:
        steps = [
            {"id": "bad", "op": "bash", "command": "exit 3"},
            {"op": "read", "path": "no such file"},
            {"op": "bash", "command": "sleep 30 & sleep 30", "timeout_s": 0.1},
            {"op": "bash", "command": "echo", "needs": ["bad"]},
        ]
        self.batch("failed skipped timed_out", *steps)

    def flood(self) -> None:
        self.batch("ok", {"op": "bash", "command": "head -c 3000000 /dev/zero | tr '\\0' x"})

    def pages(self) -> None:
        urls = [f"http://127.0.0.1:{self._port}/{self._chance.randrange(5)}/{n}" for n in range(6)]
        self.batch("ok", {"op": "fetch", "url": urls})

    def together(self) -> None:
        """Eight calls in flight at once."""
        steps = [{"op": "read", "path": self.file()}, {"op": "bash", "command": "sleep 0.01"}]
        params = {"name": "batch", "arguments": {"steps": steps}}
        for answer in self._wire.answers([self._wire.write("tools/call", params) for _ in range(8)]):
            assert not answer.get("isError"), answer

    def cancelled(self) -> None:
        steps = [{"op": "bash", "command": "sleep 60 & sleep 60"}, {"op": "read", "path": self.file()}]
        number = self._wire.write("tools/call", {"name": "batch", "arguments": {"steps": steps}})
        time.sleep(self._chance.random() * 0.1)
        self._wire.notify("notifications/cancelled", {"requestId": number})

    def verified(self) -> None:
        steps = [{"op": "read", "path": self.file()} for _ in range(3)]
        self.batch("ok", *steps, verify="sample")
        self._wire.call("verify", {"run": self._run, "budget_s": 0.5})

    def planned(self) -> None:
        tasks = [{"id": f"t{n}", "prompt": "look", "writes": [f"out{n}/*"]} for n in range(6)]
        answer = self._wire.call("plan", {"goal": "soak", "tasks": tasks})
        self._plan = answer["structuredContent"]["plan"]
        self._wire.call("checkpoint", {"plan": self._plan, "finished": [{"task": "t0", "state": "ok"}]})

    def handed_over(self) -> None:
        name = self._wire.call("handoff", {"action": "write"})["structuredContent"]["id"]
        self._wire.call("handoff", {"action": "load", "id": name})
        self._wire.call("handoff", {"action": "list"})

    def told(self) -> None:
        self._wire.call("status", {})
        self._wire.call("status", {"run": self._run})
        for uri in ("fourfold://runs", f"fourfold://runs/{self._run}", f"fourfold://plans/{self._plan}"):
            self._wire.request("resources/read", {"uri": uri})

    def refused(self) -> None:
        params = {"name": "batch", "arguments": {"steps": [{"op": "read", "path": 7, "nothing": None}]}}
        assert self._wire.request("tools/call", params)["isError"]


@dataclass(frozen=True)
class Slope:
    """MiB an hour, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def slope(looks: Sequence[Look]) -> Slope | None:
    """The line through the medians of blocks; None where the blocks would be too short to say anything."""
    kept = [x for x in looks if x.at_s >= looks[-1].at_s / 6]
    size = len(kept) // BLOCKS
    if size < 2 or (kept[-1].at_s - kept[0].at_s) / BLOCKS < LEAST_BLOCK_S:
        return None
    blocks = [kept[i * size : (i + 1) * size] for i in range(BLOCKS)]
    hours = [statistics.fmean(x.at_s for x in block) / 3600 for block in blocks]
    mib = [statistics.median(x.mib for x in block) for block in blocks]
    line = statistics.linear_regression(hours, mib)
    rest = [m - line.intercept - line.slope * h for h, m in zip(hours, mib, strict=True)]
    middle = statistics.fmean(hours)
    error = (sum(r * r for r in rest) / (BLOCKS - 2) / sum((h - middle) ** 2 for h in hours)) ** 0.5
    half = t_quantile(0.975, BLOCKS - 2) * error
    return Slope(line.slope, line.slope - half, line.slope + half)


@dataclass(frozen=True)
class Soaked:
    before: Look
    after: Look
    looks: Sequence[Look]
    calls: Counter[str]
    busy_s: float

    @property
    def back(self) -> bool:
        """Whether open files and processes are no more than they were; idle worker threads come and go."""
        return self.after.files <= self.before.files and self.after.processes <= self.before.processes


def soak(wire: Wire, caller: Caller, chance: random.Random, seconds: float, duty: float) -> Soaked:
    for _ in range(WARM_ROUNDS):
        for call in caller.kinds.values():
            call()
    start = time.monotonic()
    before = settled(wire.pid, start, None)
    looks, calls, busy_s = [before], Counter[str](), 0.0
    while time.monotonic() - start < seconds:
        kind = chance.choice(list(caller.kinds))
        began = time.monotonic()
        caller.kinds[kind]()
        took_s = time.monotonic() - began
        calls[kind] += 1
        busy_s += took_s
        time.sleep(took_s * (1 / duty - 1))
        if kind != "cancelled":
            looks.append(look(wire.pid, start))
    return Soaked(before, settled(wire.pid, start, before), looks, calls, busy_s)


def settled(pid: int, since: float, before: Look | None) -> Look:
    """A look when what ends by itself, but not at once, has ended: idle connections, worker threads."""
    end = time.monotonic() + BACK_S
    found = look(pid, since)
    while time.monotonic() < end:
        if before is None and found.processes == 2:
            break
        if before is not None and Soaked(before, found, [], Counter(), 0.0).back:
            break
        time.sleep(0.1)
        found = look(pid, since)
    return found


def report(found: Soaked, line: Slope | None) -> str:
    hours = found.after.at_s / 3600
    span = f"{60 * hours:.0f} minutes" if hours > 0.05 else f"{found.after.at_s:.0f} s"
    total = sum(found.calls.values())
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in sorted(found.calls.items()))
    if line is None:
        memory = f"{found.before.mib:.0f} → {found.after.mib:.0f} MiB (too short for a slope)"
    else:
        told = f"slope {line.value:+.2f} MiB an hour, 95 % interval {line.low:+.2f} to {line.high:+.2f}"
        memory = f"{found.before.mib:.1f} → {found.after.mib:.1f} MiB, {told}"
    counts = [
        f"{name} {getattr(found.before, name)} → {getattr(found.after, name)}"
        for name in ("files", "processes", "threads")
    ]
    return (
        f"### Soak: {span}, {total:,} calls, busy {100 * found.busy_s / found.after.at_s:.0f} % of the time\n\n"
        f"Memory of the server and its helper: {memory}. Open {', '.join(counts)}.\n\nCalls: {kinds}.\n"
    )


def write_files(root: Path) -> Path:
    """A folder of small files, each with a name of its own in it."""
    root.mkdir()
    for n in range(FILES):
        text = "".join(f"name_{n} = {line}  # of file {n}\n" for line in range(100))
        (root / f"file{n}.py").write_text(text, encoding="utf-8")
    return root


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.0, help="how long calls are made")
    parser.add_argument("--seconds", type=float, default=0.0, help="added to the minutes")
    parser.add_argument("--duty", type=float, default=1.0, help="share of the time in which a call runs (default 1)")
    parser.add_argument("--seed", type=int, default=6, help="of the order of the calls")
    parser.add_argument("--write", action="store_true", help="put the figures into bench/results.md")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder, web_server() as port:
        root = write_files(Path(folder) / "tree")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "FOURFOLD_STATE_DIR": f"{folder}/state",
            "FOURFOLD_FETCH__ALLOW_PRIVATE": "true",
            "FOURFOLD_FETCH__CACHE_S": "1",
        }
        with Wire(fourfold_argv(), root, env) as wire:
            caller = Caller(wire, chance, port)
            found = soak(wire, caller, chance, 60 * args.minutes + args.seconds, args.duty)
    line = slope(found.looks)
    text = report(found, line)
    if caller.surprises:
        text += "\nNot as expected:\n\n" + "".join(f"- {told}\n" for told in caller.surprises)
    print(text)
    if args.write:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"\n{heading()}\n\n{text}")
    level = line is None or line.low <= LEVEL_MIB_PER_H
    if not found.back or not level or caller.surprises:
        print("NOT LEVEL", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
