"""The JSON form of a run, as `structuredContent` and as the run's resource. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from fourfold_tools.answer.body import Body
from fourfold_tools.answer.cut import cut
from fourfold_tools.answer.report import Delivered, RunReport
from fourfold_tools.answer.text import WHOLE, Answer, Cut, images_of, kept_in
from fourfold_tools.answer.words import body_of, head_share, kind_of
from fourfold_tools.context.tokens import estimate
from fourfold_tools.engine.budget import Demand, allot
from fourfold_tools.model.output import Json
from fourfold_tools.model.result import StepResult

_LEAST_FOR_OBJECT = 2_000  # tokens; below it the answer holds the verification lines only
_RESERVE = 40  # tokens for what the last numbers of the verification add to the first ones
_MOST_IDS = 10  # steps that an error group names once an answer folds; its count still counts them all
_MOST_MESSAGE = 200  # characters of its message then


def run_data(report: RunReport) -> dict[str, Json]:
    """The whole run, nothing cut: what the resource `fourfold://runs/{run}` holds."""
    whole = sum(_output_cost(result) for result in report.results)
    return {**head_data(report, Delivered(whole, whole, 0)), "steps": entries(report.results)}


def head_data(report: RunReport, delivered: Delivered) -> dict[str, Json]:
    """Everything but the steps."""
    return {
        "run": report.run,
        "steps": [],
        "errors": error_groups_of(report.results),
        "mathver": report.verdict(delivered).data(),
        "context": report.context.data(),
        "signals": [signal.data() for signal in report.signals],
        "wall_s": round(report.wall_s, 6),
        "width": report.width,
    }


def render_json(report: RunReport, budget: int, spill: Callable[[str], str]) -> tuple[dict[str, Json], Answer]:
    """The run within `budget` tokens, and the files to write; where even empty entries do not fit, ok ones fold."""
    frame = _small_frame(report, Delivered(budget, budget, budget), budget)
    frame |= _signals_within(frame, (budget - _cost({**frame, "signals": []})) // 4)
    results = list(report.results)
    bare = [_cost(_entry(result, None) | {"spill": kept_in(result, spill).path}) + 1 for result in results]
    room = budget - _cost(frame) - _RESERVE - sum(bare)
    cuts: list[Cut] = []
    folded: dict[str, Json] = {}
    if room < 0:
        errors = frame["errors"]
        problems = Counter(result.state for result in results if result.state != "ok")
        of = {"shown": len(results), "of": len(results), "states": dict(problems), "whole": spill(WHOLE)}
        folded = {"folded": {**of, "errors_shown": len(errors), "errors_of": len(errors)}}
        left = budget - _cost({**frame, **folded, "errors": []}) - _RESERVE
        frame["errors"] = _fold_errors(errors, left // 2)
        results, room = _fold(results, bare, left - _cost(frame["errors"]))
        folded["folded"] |= {"shown": len(results), "errors_shown": len(frame["errors"])}
        cuts.append(Cut(WHOLE, spill(WHOLE), dumps(run_data(report))))
    steps: list[dict[str, Json]] = []
    costs = [_output_cost(r) for r in results]
    demands = [Demand(cost, first=r.state != "ok", most=r.max_tokens) for r, cost in zip(results, costs, strict=True)]
    for result, tokens in zip(results, allot(max(0, room), demands), strict=True):
        entry, rest = _fit(result, tokens, spill)
        steps.append(entry)
        cuts += [rest] if rest else []
    used = _cost({**frame, **folded, "steps": steps})
    bodies = sum(_cost(entry["output"]) for entry in steps if entry["output"] is not None)
    # The object beyond its lines is the cost of verifying, not of what the results cost.
    aside = _cost(frame["mathver"]) - _cost({"lines": frame["mathver"]["lines"]})
    last = _small_frame(report, Delivered(used - aside, bodies, max(0, sum(costs) - bodies)), budget)
    frame["mathver"] = last["mathver"]
    return {**frame, **folded, "steps": steps}, Answer((), images_of(results), tuple(cuts), used)


def _small_frame(report: RunReport, delivered: Delivered, budget: int) -> dict[str, Json]:
    """The frame; under a small budget the verification object is its lines and state, the rest is in the resource."""
    frame = head_data(report, delivered)
    if budget < _LEAST_FOR_OBJECT:
        frame["mathver"] = {"state": frame["mathver"]["state"], "lines": frame["mathver"]["lines"]}
    return frame


def _signals_within(frame: dict[str, Json], tokens: int) -> dict[str, Json]:
    """The signals, first ones first; where not all fit, also how many there are."""
    signals: list[Json] = frame["signals"]
    kept = len(signals)
    while kept and _cost(signals[:kept]) > tokens:
        kept -= 1
    return {"signals": signals[:kept]} | ({"signals_of": len(signals)} if kept < len(signals) else {})


def entries(results: Sequence[StepResult]) -> list[dict[str, Json]]:
    """One whole entry per step or sub-step."""
    return [_entry(result, _output(result)) for result in results]


def error_groups_of(results: Sequence[StepResult]) -> list[dict[str, Json]]:
    """Failures by code and message, most frequent first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.code is not None and not (result.state == "skipped" and result.blocked_by):
            groups.setdefault((result.code, result.message), []).append(result.id)
    rows = sorted(groups.items(), key=lambda row: -len(row[1]))
    return [{"code": code, "message": text, "count": len(ids), "steps": ids} for (code, text), ids in rows]


def _entry(result: StepResult, output: dict[str, Json] | None) -> dict[str, Json]:
    """One step; fields that say nothing are left out, except those every reader looks for."""
    entry: dict[str, Json] = {
        "id": result.id,
        "op": result.op,
        "state": result.state,
        "code": result.code,
        "attempts": result.attempts,
        "started_s": _round(result.started_s),
        "duration_s": _round(result.duration_s),
        "cpu_s": _round(result.cpu_s),
        "max_rss_bytes": result.max_rss_bytes,
        "tokens": body_of(result).cost(kind_of(result)),
        "truncated": False,
        "effects": _effects(result),
        "output": output,
        "error": {"code": result.code, "message": result.message} if result.code else None,
        "blocked_by": list(result.blocked_by),
        "spill": None,
    }
    optional = {"parent": result.parent, "same_as": result.same_as, "note": result.note, "lane": result.lane}
    return entry | {key: value for key, value in optional.items() if value not in (None, "")}


def _effects(result: StepResult) -> str | None:
    if result.effects is None:
        return None
    return "unknown" if not result.effects.known else "read_only" if result.effects.read_only else "writes"


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _output(result: StepResult) -> dict[str, Json] | None:
    return None if result.output is None else result.output.data()


def dumps(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cost(value: Json) -> int:
    return estimate(dumps(value), "data")


def _output_cost(result: StepResult) -> int:
    return _cost(_output(result)) if result.output is not None else 0


def _fold_errors(groups: list[dict[str, Json]], tokens: int) -> list[dict[str, Json]]:
    """The most frequent groups that fit, each with the start of its message and the first of its steps."""
    kept: list[dict[str, Json]] = []
    for group in groups:
        message = group["message"]
        message = message if len(message) <= _MOST_MESSAGE else message[: _MOST_MESSAGE - 1] + "…"
        short = {**group, "message": message, "steps": group["steps"][:_MOST_IDS]}
        tokens -= _cost(short) + 1
        if tokens < 0:
            break
        kept.append(short)
    return kept


def _fold(results: list[StepResult], costs: list[int], budget: int) -> tuple[list[StepResult], int]:
    """The results whose bare entries fit into the budget, problems first, in submission order; and what is left."""
    kept: list[int] = []
    for i in sorted(range(len(results)), key=lambda i: (results[i].state == "ok", i)):
        if costs[i] > budget:
            break
        budget -= costs[i]
        kept.append(i)
    return [results[i] for i in sorted(kept)], budget


def _fit(result: StepResult, tokens: int, spill: Callable[[str], str]) -> tuple[dict[str, Json], Cut | None]:
    output = _output(result)
    if output is None or _cost(output) <= tokens:
        return _entry(result, output), None
    where = kept_in(result, spill)
    trimmed = _trimmed(result, output, tokens)
    if trimmed == output:  # nothing in it is long enough to cut
        return _entry(result, output), None
    entry = _entry(result, trimmed)
    entry["truncated"], entry["spill"] = True, where.path
    return entry, Cut(where.id, where.path, where.body and body_of(result).whole())


def _trimmed(result: StepResult, output: dict[str, Json], tokens: int) -> dict[str, Json]:
    """The output with its long texts and lists cut to shares of the tokens, small values whole."""
    small = {key: value for key, value in output.items() if not isinstance(value, str | list)}
    large: dict[str, Json] = {key: value for key, value in output.items() if isinstance(value, str | list)}
    names = list(large)
    demands = [Demand(_cost(large[name])) for name in names]
    left = tokens - _cost(small) - 4 * len(names)
    for name, share in zip(names, allot(max(0, left), demands), strict=True):
        large[name] = _shorter(result, large[name], share)
    return {key: small.get(key, large.get(key)) for key in output}


def _shorter(result: StepResult, value: Any, tokens: int) -> Json:
    if _cost(value) <= tokens:
        return value
    if isinstance(value, str):
        kind, share = kind_of(result), head_share(result)
        text = cut(Body.of(value), tokens, kind, share).text
        while text and _cost(text) > tokens:
            text = cut(Body.of(value), estimate(text, kind) * 8 // 10, kind, share).text
        return text
    kept: list[Json] = []
    for item in cast("list[Json]", value):
        tokens -= _cost(item) + 1
        if tokens < 0:
            break
        kept.append(item)
    return kept
