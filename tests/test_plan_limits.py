"""Plans under a full context: fewer launches, none above 95 %, and the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from fourfold_tools.caller import NOBODY
from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.context.levels import stage_at
from fourfold_tools.context.meter import Meter
from fourfold_tools.context.usage import Usage
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime

TASKS = [{"id": f"t{i}", "minutes": 2} for i in range(10)]


class Told(Meter):
    """A meter that says what a test wants. Mutable: the percentage."""

    percent = 50.0

    async def measure(self, *args: object, **kwargs: object) -> Usage:
        return Usage(int(2_000 * self.percent), 200_000, self.percent, stage_at(self.percent))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"FOURFOLD_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}


@pytest.mark.anyio
@pytest.mark.parametrize(("percent", "launches"), [(50.0, 8), (80.0, 4), (87.0, 1), (94.0, 1)])
async def test_a_full_context_launches_fewer(
    tmp_path: Path, env: dict[str, str], percent: float, launches: int
) -> None:
    async with Runtime.open([tmp_path], env) as runtime:
        runtime.meter = Told(env, str(tmp_path), runtime.settings.context)
        runtime.meter.percent = percent
        reply = await plan(runtime, PlanRequest.model_validate({"tasks": TASKS}), NOBODY)
    assert reply.structured is not None
    assert len(reply.structured["launch"]) == launches


@pytest.mark.anyio
async def test_above_95_percent_the_plan_is_kept_and_handed_over(tmp_path: Path, env: dict[str, str]) -> None:
    async with Runtime.open([tmp_path], env) as runtime:
        runtime.meter = meter = Told(env, str(tmp_path), runtime.settings.context)
        meter.percent = 96.0
        refused = await plan(runtime, PlanRequest.model_validate({"tasks": TASKS}), NOBODY)
        forced = await plan(runtime, PlanRequest.model_validate({"tasks": TASKS, "force": True}), NOBODY)
        [line] = refused.blocks
        assert line.startswith("context: ")
        assert refused.structured is None
        name = next(word for word in line.split() if word.startswith("p-"))
        assert any(word.startswith("h-") for word in line.split())
        meter.percent = 10.0
        later = await checkpoint(runtime, CheckpointRequest(plan=name))
    assert forced.structured is not None
    assert len(forced.structured["launch"]) == 1
    assert later.structured is not None
    assert len(later.structured["launch"]) == 8


@pytest.mark.anyio
async def test_handoff_points_follow_the_callers_context(tmp_path: Path, env: dict[str, str]) -> None:
    async with Runtime.open([tmp_path], env) as runtime:
        runtime.meter = Told(env, str(tmp_path), runtime.settings.context)
        runtime.meter.percent = 69.0
        reply = await plan(runtime, PlanRequest.model_validate({"tasks": TASKS}), NOBODY)
    assert reply.structured is not None
    [point] = reply.structured["handoff_points"]
    assert point["percent"] == 70
    assert point["after"] in {task["id"] for task in TASKS}


def run(arguments: list[str], stdin: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fourfold_server", *arguments]
    return subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_shows_a_plan_to_a_person_and_launches_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    tasks = [
        {"id": "api", "writes": ["out/api.md"], "minutes": 5},
        {"id": "web", "writes": ["out/*.md"], "minutes": 2, "agent": "own"},
        {"id": "sum", "reads": ["out/api.md"], "minutes": 1},
    ]
    done = run(["plan", "-"], json.dumps({"tasks": tasks}), env, tmp_path)
    assert done.returncode == 0, done.stderr
    head, counts, _, *rows = done.stdout.splitlines()
    assert head.endswith(" · pipeline: 3 tasks in one line, each waits for the one before")
    assert counts == (
        "3 tasks under 1 orchestrator · 8 min on 8 agents (at least 8, one by one 8; minutes: 3 as given)"
        " · agents side by side gain nothing here"
    )
    assert rows[:5] == [
        "minutes  task   after",
        "    0-5  api *",
        "    5-7  web *  api",
        "    7-8  sum *  api, web",
        "* on the critical path",
    ]
    for line in (
        "inferred: both write: out/api.md and out/*.md",
        "contended: out/api.md, out/*.md: they run one after the other: api then web",
        "agent types that are not known here: own",
        "outputs that cannot be checked: web out/*.md",
        "nothing on disk to check: sum",
        "Nothing is launched yet.",
    ):
        assert line in rows
    name = head.split()[1]

    async def next_launch() -> list[str]:
        async with Runtime.open([tmp_path], env) as runtime:
            reply = await checkpoint(runtime, CheckpointRequest(plan=name))
            assert reply.structured is not None
            return [entry["description"] for entry in reply.structured["launch"]]

    assert anyio.run(next_launch) == ["api: api"]


def test_the_command_line_prints_the_notation_or_the_whole_plan(tmp_path: Path, env: dict[str, str]) -> None:
    request = json.dumps({"tasks": [{"id": "a", "title": "One"}, {"id": "b", "title": "Two"}]})
    shown = run(["plan", "-"], request, env, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "🚀 [L1:Orch→L2] Parallel Deploy | agents:2 | dependency:none\n├── Agent:a → One" in shown.stdout
    data = json.loads(run(["plan", "--json", "-"], request, env, tmp_path).stdout)
    assert [entry["description"] for entry in data["launch"]] == ["a: One", "b: Two"]
    assert len(data["headless"]) == 2
    refused = run(["plan", "-"], '{"tasks": [{"id": "a", "needs": ["a"]}]}', env, tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "fourfold: tasks[0].needs[0]: 'a' waits for itself\n"
