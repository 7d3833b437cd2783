"""A plan in Claude Code itself: launch in one message, reports, checkpoints, a failing task, a killed server;
agents in the foreground, and in the background, which is what the client does by default.
"""

import json
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted_claude import Script, Turn, ask_claude, call, text

pytestmark = pytest.mark.node
PLAN, CHECKPOINT = "mcp__fourfold__plan", "mcp__fourfold__checkpoint"
TASK = re.compile(r"Task `(\w+)` of plan (p-\w+)")
NOTE = re.compile(r"<task-notification>.*?</task-notification>", re.DOTALL)

TASKS = [
    {"id": "api", "title": "Review the API", "writes": ["out/api.md"], "minutes": 2},
    {"id": "web", "title": "Review the pages", "writes": ["out/web.md"], "minutes": 2},
    {"id": "sad", "title": "Ask the dead service", "minutes": 1},
    {"id": "sum", "title": "Sum up", "reads": ["out/*.md"], "writes": ["sum.md"], "minutes": 1},
    {"id": "tell", "title": "Tell of the dead service", "needs": ["sad"]},
]


@dataclass
class Lead(Script):
    """A model that plans, launches what it is given in one message, and reports what came back.

    Agents do what their prompt owns: they write its paths, and `sad` fails. In the background every report comes as
    a notification of its own, and `Agent` gets the plan's inputs word for word. Mutable: what was seen as it comes.
    """

    folder: Path = field(default_factory=Path)
    background: bool = False
    kill_before: int = 0  # the checkpoint before which the server is killed
    waves: list[list[str]] = field(default_factory=list[list[str]])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    told: list[str] = field(default_factory=list[str])  # tasks in the order in which their ends were reported
    plan: str = ""
    open: dict[str, str] = field(default_factory=dict[str, str])  # in flight -> the report, once it is there
    beside: dict[str, list[int]] = field(default_factory=dict[str, list[int]])  # others in flight at each launch
    checkpoints: int = 0
    last: Turn | None = None
    killed: list[int] = field(default_factory=list[int])

    def reply(self, request: dict[str, Any]) -> Turn:
        with self.lock:
            if not request.get("tools"):
                return Turn([text("ok")])
            first = json.dumps(request["messages"][0], ensure_ascii=False)
            agent = TASK.search(first)
            return self._agent(agent[1]) if agent else self._lead(request)

    def _agent(self, name: str) -> Turn:
        for path in next(t for t in TASKS if t["id"] == name).get("writes", []):
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(f"{name} wrote this", encoding="utf-8")
        return Turn([text("FAILED sad: nobody answers" if name == "sad" else f"OK {name}: done")])

    def _lead(self, request: dict[str, Any]) -> Turn:
        if not self.plan and not self.requests.get("lead"):
            self.requests["lead"] = [request]
            return Turn([call(PLAN, {"goal": "Look at it all", "tasks": TASKS})])
        results, words = self._new(request)
        self._hear(words)
        for shown in results:
            if shown.startswith('{"plan"'):
                turn = self._launch(json.JSONDecoder().raw_decode(shown)[0])
                if turn is not None:
                    return turn
            elif self.last is not None and "Connection closed" in shown:
                return self.last  # the call met a server that was gone; the client starts a new one for the next
        if not self.background:
            self.open.update((name, "reported") for name in self.open)
        ended = sorted(name for name, report in self.open.items() if report)
        return self._report(ended) if ended else Turn([text("waiting" if self.open else "all done")])

    def _new(self, request: dict[str, Any]) -> tuple[list[str], str]:
        """The tool results, and all other words, that came since the lead's last reply."""
        messages = request["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        blocks = [
            block
            for message in messages[last + 1 :]
            for block in ([text(message["content"])] if isinstance(message["content"], str) else message["content"])
        ]
        results = [block["content"] for block in blocks if block["type"] == "tool_result"]
        shown = [r if isinstance(r, str) else "".join(part.get("text", "") for part in r) for r in results]
        return shown, "\n".join(block["text"] for block in blocks if block["type"] == "text")

    def _hear(self, words: str) -> None:
        """Take in what background agents reported; the client may notify of one more than once."""
        for note in NOTE.findall(words):
            name = re.search(r'<summary>Agent "(\w+): ', note)
            minutes = re.search(r"<duration_ms>(\d+)</duration_ms>", note)
            if name and minutes and self.open.get(name[1]) == "":
                self.open[name[1]] = minutes[1]

    def _launch(self, answer: dict[str, Any]) -> Turn | None:
        self.answers.append(answer)
        self.plan = answer["plan"]
        names = [entry["description"].partition(":")[0] for entry in answer["launch"]]
        if not names:
            return None
        self.waves.append(names)
        assert not set(names) & set(self.open), "launched twice"
        for name in names:
            self.beside.setdefault(name, []).append(len(self.open) + len(names) - 1)
        self.open.update((name, "") for name in names)
        changed = {} if self.background else {"run_in_background": False}
        return Turn([call("Agent", entry | changed) for entry in answer["launch"]])

    def _report(self, names: list[str]) -> Turn:
        self.checkpoints += 1
        if self.checkpoints == self.kill_before:
            self.killed = kill_servers(self.folder)
        finished: list[dict[str, Any]] = []
        for name in names:
            report = self.open.pop(name)
            self.told.append(name)
            state = "failed" if name == "sad" else "ok"
            minutes = int(report) / 60_000 if report.isdigit() else 1
            finished.append({"task": name, "state": state, "summary": f"{name} reported", "minutes": minutes})
        self.last = Turn([call(CHECKPOINT, {"plan": self.plan, "finished": finished})])
        return self.last


def kill_servers(folder: Path) -> list[int]:
    """Kill this project's server at once, as a crash would; others on the machine are left alone."""
    ended: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                here = os.readlink(entry / "cwd") == str(folder)
            except OSError:
                continue
            if here and b"fourfold_server" in command and b"serve" in command:
                os.kill(int(entry.name), signal.SIGKILL)
                ended.append(int(entry.name))
    return ended


def led(tmp_path: Path, **how: Any) -> Lead:
    project, home = (tmp_path / "work").resolve(), tmp_path / "home"
    project.mkdir()
    lead = Lead({}, folder=project, **how)
    more = ["--allowedTools", "mcp__fourfold,Agent", "--max-turns", "60"]
    done = ask_claude("Look at it all, with a plan", lead, cwd=project, home=home, more=more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bool(lead.killed) == bool(lead.kill_before)
    last = lead.answers[-1]
    assert last["complete"], lead.waves
    assert (last["failed"], last["skipped"]) == (["sad"], ["tell"])
    assert last["mathver"]["lines"][0].startswith("📊 [L0:Zero] MathVer | Tool: time_comparison | ")
    assert (project / "sum.md").exists()
    return lead


KILLS = pytest.mark.parametrize("kill_before", [0, 2], ids=["one server", "the server is killed between two waves"])


@KILLS
def test_a_plan_with_a_failing_task_is_led_to_its_end(tmp_path: Path, kill_before: int) -> None:
    lead = led(tmp_path, kill_before=kill_before)
    assert [set(wave) for wave in lead.waves] == [{"api", "web", "sad"}, {"sum", "sad"}, {"sad"}]


@KILLS
def test_background_agents_report_one_by_one_by_notification(tmp_path: Path, kill_before: int) -> None:
    lead = led(tmp_path, background=True, kill_before=kill_before)
    assert set(lead.waves[0]) == {"api", "web", "sad"}
    assert sorted(name for wave in lead.waves for name in wave) == ["api", "sad", "sad", "sad", "sum", "web"]
    assert sorted(lead.told) == ["api", "sad", "sad", "sad", "sum", "web"]
    assert lead.told.index("sum") > max(lead.told.index("api"), lead.told.index("web"))
    assert lead.beside["sad"][-1] == 0  # the last attempt had nobody beside it
    real = lead.answers[-1]["predicted"]
    assert 0 < real["real_sequential_min"] < 1  # as the client measured each agent
