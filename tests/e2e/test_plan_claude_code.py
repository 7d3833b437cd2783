"""A plan in Claude Code itself: launch in one message, reports, checkpoints, a failing task, a killed server."""

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

    Agents do what their prompt owns: they write its paths, and `sad` fails. Mutable: what was seen as it comes.
    """

    folder: Path = field(default_factory=Path)
    kill_before: int = 0  # the checkpoint before which the server is killed
    waves: list[list[str]] = field(default_factory=list[list[str]])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    plan: str = ""
    open: set[str] = field(default_factory=set[str])
    checkpoints: int = 0
    last: Turn | None = None
    killed: list[int] = field(default_factory=list[int])

    def reply(self, request: dict[str, Any]) -> Turn:
        with self.lock:
            if not request.get("tools"):
                return Turn([text("ok")])
            first = json.dumps(request["messages"][0], ensure_ascii=False)
            agent = TASK.search(first)
            return self._agent(agent[1], request) if agent else self._lead(request)

    def _agent(self, name: str, request: dict[str, Any]) -> Turn:
        self.requests.setdefault(name, []).append(request)
        return Turn([text("FAILED sad: nobody answers" if name == "sad" else f"OK {name}: done")])

    def _lead(self, request: dict[str, Any]) -> Turn:
        if not self.plan and not self.requests.get("lead"):
            self.requests["lead"] = [request]
            return Turn([call(PLAN, {"goal": "Look at it all", "tasks": TASKS})])
        answer = self._newest_answer(request)
        if answer is not None:
            return self._launch(answer)
        if self.last is not None and self._failed(request):
            return self.last  # the call met a server that was gone; the client starts a new one for the next
        ended = [name for name in sorted(self.open) if name in self.requests]
        return self._report(ended) if ended else Turn([text("waiting")])

    def _failed(self, request: dict[str, Any]) -> bool:
        return any(block.get("is_error") for block in self._results(request))

    def _results(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The tool results that came since the lead's last reply."""
        messages = request["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        new = [message["content"] for message in messages[last + 1 :] if isinstance(message["content"], list)]
        return [block for blocks in new for block in blocks if block.get("type") == "tool_result"]

    def _newest_answer(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The plan's or checkpoint's answer that came with this request and was not acted upon yet."""
        for block in self._results(request):
            content = block["content"]
            shown = content if isinstance(content, str) else content[0].get("text", "")
            if shown.startswith('{"plan"'):
                return json.JSONDecoder().raw_decode(shown)[0]
        return None

    def _launch(self, answer: dict[str, Any]) -> Turn:
        self.answers.append(answer)
        self.plan = answer["plan"]
        names = [entry["description"].partition(":")[0] for entry in answer["launch"]]
        if not names:
            return Turn([text("waiting" if self.open else "all done")])
        self.waves.append(names)
        self.open |= set(names)
        for name in names:
            self.requests.pop(name, None)
        return Turn([call("Agent", entry | {"run_in_background": False}) for entry in answer["launch"]])

    def _report(self, names: list[str]) -> Turn:
        self.checkpoints += 1
        if self.checkpoints == self.kill_before:
            self.killed = kill_servers(self.folder)
        finished: list[dict[str, Any]] = []
        for name in names:
            self.open.discard(name)
            for path in next(t for t in TASKS if t["id"] == name).get("writes", []):
                (self.folder / path).parent.mkdir(exist_ok=True)
                (self.folder / path).write_text(f"{name} wrote this", encoding="utf-8")
            state = "failed" if name == "sad" else "ok"
            finished.append({"task": name, "state": state, "summary": f"{name} reported", "minutes": 1})
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


@pytest.mark.parametrize("kill_before", [0, 2], ids=["one server", "the server is killed between two waves"])
def test_a_plan_with_a_failing_task_is_led_to_its_end(tmp_path: Path, kill_before: int) -> None:
    project, home = (tmp_path / "work").resolve(), tmp_path / "home"
    project.mkdir()
    lead = Lead({}, folder=project, kill_before=kill_before)
    more = ["--allowedTools", "mcp__fourfold,Agent", "--max-turns", "60"]
    done = ask_claude("Look at it all, with a plan", lead, cwd=project, home=home, more=more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bool(lead.killed) == bool(kill_before)
    last = lead.answers[-1]
    assert last["complete"], lead.waves
    assert [set(wave) for wave in lead.waves] == [{"api", "web", "sad"}, {"sum", "sad"}, {"sad"}]
    assert (last["failed"], last["skipped"]) == (["sad"], ["tell"])
    assert last["mathver"]["lines"][0].startswith("📊 [L0:Zero] MathVer | Tool: time_comparison | ")
    assert (project / "sum.md").exists()
