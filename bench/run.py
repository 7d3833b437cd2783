"""The benchmark: each figure is a median of ratios to a floor taken just before it, through the whole server.

Absolute times mean nothing on a shared machine; ratios to what the machine itself needs do. Examples:

  python bench/run.py                    all cases, a table on standard output
  python bench/run.py --only reads       cases whose name holds "reads"
  python bench/run.py --write            also put the table into bench/results.md
"""

import argparse
import contextlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import floors
from wire import Wire, fourfold_argv

HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
RARE_FUNCTIONS = ("wfile", "quopri", "chdir", "mktemp", "getsize", "nlargest", "insort", "shuffle", "dedent", "wrap")
RARE_CLASSES = ("Queue", "Lock", "Parser", "Reader", "Error", "Proxy", "Socket", "Writer", "Loader", "Finder")


@dataclass(frozen=True)
class Case:
    """floor and ours do the same work once; target: the ratio that the project wants, None where it says none."""

    name: str
    floor_name: str
    floor: Callable[[], object]
    ours: Callable[[], object]
    target: float | None = None


@dataclass(frozen=True)
class Figure:
    case: Case
    ratio: float
    low: float
    high: float
    floor_ms: float
    ours_ms: float


def measure(case: Case, rounds: int) -> Figure:
    """Floor and ours in turn, the order alternating; one round first that does not count."""
    ratios: list[float] = []
    floor_ms: list[float] = []
    ours_ms: list[float] = []
    for turn in range(rounds + 1):
        pair = {}
        for which in ("floor", "ours") if turn % 2 else ("ours", "floor"):
            start = time.perf_counter()
            (case.floor if which == "floor" else case.ours)()
            pair[which] = 1000 * (time.perf_counter() - start)
        if turn:
            ratios.append(pair["ours"] / pair["floor"])
            floor_ms.append(pair["floor"])
            ours_ms.append(pair["ours"])
    return Figure(
        case,
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(floor_ms),
        statistics.median(ours_ms),
    )


@contextmanager
def world() -> Iterator[tuple[Path, dict[str, str], int]]:
    """A copy of the standard library, the environment of the servers, and the port of a slow web server."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        source = Path(sysconfig.get_path("stdlib"))
        shutil.copytree(source, root, ignore=shutil.ignore_patterns("site-packages", "__pycache__", "test*"))
        env = {
            **os.environ,
            "FOURFOLD_STATE_DIR": str(Path(folder) / "state"),
            "FOURFOLD_FETCH__ALLOW_PRIVATE": "true",
            "FOURFOLD_FETCH__CACHE_S": "0.001",
        }
        with web_server() as port:
            yield root, env, port


@contextmanager
def web_server() -> Iterator[int]:
    """The port of a slow web server on loopback, in a process of its own."""
    with subprocess.Popen([sys.executable, str(HERE / "web.py")], stdout=subprocess.PIPE, text=True) as web:
        assert web.stdout is not None
        try:
            yield int(web.stdout.readline())
        finally:
            web.kill()


def text_files(root: Path, count: int) -> list[Path]:
    """Files of a usual size whose text is UTF-8, in a fixed order."""
    found: list[Path] = []
    for path in sorted(root.rglob("*.py")):
        if 2_000 < path.stat().st_size < 60_000:
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            found.append(path)
        if len(found) == count:
            break
    return found


def cases(root: Path, port: int, ours: Wire, sdk: Wire) -> list[Case]:
    rg = os.path.join(sysconfig.get_path("scripts"), "rg")
    rare = [f"def {name}" for name in RARE_FUNCTIONS]
    rare += [rf"class \w*{name}\w*" for name in RARE_CLASSES]
    globs = [f"**/{name}*.py" for name in "abcdefghijklmnopqrst"]
    files = text_files(root, 200)
    reads = [{"op": "read", "path": str(path)} for path in files]
    pages = [f"http://127.0.0.1:{port}/50/{i}" for i in range(32)]
    big = {"max_tokens": 140_000}

    def batch(steps: list[dict[str, Any]], **more: Any) -> Callable[[], object]:
        return lambda: ours.call("batch", {"steps": steps, "max_parallel": 64, **more})

    mix: list[dict[str, Any]] = [
        *reads[:60],
        *({"op": "grep", "pattern": p, "path": str(root), "head_limit": 20} for p in rare[:10]),
        *({"op": "glob", "pattern": g, "path": str(root)} for g in globs[:5]),
        *({"op": "bash", "command": f"true {i}"} for i in range(10)),
        *({"op": "fetch", "url": f"http://127.0.0.1:{port}/50/mix{i}"} for i in range(15)),
    ]

    def one_by_one() -> None:
        for step in mix:
            ours.call("batch", {"steps": [step], "max_parallel": 1})

    def pipelined(wire: Wire, method: tuple[str, dict[str, Any]], count: int) -> Callable[[], object]:
        def go() -> None:
            wire.answers(
                [wire.write("tools/call", {"name": method[0], "arguments": method[1]}) for _ in range(count)]
            )

        return go

    echo, refused = ("echo", {"text": "x"}), ("status", {"run": ""})

    def many(wire: Wire, method: tuple[str, dict[str, Any]], count: int) -> Callable[[], object]:
        def go() -> None:
            for _ in range(count):
                wire.request("tools/call", {"name": method[0], "arguments": method[1]})

        return go

    return [
        Case(
            "one trivial call (refused by validation)",
            "SDK's own server and transport",
            many(sdk, echo, 200),
            many(ours, refused, 200),
            0.5,
        ),
        Case(
            "200 such calls, pipelined",
            "SDK's own server and transport",
            pipelined(sdk, echo, 200),
            pipelined(ours, refused, 200),
            1 / 2.4,
        ),
        Case(
            "inspect with one read",
            "SDK's echo, as often",
            many(sdk, echo, 50),
            many(ours, ("inspect", {"steps": [{"op": "read", "path": str(files[0]), "limit": 3}]}), 50),
        ),
        Case(
            "200 reads, formatted",
            "one process that reads and numbers",
            lambda: floors.read_and_number(files),
            batch(reads, **big),
            1.3,
        ),
        Case(
            "20 greps, one list, few hits",
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(rg, rare, root),
            batch([{"op": "grep", "pattern": rare, "path": str(root)}]),
            0.12,
        ),
        Case(
            "20 greps, 20 steps, few hits",
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(rg, rare, root),
            batch([{"op": "grep", "pattern": p, "path": str(root)} for p in rare]),
            0.12,
        ),
        Case(
            "one grep",
            "one ripgrep run",
            lambda: floors.ripgrep_each(rg, rare[:1], root),
            batch([{"op": "grep", "pattern": rare[0], "path": str(root)}]),
        ),
        Case(
            "20 globs",
            "20 x rg --files -g",
            lambda: floors.ripgrep_files_each(rg, globs, root),
            batch([{"op": "glob", "pattern": globs, "path": str(root)}]),
            0.25,
        ),
        Case(
            "200 x true",
            "xargs -P2 bash -c true",
            lambda: floors.xargs_true(200),
            batch([{"op": "bash", "command": f"true {i}"} for i in range(200)], unknown="parallel"),
            1.25,
        ),
        Case(
            "32 pages at 50 ms",
            "the ideal: 50 ms",
            lambda: time.sleep(0.05),
            batch([{"op": "fetch", "url": pages}]),
            1.4,
        ),
        Case("a mix of 100 steps", "the same steps one by one", one_by_one, batch(mix), 0.12),
        Case(
            "10,000 tiny reads",
            "60 us each",
            lambda: time.sleep(0.6),
            batch(
                [
                    {"op": "read", "path": str(files[i % 200]), "offset": i // 200 + 1, "limit": 1}
                    for i in range(10_000)
                ]
            ),
            1.0,
        ),
    ]


def start_case(argv: list[str], cwd: Path, env: dict[str, str]) -> Callable[[], object]:
    """Process start to the answer of `initialize`."""

    def go() -> None:
        Wire(argv, cwd, env).close()

    return go


def resting_mib(pid: int) -> float | None:
    """Resident memory of a process, None where /proc does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def table(figures: list[Figure], memory: str) -> str:
    rows = [
        "| work | floor | floor ms | ours ms | ratio (min–max) | target |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for f in figures:
        target = (
            ""
            if f.case.target is None
            else f"≤ {f.case.target:.2f}" + (" **met**" if f.ratio <= f.case.target else "")
        )
        ratio = f"{f.ratio:.2f} ({f.low:.2f}–{f.high:.2f})"
        rows.append(
            f"| {f.case.name} | {f.case.floor_name} | {f.floor_ms:.1f} | {f.ours_ms:.1f} | {ratio} | {target} |"
        )
    return "\n".join([*rows, "", memory])


def heading() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    machine = f"{floors.cores()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"## {time.strftime('%Y-%m-%d')} · {commit.stdout.strip() or 'no commit'} · {machine} · load {load:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name holds TEXT")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds of each case (default 7)")
    parser.add_argument("--write", action="store_true", help="put the table into bench/results.md, newest first")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root, env, port = stack.enter_context(world())
        ours = stack.enter_context(Wire(fourfold_argv(), root, env))
        sdk = stack.enter_context(Wire(floors.sdk_argv(), root, env))
        found = cases(root, port, ours, sdk)
        start = Case(
            "process start to first answer",
            "the SDK's smallest server",
            start_case(floors.sdk_argv(), root, env),
            start_case(fourfold_argv(), root, env),
            1.15,
        )
        own, floor = resting_mib(ours.pid), resting_mib(sdk.pid)
        memory = f"Memory at rest: {own:.0f} MiB, the SDK's smallest server {floor:.0f} MiB." if own and floor else ""
        figures = []
        for case in [start, *found]:
            if args.only in case.name:
                print(f"{case.name} …", file=sys.stderr)
                figures.append(measure(case, args.rounds))
    text = f"{heading()}\n\n{table(figures, memory)}\n"
    print(text)
    if args.write:
        head, _, rest = (
            RESULTS.read_text(encoding="utf-8").partition("\n## ") if RESULTS.exists() else (INTRO, "", "")
        )
        RESULTS.write_text(f"{head.rstrip()}\n\n{text}" + (f"\n## {rest}" if rest else ""), encoding="utf-8")


INTRO = """# Results

Each row is the median of paired ratios; the floor was taken in the same run. `python bench/run.py --write` adds a
table.
"""

if __name__ == "__main__":
    main()
