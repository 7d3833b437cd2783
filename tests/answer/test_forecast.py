"""The forecast: edges with reasons, bounds that hold, a word on whether batching is worth it; nothing is run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.answer.forecast import forecast
from fourfold_tools.context.levels import stage_at
from fourfold_tools.context.usage import Usage
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import Json
from fourfold_tools.model.request import AnyStep, BashStep, GrepStep, ReadStep
from fourfold_tools.prepare import Prepared, prepare

USAGE = Usage(used_tokens=136_000, window_tokens=200_000, percent=68.0, source="transcript")


def effects_of(step: AnyStep) -> Effects:
    if isinstance(step, BashStep):
        return Effects(known=False, note="an unknown program") if "unknown" in step.command else Effects(writes=W)
    return Effects(reads=W, read_only=True)


W = frozenset({"/w/a"})


def ready(*steps: AnyStep) -> Prepared:
    """The steps under their usual names."""
    named = [step.model_copy(update={"id": f"s{i}"}) for i, step in enumerate(steps, 1)]
    return prepare(named, effects_of, barrier=False, max_steps=100)


def foretell(steps: list[AnyStep], weights: list[float] | None = None, width: int = 4) -> tuple[str, dict[str, Json]]:
    found = ready(*steps)
    used = weights or [1.0] * len(steps)
    return forecast(found.steps, found.effects, found.graph, used, width, USAGE, 12_500)


GREP = GrepStep(op="grep", pattern="x")
READ = ReadStep.model_validate({"op": "read", "path": {"from": "s1", "field": "paths", "each": True}})
WRITE = BashStep(op="bash", command="touch a")
UNKNOWN = BashStep(op="bash", command="unknown")


def test_it_names_every_edge_with_its_reason_and_each_steps_effects() -> None:
    text, data = foretell([GREP, READ, WRITE, UNKNOWN])
    edges = {(e["before"], e["after"], e["kind"]): e["reason"] for e in data["edges"]}
    assert set(edges) == {("s1", "s2", "reference"), ("s1", "s3", "conflict"), ("s2", "s3", "conflict")}
    assert edges["s1", "s2", "reference"] == "s2 takes paths from s1"
    assert [s["effects"] for s in data["steps"]] == ["read_only", "read_only", "writes", "unknown"]
    assert [s["sub_steps"] for s in data["steps"]] == [False, True, False, False]
    assert all(reason in text for reason in edges.values())
    assert "s4 (an unknown program)" in text
    assert "nothing was run" in text
    assert json.loads(json.dumps(data)) == data


@given(st.lists(st.sampled_from([GREP, WRITE, UNKNOWN]), min_size=1, max_size=12), st.integers(1, 6), st.data())
def test_the_predicted_times_are_bounds_in_order(steps: list[AnyStep], width: int, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0.001, 100), min_size=len(steps), max_size=len(steps)))
    told = foretell(steps, weights, width)[1]["predicted"]
    assert told["span_s"] <= told["work_s"] + 1e-9
    assert told["lower_s"] <= told["upper_s"] + 1e-9
    assert told["upper_s"] <= told["work_s"] + 1e-9
    assert told["lower_s"] == pytest.approx(max(told["work_s"] / width, told["span_s"]))


@pytest.mark.parametrize(
    ("steps", "worth"), [([GREP], False), ([WRITE, WRITE], False), ([GREP, GREP], True), ([WRITE, UNKNOWN], True)]
)
def test_one_step_or_a_pure_chain_is_not_worth_a_batch(steps: list[AnyStep], worth: bool) -> None:
    text, data = foretell(steps)
    assert data["worth_batching"] is worth
    assert data["reason"] in text


def test_it_says_where_the_context_will_stand() -> None:
    big = ReadStep(op="read", path="a", max_tokens=20_000)
    text, data = foretell([big, GREP])
    assert data["context"]["level"] == "normal"
    assert data["context_after"]["level"] == "limited"
    assert data["predicted_tokens"] == 12_500, "an answer never costs more than its budget"
    assert "after it context 74 % (transcript) · level limited (now normal)" in text


def foretell_at(percent: float, budget: int = 12_500) -> str:
    usage = Usage(int(2_000 * percent), 200_000, percent, stage_at(percent), "transcript")
    found = ready(GREP, GREP)
    return forecast(found.steps, found.effects, found.graph, [1.0, 1.0], 4, usage, budget)[0]


@pytest.mark.parametrize(
    ("percent", "outlook"),
    [
        (40, "level normal"),
        (69.5, "level limited (now normal)"),
        (94.9, "level handoff: hand over first, new work is refused from then on"),
        (96, "level handoff: this batch would be refused and handed over, unless forced"),
    ],
)
def test_it_says_what_the_level_after_it_means_before_the_caller_commits(percent: float, outlook: str) -> None:
    [line] = [row for row in foretell_at(percent).split("\n") if row.startswith("predicted tokens")]
    assert line.endswith(f" · {outlook}")


@pytest.mark.parametrize(
    ("step", "tokens"),
    [
        (READ, 350 + 800 + 20 * 1_500),
        (READ.model_copy(update={"limit": 10}), 350 + 800 + 20 * 140),
        (ReadStep(op="read", path="a", limit=5_000), 350 + 800 + 1_500),
        (ReadStep(op="read", path="a", max_tokens=700, limit=10), 350 + 800 + 140),
    ],
)
def test_what_a_step_may_cost_follows_its_bounds(step: AnyStep, tokens: int) -> None:
    found = ready(GREP, step)
    data = forecast(found.steps, found.effects, found.graph, [1.0, 1.0], 4, USAGE, 100_000)[1]
    assert data["predicted_tokens"] == min(tokens, USAGE.budget_tokens(100_000))
