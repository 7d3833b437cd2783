"""Resuming: after kill -9 nothing that must not be repeated runs twice, and what nobody knows is called unknown."""

import json
import random
from collections import Counter
from pathlib import Path

import anyio
import pytest
from runtimes import entries, killed_server, opened, resume, run

from fourfold_tools.errors import InvalidRequest, NotFound
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, BatchRequest
from fourfold_tools.model.result import StepResult
from fourfold_tools.resume import record_of, stored_steps
from fourfold_tools.store.runs import StoredRun

pytestmark = pytest.mark.anyio
MOMENTS = range(50)
STEPS = 20


def appends() -> list[dict[str, object]]:
    """Each adds one line of its own to one of four files: none may run twice."""
    return [
        {"id": f"a{n}", "op": "bash", "command": 'printf "%s\\n" "$1" >> "log$2"', "args": [n, n % 4]}
        for n in range(STEPS)
    ]


def lines(folder: Path) -> Counter[int]:
    return Counter(int(line) for path in folder.glob("log*") for line in path.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("moment", MOMENTS)
async def test_after_kill_9_every_line_is_there_once_or_its_step_is_unknown(tmp_path: Path, moment: int) -> None:
    chance = random.Random(moment)
    after, spin = chance.randrange(STEPS - 1), chance.randrange(2_000)
    state = tmp_path / "state" / "fourfold.sqlite"

    def due() -> bool:
        if not state.exists() or sum(lines(tmp_path / "work").values()) < after:
            return False
        return all(i >= 0 for i in range(spin))

    request = json.dumps({"steps": appends(), "max_parallel": 4, "unknown": "parallel"})
    killed_server(tmp_path, request, due)
    async with opened(tmp_path) as runtime:
        recent = await runtime.runs.recent(5)
        if not recent:
            assert not lines(tmp_path / "work"), "a line without a run in the store"
            return
        [stored] = recent
        reply = await resume(runtime, stored.id)
        written = lines(tmp_path / "work")
        states = {name: entry["state"] for name, entry in entries(reply).items()}
        assert set(states) == {f"a{n}" for n in range(STEPS)}
        assert set(states.values()) <= {"ok", "unknown"}
        for n in range(STEPS):
            assert written[n] == 1 if states[f"a{n}"] == "ok" else written[n] <= 1
        known = await runtime.runs.get(stored.id)
        assert {r.id: r.state for r in known.results} == states, "the record says the same"
        again = await resume(runtime, stored.id, retry_unknown=True)
        assert {entry["state"] for entry in entries(again).values()} == {"ok"}
        twice = {f"a{n}" for n, count in lines(tmp_path / "work").items() if count > 1}
        assert twice <= {name for name, state in states.items() if state == "unknown"}


async def test_a_cancelled_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        steps = [{"id": "first", "op": "bash", "command": "echo 1 >> log0"}]
        steps += [{"id": "slow", "op": "bash", "command": "touch started; sleep 60", "needs": ["first"]}]
        steps += [{"id": "last", "op": "bash", "command": "echo 2 >> log0", "needs": ["first"]}]
        steps += [{"id": "after", "op": "read", "path": "log0", "needs": ["slow"]}]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: run(runtime, *steps, max_parallel=1))
            with anyio.fail_after(20):
                while not (tmp_path / "work" / "started").exists():
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        [stored] = await runtime.runs.recent(1)
        assert stored.state == "cancelled"
        written = await handoff(runtime, HandoffRequest(action="write"))
        assert written.structured is not None
        loaded = await handoff(runtime, HandoffRequest(action="load", id=written.structured["id"]))
        assert loaded.structured is not None
        assert loaded.structured["next"] == [{"tool": "batch", "arguments": {"resume": stored.id}}]
        states = {name: entry["state"] for name, entry in entries(await resume(runtime, stored.id)).items()}
        assert states == {"first": "ok", "slow": "unknown", "last": "ok", "after": "skipped"}
        assert (tmp_path / "work" / "log0").read_text(encoding="utf-8") == "1\n2\n"
        loaded = await handoff(runtime, HandoffRequest(action="load", id=written.structured["id"]))
        assert loaded.structured is not None
        assert loaded.structured["next"] == []


async def test_the_order_that_the_run_was_given_holds_when_it_goes_on(tmp_path: Path) -> None:
    """`unknown: barrier` and `on_error: stop` are what the steps were meant to run by."""
    async with opened(tmp_path) as runtime:
        request = {
            "steps": [
                {"id": "u1", "op": "bash", "command": "python3 -c 'exit(3)'", "needs": []},
                {"id": "u2", "op": "bash", "command": 'python3 -c \'open("two", "w")\''},
            ],
            "unknown": "barrier",
            "on_error": "stop",
        }
        journal = await runtime.runs.begin(json.dumps(request), runtime.workspace.cwd, 2)
        await journal.close("cancelled", {})
        states = {name: entry["state"] for name, entry in entries(await resume(runtime, journal.run)).items()}
        assert states == {"u1": "failed", "u2": "skipped"}
        assert not (tmp_path / "work" / "two").exists()


async def test_a_run_that_runs_or_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        journal = await runtime.runs.begin('{"steps": [{"op": "read", "path": "a", "id": "s1"}]}', "/w", 1)
        with pytest.raises(InvalidRequest):
            await resume(runtime, journal.run)
        with pytest.raises(NotFound):
            await resume(runtime, "r-none")


def stored_run(*results: StepResult, state: str = "running", intents: frozenset[str] = frozenset()) -> StoredRun:
    steps = [
        {"op": "bash", "command": "x", "id": "a"},
        {"op": "bash", "command": "y", "id": "b", "idempotent": True},
        {"op": "read", "path": "z", "id": "c"},
    ]
    request = json.dumps({"steps": steps})
    return StoredRun("r-x", 0.0, None, state, "0:0", "/w", "", 3, request, None, results, intents)  # type: ignore[arg-type]


def ended(
    name: str, index: int, state: str, sub: int = 0, *, read_only: bool = False, code: str | None = None
) -> StepResult:
    effects = Effects(read_only=read_only)
    return StepResult(name, "bash", state, "bash", (index, sub), code=code, effects=effects)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "states"),
    [
        (stored_run(), {"a": "not_started", "b": "not_started", "c": "not_started"}),
        (stored_run(intents=frozenset({"a"})), {"a": "unknown", "b": "not_started", "c": "not_started"}),
        (
            stored_run(ended("a", 0, "ok"), intents=frozenset({"a"})),
            {"a": "ok", "b": "not_started", "c": "not_started"},
        ),
        (
            stored_run(
                ended("a", 0, "cancelled"),
                ended("b", 1, "cancelled"),
                ended("c", 2, "cancelled", read_only=True),
                state="cancelled",
                intents=frozenset({"a"}),
            ),
            {"a": "unknown", "b": "not_started", "c": "not_started"},
        ),
        (
            stored_run(
                ended("a", 0, "failed"),
                ended("b", 1, "skipped", code="cancelled"),
                ended("c", 2, "skipped"),
                state="cancelled",
            ),
            {"a": "failed", "b": "not_started", "c": "skipped"},
        ),
        (
            stored_run(ended("a.1", 0, "ok", 1), intents=frozenset({"a.1", "a.2"})),
            {"a": "not_started", "a.1": "ok", "a.2": "unknown", "b": "not_started", "c": "not_started"},
        ),
        (
            stored_run(ended("a.1", 0, "ok", 1), ended("b", 1, "ok"), ended("c", 2, "ok"), state="cancelled"),
            {"a.1": "ok", "b": "ok", "c": "ok"},
        ),
    ],
)
def test_the_record_of_a_run_that_broke_off_says_what_is_known(stored: StoredRun, states: dict[str, str]) -> None:
    steps: tuple[AnyStep, ...] = stored_steps(stored)
    assert {r.id: r.state for r in record_of(stored, steps)} == states


def test_stored_steps_are_the_submitted_ones() -> None:
    request = BatchRequest.model_validate(
        {"steps": [{"op": "read", "path": {"from": "a", "field": "paths"}, "id": "x"}]}
    )
    [step] = request.steps or []
    text = json.dumps({"steps": [step.model_dump(mode="json", by_alias=True, exclude_unset=True)]})
    assert stored_steps(StoredRun("r", 0.0, None, "done", "", "", "", 1, text, None)) == (step,)
