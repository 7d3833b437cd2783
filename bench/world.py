"""The world of the benchmark: trees of files, a slow web server, and the servers that are measured, all temporary."""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import floors
from wire import Wire, fourfold_argv

HERE = Path(__file__).parent
_LOG_BLOCK_BYTES = 1 << 20
_LOG_BLOCKS = 2_048  # of one MiB: 2.1 GB
_COPIES = 11  # of the usual tree: about 600 MB


class World:
    """A workspace with what the cases need; large things are made when a case first asks for them.

    root: the standard library without its tests, as a small project. ours, sdk: servers that run as long as the world
    does. pages: a folder of real HTML, None where there is none (no_pages says why).
    """

    def __init__(self, folder: Path, stack: ExitStack, pages: Path | None, no_pages: str = "") -> None:
        self.pages, self.no_pages = pages, no_pages
        self.folder = folder / "work"
        self.root = self.folder / "tree"
        self.rg = os.path.join(sysconfig.get_path("scripts"), "rg")
        self._stack = stack
        (folder / "home").mkdir()
        self.env = environment(folder)
        source = Path(sysconfig.get_path("stdlib"))
        shutil.copytree(source, self.root, ignore=shutil.ignore_patterns("site-packages", "__pycache__", "test*"))
        self.port = stack.enter_context(web_server(pages))

    @cached_property
    def ours(self) -> Wire:
        return self.server()

    @cached_property
    def sdk(self) -> Wire:
        return self._stack.enter_context(Wire(floors.sdk_argv(), self.folder, self.env))

    def server(self, **settings: str) -> Wire:
        """A fourfold of its own, in the same workspace; it ends with the world unless it is closed before."""
        return self._stack.enter_context(Wire(fourfold_argv(), self.folder, {**self.env, **settings}))

    @cached_property
    def files(self) -> list[Path]:
        return text_files(self.root, 200)

    @cached_property
    def usual_tree(self) -> Path:
        """The standard library with its tests and the installed packages' sources: about 60 MB."""
        target = self.folder / "usual"
        no_caches = shutil.ignore_patterns("__pycache__", "site-packages", "*.so", "*.pyc", "*.a")
        shutil.copytree(Path(sysconfig.get_path("stdlib")), target / "lib", ignore=no_caches)
        for folder in ("mcp", "pydantic", "anyio", "hypothesis", "mypy", "pygments", "rich"):
            package = Path(sysconfig.get_path("purelib")) / folder
            if package.is_dir():
                shutil.copytree(package, target / "packages" / folder, ignore=no_caches)
        return target

    @cached_property
    def large_tree(self) -> Path:
        """So many copies of the usual tree that it holds about 600 MB."""
        target = self.folder / "large"
        for copy in range(_COPIES):
            shutil.copytree(self.usual_tree, target / f"copy{copy}")
        return target

    @cached_property
    def many_files(self) -> Path:
        """20,000 small files in 200 folders."""
        return many_files(self.folder / "many", 20_000)

    @cached_property
    def log(self) -> tuple[Path, int]:
        """A log of 2.1 GB, and how many lines it has."""
        path = self.folder / "log" / "large.log"
        path.parent.mkdir()
        block, lines = _log_block()
        with path.open("wb") as file:
            for _ in range(_LOG_BLOCKS):
                file.write(block)
        return path, lines * _LOG_BLOCKS


def environment(folder: Path) -> dict[str, str]:
    """The variables of the measured servers: nobody's settings, rules or conversation reach into a figure."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FOURFOLD_", "CLAUDE", "MCP_"))}
    programs = sysconfig.get_path("scripts")  # ripgrep, which peers look for on PATH
    return {
        **ours,
        "PATH": os.pathsep.join([programs, ours.get("PATH", os.defpath)]),
        "HOME": str(folder / "home"),
        "FOURFOLD_STATE_DIR": str(folder / "state"),
        "FOURFOLD_FETCH__ALLOW_PRIVATE": "true",
        "FOURFOLD_FETCH__CACHE_S": "0.001",
    }


@contextmanager
def world(pages: Path | None = None, no_pages: str = "") -> Iterator[World]:
    """pages: a folder of HTML that the web server shows too."""
    with tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder, ExitStack() as stack:
        yield World(Path(folder), stack, pages, no_pages)


@contextmanager
def web_server(pages: Path | None = None) -> Iterator[int]:
    """The port of a slow web server on loopback, in a process of its own."""
    argv = [sys.executable, str(HERE / "web.py"), *([str(pages)] if pages else [])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as web:
        assert web.stdout is not None
        try:
            yield int(web.stdout.readline())
        finally:
            web.kill()


def text_files(root: Path, count: int, least: int = 2_000, most: int = 60_000) -> list[Path]:
    """Files of a usual size whose text is UTF-8, in a fixed order."""
    found: list[Path] = []
    for path in sorted(root.rglob("*.py")):
        if least < path.stat().st_size < most:
            with contextlib.suppress(UnicodeDecodeError):
                path.read_text(encoding="utf-8")
                found.append(path)
        if len(found) == count:
            break
    return found


def many_files(root: Path, count: int, each: int = 100) -> Path:
    """So many small files, so many in a folder, a fifth of each of five kinds."""
    kinds = (".py", ".md", ".txt", ".json", ".toml")
    for start in range(0, count, each):
        folder = root / f"part{start // each // 20}" / f"folder{start // each}"
        folder.mkdir(parents=True)
        for i in range(start, min(start + each, count)):
            (folder / f"{chr(97 + i % 26)}{i}{kinds[i % 5]}").write_text(f"line of file {i}\n", encoding="ascii")
    return root


def _log_block() -> tuple[bytes, int]:
    """One MiB of lines of a usual log, and how many they are."""
    lines: list[bytes] = []
    size = 0
    while size < _LOG_BLOCK_BYTES:
        n = len(lines)
        lines.append(
            b"2026-11-23T10:%02d:%02d worker-%d INFO request %s took %d ms\n"
            % (n // 60 % 60, n % 60, n % 8, b"x" * (40 + n * 7 % 100), n * 13 % 900)
        )
        size += len(lines[-1])
    lines[-1] = lines[-1][: len(lines[-1]) - (size - _LOG_BLOCK_BYTES) - 1] + b"\n"
    return b"".join(lines), len(lines)
