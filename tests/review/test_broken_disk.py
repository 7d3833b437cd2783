"""A state folder that cannot be written costs files, never results."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fourfold_tools.batch import batch
from fourfold_tools.caller import Caller
from fourfold_tools.context.levels import Stage
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.usage import Usage
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.handoffs.write import HandoffUnwritten
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A state folder in which a file stands where handoffs would go."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.txt").write_text("alpha\n", encoding="utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "handoffs").write_text("in the way", encoding="utf-8")
    return {"FOURFOLD_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}


@dataclass
class FullMeter:
    """A meter of a conversation that has just gone above 95 %."""

    usage: Usage

    async def measure(self, *_: Any, **__: Any) -> Usage:
        return self.usage

    def calm_below(self, percent: float) -> bool:
        return False


async def test_a_handoff_that_cannot_be_written_says_so(env: dict[str, str], tmp_path: Path) -> None:
    async with Runtime.open([tmp_path / "work"], env) as runtime:
        with pytest.raises(HandoffUnwritten, match=r"handoff h-\w+ could not be written to .*handoffs: "):
            await handoff(runtime, HandoffRequest(action="write"), Caller())


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_run_keeps_its_results_when_its_handoff_cannot_be_written(
    env: dict[str, str], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = Signal("handoff", "handoff", "context 97 %", "write a handoff")
    full = Usage(194_000, 200_000, 97.0, Stage.HANDOFF, "transcript", announcement=announced)
    request = BatchRequest.model_validate({"steps": [{"op": "read", "path": "a.txt"}], "force": True, "format": form})
    async with Runtime.open([tmp_path / "work"], env) as runtime:
        monkeypatch.setattr(runtime, "meter", FullMeter(full))
        reply = await batch(runtime, request, Caller())
    said = "\n".join(reply.blocks) if form == "text" else str(reply.structured)
    assert "alpha" in said
    assert "could not be written to" in said
    assert reply.all_ok


async def test_refused_work_is_kept_as_a_run_when_no_handoff_can_be_written(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Usage(194_000, 200_000, 97.0, Stage.HANDOFF, "transcript")
    request = BatchRequest.model_validate({"steps": [{"op": "read", "path": "a.txt"}]})
    async with Runtime.open([tmp_path / "work"], env) as runtime:
        monkeypatch.setattr(runtime, "meter", FullMeter(full))
        [line] = (await batch(runtime, request, Caller())).blocks
        [kept] = await runtime.runs.recent(1)
    assert f"this batch is kept as run {kept.id}" in line
    assert "could not be written to" in line
    assert "is written" not in line
