"""Refused for want of context: kept once, run once, and never lost, whatever the caller does next."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from runtimes import opened

from fourfold_tools.batch import batch
from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio
STEPS = [{"id": "add", "op": "bash", "command": "echo once >> out.txt"}]
FULL, CALM = {"percent": 96}, {"percent": 40}


async def ask(runtime: Runtime, percent: float, steps: list[dict[str, Any]] = STEPS, **more: Any) -> str:
    request = {"steps": steps, "context": {"percent": percent}, **more}
    return (await batch(runtime, BatchRequest.model_validate(request))).blocks[0]


async def loaded(runtime: Runtime, name: str) -> dict[str, Any]:
    reply = await handoff(runtime, HandoffRequest(action="load", id=name))
    assert reply.structured is not None
    return reply.structured


def named(text: str, prefix: str) -> str:
    return next(word.strip(";,") for word in text.split() if word.startswith(prefix))


def out(tmp_path: Path) -> list[str]:
    path = tmp_path / "work" / "out.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


@pytest.mark.parametrize(("percent", "refused"), [(95, False), (95.0001, True)])
async def test_new_work_is_refused_exactly_above_95_percent(tmp_path: Path, percent: float, refused: bool) -> None:
    async with opened(tmp_path) as runtime:
        text = await ask(runtime, percent)
        assert text.startswith("context: ") is refused
        assert out(tmp_path) == ([] if refused else ["once"])


async def test_a_batch_that_is_sent_again_and_again_is_kept_once_and_runs_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        texts = [await ask(runtime, 96) for _ in range(3)]
        assert len({named(text, "r-") for text in texts}) == 1
        following = (await loaded(runtime, named(texts[-1], "h-")))["next"]
        assert following == [{"tool": "batch", "arguments": {"resume": named(texts[0], "r-")}}]
    async with opened(tmp_path) as runtime:
        await ask(runtime, 5, resume=following[0]["arguments"]["resume"], steps=None)  # type: ignore[arg-type]
        assert (await loaded(runtime, named(texts[0], "h-")))["next"] == []
    assert out(tmp_path) == ["once"]


@pytest.mark.parametrize("how", ["forced", "forced in a new server", "after the level fell"])
async def test_what_the_caller_runs_after_all_is_not_left_to_be_run_again(tmp_path: Path, how: str) -> None:
    async with opened(tmp_path) as runtime:
        text = await ask(runtime, 96)
        if how == "forced":
            again = await ask(runtime, 96, force=True)
        elif how == "after the level fell":
            again = await ask(runtime, 40)
    if how == "forced in a new server":
        async with opened(tmp_path) as runtime:
            again = await ask(runtime, 96, force=True)
    assert again.startswith(f"run {named(text, 'r-')} · 1 step: 1 ok")
    async with opened(tmp_path) as runtime:
        assert (await loaded(runtime, named(text, "h-")))["next"] == []
    assert out(tmp_path) == ["once"]


async def test_another_batch_is_another_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        other = [{**STEPS[0], "command": "echo other >> out.txt"}]
        first, second = await ask(runtime, 96), await ask(runtime, 96, other)
        assert named(first, "r-") != named(second, "r-")
        assert len((await loaded(runtime, named(second, "h-")))["next"]) == 2
        forced = await ask(runtime, 96, [*STEPS, {"op": "glob", "pattern": "*"}], force=True)
        assert named(forced, "r-") not in {named(first, "r-"), named(second, "r-")}


async def test_a_run_that_went_part_of_the_way_is_never_taken_for_one_that_did_not_start(tmp_path: Path) -> None:
    """A resumed run that is refused keeps what it has done; the same batch sent anew is a run of its own."""
    async with opened(tmp_path) as runtime:
        steps = [*STEPS, {"id": "two", "op": "bash", "command": "echo two >> out.txt", "needs": ["add"]}]
        journal = await runtime.runs.begin(json.dumps({"steps": steps}), runtime.workspace.cwd, 2)
        await journal.starting(["add"])
        await journal.close("cancelled", {})
        refused = await ask(runtime, 96, None, resume=journal.run)  # type: ignore[arg-type]
        assert named(refused, "r-") == journal.run
        fresh = await ask(runtime, 96, steps, force=True)
        assert named(fresh, "r-") != journal.run


async def test_a_dry_run_says_the_level_before_and_after_and_never_counts_as_work(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        text = await ask(runtime, 96, dry_run=True)
        assert text.startswith("dry run")
        assert await runtime.runs.recent(5) == []


async def test_a_plan_above_95_percent_is_stored_unlaunched_and_its_handoff_goes_on_with_it(tmp_path: Path) -> None:
    tasks = [{"id": "a", "title": "A", "writes": ["a.md"]}]
    async with opened(tmp_path) as runtime:
        request = PlanRequest.model_validate({"goal": "the goal", "tasks": tasks, "context": FULL})
        line = (await plan(runtime, request)).blocks[0]
        assert line.startswith("context: context 96 % (argument): no new work above 95 %")
        document = await loaded(runtime, named(line, "h-"))
        assert document["goal"] == "the goal"
        [following] = document["next"]
        assert following == {"tool": "checkpoint", "arguments": {"plan": named(line, "p-")}}
    async with opened(tmp_path) as runtime:
        full = await checkpoint(
            runtime, CheckpointRequest.model_validate({**following["arguments"], "context": FULL})
        )
        assert full.structured is not None
        assert full.structured["launch"] == []
        assert "handoff" in [signal["kind"] for signal in full.structured["signals"]]
        went_on = await checkpoint(
            runtime, CheckpointRequest.model_validate({**following["arguments"], "context": CALM})
        )
        assert went_on.structured is not None
        assert len(went_on.structured["launch"]) == 1


async def test_what_the_caller_states_sets_its_limits_budget_and_signals(tmp_path: Path) -> None:
    long = [{"op": "bash", "command": "seq 1 20000"}]
    async with opened(tmp_path) as runtime:
        seen: list[tuple[str, list[str]]] = []
        for percent in (40, 72, 73, 93, 60):
            request = {"steps": long, "context": {"percent": percent}}
            blocks = (await batch(runtime, BatchRequest.model_validate(request))).blocks
            signals = [b.split(":")[0] for b in blocks[2:] if not b.startswith("📡 pressure")]
            head = re.fullmatch(r"run .* of (.*) tokens · (.*)", blocks[0].split("\n")[0])
            assert head
            seen.append((f"{head[1]} {head[2]}", signals))
    assert [text for text, _ in seen] == [
        "12.5k context 40 % (argument)",
        "11.5k context 72 % (argument)",
        "11.0k context 73 % (argument)",
        "1.2k context 93 % (argument)",
        "12.5k context 60 % (argument)",
    ]
    assert [signals for _, signals in seen] == [
        [],
        ["📡 throttle limited"],
        [],
        ["📡 throttle scaled_down"],
        ["📡 throttle normal"],
    ]
