"""Runs in the store: whole round trips, one owner at a time, what a crash leaves, what a busy file may not lose."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from reports import printed, step_result, step_results
from runtimes import opened, run

from fourfold_tools.errors import InvalidRequest, NotFound
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import AnyOutput, FetchOutput, GlobOutput, GrepOutput, Image, ReadOutput
from fourfold_tools.model.request import BashStep, FetchStep, GlobStep, GrepStep, ReadStep
from fourfold_tools.model.result import StepResult
from fourfold_tools.store.database import Database
from fourfold_tools.store.frozen import freeze, thaw
from fourfold_tools.store.runs import Runs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database, None]:
    made = Database(tmp_path / "s.sqlite", busy_s=0.05)
    yield made
    await made.aclose()


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


@given(step_results())
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_result_comes_back_as_it_was(result: StepResult) -> None:
    assert thaw(*freeze(result)) == result


PICTURE = Image("aGk=", "image/png")


@pytest.mark.parametrize(
    ("op", "output"),
    [
        ("read", ReadOutput("é", "\\x \t\0 \u2028", 3, 1, 9, "note", False, PICTURE, "/src")),
        ("grep", GrepOutput("t", (("a\\xff", 1), ("b", 2)), 2)),
        ("grep", GrepOutput("a:1:\0é\n" * 400, (("a", 400),), 400)),
        ("glob", GlobOutput("", (), 0)),
        ("bash", replace(printed("out\r\n\x1b[0m"), dropped_bytes=7, spill="/s")),
        ("fetch", FetchOutput("http://x", 304, "", "t", "hit", ("http://y",), PICTURE, "cut")),
    ],
)
def test_every_kind_of_output_comes_back_whole(op: str, output: AnyOutput) -> None:
    result = step_result(0, op=op, title=op, output=output)
    assert thaw(*freeze(result)) == result


@pytest.mark.parametrize(
    "literal",
    [
        ReadStep(op="read", path="a", limit=3),
        GrepStep(op="grep", pattern="x", path=["a", "b"]),
        GlobStep(op="glob", pattern="*"),
        BashStep(op="bash", command="x", args=["a", 1, 1.5], env={"A": "b"}, idempotent=True),
        FetchStep(op="fetch", url="http://x", headers={"a": "b"}),
    ],
)
def test_the_arguments_that_a_sub_step_ran_with_come_back(literal: BashStep) -> None:
    result = step_result(
        0,
        id="s1.2",
        index=(0, 2),
        parent="s1",
        literal=literal,
        effects=Effects(frozenset({"/a"}), frozenset({"/b"}), False, hosts=frozenset({"x"}), note="why"),
        blocked_by=("a", "b"),
        lane=3,
        group="s1.1",
    )
    assert thaw(*freeze(result)) == result


async def test_a_run_comes_back_with_its_steps_in_order(runs: Runs) -> None:
    journal = await runs.begin('{"steps":[]}', "/w", 3, "conversation")
    results = [step_result(2), step_result(0, output=printed("x")), step_result(1, index=(1, 2)), step_result(1)]
    for result in results:
        journal.ended(result)
    assert await journal.close("done", {"wall_s": 1.5, "signals": []}) is None
    stored = await runs.get(journal.run)
    assert stored.results == tuple(sorted(results, key=lambda r: r.index))
    assert (stored.state, stored.cwd, stored.step_count) == ("done", "/w", 3)
    assert (stored.conversation, stored.request) == ("conversation", '{"steps":[]}')
    assert stored.report == {"wall_s": 1.5, "signals": []}
    assert not stored.crashed
    light = await runs.get(journal.run, outputs=False)
    assert [r.output for r in light.results] == [None] * 4
    assert await runs.step(journal.run, "s1") == results[1]
    assert await runs.step(journal.run, "s9") is None


async def test_a_later_result_replaces_an_earlier_one_of_the_same_step(runs: Runs) -> None:
    journal = await runs.begin("{}", "/w", 1)
    journal.ended(step_result(0, state="unknown"))
    await journal.flush()
    journal.ended(step_result(0))
    await journal.flush()
    assert [r.state for r in (await runs.get(journal.run)).results] == ["ok"]


async def test_starts_are_durable_when_starting_returns_together_with_what_ended_before(
    runs: Runs, tmp_path: Path
) -> None:
    journal = await runs.begin("{}", "/w", 2)
    journal.ended(step_result(0))
    await journal.starting(["s2"])
    other = sqlite3.connect(tmp_path / "s.sqlite")
    assert other.execute("SELECT step FROM attempts").fetchall() == [("s2",)]
    assert other.execute("SELECT id FROM steps").fetchall() == [("s1",)]
    other.close()


async def test_what_a_busy_store_could_not_take_is_written_with_the_next(runs: Runs, tmp_path: Path) -> None:
    journal = await runs.begin("{}", "/w", 2)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.ended(step_result(0))
    await journal.starting(["s2"])
    await journal.flush()
    problem = await journal.close("done", {})
    assert problem is not None
    assert journal.run in problem
    other.execute("ROLLBACK")
    other.close()
    assert await journal.close("done", {}) is None
    stored = await runs.get(journal.run)
    assert [r.id for r in stored.results] == ["s1"]
    assert stored.intents == {"s2"}
    assert stored.state == "done"


async def test_a_busy_store_does_not_stop_a_run_from_beginning(runs: Runs, tmp_path: Path) -> None:
    await runs.begin("{}", "/w", 1)
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = await runs.begin("{}", "/w", 1)
    assert journal.run.startswith("r-")
    other.execute("ROLLBACK")
    other.close()


async def test_results_that_were_on_their_way_when_the_run_was_cancelled_are_kept(runs: Runs) -> None:
    journal = await runs.begin("{}", "/w", 1)
    journal.ended(step_result(0))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await journal.starting(["s2"])
    assert await journal.close("cancelled", {}) is None
    assert [r.id for r in (await runs.get(journal.run)).results] == ["s1"]


async def test_write_on_writes_ends_as_they_come(runs: Runs) -> None:
    journal = await runs.begin("{}", "/w", 2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.write_on)
        for number in range(2):
            journal.ended(step_result(number))
            with anyio.fail_after(5):
                while len((await runs.get(journal.run)).results) <= number:
                    await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


def crash(folder: Path) -> str:
    """A run of a process that is gone: one step ended, one started."""
    code = f"""
import anyio, os
from pathlib import Path
from fourfold_tools.store.database import Database
from fourfold_tools.store.runs import Runs
from fourfold_tools.model.result import StepResult
async def main():
    journal = await Runs(Database(Path({str(folder)!r}) / "s.sqlite", 1.0)).begin("{{}}", "/w", 3)
    journal.ended(StepResult("s1", "bash", "ok", "bash", (0, 0)))
    await journal.starting(["s2"])
    print(journal.run, flush=True)
    os.kill(os.getpid(), 9)
anyio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    return done.stdout.strip()


async def test_after_kill_9_the_run_has_its_ends_and_its_starts_and_counts_as_crashed(
    runs: Runs, tmp_path: Path
) -> None:
    stored = await runs.get(crash(tmp_path))
    assert stored.crashed
    assert [r.id for r in stored.results] == ["s1"]
    assert stored.intents == {"s2"}


async def test_of_two_servers_that_claim_a_crashed_run_one_gets_it(runs: Runs, tmp_path: Path) -> None:
    run = crash(tmp_path)
    other = Database(tmp_path / "s.sqlite", busy_s=2.0)
    outcomes: list[str] = []

    async def claim(of: Runs) -> None:
        try:
            outcomes.append((await of.claim(run)).run)
        except InvalidRequest:
            outcomes.append("refused")

    async with anyio.create_task_group() as tasks:
        for of in (runs, Runs(other), runs, Runs(other)):
            tasks.start_soon(claim, of)
    await other.aclose()
    assert sorted(outcomes) == sorted([run, "refused", "refused", "refused"])


async def test_a_run_that_still_runs_cannot_be_claimed(runs: Runs) -> None:
    journal = await runs.begin("{}", "/w", 1)
    with pytest.raises(InvalidRequest, match="still running"):
        await runs.claim(journal.run)


async def test_a_run_that_is_not_there_is_not_found(runs: Runs) -> None:
    with pytest.raises(NotFound):
        await runs.get("r-none")
    with pytest.raises(NotFound):
        await runs.claim("r-none")


async def test_recent_runs_come_newest_first_and_by_conversation(runs: Runs) -> None:
    names = [(await runs.begin("{}", "/w", 1, f"c{n % 2}")).run for n in range(5)]
    assert [run.id for run in await runs.recent(3)] == names[:1:-1]
    assert [run.id for run in await runs.recent(9, "c1")] == [names[3], names[1]]
    late = await runs.begin("{}", "/w", 1)
    await late.belongs_to("c1")
    assert [run.id for run in await runs.recent(1, "c1")] == [late.run]


def test_a_result_that_an_older_version_wrote_is_read() -> None:
    head = '{"id":"a","op":"bash","state":"ok","title":"bash","index":[0,0],"queued_s":0.0,"started_s":0.5,"lane":0}'
    assert thaw(head, None) == StepResult(
        "a", "bash", "ok", "bash", (0, 0), queued_s=0.0, started_s=0.5, lane=0, waited_for="", tries=()
    )


async def test_a_run_keeps_its_graph_with_the_reasons_and_no_more_edges_than_may_be_kept(tmp_path: Path) -> None:
    steps = [{"id": "a", "op": "bash", "command": "true"}] + [
        {"id": f"b{i}", "op": "bash", "command": "true", "needs": ["a"]} for i in range(3)
    ]
    async with opened(tmp_path, FOURFOLD_STORE__MOST_EDGES="2") as runtime:
        done = await run(runtime, *steps)
        assert done.structured is not None
        report = (await runtime.runs.get(done.structured["run"])).report
    assert report is not None
    assert report["edges"] == [["a", "b0", "needs", "b0 needs a"], ["a", "b1", "needs", "b1 needs a"]]
    assert report["edges_of"] == 3
