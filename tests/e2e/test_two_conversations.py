"""Two conversations on two servers with one state folder and one project: nothing of one turns up in the other."""

import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from claude_home import Home, Transcript
from mcp_client import Place, Wire, wire
from processes import linux, wait_for

pytestmark = linux
SESSIONS = ("one", "two")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.below(tmp_path)


class Talk:
    """One conversation: its transcript, and the server that its client started. Mutable: it counts its turns."""

    def __init__(self, name: str, line: Wire, file: Transcript) -> None:
        self.name = name
        self._line = line
        self._file = file
        self._turns = 0

    @property
    def process(self) -> int:
        return self._line.process.pid

    def send(self, percent: float, tool: str, arguments: dict[str, Any]) -> int:
        """A reply of the model at so much context that calls a tool."""
        self._turns += 1
        call = f"toolu_{self.name}_{self._turns}"
        self._file.request().reply(round(percent * 10_000), call)
        params = {"name": tool, "arguments": arguments, "_meta": {"claudecode/toolUseId": call}}
        return self._line.send("tools/call", params)

    def answer(self, number: int) -> dict[str, Any]:
        result: dict[str, Any] = self._line.answer(number)["result"]
        self._file.result(f"toolu_{self.name}_{self._turns}")
        return result

    def call(self, percent: float, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self.answer(self.send(percent, tool, arguments))


def talk(place: Place, name: str, line: Wire) -> Talk:
    home = Home(place.home, place.root)
    return Talk(name, line, home.session(name, owner=name).prompt(f"{name}: do my work"))


def env(name: str) -> dict[str, str]:
    return {"CLAUDE_CODE_SESSION_ID": name, "CLAUDECODE": "1", "CLAUDE_PROJECT_DIR": ""}


def work(name: str, count: int = 3) -> dict[str, Any]:
    """Steps that each leave the conversation's name in a file of its own, one of which fails."""
    steps = [
        {"id": f"{name}{n}", "op": "bash", "command": f'echo {name}{n} >> "{name}.txt"', "writes": [f"{name}.txt"]}
        for n in range(count)
    ]
    return {"steps": [*steps, {"id": f"{name}-gone", "op": "read", "path": f"{name}/missing.txt"}]}


def plan_of(name: str) -> dict[str, Any]:
    return {"goal": f"goal of {name}", "tasks": [{"id": f"{name}-task", "title": name, "writes": [f"{name}-out.md"]}]}


def written(place: Place, name: str) -> list[str]:
    return (place.root / f"{name}.txt").read_text(encoding="utf-8").split()


def names_in(text: str) -> set[str]:
    """Whose work a handoff tells of."""
    marks = {name: (f"{name}-gone", f"{name}-task", f"goal of {name}") for name in SESSIONS}
    return {name for name in SESSIONS if any(mark in text for mark in marks[name])}


def test_levels_signals_handoffs_and_plans_stay_with_their_conversation(place: Place) -> None:
    with wire(place, **env("one")) as first, wire(place, **env("two")) as second:
        one, two = talk(place, "one", first), talk(place, "two", second)
        pending = [(t, t.send(percent, "batch", work(t.name))) for t, percent in ((one, 72), (two, 30))]
        blocks = {t.name: [part["text"] for part in t.answer(number)["content"]] for t, number in pending}
        assert "context 72 % (transcript)" in blocks["one"][0]
        assert "context 30 % (transcript)" in blocks["two"][0]
        throttles = {name: [b for b in parts if b.startswith("📡 throttle")] for name, parts in blocks.items()}
        assert [len(throttles[name]) for name in SESSIONS] == [1, 0]
        for t, percent in ((one, 73), (two, 31)):
            t.call(percent, "plan", plan_of(t.name))
        pending = [(t, t.send(percent, "handoff", {"action": "write"})) for t, percent in ((one, 74), (two, 32))]
        for t, number in pending:
            document = t.answer(number)["structuredContent"]
            assert names_in(json.dumps(document)) == {t.name}
            assert document["goal"] == f"goal of {t.name}"
            assert (len(document["runs"]), len(document["plans"])) == (1, 1)
    assert [written(place, name) for name in SESSIONS] == [[f"{name}{n}" for n in range(3)] for name in SESSIONS]


def test_one_is_handed_over_and_killed_while_the_other_works_on_and_a_third_finishes_its_work(place: Place) -> None:
    with wire(place, **env("two")) as second:
        two = talk(place, "two", second)
        two.call(30, "batch", work("two"))
        with wire(place, **env("one")) as first:
            one = talk(place, "one", first)
            one.call(80, "batch", work("one", 1))
            late = {"id": "late", "op": "bash", "command": "echo late >> one.txt"}
            refused = one.call(96, "batch", {"steps": [late]})
            line = refused["content"][0]["text"]
            assert line.startswith("context: context 96 % (transcript): no new work above 95 %")
            name = next(word for word in line.split() if word.startswith("h-"))
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait(timeout=20)
        assert "context 31 % (transcript)" in two.call(31, "batch", work("two"))["content"][0]["text"]
        assert names_in(json.dumps(two.call(32, "handoff", {"action": "write"}))) == {"two"}
        with wire(place, **env("three")) as third:
            three = talk(place, "three", third)
            loaded = three.call(2, "handoff", {"action": "load", "id": name})["structuredContent"]
            assert names_in(json.dumps(loaded)) == {"one"}
            assert loaded["goal"] == "one: do my work"
            [following] = loaded["next"]
            assert following["tool"] == "batch"
            three.call(3, following["tool"], following["arguments"])
            again = three.call(4, "handoff", {"action": "load", "id": name})["structuredContent"]
            assert again["next"] == []
            own = three.call(5, "handoff", {"action": "write"})["structuredContent"]
            assert own["runs"] == [following["arguments"]["resume"]], "whoever resumes a run has it from now on"
    assert written(place, "one") == ["one0", "late"]


def test_a_run_of_a_killed_server_is_its_conversations_and_is_found_by_the_next_one(place: Place) -> None:
    """No handoff was written; what was started and never confirmed is unknown, and the rest is a call away."""
    with wire(place, **env("one")) as first, wire(place, **env("two")) as second:
        one, two = talk(place, "one", first), talk(place, "two", second)
        one.call(20, "batch", work("one", 1))
        steps = [
            {"id": "started", "op": "bash", "command": "touch started; sleep 1000"},
            {"id": "left", "op": "bash", "command": "echo left >> one.txt", "needs": ["started"]},
            {"id": "free", "op": "bash", "command": "echo free >> one.txt", "needs": ["gate"]},
            {"id": "gate", "op": "bash", "command": "touch gate; sleep 1000"},
        ]
        one.send(21, "batch", {"steps": steps})
        wait_for(lambda: all((place.root / name).exists() for name in ("started", "gate")), "two started steps")
        two.call(20, "batch", work("two"))
        wait_for(lambda: running_runs(place) == [("one",)], "the conversation of the run in the store")
        os.kill(one.process, signal.SIGKILL)
        first.process.wait(timeout=20)
        listed = two.call(21, "handoff", {"action": "list"})["structuredContent"]
        [found] = listed["unfinished"]
        assert found["tool"] == "batch"
        assert names_in(json.dumps(two.call(22, "handoff", {"action": "write"}))) == {"two"}
        with wire(place, **env("one")) as again:
            back = talk(place, "one", again)
            document = back.call(22, "handoff", {"action": "write"})["structuredContent"]
            assert "two" not in json.dumps(document)
            loaded = back.call(22, "handoff", {"action": "load", "id": document["id"]})["structuredContent"]
            assert loaded["next"] == [{"tool": found["tool"], "arguments": found["arguments"]}]
            resumed = back.call(23, found["tool"], found["arguments"])["content"][0]["text"]
            assert resumed.split("\n")[1] == "unknown: started, gate · skipped: left (started), free (gate)"
            listed = back.call(24, "handoff", {"action": "list"})["structuredContent"]
            assert listed["unfinished"] == []


def running_runs(place: Place) -> list[tuple[str]]:
    """The conversation of each run that is under way, as the store has it."""
    with sqlite3.connect(f"file:{place.state / 'fourfold.sqlite'}?mode=ro", uri=True) as db:
        return db.execute("SELECT conversation FROM runs WHERE state='running'").fetchall()


def test_clients_that_keep_no_transcripts_do_not_mix_while_both_are_there(place: Place) -> None:
    with wire(place) as first, wire(place) as second:
        for line, name in ((first, "one"), (second, "two")):
            line.ask("tools/call", {"name": "batch", "arguments": work(name)})
            line.ask("tools/call", {"name": "plan", "arguments": plan_of(name)})
        for line, name in ((first, "one"), (second, "two")):
            document = line.ask("tools/call", {"name": "handoff", "arguments": {"action": "write"}})
            assert names_in(json.dumps(document["structuredContent"])) == {name}


def test_folders_whose_transcripts_lie_in_one_place_do_not_mix(place: Place, tmp_path: Path) -> None:
    """`my.work` and `my-work` have the same name with the client; neither is laid to the other."""
    left, right = tmp_path / "my.work", tmp_path / "my-work"
    left.mkdir()
    right.mkdir()
    homes = [Home(place.home, folder) for folder in (left, right)]
    assert homes[0].project == homes[1].project
    places = [Place(folder, place.home) for folder in (left, right)]
    with wire(places[0], **env("one")) as first, wire(places[1], **env("two")) as second:
        one, two = talk(places[0], "one", first), talk(places[1], "two", second)
        assert "context 96 %" in one.call(96, "batch", work("one"))["content"][0]["text"]
        assert "context 30 % (transcript)" in two.call(30, "batch", work("two"))["content"][0]["text"]
        listed = two.call(31, "handoff", {"action": "list"})["structuredContent"]
        assert listed["handoffs"] == []
        look = {"name": "inspect", "arguments": {"steps": [{"op": "glob", "pattern": "*"}]}}
        late = second.ask("tools/call", {**look, "_meta": {"claudecode/toolUseId": "toolu_late"}})
        assert "context 31 % (transcript, 1 turn old)" in late["content"][0]["text"]
    assert not (left / "one.txt").exists()
