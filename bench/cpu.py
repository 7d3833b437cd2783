"""The CPU profile of the mix: which part of the server spends processor time, and how much the whole family takes."""

import json
import os
import signal
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

from case import NotMeasured, elapsed_ms
from machine import cpu_ms, family
from mix import mix, steps_of
from wire import Wire
from world import World

_TURNS = 40
# Runs in the server's process: at each tick of its processor time it notes the stack of whatever thread is at work,
# as the file and function of the innermost frame of ours, or the package where there is none.
_SAMPLER = """
import atexit, collections, json, os, signal, sys, threading
counts = collections.Counter()
main = threading.main_thread().ident
idle = ("selectors.py", "threading.py", "queue.py", "thread.py")
def label(frame):
    inner = None
    while frame is not None:
        name = frame.f_code.co_filename
        if "fourfold_" in name and not name.endswith("serving.py"):
            tail = name[name.index("fourfold_"):]
            return tail, frame.f_code.co_name
        inner = inner or (name, frame.f_code.co_name)
        frame = frame.f_back
    parts = inner[0].split("site-packages/")[-1].split("/")
    package = parts[0] if "site-packages/" in inner[0] else "python: " + parts[-1]
    return package, inner[1]
def sample(number, frame):
    busy = [f for i, f in sys._current_frames().items() if i != main and not f.f_code.co_filename.endswith(idle)]
    at_rest = frame is None or frame.f_code.co_filename.endswith(idle)
    chosen = busy[0] if at_rest and busy else frame
    counts["\\t".join(label(chosen))] += 1
@atexit.register
def write():
    signal.setitimer(signal.ITIMER_PROF, 0)
    with open(os.environ["PROFILE_TO"], "w") as file:
        json.dump(counts, file)
signal.signal(signal.SIGPROF, sample)
from fourfold_server.serving import serve
def begin(number, frame):
    counts.clear()
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
signal.signal(signal.SIGUSR1, begin)
sys.exit(serve())
"""


def profile(world: World, rounds: int) -> str:
    """Markdown: what one mix takes of the machine, and the share of each part of the server."""
    steps = steps_of(mix(world))
    arguments = {"steps": steps, "max_parallel": 64, "max_tokens": 140_000}
    lines = ["### The mix of 100 steps: where the processor time goes", ""]
    try:
        lines += _totals(world, arguments, rounds)
        lines += _shares(world, arguments)
    except NotMeasured as exc:
        lines.append(f"Not measured: {exc}.")
    return "\n".join(lines)


def _totals(world: World, arguments: dict[str, object], rounds: int) -> list[str]:
    """Each over several turns: a tick of the kernel's own accounting is ten milliseconds."""
    wire = world.ours
    wire.call("batch", arguments)
    turns = max(_TURNS, rounds)
    before, whole = cpu_ms(wire.pid), _family_ms(wire.pid)
    walls = [elapsed_ms(lambda: wire.call("batch", arguments)) for _ in range(turns)]
    server = (cpu_ms(wire.pid) - before) / turns
    rest = (_family_ms(wire.pid) - whole) / turns - server
    return [
        "| of one mix | ms |",
        "| --- | --- |",
        f"| wall, median of {turns} | {statistics.median(walls):.1f} |",
        f"| processor time of the server | {server:.1f} |",
        f"| processor time of its helper, ripgrep and the commands | {rest:.1f} |",
        "| the slowest step (a page that takes so long) | 50.0 |",
        "",
    ]


def _family_ms(pid: int) -> float:
    return sum(cpu_ms(member) for member in family(pid))


def _shares(world: World, arguments: dict[str, object]) -> list[str]:
    files, functions = _sampled(world, arguments)
    total = sum(files.values()) or 1
    lines = [
        "| part of the server (innermost frame of ours, else the library) | share | most of it in |",
        "| --- | --- | --- |",
    ]
    for name, count in files.most_common(20):
        inner = Counter({function: n for (file, function), n in functions.items() if file == name})
        most = ", ".join(f"`{function}` {n / total:.0%}" for function, n in inner.most_common(3))
        lines.append(f"| {name} | {count / total:.1%} | {most} |")
    return [*lines, "", f"{total:,} samples, taken at each tick of the process's processor time."]


def _sampled(world: World, arguments: dict[str, object]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "profile.json"
        env = {**world.env, "PROFILE_TO": str(target)}
        with Wire([sys.executable, "-I", "-c", _SAMPLER], world.folder, env) as wire:
            wire.call("batch", arguments)
            os.kill(wire.pid, signal.SIGUSR1)  # begin
            for _ in range(_TURNS):
                wire.call("batch", arguments)
        found: dict[str, int] = json.loads(target.read_text(encoding="utf-8"))
    files: Counter[str] = Counter()
    functions: Counter[tuple[str, str]] = Counter()
    for label, count in found.items():
        file, _, function = label.partition("\t")
        files[file] += count
        functions[file, function] += count
    return files, functions
