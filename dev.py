"""Everything a developer runs, on a machine with only Python and git; each command makes its own `.venv` first."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
NODE = VENV / "node"
STAMP = VENV / ".installed"
LEAST = (3, 11)

TRY = """{"steps": [
  {"id": "ops",   "op": "grep", "pattern": "^class \\\\w+Op\\\\b", "path": "tools", "mode": "files"},
  {"id": "heads", "op": "read", "path": {"from": "ops", "field": "paths", "each": true}, "limit": 4},
  {"id": "count", "op": "bash", "command": "wc -l \\"$@\\" | tail -n 1", "args": {"from": "ops", "field": "paths"}},
  {"id": "docs",  "op": "glob", "pattern": "*.md", "path": "docs"},
  {"id": "log",   "op": "bash", "command": "git log --oneline -n 3"},
  {"id": "gone",  "op": "read", "path": "no/such/file.py"},
  {"id": "after", "op": "bash", "command": "echo never runs", "needs": ["gone"]}
], "max_tokens": 3000}
"""

EXAMPLES = """\
examples:
  python3 dev.py try
  python3 dev.py test
  python3 dev.py test tests/engine -k cancel
  python3 dev.py check
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text, run in (
        ("try", "run a real batch over this checkout and print what an agent would see", _try),
        ("test", "run the tests (arguments go to pytest)", _test),
        ("check", "format, lint, types, import layers, tests", _check),
        ("fix", "format and mend what the linter can", _fix),
        ("docs", "build the documentation's site into site/", _docs),
        ("dist", "build the wheel, the source archive and the bundle for desktop clients into dist/", _dist),
        (
            "node",
            "install from npm what the tests drive: Claude Code, the MCP Inspector, the conformance suite",
            _node,
        ),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
    args, rest = parser.parse_known_args()
    _ensure_venv()
    return args.run(rest)


def _try(rest: Sequence[str]) -> int:
    done = subprocess.run([str(BIN / "fourfold"), "batch", "-"], input=TRY, text=True, cwd=ROOT, check=False)
    expected = 1  # one step of it fails on purpose: the others are whole, and its dependent is skipped
    return 0 if done.returncode == expected else done.returncode or 1


def _test(rest: Sequence[str]) -> int:
    return _run("python", "-m", "pytest", *rest)


def _check(rest: Sequence[str]) -> int:
    steps = (
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
        ("pyright", "--pythonpath", str(BIN / "python")),
        ("lint-imports",),
    )
    failed = [" ".join(step[:2]) for step in steps if _run(*step)]
    if _test(rest):
        failed.append("tests")
    if failed:
        print(f"check failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _fix(rest: Sequence[str]) -> int:
    return _run("ruff", "format", ".") or _run("ruff", "check", "--fix", ".")


def _node(rest: Sequence[str]) -> int:
    """The packages that `tests/package.json` pins, into the virtual environment."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not on PATH: install Node.js 20 or newer", file=sys.stderr)
        return 2
    NODE.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "tests" / "package.json", NODE / "package.json")
    return subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=NODE, check=False
    ).returncode


def _docs(rest: Sequence[str]) -> int:
    return _run("mkdocs", "build", "--strict", "--site-dir", "site")


def _dist(rest: Sequence[str]) -> int:
    """dist/*.whl, dist/*.tar.gz and dist/fourfold.mcpb; the bundle only where the packages of `node` are."""
    if failed := _run("python", "-m", "build", "--installer", "uv", "--outdir", "dist", "."):
        return failed
    pack = NODE / "node_modules" / ".bin" / "mcpb"
    if not pack.exists():
        print("no bundle: `python3 dev.py node` brings the program that packs it", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        for name in ("server", "tools", "config"):
            shutil.copytree(ROOT / name, stage / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "config/bundle/manifest.json"):
            shutil.copy(ROOT / name, stage)
        return subprocess.run(
            [str(pack), "pack", folder, str(ROOT / "dist" / "fourfold.mcpb")], check=False
        ).returncode


def _run(program: str, *arguments: str) -> int:
    print(f"$ {program} {' '.join(arguments)}", file=sys.stderr)
    return subprocess.run([str(BIN / program), *arguments], cwd=ROOT, check=False).returncode


def _ensure_venv() -> None:
    """A virtual environment with fourfold (editable) and the developers' tools; made anew when pyproject changes."""
    wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    print(f"making {VENV.relative_to(ROOT)} (a minute or two) …", file=sys.stderr)
    subprocess.run([_python(), "-m", "venv", str(VENV)], check=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    subprocess.run([*pip, "--editable", str(ROOT), "--group", f"{ROOT / 'pyproject.toml'}:dev"], check=True)
    STAMP.write_text(wanted, encoding="utf-8")


def _python() -> str:
    if sys.version_info >= LEAST:
        return sys.executable
    for minor in (13, 12, 11):
        if found := shutil.which(f"python3.{minor}"):
            return found
    sys.exit(f"fourfold needs Python {LEAST[0]}.{LEAST[1]} or newer; this is {sys.version.split()[0]}")


if __name__ == "__main__":
    sys.exit(main())
