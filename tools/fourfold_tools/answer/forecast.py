"""The forecast: what a batch would do, before it does it (`dry_run`). Pure."""

from collections.abc import Sequence

from fourfold_tools.answer.words import seconds
from fourfold_tools.context.usage import Usage
from fourfold_tools.graph import Graph
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import Json
from fourfold_tools.model.request import AnyStep, references

_TOKENS = {"read": 1_500, "grep": 800, "glob": 300, "bash": 600, "fetch": 2_500}  # a usual answer, by op (judgement)
_HEAD_TOKENS = 350  # head line, headers' share and verification lines


def forecast(
    steps: Sequence[AnyStep],
    effects: Sequence[Effects],
    graph: Graph,
    weights: Sequence[float],
    width: int,
    usage: Usage,
) -> tuple[str, dict[str, Json]]:
    """The analysis as text and as JSON.

    weights: expected seconds of each step (history, else its op's prior). The time lies between Brent's lower
    bound max(T1 / p, T_inf) and Graham's upper bound T1 / p + (1 - 1 / p) T_inf; nothing here is measured.
    """
    work, span = sum(weights), graph.span(weights)
    lower, upper = max(work / width, span), work / width + (1 - 1 / width) * span
    tokens = _HEAD_TOKENS + sum(step.max_tokens or _TOKENS[step.op] for step in steps)
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
    return _text(data, after), data


def _step(step: AnyStep, effects: Effects, weight: float) -> dict[str, Json]:
    return {
        "id": step.id,
        "op": step.op,
        "effects": "unknown" if not effects.known else "read_only" if effects.read_only else "writes",
        "why": effects.note,
        "reads": sorted(effects.reads),
        "writes": sorted(effects.writes),
        "expected_s": weight,
        "sub_steps": any(r.each for r in references([getattr(step, name) for name in step.model_fields_set])),
    }


def _worth(steps: Sequence[AnyStep], work: float, span: float) -> tuple[bool, str]:
    if len(steps) < 2:
        return False, "one step alone: the client's own tool costs fewer tokens"
    if work / span < 1.05:
        return False, "a pure chain: nothing can run side by side (one call still saves model turns)"
    return True, f"{len(steps)} steps, at most {work / span:.1f} of them side by side on average"


def _text(data: dict[str, Json], after: Usage) -> str:
    predicted = data["predicted"]
    rows = [
        f"dry run · {len(data['steps'])} steps · nothing was run",
        f"worth batching: {'yes' if data['worth_batching'] else 'no'} ({data['reason']})",
        f"predicted: {seconds(predicted['lower_s'])} to {seconds(predicted['upper_s'])} at width {data['width']}, "
        f"{seconds(predicted['work_s'])} one by one (expected durations, not measured)",
        f"critical path: {' -> '.join(data['critical_path'])}",
        f"predicted tokens: {data['predicted_tokens']} · after it {after.text()} · level {after.level}",
    ]
    rows += [f"{e['before']} -> {e['after']} · {e['kind']} · {e['reason']}" for e in data["edges"]]
    unknown = [f"{s['id']} ({s['why']})" if s["why"] else s["id"] for s in data["steps"] if s["effects"] == "unknown"]
    if unknown:
        rows.append(f"effects unknown, ordered by needs and references alone: {', '.join(unknown)}")
    return "\n".join(rows)
