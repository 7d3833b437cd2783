"""Claude Code 2.1.330 itself with fourfold as its server: what the model is shown, and what the rules deny."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import twelve_steps
from scripted_claude import (
    Block,
    Script,
    Turn,
    ask_claude,
    call,
    clean_environment,
    node_program,
    run_claude,
    scripted_model,
    text,
)

pytestmark = pytest.mark.node

BATCH = "mcp__fourfold__batch"
WINDOW = 1_000_000  # tokens of claude-opus-5-5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "work"
    twelve_steps.write_tree(project)
    return project


def at(percent: float, *blocks: Block) -> Turn:
    """A reply whose context is so full."""
    return Turn(blocks, round(WINDOW * percent / 100))


def converse(name: str, turns: Sequence[Turn], project: Path, home: Path, **env: str) -> Script:
    """A conversation of Claude Code that follows the turns to the end."""
    script = Script({name: turns})
    ask_to_the_end(name, script, project, home, **env)
    return script


def ask_to_the_end(name: str, script: Script, project: Path, home: Path, **env: str) -> None:
    done = ask_claude(f"{name}: do the work", script, cwd=project, home=home, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(script.requests[name]) == len(script.turns[name]), done.stdout
    assert json.loads(done.stdout)["permission_denials"] == []


def shown_json(script: Script, name: str, turn: int) -> dict[str, Any]:
    """A structured answer as the model reads it; the client appends a reminder of its own behind it."""
    [content] = script.shown(name, turn)
    data, end = json.JSONDecoder().raw_decode(content)
    assert content[end:].strip() == "" or content[end:].lstrip().startswith("<system-reminder>")
    assert isinstance(data, dict)
    return data


def test_a_registered_server_is_shown_as_connected(project: Path, home: Path) -> None:
    with scripted_model(Script({})) as url:
        check_registration(project, clean_environment(home, url))


def check_registration(project: Path, env: dict[str, str]) -> None:
    env["PATH"] = f"{Path(node_program('claude')).parent}:{env['PATH']}"
    command = [sys.executable, "-m", "fourfold_server", "register", "--scope", "local"]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = run_claude(["mcp", "list"], cwd=project, env=env)
    [line] = [line for line in listed.stdout.splitlines() if line.startswith("fourfold")]
    assert line == f"fourfold: {sys.executable} -I -m fourfold_server serve - ✔ Connected"
    doctor = [sys.executable, "-m", "fourfold_server", "doctor", "--json"]
    found = subprocess.run(doctor, cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False)
    checks = {check["name"]: check for check in json.loads(found.stdout)}
    assert checks["registration"] == {"name": "registration", "state": "ok", "found": line, "hint": ""}
    assert "2.1.330" in checks["claude code"]["found"]


def test_the_model_is_shown_the_batch_as_the_contract_has_it_in_both_forms(project: Path, home: Path) -> None:
    with twelve_steps.web_page() as url:
        other = f"{url}?json"
        turns = [
            at(40, text("I will."), call(BATCH, twelve_steps.request(url))),
            at(41, call(BATCH, {**twelve_steps.request(other), "format": "json"})),
            at(42, text("done")),
        ]
        script = converse("BOTH-FORMS", turns, project, home, FOURFOLD_FETCH__ALLOW_PRIVATE="true")
    [result] = script.results("BOTH-FORMS", 1)
    assert "is_error" not in result or result["is_error"] is False
    blocks = script.shown("BOTH-FORMS", 1)
    twelve_steps.check_text(blocks, url)
    assert blocks[0].split("\n")[0].endswith(" · context 40 % (transcript)")
    data = shown_json(script, "BOTH-FORMS", 2)
    twelve_steps.check_json(data, other)
    context = {"used_tokens": 410_000, "window_tokens": WINDOW, "percent": 41.0, "level": "normal"}
    context |= {"source": "transcript", "model": "claude-opus-5-5", "turns_old": 0}
    assert {key: data["context"][key] for key in context} == context


def forbid(project: Path) -> None:
    """A secret file, and the project's rules against reading it and against `rm`."""
    (project / ".claude").mkdir()
    (project / "secrets").mkdir()
    (project / "secrets" / "key.txt").write_text("hush\n", encoding="utf-8")
    rules = {"permissions": {"deny": ["Read(./secrets/**)", "Bash(rm:*)"]}}
    (project / ".claude" / "settings.json").write_text(json.dumps(rules), encoding="utf-8")


def test_a_deny_rule_of_the_project_denies_a_step_and_no_other(project: Path, home: Path) -> None:
    forbid(project)
    steps = [
        {"id": "key", "op": "read", "path": "secrets/key.txt"},
        {"id": "cat", "op": "bash", "command": "cat secrets/key.txt"},
        {"id": "rm", "op": "bash", "command": "true && rm -f docs/intro.md"},
        {"id": "fine", "op": "read", "path": "docs/intro.md"},
    ]
    turns = [at(10, call(BATCH, {"steps": steps})), at(11, text("done"))]
    script = converse("DENY-RULE", turns, project, home)
    shown = script.shown("DENY-RULE", 1)[0]
    assert shown.split("\n")[1] == "failed: key denied, cat denied, rm denied"
    assert "hush" not in shown
    assert "── fine · read docs/intro.md · ok" in shown
    assert (project / "docs" / "intro.md").exists()


def test_a_search_over_a_folder_leaves_out_what_the_rules_deny(project: Path, home: Path) -> None:
    forbid(project)
    steps = [
        {"id": "find", "op": "grep", "pattern": "hush|Intro"},
        {"id": "files", "op": "grep", "pattern": "hush|Intro", "mode": "files"},
        {"id": "names", "op": "glob", "pattern": "**/*.{txt,md}"},
        {"id": "read", "op": "read", "path": "**/*.txt"},
    ]
    turns = [at(10, call(BATCH, {"steps": steps})), at(11, text("done"))]
    shown = converse("DENIED-TREE", turns, project, home).shown("DENIED-TREE", 1)[0]
    assert shown.count("docs/intro.md") == 3
    assert "hush" not in shown
    assert "secrets/key.txt" not in shown


def test_a_handoff_costs_at_most_fifteen_hundred_tokens_to_load(project: Path, home: Path) -> None:
    many = {"steps": [{"op": "read", "path": f"gone/{'x' * 60}/{n}.txt"} for n in range(60)]}
    turns = [at(50, call(BATCH, many)) for _ in range(3)]
    turns += [at(50, call("mcp__fourfold__handoff", {"action": "write"})), at(50, text("done"))]
    script = converse("WRITE-IT", turns, project, home)
    written = shown_json(script, "WRITE-IT", 4)
    turns = [at(1, call("mcp__fourfold__handoff", {"action": "load", "id": written["id"]})), at(1, text("done"))]
    script = converse("LOAD-IT", turns, project, home)
    [content] = script.shown("LOAD-IT", 1)
    assert len(content.split("<system-reminder>")[0]) / 4 <= 1_500
