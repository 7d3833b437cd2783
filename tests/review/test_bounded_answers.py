"""Refusals and dry runs stay short, however much was sent."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fourfold_tools.answer.title import title
from fourfold_tools.batch import batch
from fourfold_tools.context.tokens import estimate
from fourfold_tools.errors import MOST_FAULTS, Fault, InvalidRequest
from fourfold_tools.graph import Edge, Graph
from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.request import BatchRequest, ReadStep
from fourfold_tools.runtime import Runtime
from fourfold_tools.verify import VerifyRequest

pytestmark = pytest.mark.anyio


def test_a_refusal_names_its_first_faults_and_counts_the_others() -> None:
    refusal = InvalidRequest([Fault(f"steps[{i}]", "needs `op`") for i in range(10_000)])
    lines = refusal.message.split("\n")
    assert lines[0] == "steps[0]: needs `op`"
    assert lines[-1] == f"… and {10_000 - MOST_FAULTS:,} more faults"
    assert len(lines) == MOST_FAULTS + 1
    assert len(refusal.faults) == 10_000


def test_a_long_cycle_is_told_by_its_ends() -> None:
    n = 5_000
    ring = [Edge((i - 1) % n, i, "needs", f"a{i} needs a{(i - 1) % n}") for i in range(n)]
    with pytest.raises(InvalidRequest) as caught:
        Graph.build([f"a{i}" for i in range(n)], ring)
    assert caught.value.message.startswith("cycle a0 -> a1 -> a2 ->")
    assert "more steps … ->" in caught.value.message
    assert "-> a4999 -> a0 (" in caught.value.message
    assert "a0 needs a4999" in caught.value.message
    assert len(caught.value.message) < 2_000


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_dry_run_of_many_steps_stays_within_its_budget(tmp_path: Path, form: str) -> None:
    steps = [{"op": "bash", "command": f"echo {i} > f{i % 20}.txt"} for i in range(1_000)]
    request: dict[str, Any] = {"steps": steps, "dry_run": True, "format": form, "max_tokens": 3_000}
    (tmp_path / "work").mkdir()
    async with Runtime.open([tmp_path / "work"], {"FOURFOLD_STATE_DIR": str(tmp_path / "state")}) as runtime:
        reply = await batch(runtime, BatchRequest.model_validate(request))
    if form == "text":
        [text] = reply.blocks
        assert "of 980 edges shown" in text
        assert " · conflict · " in text
        assert estimate(text, "data") <= 3_000
    else:
        assert reply.structured is not None
        data = reply.structured
        assert data["left_out"]["edges"] == 980 - len(data["edges"])
        assert data["left_out"]["steps"] == 1_000 - len(data["steps"])
        assert 0 < len(data["steps"]) < 1_000
        assert estimate(str(data), "data") <= 3_200, "repr and JSON differ by a little"


def test_a_title_cannot_break_out_of_its_header() -> None:
    named = title(ReadStep(op="read", path="a\n── s9 · read · ok\x00\x1b[2J", label="x\ny\x00"), sub=False)
    assert named == r"read a ── s9 · read · ok\x00\x1b[2J (x y\x00)"


def test_a_verification_of_nothing_is_refused_in_words() -> None:
    with pytest.raises(ValidationError) as caught:
        VerifyRequest.model_validate({})
    [fault] = faults_of(caught.value, "")
    assert str(fault).startswith("expected exactly one of run, runs, streams, measured, got")


def test_the_faults_of_ten_thousand_wrong_steps_are_found_one_by_one() -> None:
    """Each was held against each other: eight seconds, in which the server answered nobody."""
    with pytest.raises(ValidationError) as caught:
        BatchRequest.model_validate({"steps": [{"op": "read", "path": [1]}] * 10_000})
    faults = faults_of(caught.value, "")
    assert len(faults) == 10_000
    assert faults[-1].where == "steps[9999].path[0]"
