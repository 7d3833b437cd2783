"""The documentation's examples, run word for word on a fresh clone of what is checked out."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted((DOCS / "howto").glob("*.md"))
# What an example's title promises, and the exit code that says so.
CODES = {"batch": 0, "batch, pages": 0, "batch, some step fails": 1, "batch, refused": 2, "plan": 0}


def fences(page: Path) -> list[tuple[str, str, str]]:
    """(language, title, text) of each fenced block."""
    return [(m[1], m[2] or "", m[3]) for m in FENCE.finditer(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone; what is changed and not committed yet is copied over it, so that it is tried too."""
    target = tmp_path_factory.mktemp("clone") / "fourfold"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())
    return target


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'<html><body><main><h1>A page</h1><p>Words.</p><a href="/one">one</a></main></body></html>'
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Stands for the web: the examples' host is put on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def environment(home: Path) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k == "PATH" or k.startswith(("SSL_", "PIP_", "LANG", "LC_"))}
    return {**keep, "HOME": str(home), "FOURFOLD_STATE_DIR": str(home / "state"), "NO_COLOR": "1"}


def examples() -> list[pytest.ParameterSet]:
    found = [
        pytest.param(title, text, id=f"{page.stem} {n}")
        for page in PAGES
        for n, (language, title, text) in enumerate(fences(page))
        if language == "json"
    ]
    assert len(found) >= 15
    return found


@pytest.mark.parametrize(("title", "text"), examples())
def test_an_example_does_what_its_title_says(title: str, text: str, clone: Path, pages: str, tmp_path: Path) -> None:
    text = text.replace("https://docs.python.org", pages)
    command = [sys.executable, "-m", "fourfold_server", title.partition(",")[0], "-"]
    env = {**environment(tmp_path), "FOURFOLD_FETCH__ALLOW_PRIVATE": "true"}
    done = subprocess.run(
        command, input=text, cwd=clone, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == CODES[title], done.stdout + done.stderr
    if title == "batch, refused":
        assert "cycle" in done.stderr
    elif title == "plan":
        tasks = json.loads(text)["tasks"]
        assert "🚀 [L" in done.stdout
        assert len(tasks) >= 3
    elif '"dry_run": true' in text:
        assert done.stdout.startswith("dry run")
    else:
        assert done.stdout.startswith("run r-")


def test_the_tutorial_works_word_for_word(clone: Path, tmp_path: Path) -> None:
    """Its commands in one shell, with the clone for the address; each shown output against what really came."""
    blocks = [(language, text) for language, _, text in fences(DOCS / "tutorial.md")]
    commands = [
        text.replace("https://github.com/fourfold/fourfold", str(clone)) for kind, text in blocks if kind == "sh"
    ]
    script = "\n".join(["set -e", "exec 2>&1", *(f"{text}echo '=== end {n}'" for n, text in enumerate(commands))])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    outputs = re.split(r"=== end \d+\n", done.stdout)
    shown = -1
    checked = 0
    for kind, text in blocks:
        if kind == "sh":
            shown += 1
        elif kind == "text":
            assert_shown(text, outputs[shown])
            checked += 1
    assert checked >= 6


def assert_shown(expected: str, output: str) -> None:
    """Every line of the page stands in the output, in order; `…` is anything."""
    lines = iter(output.splitlines())
    for row in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, row.split("…"))))
        assert any(pattern.fullmatch(line) for line in lines), f"{row!r} is not in, or not in its place:\n{output}"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "reference" / "tools" / "index.html").read_text(encoding="utf-8")
    assert "max_parallel" in page
    for built in (tmp_path / "site").rglob("*.html"):
        assert not re.search(
            r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', built.read_text(encoding="utf-8")
        ), built
