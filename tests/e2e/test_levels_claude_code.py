"""Levels in Claude Code, with and without the plugin: limits, answers and signals follow, and work is handed over."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import scripted_claude as lab
from scripted_claude import Block, Script, Turn, text

pytestmark = pytest.mark.node
PLUGIN = lab.ROOT / "config" / "claude" / "plugin"
WINDOW = 1_000_000  # tokens of claude-opus-5-5
# Steps at once of the eight that are asked for by default, at each level.
AT_ONCE = {40: 8, 72: 7, 73: 7, 88: 1, 93: 1}
SIGNALS = {40: [], 72: ["📡 throttle limited"], 73: [], 88: ["📡 throttle scaled_down"], 93: []}

# Prints a long text, and waits until as many of its kind have started as are told to.
WORK = """\
echo + >> "marks-$1"
seq 1 2000
n=0
while [ "$(grep -c + "marks-$1")" -lt "$2" ] && [ "$n" -lt 1000 ]; do sleep 0.02; n=$((n + 1)); done
echo - >> "marks-$1"
"""


@dataclass(frozen=True)
class Way:
    """How fourfold reaches Claude Code: as a server, or through its plugin. source: where levels are from then."""

    prefix: str
    source: str
    arguments: Sequence[str]

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Block:
        return lab.call(self.prefix + tool, arguments)

    def talk(self, name: str, script: Script, place: "Place") -> None:
        """A conversation that follows the turns of `name` to the end."""
        with lab.scripted_model(script) as url:
            env = {**place.env, "ANTHROPIC_BASE_URL": url}
            arguments = ["-p", f"{name}: do the work", *self.arguments, "--output-format", "json"]
            done = lab.run_claude([part.format(home=place.home) for part in arguments], cwd=place.project, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["permission_denials"] == []
        assert len(script.requests[name]) == len(script.turns[name]), done.stdout


PLAIN = Way(
    "mcp__fourfold__",
    "transcript",
    ["--mcp-config", "{home}/mcp.json", "--strict-mcp-config", "--allowedTools", "mcp__fourfold"],
)
PLUGGED = Way("mcp__plugin_fourfold_fourfold__", "hook", ["--plugin-dir", str(PLUGIN)])
WAYS = pytest.mark.parametrize("way", [PLAIN, PLUGGED], ids=["server", "plugin"])


@dataclass(frozen=True)
class Place:
    """A project in which commands are allowed, a home, and an environment that has `fourfold` on PATH."""

    home: Path
    project: Path
    env: dict[str, str]

    def notes(self) -> list[str]:
        return (self.project / "notes.txt").read_text(encoding="utf-8").splitlines()

    def most_at_once(self, percent: int) -> int:
        """How many of the steps of a turn ran at the same time, by what they wrote down."""
        running = most = 0
        for line in (self.project / f"marks-{percent}").read_text(encoding="utf-8").splitlines():
            running += 1 if line == "+" else -1
            most = max(most, running)
        return most


@pytest.fixture
def place(tmp_path: Path) -> Place:
    lab.node_program("claude")
    home, project, programs = tmp_path / "home", tmp_path / "project", tmp_path / "bin"
    for folder in (home, project / ".claude", programs):
        folder.mkdir(parents=True)
    rules = {"permissions": {"allow": ["Bash"]}}
    (project / ".claude" / "settings.json").write_text(json.dumps(rules), encoding="utf-8")
    (project / "work.sh").write_text(WORK, encoding="utf-8")
    config = {"mcpServers": {"fourfold": lab.server_entry()}}
    (home / "mcp.json").write_text(json.dumps(config), encoding="utf-8")
    program = programs / "fourfold"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fourfold_server "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    env = lab.clean_environment(home)
    return Place(home, project, {**env, "PATH": f"{programs}{os.pathsep}{env['PATH']}"})


def at(percent: float, *blocks: Block) -> Turn:
    """A reply whose context is so full."""
    return Turn(blocks, round(WINDOW * percent / 100))


def note(name: str) -> dict[str, Any]:
    """A step that must not run twice: it adds its name to a file."""
    return {"id": name, "op": "bash", "command": 'echo "$1" >> notes.txt', "args": [name], "writes": ["notes.txt"]}


def work(percent: int) -> dict[str, Any]:
    """Ten steps of long output that run beside each other where the level allows it, and one that leaves a note."""
    step = {"op": "bash", "command": 'sh work.sh "$1" "$2"', "args": [percent, AT_ONCE[percent]]}
    return {"steps": [*({**step, "id": f"w{n}"} for n in range(10)), note(f"n{percent}")]}


def filling_up(way: Way) -> list[Turn]:
    turns = [at(percent, way.call("batch", work(percent))) for percent in AT_ONCE]
    late = {"steps": [note("last1"), note("last2"), note("last3")]}
    return [*turns, at(96, way.call("batch", late)), at(96, way.call("batch", late)), at(96, text("handed over"))]


def check_filling_up(way: Way, script: Script, name: str, place: Place) -> tuple[str, str]:
    """What the model was shown as its context filled up; the handoff and the kept run in the end."""
    lengths: list[int] = []
    for turn, (percent, at_once) in enumerate(AT_ONCE.items(), 1):
        blocks = script.shown(name, turn)
        head = blocks[0].split("\n")[0]
        found = re.fullmatch(r"run .* · ([\d.]+)(k?) of ([\d.]+)(k?) tokens · (context .*)", head)
        assert found, head
        assert found[5] == f"context {percent} % ({way.source})"
        used, most = (float(found[i]) * (1000 if found[i + 1] else 1) for i in (1, 3))
        assert used <= most
        signals = [line for block in blocks[2:] for line in block.split("\n") if not line.startswith("📡 pressure ")]
        assert [line.split(":")[0] for line in signals] == SIGNALS[percent]
        assert place.most_at_once(percent) == at_once
        lengths.append(sum(map(len, blocks)))
        assert ("\n2000\n" in blocks[0]) is (percent < 90), "above 90 % first lines only"
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0] / 5
    assert place.notes() == [f"n{percent}" for percent in AT_ONCE], "above 95 % nothing starts"
    return check_refused(way, script, name, len(AT_ONCE) + 1)


def check_refused(way: Way, script: Script, name: str, turn: int) -> tuple[str, str]:
    """The same batch is refused twice, kept once, and announced once."""
    first, *signals = script.shown(name, turn)
    second, *more = script.shown(name, turn + 1)
    line = rf"context: context 96 % \({way.source}\).*\bhandoff (h-[a-z0-9]+)\b.*\brun (r-[a-z0-9]+)\b.*"
    found, again = re.fullmatch(line, first), re.fullmatch(line, second)
    assert found, first
    assert again, second
    assert found[2] == again[2]
    assert [line.split(":")[0] for line in signals] == ["📡 handoff handoff"]
    assert more == []
    return again[1], found[2]


def check_taken_up(way: Way, place: Place, handoff: str, run: str, goal: str) -> None:
    """A new conversation loads the handoff, makes the call that it names, and finds nothing left."""
    before = place.notes()
    turns = [
        at(3, way.call("handoff", {"action": "load", "id": handoff})),
        at(4, way.call("batch", {"resume": run})),
        at(5, way.call("handoff", {"action": "load", "id": handoff})),
        at(6, text("done")),
    ]
    script = Script({"TAKE-UP": turns})
    way.talk("TAKE-UP", script, place)
    loaded = shown_json(script, "TAKE-UP", 1)
    assert loaded["goal"] == goal
    assert loaded["next"] == [{"tool": "batch", "arguments": {"resume": run}}]
    assert script.shown("TAKE-UP", 2)[0].startswith(f"run {run} · 3 steps: 3 ok · ")
    assert shown_json(script, "TAKE-UP", 3)["next"] == []
    assert place.notes() == [*before, "last1", "last2", "last3"], "no step is done twice, none is left out"


def shown_json(script: Script, name: str, turn: int) -> dict[str, Any]:
    """A structured answer as the model reads it; the client appends a reminder of its own behind it."""
    [content] = script.shown(name, turn)
    data, _ = json.JSONDecoder().raw_decode(content)
    assert isinstance(data, dict)
    assert len(content.split("<system-reminder>")[0]) / 4 <= 1_500, "a handoff is cheap to load"
    return data


@WAYS
def test_limits_answers_and_signals_follow_the_context_and_a_new_conversation_finishes_the_work(
    way: Way, place: Place
) -> None:
    script = Script({"FILLING-UP": filling_up(way)})
    way.talk("FILLING-UP", script, place)
    handoff, run = check_filling_up(way, script, "FILLING-UP", place)
    check_taken_up(way, place, handoff, run, "FILLING-UP: do the work")


@WAYS
def test_a_subagent_fills_up_by_itself_hands_over_and_leaves_the_main_conversation_as_it_was(
    way: Way, place: Place
) -> None:
    errand = {"description": "errand", "prompt": "SUB-ERRAND: do a part", "subagent_type": "general-purpose"}
    look = {"steps": [{"op": "bash", "command": "cat notes.txt"}]}
    main = [
        at(20, lab.call("Agent", {**errand, "run_in_background": False})),
        at(21, way.call("batch", look)),
        at(22, text("done")),
    ]
    script = Script({"SUB-ERRAND": filling_up(way), "MAIN-WORK": main})
    way.talk("MAIN-WORK", script, place)
    handoff, run = check_filling_up(way, script, "SUB-ERRAND", place)
    blocks = script.shown("MAIN-WORK", 2)
    assert blocks[0].split("\n")[0].endswith(f" · context 21 % ({way.source})")
    assert blocks[2:] == [] or all(block.startswith("📡 pressure") for block in blocks[2:])
    check_taken_up(way, place, handoff, run, "SUB-ERRAND: do a part")


@WAYS
def test_after_a_compaction_the_level_falls_and_says_so_once(way: Way, place: Place) -> None:
    look = way.call("batch", {"steps": [{"op": "bash", "command": "cat work.sh"}]})
    script = Script(
        {
            "BEFORE": [at(72, look), at(73, look), at(73, text("x"))],
            "AFTERWARDS": [at(6, look), at(6.1, look), at(6.1, text("y"))],
        }
    )
    arguments = ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", *way.arguments]
    with lab.scripted_model(script) as url:
        lab.converse(
            [part.format(home=place.home) for part in arguments],
            ["BEFORE", "/compact", "AFTERWARDS"],
            cwd=place.project,
            env={**place.env, "ANTHROPIC_BASE_URL": url},
        )
    shown = [script.shown(name, turn) for name in ("BEFORE", "AFTERWARDS") for turn in (1, 2)]
    assert [f"context {n} % ({way.source})" in texts[0] for n, texts in zip((72, 73, 6, 6), shown, strict=True)] == [
        True
    ] * 4
    announced = [[line for line in texts if line.startswith("📡 throttle")] for texts in shown]
    assert [len(lines) for lines in announced] == [1, 0, 1, 0]
    assert announced[0][0].startswith("📡 throttle limited")
    assert announced[2][0].startswith("📡 throttle normal")
