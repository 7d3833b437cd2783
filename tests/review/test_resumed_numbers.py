"""What a resumed run says of itself rests on what ran now, and processor time counts wherever it was spent."""

from pathlib import Path
from typing import Any

import pytest

from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio


async def answered(runtime: Runtime, **request: Any) -> dict[str, Any]:
    reply = await batch(runtime, BatchRequest.model_validate({"format": "json", **request}))
    assert reply.structured is not None
    return reply.structured


async def test_a_resumed_run_does_not_count_the_time_of_steps_that_it_found(tmp_path: Path) -> None:
    """Their starts and seconds belong to the run that broke off: CPU came out at 13868 %, its State INVALID."""
    (tmp_path / "work").mkdir()
    steps = [{"op": "bash", "command": f"sleep 0.2; echo {i}"} for i in range(3)]
    async with Runtime.open([tmp_path / "work"], {"FOURFOLD_STATE_DIR": str(tmp_path / "state")}) as runtime:
        first = await answered(runtime, steps=steps)
        again = await answered(runtime, resume=first["run"])
    assert [s["state"] for s in again["steps"]] == ["ok", "ok", "ok"]
    assert again["mathver"]["state"] != "INVALID"
    assert again["mathver"]["time_comparison"]["n"] == 0


async def test_the_processor_time_of_searches_is_in_the_cpu_of_a_run(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "big.txt").write_text("x" * 99 + "\n" * 200_000, encoding="utf-8")
    async with Runtime.open([work], {"FOURFOLD_STATE_DIR": str(tmp_path / "state")}) as runtime:
        data = await answered(runtime, steps=[{"op": "grep", "pattern": "nothing"}, {"op": "grep", "pattern": "y+z"}])
    spent = sum(step["cpu_s"] for step in data["steps"])
    assert spent > 0
    assert data["mathver"]["resource_usage"]["cpu_s"] >= spent
