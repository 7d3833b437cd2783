"""A deployment in this process: what ends, what stops it, what it goes on with."""

from pathlib import Path

import pytest
from fleet_lab import Lab
from processes import wait_gone

from fourfold_tools.fleet.course import Course, Deployed

pytestmark = pytest.mark.anyio


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab.below(tmp_path)


def _states(deployed: Deployed) -> dict[str, str]:
    progress = deployed.stepped.progress
    return {name: progress.tasks[v].state for v, name in enumerate(deployed.stepped.plan.graph.ids)}


async def test_a_task_that_always_fails_is_given_up_and_its_dependents_are_skipped(lab: Lab) -> None:
    tasks = [lab.task("bad", 0.0, failures=9), lab.task("after", 0.0, needs=["bad"]), lab.task("good", 0.0)]
    ended = await lab.carry_out(tasks)
    assert _states(ended) == {"bad": "failed", "after": "skipped", "good": "ok"}
    assert [name for name, _ in lab.noted("begin")].count("bad") == 3
    assert not ended.all_ok


async def test_a_declared_output_is_checked(lab: Lab) -> None:
    made = lab.task("made", 0.0, writes=["made.txt"], files={"made.txt": "here"})
    missed = lab.task("missed", 0.0, writes=["missed.txt"])
    assert _states(await lab.carry_out([made, missed])) == {"made": "ok", "missed": "failed"}
    assert (lab.work / "made.txt").read_text(encoding="utf-8") == "here"


async def test_the_limit_of_money_stops_the_next_launch_and_the_plan_goes_on_later(lab: Lab) -> None:
    tasks = [lab.task(f"t{i}", 0.0, usd=0.4) for i in range(5)]
    ended = await lab.carry_out(tasks, max_usd=1.0, task_usd=0.5, max_agents=1)
    assert ended.why == "$1.20 of $1.00 are spent"
    assert len(lab.noted("begin")) == 3  # given 0.5, 0.5 and what was left of 1
    ended = await lab.carry_out(tasks, plan=lab.only_plan(), max_usd=9.0)
    assert ended.all_ok
    assert len(lab.noted("begin")) == 5


async def test_the_limit_of_minutes_ends_what_runs(lab: Lab) -> None:
    ended = await lab.carry_out([lab.task("long", 60.0)], max_minutes=0.01)
    assert ended.why == "0.01 minutes are over"
    assert lab.noted("end") == []
    wait_gone([int(row[3]) for row in lab.log()])


async def test_a_rate_limit_pauses_everyone_and_counts_as_no_attempt(lab: Lab) -> None:
    limited = {"limited": str(lab.root / "limited"), "retry_after_s": 1.0}
    tasks = [lab.task("first", 0.0, **limited), lab.task("second", 0.0, needs=["first"])]
    seen: list[Course] = []
    ended = await lab.carry_out(tasks, on_change=seen.append)
    assert ended.all_ok
    assert {course.pause.reason for course in seen if course.pause} == {"too many requests"}
    assert lab.noted("begin") == [("first", "1"), ("first", "1"), ("second", "1")]


async def test_what_a_conversation_has_in_flight_is_not_started_again(lab: Lab) -> None:
    tasks = [lab.task("theirs", 0.0), lab.task("ours", 0.0)]
    name = await lab.launched_elsewhere(tasks, "theirs")
    ended = await lab.carry_out(tasks, plan=name)
    assert _states(ended) == {"theirs": "running", "ours": "ok"}
    assert ended.elsewhere == (f"{name}/theirs/1",)
    assert ended.why
    ended = await lab.carry_out(tasks, plan=name, retry_unknown=True)
    assert _states(ended) == {"theirs": "ok", "ours": "ok"}
