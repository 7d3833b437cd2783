"""Samples for reports, made by running them: forty steps with all that can happen, a plan of sixteen agents."""

import heapq
import http.server
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorded import Recorded, bash, edit, glob, grep, read
from runtimes import env_of

from fourfold_tools.audit.audited import audit_file, transcripts
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.batch import batch
from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.ops.effects import classify
from fourfold_tools.page.audit_page import audit_page
from fourfold_tools.page.document import html
from fourfold_tools.plan import plan
from fourfold_tools.report import report
from fourfold_tools.runtime import Runtime

HOSTILE = "</script><img src=x onerror=alert(1)> \"quoted\" 'single' \u202eltr &amp; ünï"


@contextmanager
def flaky_site() -> Generator[str]:
    """A site on loopback: `/flaky/…` answers 503 twice before it answers, `/gone` is not there."""
    asked: Counter[str] = Counter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            status = (
                404
                if self.path.startswith("/gone")
                else 503
                if "flaky" in self.path and asked[self.path] <= 2
                else 200
            )
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<p>{self.path} {status}</p>".encode())

        def log_message(self, *_: Any) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def forty_steps(site: str) -> list[dict[str, Any]]:
    """About forty entries: a fan-out of 18 reads, chains of commands, fetches; failures, tries, skips, waits."""

    def command(name: str, text: str, **rest: Any) -> dict[str, Any]:
        return {"id": name, "op": "bash", "command": text, **rest}

    return [
        {"id": "hits", "op": "grep", "pattern": "needle", "mode": "files"},
        {"id": "heads", "op": "read", "path": {"from": "hits", "field": "paths", "each": True}, "limit": 40},
        {"id": "docs", "op": "glob", "pattern": "**/*.md"},
        command("install", "sleep 0.5", writes=["tree/**"]),
        command("lint", "sleep 0.35", needs=["install"], label="ruff"),
        command("types", "sleep 0.8", needs=["install"], label="mypy"),
        command("unit", "sleep 0.9; echo 3 failed; exit 1", needs=["install"], label="unit tests"),
        command("slow", "sleep 30", needs=["install"], timeout_s=1.1),
        command("build", "sleep 0.7", needs=["lint", "types"], writes=["dist/**"]),
        command("sign", "sleep 0.2", reads=["dist/**"], label=HOSTILE),
        command("image", "sleep 0.45", needs=["build"]),
        command("publish", "true", needs=["unit", "image"]),
        command("announce", "true", needs=["publish"]),
        command("nightly", "true", needs=["slow"]),
        {"id": "guide", "op": "fetch", "url": f"{site}/flaky/guide"},
        {"id": "news", "op": "fetch", "url": f"{site}/news"},
        {"id": "gone", "op": "fetch", "url": f"{site}/gone"},
        {"id": "missing", "op": "read", "path": "no/such/file.py"},
        {"id": "missing2", "op": "read", "path": "no/such/other.py"},
        command("size", 'wc -c "$@" | tail -n 1', args={"from": "hits", "field": "paths"}),
        command("again", "sleep 0.3; echo same", idempotent=True),
        command("summary", "sleep 0.3", needs=["image", "size"]),
    ]


async def run_forty(home: Path) -> str:
    """Run them in a workspace of its own below `home`; the run's id."""
    work = home / "work"
    (work / "src").mkdir(parents=True, exist_ok=True)
    for i in range(18):
        (work / "src" / f"module_{i:02}.py").write_text(f"# needle {i}\n" * 30, encoding="utf-8")
    (work / "README.md").write_text("read me\n", encoding="utf-8")
    settings = {"FOURFOLD_FETCH__ALLOW_PRIVATE": "true"}
    with flaky_site() as site:
        async with Runtime.open([work], env_of(home) | settings) as runtime:
            request = {"steps": forty_steps(site), "format": "json", "max_parallel": 5, "verify": "sample"}
            done = await batch(runtime, BatchRequest.model_validate(request))
    assert done.structured is not None
    return str(done.structured["run"])


def sixteen_tasks() -> list[dict[str, Any]]:
    """A survey of four areas, four fixes behind each pair, reviews, and one summary of all."""
    areas = ["payments", "accounts", "search", "mail"]
    tasks: list[dict[str, Any]] = []
    for i, area in enumerate(areas):
        tasks.append(
            {
                "id": f"survey-{area}",
                "title": f"Survey {area}",
                "reads": [f"src/{area}/**"],
                "writes": [f"reports/{area}.md"],
                "minutes": 5 + i,
            }
        )
        tasks.append(
            {
                "id": f"fix-{area}",
                "title": f"Mend {area}",
                "needs": [f"survey-{area}"],
                "writes": [f"src/{area}/core.py"],
                "minutes": 9 - i,
            }
        )
        tasks.append(
            {
                "id": f"test-{area}",
                "title": f"Test {area} again",
                "needs": [f"fix-{area}"],
                "writes": [f"reports/{area}-tests.md"],
                "minutes": 4,
            }
        )
    tasks += [
        {
            "id": "threats",
            "title": f"Threat model {HOSTILE}",
            "reads": ["reports/*.md"],
            "writes": ["reports/threats.txt"],
            "minutes": 6,
        },
        {"id": "licences", "title": "Licences of dependencies", "writes": ["reports/licences.txt"], "minutes": 3},
        {
            "id": "changelog",
            "title": "Changelog",
            "needs": ["fix-payments", "fix-search"],
            "writes": ["CHANGES.txt"],
            "minutes": 2,
        },
        {
            "id": "summary",
            "title": "Summary for the board",
            "needs": ["threats", "licences", "changelog"],
            "writes": ["SUMMARY.txt"],
            "minutes": 4,
        },
    ]
    return tasks


async def run_sixteen(home: Path, *, rounds: int | None = None) -> str:
    """Plan them and report each when its minutes are over, one failing first; at most `rounds` times. The id."""
    work = home / "work"
    work.mkdir(exist_ok=True)
    off = {"survey-mail": 1.6, "fix-accounts": 1.35, "threats": 0.7}
    failures = Counter({"fix-search": 1})
    async with Runtime.open([work], env_of(home)) as runtime:
        request = {"goal": "Make the shop safe", "tasks": sixteen_tasks(), "max_agents": 5, "format": "json"}
        made = (await plan(runtime, PlanRequest.model_validate(request))).structured or {}
        minutes = {task["id"]: task["minutes"] * off.get(task["id"], 1.0) for task in sixteen_tasks()}
        writes = {task["id"]: task["writes"] for task in sixteen_tasks()}
        clock = 0.0
        flying = _launched(made, minutes, clock)
        while flying and rounds != 0:
            clock, name = heapq.heappop(flying)
            ok = not failures[name]
            failures[name] -= not ok
            for path in writes[name] if ok else ():
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                (work / path).write_text(f"{made['plan']} {name}\n", encoding="utf-8")
            finished = {
                "task": name,
                "state": "ok" if ok else "failed",
                "summary": "done" if ok else "the index was locked",
                "minutes": minutes[name],
            }
            step = await checkpoint(
                runtime,
                CheckpointRequest.model_validate({"plan": made["plan"], "finished": [finished], "format": "json"}),
            )
            for entry in _launched(step.structured or {}, minutes, clock):
                heapq.heappush(flying, entry)
            rounds = None if rounds is None else rounds - 1
    return str(made["plan"])


def _launched(answer: dict[str, Any], minutes: dict[str, float], clock: float) -> list[tuple[float, str]]:
    names = [entry["description"].partition(":")[0] for entry in answer["launch"]]
    return sorted((clock + minutes[name], name) for name in names)


async def make_pages(home: Path) -> list[Path]:
    """The pages of the samples as files below `home`: a run, a plan, one half way, an audit."""
    names = [await run_forty(home), await run_sixteen(home), await run_sixteen(home, rounds=9)]
    files: list[Path] = []
    async with Runtime.open([home / "work"], env_of(home)) as runtime:
        for label, name in zip(("run", "plan", "plan-half-way"), names, strict=True):
            files.append(home / f"{label}.html")
            files[-1].write_text(html(await report(runtime, name), "0"), encoding="utf-8")
    files.append(home / "audit.html")
    files[-1].write_text(html(audit_page(audited(home), str(home / "talks"), 2_000), "0"), encoding="utf-8")
    return files


def audited(home: Path) -> AuditReport:
    """The audit of two conversations: reads and greps one at a time, an edit, a failure, a long tail of commands."""
    first = Recorded(home / "talks" / "morning.jsonl").say("Find what is slow")
    first.turn(grep("c1", "def slow", "src/a.py"), used=20_000, model_s=4.0)
    for i in range(5):
        first.turn(read(f"c{i + 2}", f"/w/src/part_{i}.py"), used=22_000 + 1_500 * i, model_s=3.0 + i)
    first.turn(edit("c8", "/w/src/part_1.py"), bash("c9", "pytest -q", "1 failed", failed=True), used=31_000)
    first.say(f"Now the tests {HOSTILE}")
    for i in range(24):
        first.turn(read(f"d{i}", f"/w/tests/test_{i}.py {HOSTILE}"), grep(f"e{i}", HOSTILE), used=33_000 + 800 * i)
    second = Recorded(home / "talks" / "noon.jsonl").say("Tidy up")
    second.turn(glob("f1", "*.md"), used=9_000).turn(read("f2", "/w/README.md"), used=9_500)
    files = transcripts(home / "talks")
    found = [a for file in files for a in audit_file(Entries(file), classify, keep_course=True)]
    return AuditReport(tuple(found), len(files), 0)
