"""SQLite fails at its k-th statement, for every k: results come back whole, and what is not stored is said.

Each kind of fault takes its turn over the statements; a full disk takes all of them. `FOURFOLD_FAULTS_ALL=1`: all do.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FAULTS, Faulty, failing
from runtimes import opened, run

from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.errors import FourfoldError, NotFound
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.plans import Plans
from fourfold_tools.store.runs import Runs, StoredRun

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
_BESIDE = {"-wal", "-shm", "pair"}
ALL = bool(os.environ.get("FOURFOLD_FAULTS_ALL"))
MOST_STATEMENTS = 400  # of one batch, more than there are
STEPS = (
    {"id": "first", "op": "bash", "command": "echo once >> log; cat log"},
    {"id": "lines", "op": "read", "path": "log", "needs": ["first"]},
    {"id": "bad", "op": "bash", "command": "exit 3"},
    {"id": "last", "op": "bash", "command": 'echo "$1"', "args": [{"from": "lines", "field": "text"}]},
)


def moments(fault: str, times: int = 1) -> Iterator[int]:
    """The statements that fail, one in each try."""
    every = ALL or (fault == "full" and times == 1)
    first, stride = (1, 1) if every else (1 + list(FAULTS).index(fault), len(FAULTS))
    return iter(range(first, MOST_STATEMENTS, stride))


async def one_batch(runtime: Runtime) -> dict[str, Any]:
    reply = await run(runtime, *STEPS)
    assert reply.structured is not None
    return reply.structured


def check_results(answer: dict[str, Any], root: Path) -> None:
    steps = {step["id"]: step for step in answer["steps"]}
    assert {name: step["state"] for name, step in steps.items()} == {
        "first": "ok",
        "lines": "ok",
        "bad": "failed",
        "last": "ok",
    }
    assert steps["bad"]["code"] == "exit_status"
    assert steps["last"]["output"]["stdout"].strip() == "once"
    assert (root / "log").read_text(encoding="utf-8") == "once\n"


async def check_stored(answer: dict[str, Any], runtime: Runtime, state: Path) -> None:
    """The run can be read whole, now or by the next server; where it cannot by both, the answer says so."""
    told = [signal["reason"] for signal in answer["signals"] if signal["level"] == "store"]
    files = [Runs(Database(path, 1.0)) for path in state.glob("fourfold.sqlite*") if path.suffix[-4:] not in _BESIDE]
    found = [run for runs in (runtime.runs, *files) if (run := await read(runs, answer["run"]))]
    for runs in files:
        await runs._database.aclose()
    assert found
    assert len(found) > 1 or told, "the run is in one place only, and nobody says so"
    assert {(run.state, len(run.results)) for run in found} >= {("done", 4)}, told


async def read(runs: Runs, name: str) -> StoredRun | None:
    try:
        return await runs.get(name)
    except NotFound:
        return None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 1_000], ids=["once", "from then on"])
async def test_a_batch_whose_store_fails_at_any_statement_has_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, times: int
) -> None:
    for at in moments(fault, times):
        home = tmp_path / str(at)
        home.mkdir()
        faulty = Faulty(at, FAULTS[fault], times)
        async with opened(home, FOURFOLD_STORE__BUSY_S="0.05") as runtime:
            with failing(faulty, monkeypatch):
                answer = await one_batch(runtime)
            check_results(answer, home / "work")
            await check_stored(answer, runtime, home / "state")
        if not faulty.failed:
            assert at > 5
            return
    raise AssertionError("the last statement was not reached")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_plan_whose_store_fails_at_any_statement_is_whole_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for at in moments(fault):
        home = tmp_path / str(at)
        home.mkdir()
        faulty = Faulty(at, FAULTS[fault])
        async with opened(home, FOURFOLD_STORE__BUSY_S="0.05") as runtime:
            (home / "work" / "a.txt").write_text("before", encoding="utf-8")
            with failing(faulty, monkeypatch):
                refused = None
                try:
                    await plan_and_report(runtime)
                except FourfoldError as exc:
                    refused = exc.message
            if refused is not None:
                assert faulty.failed
                assert "another server holds the store; call again" in refused or "; the store: " in refused
            name = await plan_and_report(runtime)
            assert (await Plans(runtime.database).get(name)).complete
        if not faulty.failed:
            assert at > 3
            return
    raise AssertionError("the last statement was not reached")


async def plan_and_report(runtime: Runtime) -> str:
    """A plan of two tasks that both end well; its name."""
    tasks = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y", "needs": ["a"]}]
    planned = await plan(runtime, PlanRequest.model_validate({"tasks": tasks}))
    assert planned.structured is not None
    name: str = planned.structured["plan"]
    for task in ("a", "b"):
        finished = [{"task": task, "state": "ok"}]
        reply = await checkpoint(runtime, CheckpointRequest.model_validate({"plan": name, "finished": finished}))
        assert reply.structured is not None
        assert reply.structured["complete"] == (task == "b")
    return name


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_handoff_whose_store_fails_at_any_statement_is_written_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for at in moments(fault):
        home = tmp_path / str(at)
        home.mkdir()
        faulty = Faulty(at, FAULTS[fault])
        async with opened(home, FOURFOLD_STORE__BUSY_S="0.05") as runtime:
            await one_batch(runtime)
            with failing(faulty, monkeypatch):
                await runtime.database.aclose()  # the next use opens it anew, now with a faulty SQLite
                try:
                    written = await handoff(runtime, HandoffRequest(action="write"))
                except StoreBusy:
                    written = await handoff(runtime, HandoffRequest(action="write"))
            assert written.structured is not None
            name = written.structured["id"]
            loaded = await handoff(runtime, HandoffRequest(action="load", id=name))
            assert loaded.structured is not None
            assert loaded.structured["id"] == name
        if not faulty.failed:
            assert at > 3
            return
    raise AssertionError("the last statement was not reached")
