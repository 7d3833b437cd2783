"""A batch of twelve steps over a small tree, and what the contract says of its answer."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TREE = {
    "src/app.py": '"""The entry point."""\n\nimport core\n\n\ndef main() -> None:\n    core.work()\n',
    "src/core.py": '"""The core."""\n\n\nclass Worker:\n    pass\n\n\ndef work() -> None:\n    pass\n',
    "src/tool.py": '"""A tool."""\n\n\ndef main() -> None:\n    pass\n',
    "docs/guide.md": "# Guide\n\nA literal $100 and ${hits} stay as they are.\n",
    "docs/intro.md": "# Intro\n",
}
PAGE = "<html><head><title>Page</title></head><body><h1>Hello</h1><p>Some <b>bold</b> text.</p></body></html>"
FAILURE = 'printf "ran\\n"; printf "broke\\n" >&2; exit 3'
IDS = ("hits", "heads", "kinds", "docs", "page", "twin", "count", "check", "after", "cat", "again", "core")


def write_tree(root: Path) -> None:
    """The tree, each file a second younger than the one before it."""
    for age, (name, text) in enumerate(TREE.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))


def request(url: str) -> dict[str, Any]:
    """Greps, reads by reference, a glob, commands, a page; one step fails, one depends on it, two are said twice."""
    return {
        "steps": [
            {"id": "hits", "op": "grep", "pattern": "def main", "glob": "*.py", "mode": "files"},
            {"id": "heads", "op": "read", "path": {"from": "hits", "field": "paths", "each": True}, "limit": 1},
            {"id": "kinds", "op": "grep", "pattern": ["^class ", r"^def \w+"], "path": "src"},
            {"id": "docs", "op": "glob", "pattern": "*.md"},
            {"id": "page", "op": "fetch", "url": url},
            {"id": "twin", "op": "fetch", "url": url},
            {"id": "count", "op": "bash", "command": 'grep -c "" "$@"', "args": {"from": "hits", "field": "paths"}},
            {"id": "check", "op": "bash", "command": FAILURE},
            {"id": "after", "op": "bash", "command": "echo never", "needs": ["check"]},
            {"id": "cat", "op": "bash", "command": "cat docs/guide.md"},
            {"id": "again", "op": "bash", "command": "cat docs/guide.md"},
            {"id": "core", "op": "read", "path": "src/core.py", "offset": 4, "limit": 2},
        ]
    }


TIME = r"(?:<1 ms|\d{1,3} ms|\d+\.\d s|\d{3,} s)"
COST = rf"{TIME} · cpu {TIME} · [\d.]+ (?:B|KB|MB|GB)"
HEAD = re.compile(
    r"run (r-[a-z0-9]{4,10}) · 12 steps: 10 ok, 1 failed, 1 skipped · \d+\.\d\d s · "
    r"(\d+|\d+\.\dk) of 12\.5k tokens · (context (?:unknown|\d+ % \((?:transcript|estimate|hook)(?:, 1 turn old)?\)))"
)
PROBLEMS = "failed: check exit_status · skipped: after (check)"


def sections(url: str) -> list[tuple[str, str]]:
    """The header of each section as a regular expression, and its body word for word."""
    return [
        (rf"hits · grep · ok · {TIME}", "src/tool.py\nsrc/app.py"),
        (rf"heads\.1 · read src/tool\.py · ok · {TIME}", '1\t"""A tool."""'),
        (rf"heads\.2 · read src/app\.py · ok · {TIME}", '1\t"""The entry point."""'),
        (rf"kinds\.1 · grep \^class · ok · {TIME}", "src/core.py:4:class Worker:"),
        (
            rf"kinds\.2 · grep \^def \\w\+ · ok · {TIME}",
            "src/app.py:6:def main() -> None:\nsrc/core.py:8:def work() -> None:\nsrc/tool.py:4:def main() -> None:",
        ),
        (rf"docs · glob · ok · {TIME}", "docs/intro.md\ndocs/guide.md"),
        (
            rf"page · fetch {re.escape(url)} · ok · {TIME}",
            f"[web content from {url} · 200 · text/html · cache miss]\n# Hello\n\nSome **bold** text.",
        ),
        (rf"twin · fetch {re.escape(url)} · ok", "(same as page)"),
        (rf"count · bash · ok · {COST}(?: · effects: unknown)?", "src/tool.py:5\nsrc/app.py:7"),
        (rf"check · bash · failed exit_status · exit 3 · {COST}", "Exit code 3\nran\nbroke"),
        (r"after · bash · skipped · blocked by check", ""),
        (rf"cat · bash · ok · {COST}", TREE["docs/guide.md"].rstrip("\n")),
        (r"again · bash · ok", "(same as cat)"),
        (rf"core · read src/core\.py · ok · {TIME}", "4\tclass Worker:\n5\t    pass"),
    ]


def check_text(blocks: list[str], url: str) -> str:
    """Hold the text form against the contract, line by line; the run's id."""
    head, problems, *rows = blocks[0].split("\n")
    found = HEAD.fullmatch(head)
    assert found, head
    assert problems == PROBLEMS
    left = "\n".join(rows)
    for header, body in sections(url):
        first, _, left = left.partition("\n")
        assert re.fullmatch(f"── {header}", first), f"{first!r} is not {header}"
        assert left.startswith(body), f"under {first!r}: {left[: len(body) + 40]!r} is not {body!r}"
        left = left[len(body) :].removeprefix("\n") if body else left
    assert left == ""
    check_verification(blocks[1].split("\n"))
    signals = [line for block in blocks[2:] for line in block.split("\n")]
    assert [line for line in signals if not line.startswith("📡 pressure ")] == [], "a busy machine may say so"
    return found[1]


def check_verification(lines: list[str]) -> None:
    """The four MathVer lines in the contract's order and form; nothing that was not measured is VALID."""
    forms = {
        "time_comparison": r"Sequential: (?:n/a|[\d.]+ ?m?s) vs Parallel: [\d.]+ ?m?s \| Efficiency: (?:n/a|-?\d+%)",
        "resource_usage": r"CPU: (?:n/a|\d+%) vs Sequential: (?:n/a|\d+%) \| Optimization: [a-z/ ]+",
        "quality_check": r"Parallel: (?:n/a|\d+%) vs Sequential: (?:n/a|\d+%) \| Degradation: (?:n/a|[<>]?\d+%)",
        "context_usage": r"Results: \d+ \| Tokens: \d+ vs Sequential: (?:n/a|\d+)",
    }
    states = "(VALID|INVALID|UNVERIFIED|NOT_APPLICABLE)"
    assert len(lines) == len(forms), lines
    for line, (tool, form) in zip(lines, forms.items(), strict=True):
        pattern = rf"📊 \[L1:Parallel\] MathVer \| Tool: {tool} \| {form} \| State: {states}"
        found = re.fullmatch(pattern, line)
        assert found, f"{line!r} has not the form of {tool}"
        counts = re.search(r"Tokens: (\d+) vs Sequential: (\d+)", line)
        dearer = counts is not None and int(counts[1]) > int(counts[2])  # the JSON form can be, and then says so
        assert found[1] != "INVALID" or dearer, line
        if tool in {"time_comparison", "quality_check"}:
            assert found[1] == "UNVERIFIED", f"nothing was run again, so nothing was measured: {line}"


ENTRY = {
    "id",
    "op",
    "state",
    "code",
    "attempts",
    "started_s",
    "duration_s",
    "cpu_s",
    "max_rss_bytes",
    "tokens",
    "truncated",
    "effects",
    "output",
    "error",
    "blocked_by",
    "spill",
}
OUTPUTS = {
    "read": {"path", "text", "start_line", "line_count", "total_lines"},
    "grep": {"paths", "count", "matches"},
    "glob": {"paths"},
    "bash": {"stdout", "stderr", "exit_code"},
    "fetch": {"url", "status", "content_type", "text", "cache"},
}
TOP = {"run", "steps", "errors", "mathver", "context", "signals"}
CONTEXT = {"used_tokens", "window_tokens", "percent", "level", "source", "model", "age_s", "turns_old"}


def check_json(data: dict[str, Any], url: str) -> str:
    """Hold the JSON form against the contract, field by field; the run's id."""
    assert set(data) >= TOP
    assert re.fullmatch(r"r-[a-z0-9]{4,10}", data["run"])
    assert set(data["context"]) == CONTEXT
    assert {signal["kind"] for signal in data["signals"]} <= {"pressure"}, "a busy machine may say so"
    steps = {step["id"]: step for step in data["steps"]}
    wanted = ["hits", "heads.1", "heads.2", "kinds.1", "kinds.2", *IDS[3:]]
    assert [step["id"] for step in data["steps"]] == wanted
    for step in data["steps"]:
        assert set(step) >= ENTRY, step["id"]
        if step["output"] is not None:
            assert set(step["output"]) == OUTPUTS[step["op"]], step["id"]
        assert step.get("parent") == (step["id"].partition(".")[0] if "." in step["id"] else None)
        assert step["truncated"] is False
        assert step["spill"] is None
    states = {name: step["state"] for name, step in steps.items() if step["state"] != "ok"}
    assert states == {"check": "failed", "after": "skipped"}
    assert data["errors"] == [{"code": "exit_status", "message": "exit 3", "count": 1, "steps": ["check"]}]
    _check_outputs(steps, url)
    _check_mathver(data["mathver"])
    return str(data["run"])


def _check_outputs(steps: dict[str, Any], url: str) -> None:
    def output(name: str) -> Any:
        return steps[name]["output"]

    assert output("hits") == {"paths": ["src/tool.py", "src/app.py"], "count": 2, "matches": []}
    head = {"path": "src/tool.py", "text": '"""A tool."""', "start_line": 1, "line_count": 1, "total_lines": 5}
    assert {**output("heads.1"), "text": output("heads.1")["text"].rstrip("\n")} == head
    worker = {"path": "src/core.py", "line": 4, "text": "class Worker:"}
    assert output("kinds.1") == {"paths": ["src/core.py"], "count": 1, "matches": [worker]}
    assert output("docs") == {"paths": ["docs/intro.md", "docs/guide.md"]}
    page = {"url": url, "status": 200, "content_type": "text/html", "cache": "miss"}
    assert {key: output("page")[key] for key in page} == page
    assert output("page")["text"].strip() == "# Hello\n\nSome **bold** text."
    assert output("count")["stdout"] == "src/tool.py:5\nsrc/app.py:7\n"
    assert output("check") == {"stdout": "ran\n", "stderr": "broke\n", "exit_code": 3}
    assert steps["check"]["error"] == {"code": "exit_status", "message": "exit 3"}
    assert output("after") is None
    assert steps["after"]["blocked_by"] == ["check"]
    assert output("cat")["stdout"] == TREE["docs/guide.md"]
    assert steps["twin"]["same_as"] == "page"
    assert steps["again"]["same_as"] == "cat"
    assert steps["cat"]["effects"] == "read_only"
    for name in ("hits", "count", "check", "page", "core"):
        assert steps[name]["attempts"] == 1
        assert steps[name]["started_s"] >= 0
        assert steps[name]["duration_s"] > 0
    assert steps["count"]["max_rss_bytes"] > 0
    assert steps["count"]["cpu_s"] >= 0
    assert steps["heads.1"]["started_s"] >= steps["hits"]["started_s"] + steps["hits"]["duration_s"]


def _check_mathver(mathver: dict[str, Any]) -> None:
    parts = ("time_comparison", "resource_usage", "quality_check", "context_usage")
    for part in parts:
        assert {"checks", "state", "reason"} <= set(mathver[part]), part
    assert set(mathver["ratios"]) == {
        "time_efficiency",
        "resource_efficiency",
        "quality_maintenance",
        "context_efficiency",
    }
    assert all(set(ratio) >= {"value", "basis"} for ratio in mathver["ratios"].values())
    check_verification(mathver["lines"])


@contextmanager
def web_page() -> Iterator[str]:
    """The URL of a page on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            body = PAGE.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/page"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
