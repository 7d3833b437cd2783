"""The forecast: what a batch would do, before it does it (`dry_run`). Pure."""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from fourfold_tools.answer.words import seconds
from fourfold_tools.context.tokens import estimate
from fourfold_tools.context.usage import Usage
from fourfold_tools.graph import Graph
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import Json
from fourfold_tools.model.request import AnyStep, ReadStep, arguments_with_references, references

_TOKENS = {"read": 1_500, "grep": 800, "glob": 300, "bash": 600, "fetch": 2_500}  # a usual answer, by op (judgement)
_LINE_TOKENS = 14  # of a usual line of a file
_MAX_ITEMS = 20  # of a reference with `each` that names no bound (the contract's number)
_LEFT_OUT_TOKENS = 40  # the line, or the entry, that counts what did not fit
_LEAST_GAIN = 1.05  # of the work over its longest chain, below which side by side is not worth a word
_MOST_NAMED = 20  # steps of the critical path that its line names
_HEAD_TOKENS = 350  # head line, headers' share and verification lines
T = TypeVar("T")


def forecast(
    steps: Sequence[AnyStep],
    effects: Sequence[Effects],
    graph: Graph,
    weights: Sequence[float],
    width: int,
    usage: Usage,
    budget: int,
) -> tuple[str, dict[str, Json]]:
    """The analysis as text and as JSON, each within `budget` tokens; what does not fit is counted.

    weights: expected seconds of each step (history, else its op's prior). The time lies between Brent's lower
    bound max(T1 / p, T_inf) and Graham's upper bound T1 / p + (1 - 1 / p) T_inf; nothing here is measured.
    """
    work, span = sum(weights), graph.span(weights)
    lower, upper = max(work / width, span), work / width + (1 - 1 / width) * span
    tokens = min(max(_HEAD_TOKENS, usage.budget_tokens(budget)), _HEAD_TOKENS + sum(map(_tokens_of, steps)))
    after = usage.after(tokens)
    path = [graph.ids[v] for v in graph.critical_path(weights)]
    worth, why = _worth(steps, work, span)
    data: dict[str, Json] = {
        "dry_run": True,
        "steps": [_step(step, eff, weight) for step, eff, weight in zip(steps, effects, weights, strict=True)],
        "edges": [
            {"before": graph.ids[e.before], "after": graph.ids[e.after], "kind": e.kind, "reason": e.reason}
            for e in graph.edges
        ],
        "width": width,
        "critical_path": path,
        "predicted": {"work_s": work, "span_s": span, "lower_s": lower, "upper_s": upper, "one_by_one_s": work},
        "predicted_tokens": tokens,
        "context": usage.data(),
        "context_after": after.data(),
        "worth_batching": worth,
        "reason": why,
    }
    return _text(data, usage, after, budget), _within(data, budget)


def _tokens_of(step: AnyStep) -> int:
    """What a step's results will cost at the most, by what is usual for its op; nobody has seen them yet."""
    one = step.max_tokens or _TOKENS[step.op]
    if isinstance(step, ReadStep) and isinstance(step.limit, int):
        one = min(one, step.limit * _LINE_TOKENS)
    spread = [ref.max_items or _MAX_ITEMS for ref in references(arguments_with_references(step)) if ref.each]
    return one * max(spread, default=1)


def _within(data: dict[str, Json], budget: int) -> dict[str, Json]:
    """The data with as many steps, then edges, then nodes of the critical path as fit."""
    out, left_out = dict(data), dict[str, int]()
    lists = ("critical_path", "steps", "edges")
    if _cost(data) <= budget:
        return out
    room = budget - _cost({**data, **{name: [] for name in lists}}) - _LEFT_OUT_TOKENS
    for name in lists:
        kept = _first_that_fit(data[name], room // 2, _cost)
        room -= _cost(kept)
        out[name] = kept
        if len(kept) < len(data[name]):
            left_out[name] = len(data[name]) - len(kept)
    return {**out, "left_out": left_out}


def _cost(value: Json) -> int:
    return estimate(json.dumps(value, ensure_ascii=False), "data")


def _first_that_fit(items: Sequence[T], room: int, cost: Callable[[T], int]) -> list[T]:
    kept: list[T] = []
    for item in items:
        room -= cost(item) + 1
        if room < 0:
            break
        kept.append(item)
    return kept


def _step(step: AnyStep, effects: Effects, weight: float) -> dict[str, Json]:
    return {
        "id": step.id,
        "op": step.op,
        "effects": "unknown" if not effects.known else "read_only" if effects.read_only else "writes",
        "why": effects.note,
        "reads": sorted(effects.reads),
        "writes": sorted(effects.writes),
        "expected_s": weight,
        "sub_steps": any(r.each for r in references(arguments_with_references(step))),
    }


def _worth(steps: Sequence[AnyStep], work: float, span: float) -> tuple[bool, str]:
    if len(steps) < 2:
        return False, "one step alone: the client's own tool costs fewer tokens"
    if work / span < _LEAST_GAIN:
        return False, "one chain takes nearly all the time: running side by side gains little (one call saves turns)"
    return True, f"{len(steps)} steps, at most {work / span:.1f} of them side by side on average"


def _outlook(usage: Usage, after: Usage) -> str:
    """The level that the answer leads to, and what that means for the caller, before it commits."""
    if not usage.allow(1).new_work:
        return f"level {usage.level}: this batch would be refused and handed over, unless forced"
    if not after.allow(1).new_work:
        return f"level {after.level}: hand over first, new work is refused from then on"
    return f"level {after.level}" + ("" if after.level == usage.level else f" (now {usage.level})")


def _text(data: dict[str, Json], usage: Usage, after: Usage, budget: int) -> str:
    predicted = data["predicted"]
    path = data["critical_path"]
    if len(path) > _MOST_NAMED:
        path = [*path[: _MOST_NAMED // 2], f"… {len(path) - _MOST_NAMED:,} more …", *path[-_MOST_NAMED // 2 :]]
    rows = [
        f"dry run · {len(data['steps'])} steps · nothing was run",
        f"worth batching: {'yes' if data['worth_batching'] else 'no'} ({data['reason']})",
        f"predicted: {seconds(predicted['lower_s'])} to {seconds(predicted['upper_s'])} at width {data['width']}, "
        f"{seconds(predicted['work_s'])} one by one (expected durations, not measured)",
        f"critical path: {' -> '.join(path)}",
        f"predicted tokens: {data['predicted_tokens']} · after it {after.text()} · {_outlook(usage, after)}",
    ]
    room = budget - estimate("\n".join(rows), "data") - _LEFT_OUT_TOKENS
    edges = [f"{e['before']} -> {e['after']} · {e['kind']} · {e['reason']}" for e in data["edges"]]
    unknown = [f"{s['id']} ({s['why']})" if s["why"] else s["id"] for s in data["steps"] if s["effects"] == "unknown"]
    names = _first_that_fit(unknown, room // 2, _tokens)
    kept = _first_that_fit(edges, room - sum(map(_tokens, names)), _tokens)
    rows += kept
    if len(kept) < len(edges):
        rows.append(f"… {len(kept):,} of {len(edges):,} edges shown; a larger max_tokens shows more")
    if unknown:
        more = f" and {len(unknown) - len(names):,} more" if len(names) < len(unknown) else ""
        rows.append(f"effects unknown, ordered by needs and references alone: {', '.join(names)}{more}")
    return "\n".join(rows)


def _tokens(row: str) -> int:
    return estimate(row, "data") + 1
