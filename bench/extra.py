"""The plain server with and without the extra `fleet` installed: start, memory, and what it imports.

python bench/extra.py [ROUNDS]      makes two environments (needs the package index), runs them in turn (21 rounds)
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))

from machine import heading  # noqa: E402

_ASKED = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}


def _environment(folder: Path, what: str) -> Path:
    """A new environment with this checkout in it; its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([str(python), "-m", "pip", "install", *quiet, f"{ROOT}{what}"], check=True)
    print(f"installed: fourfold{what}", file=sys.stderr, flush=True)
    return python


def _serve(python: Path, state: Path, said: IO[str] | int, *flags: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(python), "-I", *flags, "-m", "fourfold_server", "serve"],
        cwd=state,
        env={"HOME": str(state), "FOURFOLD_STATE_DIR": str(state), "PATH": f"{python.parent}:/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
    )


def _answer(server: "subprocess.Popen[str]") -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(_ASKED) + "\n")
    server.stdin.flush()
    assert "serverInfo" in server.stdout.readline()


def _round(python: Path, state: Path) -> tuple[float, float, float]:
    """Seconds to the first answer, processor seconds of the server until then, its peak memory in MiB."""
    began = time.perf_counter()
    with _serve(python, state, subprocess.DEVNULL) as server:
        _answer(server)
        took = time.perf_counter() - began
        fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        server.kill()
    return took, (int(fields[11]) + int(fields[12])) / 100, int(peak[1]) / 1024


def _imports(python: Path, state: Path) -> set[str]:
    with (state / "imports").open("w+", encoding="utf-8") as said:
        with _serve(python, state, said, "-X", "importtime") as server:
            _answer(server)
            server.communicate(timeout=60)
        said.seek(0)
        return set(re.findall(r"\|\s+([\w.]+)$", said.read(), re.MULTILINE))


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory(prefix="fourfold-extra-") as folder:
        below = Path(folder)
        (below / "state").mkdir()
        pythons = {"without": _environment(below / "a", ""), "with": _environment(below / "b", "[fleet]")}
        has = {
            name: subprocess.run([str(python), "-c", "import dbos"], capture_output=True, check=False).returncode == 0
            for name, python in pythons.items()
        }
        assert has == {"without": False, "with": True}
        imports = {name: _imports(python, below / "state") for name, python in pythons.items()}
        found: dict[str, list[tuple[float, float, float]]] = {"without": [], "with": []}
        for turn in range(rounds + 1):
            for name in sorted(found, reverse=turn % 2 == 0):
                row = _round(pythons[name], below / "state")
                if turn:  # the first writes the byte code
                    found[name].append(row)
    print(heading())
    print(f"\n| the plain server, {rounds} rounds in turn, medians | without the extra | with it | with / without |")
    print("| --- | --- | --- | --- |")
    for k, (what, unit, digits) in enumerate(
        (("start to the first answer", "s", 2), ("processor time until then", "s", 2), ("peak memory", "MiB", 1))
    ):
        a, b = (median(row[k] for row in found[name]) for name in ("without", "with"))
        ratio = median(y[k] / x[k] for x, y in zip(found["without"], found["with"], strict=True))
        print(f"| {what} | {a:.{digits}f} {unit} | {b:.{digits}f} {unit} | {ratio:.3f} |")
    a, b = imports["without"], imports["with"]
    print(f"| modules imported | {len(a)} | {len(b)} | only with it: {', '.join(sorted(b - a)) or 'none'}; ", end="")
    print(f"only without: {', '.join(sorted(a - b)) or 'none'} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
