"""A plan carried out by Claude Code itself, with a scripted model behind it."""

from pathlib import Path
from typing import Any

import pytest
from fleet_lab import Lab
from scripted_claude import Script, Turn, call, clean_environment, node_program, scripted_model

pytestmark = [pytest.mark.node, pytest.mark.slow]


def _ends(summary: str, **more: Any) -> Turn:
    return Turn([call("StructuredOutput", {"state": "ok", "summary": summary, "outputs": [], **more})])


def _writes(path: str, words: str, *more: dict[str, Any]) -> list[Turn]:
    return [Turn([call("Write", {"file_path": path, "content": words}), *more]), _ends(f"wrote {path}")]


def _bash(command: str) -> dict[str, Any]:
    return call("Bash", {"command": command, "description": "a command"})


def _turns(**tasks: list[Turn]) -> dict[str, list[Turn]]:
    return {f"Task `{name}` of plan": turns for name, turns in tasks.items()}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab.below(tmp_path)
    lab.repository()
    return lab


def _env(lab: Lab, url: str) -> dict[str, str]:
    claude = str(Path(node_program("claude")).parent)
    env = clean_environment(lab.root / "home", url)
    return {**env, "PATH": f"{claude}:{env['PATH']}", "FOURFOLD_FLEET__COMMAND": "[]"}


TASKS: list[dict[str, Any]] = [
    {"id": "api", "title": "Look at the API", "minutes": 1},
    {"id": "web", "title": "Look at the pages", "minutes": 1},
    {"id": "ops", "title": "Look at the operations", "minutes": 1},
    {
        "id": "fix",
        "title": "Mend it",
        "needs": ["api", "web"],
        "writes": ["src/fix.txt"],
        "minutes": 1,
        "agent": "general-purpose",
    },
    {"id": "doc", "title": "Write it down", "reads": ["src/**"], "writes": ["doc.md"], "minutes": 1},
    {"id": "end", "title": "Judge it", "reads": ["doc.md"], "needs": ["ops"], "minutes": 1},
]


def test_six_tasks_of_which_two_write_end_as_merged_commits_past_a_rate_limit(lab: Lab) -> None:
    limited = Turn([], refusal=("rate_limit_error", "This request would exceed your rate limit."))
    read = Turn([call("mcp__fourfold__inspect", {"steps": [{"id": "d", "op": "read", "path": "doc.md"}]})])
    shell = Turn([call("mcp__fourfold__batch", {"steps": [{"op": "bash", "command": "touch told.txt"}]})])
    script = Script(
        _turns(
            api=[shell, _ends("the API is fine")],
            web=[limited, _ends("the pages are fine")],
            ops=[_ends("it runs")],
            fix=_writes("src/fix.txt", "mended", call("Write", {"file_path": "other.txt", "content": "x"})),
            doc=_writes("doc.md", "it was mended", _bash("echo told"), _bash("touch other.md")),
            end=[read, _ends("good")],
        )
    )
    fleet = {"FOURFOLD_FLEET__PAUSE_S": "2", "FOURFOLD_FLEET__ALLOW": '["Bash(echo *)"]'}
    with scripted_model(script) as url:
        ended = lab.deploy(lab.plan(TASKS), "--max-agents", "3", timeout_s=400, **fleet, **_env(lab, url))
    assert ended.code == 0, ended.err
    assert "paused until" in ended.err
    assert {row["id"]: row["attempts"] for row in ended.data["tasks"]} == dict.fromkeys(
        ("api", "web", "ops", "fix", "doc", "end"), 1
    )
    assert (lab.work / "src" / "fix.txt").read_text(encoding="utf-8") == "mended"
    merges = lab.git("log", "--merges", "--format=%s", "--reverse").splitlines()
    assert merges == ["Merge fourfold/fix: Mend it", "Merge fourfold/doc: Write it down"]
    assert lab.git("status", "--porcelain") == ""
    first = script.requests["Task `fix` of plan"][0]
    tools = {tool["name"] for tool in first["tools"]}
    assert {"Bash", "Edit", "Write", "StructuredOutput"} <= tools
    assert "it reported: the API is fine" in str(first["messages"])
    offered = {tool["name"] for tool in script.requests["Task `api` of plan"][0]["tools"]}
    assert not offered & {"Bash", "Edit", "Write"}
    assert [r.get("is_error", False) for r in script.results("Task `api` of plan", 1)] == [True]
    assert [r.get("is_error", False) for r in script.results("Task `fix` of plan", 1)] == [False, True]
    assert [r.get("is_error", False) for r in script.results("Task `doc` of plan", 1)] == [False, False, True]
    assert "it was mended" in "".join(script.shown("Task `end` of plan", 1))
    assert ended.data["fleet"]["spent_usd"] > 0


def test_the_limit_of_money_stops_the_next_launch(lab: Lab) -> None:
    dear = [Turn([call("StructuredOutput", {"state": "ok", "summary": "done"})], input_tokens=200_000)]
    tasks = [{"id": name, "title": name, "minutes": 1} for name in ("a", "b")]
    script = Script(_turns(a=dear, b=dear))
    with scripted_model(script) as url:
        ended = lab.deploy(lab.plan(tasks), "--max-agents", "1", "--max-usd", "0.5", timeout_s=300, **_env(lab, url))
    assert ended.code == 1, ended.err
    assert "of $0.50 are spent" in ended.data["fleet"]["stopped"]
    assert ended.data["fleet"]["spent_usd"] >= 0.5
    assert "Task `a` of plan" in script.requests
    assert "Task `b` of plan" not in script.requests
