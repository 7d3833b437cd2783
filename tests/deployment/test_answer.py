"""Answers within their bound: lists are cut wherever they stand, launch inputs never; what is missing is said."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment.answer import fit, size

LISTS = st.lists(st.integers(0, 10**9), max_size=400)


@given(
    st.integers(800, 4_000), LISTS, LISTS, st.lists(LISTS, max_size=5), st.lists(st.text(max_size=300), max_size=2)
)
def test_an_answer_is_cut_to_its_bound_with_every_omission_counted(
    most: int, waves: list[int], edges: list[int], knots: list[list[int]], launch: list[str]
) -> None:
    data: dict[str, Any] = {
        "plan": "p-1",
        "launch": [{"prompt": text} for text in launch],
        "waves": waves,
        "analysis": {
            "dependencies": {"edges": edges},
            "resources": {"contended": [{"tasks": knot} for knot in knots]},
        },
    }
    before = json.dumps(data)
    cut = fit(data, most, "fourfold://plans/p-1")
    assert json.dumps(data) == before
    assert cut["launch"] == data["launch"]
    assert size(cut) <= max(most, size(data["launch"]) + 800)
    if cut != data:
        assert cut["whole"] == "fourfold://plans/p-1"
        left_out = cut["omitted"]
        assert len(cut["waves"]) + left_out.get("waves", 0) == len(waves)
        found = cut["analysis"]
        assert len(found["dependencies"]["edges"]) + left_out.get("analysis.dependencies.edges", 0) == len(edges)
        contended = found["resources"]["contended"]
        assert len(contended) + left_out.get("analysis.resources.contended", 0) == len(knots)
        for i, entry in enumerate(contended):
            missing = left_out.get(f"analysis.resources.contended.{i}.tasks", 0)
            assert len(entry["tasks"]) + missing == len(knots[i])
