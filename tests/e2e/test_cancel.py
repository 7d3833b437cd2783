"""Cancelling a batch of real commands at every step: nothing lives on, what had ended is kept."""

import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import carrying, linux

from fourfold_tools.batch import batch
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.model.result import StepResult
from fourfold_tools.runtime import Runtime

pytestmark = [pytest.mark.anyio, linux]

STEPS = 20
# The steps before the k-th end at once; the others say that they run, leave a child behind, and never end.
COMMAND = 'if [ "$1" -lt "$2" ]; then echo "done $1"; else sleep 1000 & touch "start-$1"; exec sleep 1000; fi'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cancel")


@pytest.fixture(scope="module")
async def runtime(folder: Path) -> AsyncGenerator[Runtime, None]:
    """One runtime for all the cancelled batches, as one server has it."""
    work = folder / "work"
    work.mkdir()
    env = {"HOME": str(folder), "FOURFOLD_STATE_DIR": str(folder / "state")}
    async with Runtime.open(roots=[work], env=env) as opened:
        yield opened


def request(k: int, width: int, mark: str) -> BatchRequest:
    steps: list[dict[str, Any]] = [
        {"id": f"n{i}", "op": "bash", "command": COMMAND, "args": [i, k], "env": {"E2E_MARK": mark}}
        for i in range(STEPS)
    ]
    return BatchRequest.model_validate({"steps": steps, "max_parallel": width})


async def results_of_cancelled(runtime: Runtime, k: int, width: int, mark: str) -> dict[str, StepResult]:
    """Cancel a batch once its k-th step runs and those before it have ended; what the store then holds of it."""
    ended: set[int] = set()

    def note(run: Scheduler) -> None:
        ended.update(index for index, _ in run.ledger.results)

    started = Path(runtime.workspace.cwd) / f"start-{k}"
    started.unlink(missing_ok=True)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(batch, runtime, request(k, width, mark), on_change=note))
            while not (started.exists() and ended.issuperset(range(k))):
                await anyio.sleep(0.005)
            assert len(carrying(mark)) >= 2
            tasks.cancel_scope.cancel()
    [newest] = await runtime.runs.recent(1)
    assert newest.state == "cancelled"
    return {result.id: result for result in (await runtime.runs.get(newest.id)).results}


@pytest.mark.parametrize("k", range(STEPS))
async def test_a_batch_cancelled_at_step_k_leaves_no_process_and_keeps_what_had_ended(
    runtime: Runtime, k: int
) -> None:
    width = 1 + k % 4
    mark = uuid.uuid4().hex
    results = await results_of_cancelled(runtime, k, width, mark)
    assert carrying(mark) == [], "when the call has ended nothing of it lives"
    assert len(results) == STEPS
    for i in range(k):
        result = results[f"n{i}"]
        assert result.state == "ok"
        assert result.output is not None
        assert result.output.body() == f"done {i}"
    rest = Counter(results[f"n{i}"].state for i in range(k, STEPS))
    assert results[f"n{k}"].state == "cancelled"
    assert set(rest) <= {"cancelled", "skipped"}
    assert rest["cancelled"] <= width
    assert all(result.code == "cancelled" for result in results.values() if result.state != "ok")


async def test_after_all_of_that_the_runtime_holds_nothing_and_works(runtime: Runtime) -> None:
    assert runtime.active == {}
    assert sum(runtime.limiter.in_use().values()) == 0
    reply = await batch(runtime, request(STEPS, 8, "after"))
    assert reply.all_ok
