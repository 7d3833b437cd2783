"""The documentation's batches and plans, sent word for word to one server; the tutorial on a clone."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from claude_home import Transcript
from doc_fences import ROOT, Fence, all_fences, fences, masked
from doc_ground import Tutorial, environment
from doc_ways import HEADS, SKILL, way
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from mcp_client import SERVE, texts

DOCS = ROOT / "docs"
EXAMPLES = [fence for fence in all_fences() if way(fence) == "tool"]


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
def web() -> Iterator[str]:
    """Stands for the web: the examples' host is put on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
async def client(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncGenerator[Client, None]:
    """One server for all examples; nothing of one stays in the other but the clone's files."""
    env = environment(tmp_path_factory.mktemp("home"), FOURFOLD_FETCH__ALLOW_PRIVATE="true")
    started = StdioServerParameters(command=sys.executable, args=SERVE, env=env, cwd=clone)
    async with Client(started, mode="auto", read_timeout_seconds=120) as client:
        yield client


def head(answer: CallToolResult) -> str:
    return texts(answer)[0].partition("\n")[0]


@pytest.mark.anyio
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda fence: fence.place)
async def test_an_example_does_what_its_title_says(example: Fence, client: Client, web: str) -> None:
    tool = example.title.partition(",")[0]
    given = json.loads(example.text.replace("https://docs.python.org", web))
    answer = await client.call_tool(tool, given)
    assert bool(answer.is_error) == (example.title == "batch, refused")
    lines = texts(answer)[0].split("\n")
    promised = HEADS[example.title]
    assert any(re.fullmatch(promised, line) for line in (lines if tool == "plan" else lines[:1])), lines[:3]
    if tool == "plan":
        assert answer.structured_content is not None
        assert len(given["tasks"]) == len(answer.structured_content["schedule"]) >= 3


@pytest.mark.anyio
async def test_the_numbers_that_one_took_oneself_are_judged(client: Client) -> None:
    [shown] = [fence for fence in fences(DOCS / "howto" / "measure.md") if fence.language == "text"]
    tool, _, arguments = shown.text.partition(" ")
    answer = await client.call_tool(tool, json.loads(arguments))
    assert "Sequential: 45s vs Parallel: 12s | Efficiency: 271%" in texts(answer)[0]


@pytest.mark.anyio
async def test_the_head_of_an_answer_says_how_full_the_conversation_is(clone: Path, tmp_path: Path) -> None:
    """With the transcript that the client writes: the line that the page shows, but for times and tokens."""
    [shown] = [fence for fence in fences(DOCS / "howto" / "context.md") if fence.language == "text"]
    session = "0b1c2d3e-0000-4000-8000-000000000041"
    folder = tmp_path / ".claude" / "projects" / re.sub(r"[^A-Za-z0-9]", "-", str(clone))
    Transcript(folder / f"{session}.jsonl", session).prompt().request().reply(410_000, "toolu_a")
    env = environment(tmp_path, CLAUDE_CODE_SESSION_ID=session, CLAUDE_PROJECT_DIR=str(clone))
    started = StdioServerParameters(command=sys.executable, args=SERVE, env=env, cwd=clone)
    async with Client(started, mode="auto", read_timeout_seconds=60) as asked:
        steps = [{"op": "glob", "pattern": f"{name}/*.md"} for name in ("docs", "bench", "tools", "config", "server")]
        answer = await asked.call_tool(
            "batch", {"steps": steps, "max_tokens": 8000}, meta={"claudecode/toolUseId": "toolu_a"}
        )
    assert masked(head(answer)) == masked(shown.text)


def test_the_skills_batch_runs_in_a_small_project(tmp_path: Path) -> None:
    [example] = fences(ROOT / SKILL)
    (tmp_path / "app.py").write_text("def main() -> int:\n    return 0\n", encoding="utf-8")
    (tmp_path / "test_app.py").write_text("def test_it() -> None:\n    pass\n", encoding="utf-8")
    env = environment(tmp_path)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "fourfold_server", "batch", "-"],
        input=example.text,
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 steps: 4 ok" in done.stdout
    assert "── heads.1 · read app.py · ok" in done.stdout


@pytest.mark.slow
def test_the_tutorial_works_word_for_word(tutorial: Tutorial | None) -> None:
    """Its commands in one shell, with a clone for the address; each shown output against what really came."""
    assert tutorial is not None
    code, output = tutorial.ended()
    assert code == 0, output[-4000:]
    outputs = re.split(r"=== end \d+\n", output)
    shown = -1
    for block in tutorial.blocks:
        if block.language == "sh":
            shown += 1
        else:
            assert_shown(block.text, outputs[shown])
    assert {block.language for block in tutorial.blocks} == {"sh", "text"}


def assert_shown(expected: str, output: str) -> None:
    """Every line of the page stands in the output, in order; `…` is anything."""
    lines = iter(output.splitlines())
    for row in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, row.split("…"))))
        assert any(pattern.fullmatch(line) for line in lines), f"{row!r} is not in, or not in its place:\n{output}"
