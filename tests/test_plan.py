"""The tools `plan` and `checkpoint` over a real store and real files."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.context.find import Conversation
from fourfold_tools.context.meter import Meter
from fourfold_tools.context.usage import Usage
from fourfold_tools.errors import FourfoldError, InvalidRequest, NotFound
from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import whole_plan
from fourfold_tools.store.plans import Plans

pytestmark = pytest.mark.anyio


class Told(Meter):
    """A meter that knows whose call it is."""

    def __init__(self, runtime: Runtime, conversation: Conversation) -> None:
        super().__init__({}, runtime.workspace.cwd, runtime.settings.context)
        self._conversation = conversation

    async def measure(self, *args: object, **kwargs: object) -> Usage:
        return Usage(conversation=self._conversation)


AGENT_KEYS = {"description", "prompt", "subagent_type", "run_in_background"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@asynccontextmanager
async def house(project: Path) -> AsyncGenerator[Runtime, None]:
    """A server's runtime; each stands for a process of its own."""
    env = {"FOURFOLD_STATE_DIR": str(project.parent / "state"), "HOME": str(project.parent)}
    async with Runtime.open([project], env) as runtime:
        yield runtime


async def planned(runtime: Runtime, tasks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    reply = await plan(runtime, PlanRequest.model_validate({"goal": "the goal", "tasks": tasks, **more}))
    assert reply.structured is not None
    return reply.structured


async def checked(runtime: Runtime, name: str, *finished: dict[str, Any], **more: Any) -> dict[str, Any]:
    request = CheckpointRequest.model_validate({"plan": name, "finished": list(finished), **more})
    reply = await checkpoint(runtime, request)
    assert reply.structured is not None
    return reply.structured


def launches(answer: dict[str, Any]) -> list[str]:
    return [entry["description"].partition(":")[0] for entry in answer["launch"]]


def ok(task: str, **more: Any) -> dict[str, Any]:
    return {"task": task, "state": "ok", **more}


API = {"id": "api", "title": "Review the API layer", "prompt": "Look at src/api.", "writes": ["reports/api.md"]}
SUM = {"id": "sum", "title": "Write the summary", "reads": ["reports/api.md"], "writes": ["summary.md"]}


async def test_a_plan_names_everything_the_contract_does(project: Path) -> None:
    async with house(project) as runtime:
        answer = await planned(runtime, [SUM, API])
    assert answer["type"] == "pipeline"
    assert answer["type_reason"]
    assert list(answer["analysis"]) == ["dependencies", "resources", "cognitive_load", "quality_impact", "time"]
    assert answer["orchestrators"] == [
        {
            "id": "o1",
            "name": answer["orchestrators"][0]["name"],
            "level": 1,
            "parent": None,
            "targets": ["sum", "api"],
        }
    ]
    assert answer["waves"] == [["api"], ["sum"]]
    assert answer["schedule"] == [
        {"task": "api", "lane": 0, "start_min": 0.0, "finish_min": 6.0},
        {"task": "sum", "lane": 0, "start_min": 6.0, "finish_min": 12.0},
    ]
    assert (answer["makespan_min"], answer["lower_bound_min"], answer["sequential_min"]) == (12, 12, 12)
    assert answer["sync_points"] == answer["handoff_points"] == []
    assert answer["notation"].startswith("🚀 [L1:Orch→L2] Pipeline Deploy | stages:2 | flow:sequential\n")
    [entry] = answer["launch"]
    assert set(entry) == AGENT_KEYS
    assert entry["description"] == "api: Review the API layer"


async def test_a_prompt_is_complete(project: Path) -> None:
    other = {"id": "other", "writes": ["reports/other.md"]}
    task = {**API, "reads": ["src/api/**"], "acceptance": "Every route is named."}
    async with house(project) as runtime:
        answer = await planned(runtime, [task, other])
    prompt = answer["launch"][0]["prompt"]
    for part in (
        "Look at src/api.",
        "the goal",
        "src/api/**",
        "reports/api.md",
        "`other` writes reports/other.md",
        "Every route is named.",
        "at most 150 words",
        "`api`",
    ):
        assert part in prompt


async def test_a_plan_runs_to_its_end_in_changing_processes(project: Path) -> None:
    async with house(project) as runtime:
        first = await planned(runtime, [API, SUM])
        name = first["plan"]
        missing = await checked(runtime, name, ok("api", minutes=5))
    assert [flag["code"] for flag in missing["flags"]] == ["missing", "failed"]
    assert launches(missing) == ["api"]
    assert "Attempt 2 of 3" in missing["launch"][0]["prompt"]
    (project / "reports").mkdir()
    (project / "reports/api.md").write_text("found", encoding="utf-8")
    async with house(project) as runtime:
        assert launches(await checked(runtime, name)) == []
        assert launches(await checked(runtime, name, reissue=True)) == ["api"]
        second = await checked(runtime, name, ok("api", minutes=5, tokens=1000, summary="three holes"))
    assert launches(second) == ["sum"]
    assert "it reported: three holes" in second["launch"][0]["prompt"]
    assert second["mathver"] is None
    (project / "summary.md").write_text("sum", encoding="utf-8")
    async with house(project) as runtime:
        last = await checked(runtime, name, ok("sum", minutes=3))
        whole = await whole_plan(runtime, name)
    assert last["complete"]
    assert last["launch"] == last["flags"] == last["failed"] == last["skipped"] == []
    assert last["mathver"]["lines"][0].startswith("📊 [L0:Zero] MathVer | Tool: time_comparison | ")
    assert last["mathver"]["state"] != "VALID"
    assert last["predicted"]["makespan_min"] == 12
    assert last["predicted"]["real_sequential_min"] == 13  # the attempt that failed took five
    assert [(t["id"], t["state"], t["attempts"]) for t in whole["tasks"]] == [("api", "ok", 2), ("sum", "ok", 1)]


async def test_an_unchanged_output_counts_as_a_failure(project: Path) -> None:
    (project / "out.md").write_text("old", encoding="utf-8")
    async with house(project) as runtime:
        answer = await planned(runtime, [{"id": "a", "writes": ["out.md"]}])
        flagged = await checked(runtime, answer["plan"], ok("a"))
        (project / "out.md").write_text("new", encoding="utf-8")
        done = await checked(runtime, answer["plan"], ok("a"))
    assert [flag["code"] for flag in flagged["flags"]] == ["unchanged", "failed"]
    assert done["complete"]
    assert done["flags"] == []


async def test_a_task_that_fails_three_times_is_given_up_and_its_dependents_are_skipped(project: Path) -> None:
    failed = {"task": "a", "state": "failed", "summary": "no access"}
    async with house(project) as runtime:
        answer = await planned(runtime, [{"id": "a"}, {"id": "b", "needs": ["a"]}, {"id": "c", "needs": ["b"]}])
        name = answer["plan"]
        assert launches(await checked(runtime, name, failed)) == ["a"]
        assert launches(await checked(runtime, name, failed)) == ["a"]
        last = await checked(runtime, name, failed)
    assert (last["complete"], last["failed"], last["skipped"], last["launch"]) == (True, ["a"], ["b", "c"], [])


async def test_never_more_agents_than_asked_nor_than_the_client_starts(project: Path) -> None:
    tasks = [{"id": f"t{i}"} for i in range(30)]
    async with house(project) as runtime:
        few = await planned(runtime, tasks, max_agents=3)
        many = await planned(runtime, tasks, max_agents=100)
        more = await checked(runtime, few["plan"], ok("t0"))
    assert launches(few) == ["t0", "t1", "t2"]
    assert len(many["launch"]) == 20
    assert launches(more) == ["t3"]


async def test_two_conversations_on_one_repository_do_not_write_the_same_place(project: Path) -> None:
    async with house(project) as one, house(project) as two:
        first = await planned(one, [{"id": "a", "writes": ["src"]}])
        second = await planned(two, [{"id": "b", "writes": ["src/deep/x.py"]}, {"id": "c", "writes": ["docs"]}])
        assert launches(second) == ["c"]
        [row] = second["waiting"]
        assert row["task"] == "b"
        assert f"task a of plan {first['plan']}" in row["reason"]
        (project / "src").mkdir()
        (project / "src/x").write_text("1", encoding="utf-8")
        await checked(one, first["plan"], ok("a"))
        assert launches(await checked(two, second["plan"])) == ["b"]


async def test_a_conversation_never_waits_for_itself_nor_its_subagents_but_is_told(project: Path) -> None:
    async with house(project) as runtime:
        lead, agent, stranger = (
            Told(runtime, Conversation("/t", session, name))
            for session, name in (("s", None), ("s", "a1"), ("z", None))
        )
        runtime.meter = lead
        first = await planned(runtime, [{"id": "a", "writes": ["src"]}])
        runtime.meter = agent  # an agent that plans its own part of what its task holds
        second = await planned(runtime, [{"id": "b", "writes": ["src/deep"]}])
        assert launches(second) == ["b"]
        [signal] = second["signals"]
        assert signal["reason"] == f"b starts, and {project}/src is held by task a of plan {first['plan']}"
        runtime.meter = stranger
        third = await planned(runtime, [{"id": "c", "writes": ["src/deep/x"]}])
        assert (launches(third), third["signals"]) == ([], [])


async def test_history_of_an_agent_type_corrects_later_plans(project: Path) -> None:
    task = {"id": "a", "agent": "slow", "minutes": 5}
    async with house(project) as runtime:
        first = await planned(runtime, [task])
        await checked(runtime, first["plan"], ok("a", minutes=15, tokens=777))
        second = await planned(runtime, [task])
    assert first["makespan_min"] == 5
    assert second["makespan_min"] == 15
    assert second["analysis"]["time"]["basis"] == {"history": 1}
    assert second["analysis"]["resources"]["tokens"] == 777


async def test_what_a_task_took_includes_the_attempts_that_failed(project: Path) -> None:
    task = {"id": "a", "agent": "unlucky", "minutes": 5}
    async with house(project) as runtime:
        first = await planned(runtime, [task])
        await checked(runtime, first["plan"], {"task": "a", "state": "failed", "minutes": 4})
        await checked(runtime, first["plan"], ok("a", minutes=6))
        second = await planned(runtime, [task])
    assert second["makespan_min"] == 10


async def test_an_answer_stays_short_and_the_whole_is_at_hand(project: Path) -> None:
    tasks = [
        {"id": f"t{i}", "prompt": "word " * 1500, "reads": [f"out/{i // 2}.md"], "writes": [f"out/{i}.md"]}
        for i in range(400)
    ]
    async with house(project) as runtime:
        short = await planned(runtime, tasks, max_agents=20)
        whole = await whole_plan(runtime, short["plan"])
        full = await planned(runtime, tasks[:40], format="json")
    assert len(json.dumps(short)) < 45_000
    assert short["omitted"]
    assert short["whole"] == f"fourfold://plans/{short['plan']}"
    assert len(whole["schedule"]) == len(whole["tasks"]) == 400
    assert len(full["schedule"]) == len(full["headless"]) == 40
    assert full["headless"][0]["command"].startswith("claude -p ")


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({"tasks": []}, "tasks: must not be empty, got [] (list)"),
        ({"tasks": [{"id": "a"}], "fanout": 5}, "fanout: expected at most 4, got 5 (integer)"),
        ({"tasks": [{"id": "a"}], "max_agents": 0}, "max_agents: expected at least 1, got 0 (integer)"),
        (
            {"tasks": [{"id": "a", "minutes": float("nan")}]},
            "tasks[0].minutes: expected a finite number, got nan (number)",
        ),
        ({"tasks": [{"id": "a", "colour": 1}]}, "tasks[0].colour: unknown argument"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(request_: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PlanRequest.model_validate(request_)
    assert [str(f) for f in faults_of(refused.value, "")] == [fault]


@pytest.mark.parametrize("path", ["../x.md", "/etc/hosts", "~/x.md", "/**", "link/x.md"])
async def test_a_write_outside_the_workspace_is_refused(project: Path, path: str) -> None:
    (project / "link").symlink_to(project.parent)
    async with house(project) as runtime:
        with pytest.raises(InvalidRequest) as refused:
            await planned(runtime, [{"id": "a", "writes": ["in.md"]}, {"id": "b", "writes": ["ok/**", path]}])
        assert str(refused.value) == (
            f"tasks[1].writes[1]: expected a path inside the workspace ({project}), got {path!r}"
        )
        assert await Plans(runtime.database).recent(5) == []
        reading = await planned(runtime, [{"id": "a", "reads": [path]}])
        assert launches(reading) == ["a"]


async def test_what_cannot_be_planned_is_refused_with_a_line_each(project: Path) -> None:
    async with house(project) as runtime:
        long = {"id": "a", "prompt": "p" * 20_000, "acceptance": "a" * 20_000}
        with pytest.raises(InvalidRequest) as refused:
            await planned(runtime, [{"reads": ["a\0b"]}, long])
        first, second = str(refused.value).split("\n")
        assert first == "tasks[0].reads[0]: a path cannot hold a NUL character"
        assert second.startswith("tasks[1]: its launch input takes 4")
        with pytest.raises(InvalidRequest, match=r"tasks: expected at most 50,000 needs in all, got 50,005"):
            await planned(runtime, [{"id": "a"}, *({"needs": ["a"] * 137} for _ in range(365))])


async def test_two_processes_that_checkpoint_at_once_launch_each_task_once(project: Path) -> None:
    tasks = [{"id": f"t{i}"} for i in range(12)]
    async with house(project) as one, house(project) as two:
        first = await planned(one, tasks, max_agents=4)
        answers: list[dict[str, Any]] = []

        async def report(runtime: Runtime, *names: str) -> None:
            answers.append(await checked(runtime, first["plan"], *map(ok, names)))

        async with anyio.create_task_group() as group:
            group.start_soon(report, one, "t0", "t1")
            group.start_soon(report, two, "t2", "t3")
        sent = [name for answer in [first, *answers] for name in launches(answer)]
        assert sorted(sent) == sorted(f"t{i}" for i in range(8))


async def test_a_damaged_plan_is_told_in_one_line(project: Path) -> None:
    async with house(project) as runtime:
        name = (await planned(runtime, [{"id": "a"}]))["plan"]
        await runtime.database.use(
            lambda db: db.execute("UPDATE plans SET progress='{\"tasks\": [' WHERE id=?", (name,))
        )
        with pytest.raises(FourfoldError) as told:
            await checked(runtime, name)
        assert str(told.value) == f"plan {name} is damaged in the store; plan the open tasks anew"


async def test_an_answer_to_thousands_of_tasks_on_one_file_stays_short(project: Path) -> None:
    async with house(project) as runtime:
        answer = await planned(runtime, [{"id": f"t{i}", "writes": ["x.md"]} for i in range(1_000)])
        assert len(json.dumps(answer, ensure_ascii=False)) < 45_000
        assert launches(answer) == ["t0"]
        ended = [{"task": f"t{i}", "state": "ok"} for i in range(1_000)]
        next_ = await checked(runtime, answer["plan"], *ended)
        assert len(json.dumps(next_, ensure_ascii=False)) < 45_000


async def test_a_checkpoint_of_what_is_not_there_is_refused(project: Path) -> None:
    async with house(project) as runtime:
        answer = await planned(runtime, [{"id": "a"}])
        with pytest.raises(InvalidRequest, match="unknown task 'b'"):
            await checked(runtime, answer["plan"], ok("b"))
        with pytest.raises(NotFound):
            await checked(runtime, "p-none")
        assert (await checked(runtime, answer["plan"]))["in_flight"] == ["a"]


async def test_an_output_that_is_no_path_is_a_fault_of_its_own(project: Path) -> None:
    async with house(project) as runtime:
        name = (await planned(runtime, [{"id": "a"}]))["plan"]
        with pytest.raises(InvalidRequest) as caught:
            await checked(runtime, name, ok("a", outputs=["good", "a\0b"]))
    assert [str(fault) for fault in caught.value.faults] == [
        "finished[0].outputs[1]: expected a path, got 'a\\x00b' (string)"
    ]
