"""The answers of `plan` and `checkpoint`: their JSON, what is left out where it is long, and their text. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import cast

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import Progress
from fourfold_tools.model.output import Json

_KEEP = 3  # entries that stay of a list that is cut
# What goes first where an answer is too long: what the caller can best do without. The launch inputs go last.
_CUT_ORDER = (
    "headless",
    "mathver.levels",
    "analysis.dependencies.parts",
    "analysis.quality_impact.missing_acceptance",
    "analysis.quality_impact.unverifiable_outputs",
    "analysis.quality_impact.no_outputs",
    "analysis.quality_impact.agents_that_cannot_write",
    "analysis.quality_impact.shared_writes",
    "analysis.cognitive_load.too_large_for_an_agent",
    "analysis.dependencies.edges",
    "analysis.resources.contended",
    "analysis.resources.agents",
    "analysis.resources.shared_reads",
    "analysis.dependencies.critical_path",
    "sync_points",
    "notation",
    "waves",
    "schedule",
    "orchestrators",
    "in_flight",
    "waiting",
    "sync",
    "flags",
    "mathver",
    "skipped",
    "failed",
)
_LEAST_ENTRY = 3  # characters that an entry of a list takes at the least
_SIZE = itemgetter(0)
_MOST_TEXT = 4_000  # characters of the notation in a text block

SEND = (
    "Send every entry of `launch` as an Agent call, all in ONE message. Whenever agents end, call checkpoint with "
    "the plan and `finished`: [{task, state, summary, minutes, tokens}] (duration_ms / 60000 and subagent_tokens of "
    "its <usage>); send what it launches at once."
)
WAIT = "Nothing to launch now; call checkpoint when an agent in flight ends."
DONE = "All tasks have ended."


def size(data: Json) -> int:
    """Characters of the JSON, with a space after each comma and colon; clients that write none see fewer."""
    return len(json.dumps(data, ensure_ascii=False))


def fit(data: dict[str, Json], most: int, uri: str) -> dict[str, Json]:
    """The same within `most` characters: lists are cut to what still fits, in the order of `_CUT_ORDER`, then the
    longest that is left, wherever it stands.

    `omitted` says how many entries of each list are missing; all of them stand at `uri`. Launch inputs are never
    cut here; the caller of this function launches fewer instead.
    """
    omitted: dict[str, Json] = {}
    out = _bounded(data, most // _LEAST_ENTRY, omitted)
    if not omitted and size(out) <= most:
        return data
    out["omitted"] = omitted
    out["whole"] = uri
    for path in _CUT_ORDER:
        over = size(out) - most
        if over <= 0:
            break
        holder, key = _holder(out, path)
        if holder is not None and holder.get(key):
            _note(omitted, path, _shorten(holder, key, over + 60 + len(path)))
    while (over := size(out) - most) > 0 and (long := max(_long_lists(out), key=_SIZE, default=None)):
        _, path, holder, key = long
        _note(omitted, path, _shorten(holder, key, over + 60 + len(path)))
    return out


def _bounded(data: dict[str, Json], most: int, omitted: dict[str, Json], path: str = "") -> dict[str, Json]:
    """A copy in which no list but the launch is longer than could ever fit, so that the rest never prints it."""
    out: dict[str, Json] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            out[key] = _bounded(cast("dict[str, Json]", value), most, omitted, f"{path}{key}.")
        elif isinstance(value, list):
            entries = cast("list[Json]", value)
            kept = entries if key == "launch" else entries[:most]
            _note(omitted, f"{path}{key}", len(entries) - len(kept))
            out[key] = [
                _bounded(cast("dict[str, Json]", entry), most, omitted, f"{path}{key}.{i}.")
                if isinstance(entry, dict)
                else entry
                for i, entry in enumerate(kept)
            ]
        else:
            out[key] = value
    return out


def _note(omitted: dict[str, Json], path: str, left_out: int | str) -> None:
    """Add to what is missing of a list; what is missing inside entries that are gone themselves is not told."""
    if not left_out:
        return
    before = omitted.get(path)
    omitted[path] = before + left_out if isinstance(before, int) and isinstance(left_out, int) else left_out


def _long_lists(data: dict[str, Json], path: str = "") -> Iterator[tuple[int, str, dict[str, Json], str]]:
    """(size, path, holder, key) of each list that can still be cut, those inside entries too; no launch inputs."""
    for key, value in data.items():
        here = f"{path}{key}"
        if isinstance(value, dict):
            yield from _long_lists(cast("dict[str, Json]", value), f"{here}.")
        elif isinstance(value, list) and here != "launch":
            entries = cast("list[Json]", value)
            if len(entries) > _KEEP:
                yield size(entries), here, data, key
            for i, entry in enumerate(entries):
                if isinstance(entry, dict):
                    yield from _long_lists(cast("dict[str, Json]", entry), f"{here}.{i}.")


def _holder(data: dict[str, Json], path: str) -> tuple[dict[str, Json] | None, str]:
    *folders, key = path.split(".")
    at: Json = data
    for folder in folders:
        at = cast("dict[str, Json]", at).get(folder) if isinstance(at, dict) else None
    return (cast("dict[str, Json]", at), key) if isinstance(at, dict) else (None, key)


def _shorten(holder: dict[str, Json], key: str, over: int) -> int | str:
    """Cut a list or a text by at least `over` characters where it can be; what is left out, in entries or words."""
    value = holder[key]
    if isinstance(value, str):
        keep = max(200, len(value.encode()) - over)
        holder[key] = value[:keep].rsplit("\n", 1)[0]
        return f"{value.count(chr(10)) - holder[key].count(chr(10))} lines"
    if isinstance(value, dict):
        holder[key] = None
        return "all of it"
    entries = cast("list[Json]", value)
    kept = len(entries)
    while kept > _KEEP and over > 0:
        kept -= 1
        over -= size(entries[kept]) + 1
    holder[key] = entries[:kept]
    return len(entries) - kept


def plan_data(
    plan: Deployment,
    name: str,
    analysis: Mapping[str, Json],
    launch: Sequence[Json],
    handoff_points: Sequence[Json],
    context: Mapping[str, Json],
    signals: Sequence[Json],
    waiting: Sequence[Json],
) -> dict[str, Json]:
    """The answer of `plan`."""
    s = plan.schedule
    return {
        "plan": name,
        "next": SEND if launch else WAIT,
        "launch": list(launch),
        "type": plan.choice.type,
        "type_reason": plan.choice.reason,
        "makespan_min": round(s.makespan_min, 6),
        "lower_bound_min": round(s.lower_bound_min, 6),
        "sequential_min": round(s.sequential_min, 6),
        "waiting": list(waiting),
        "handoff_points": list(handoff_points),
        "orchestrators": plan.orchestrator_data(),
        "waves": [[plan.graph.ids[v] for v in wave] for wave in plan.waves],
        "schedule": plan.schedule_data(),
        "sync_points": plan.sync_points(),
        "notation": plan.notation(),
        "analysis": dict(analysis),
        "context": dict(context),
        "signals": list(signals),
    }


def plan_text(plan: Deployment, name: str, launch: Sequence[Json], uri: str) -> str:
    """Head line, launch line, notation."""
    s = plan.schedule
    head = (
        f"plan {name} · {plan.choice.type} ({plan.choice.reason}) · {len(plan.tasks)} tasks · "
        f"{len(plan.orchestrators)} orchestrators · {s.makespan_min:.3g} min on {s.lanes} agents "
        f"(at least {s.lower_bound_min:.3g}, one by one {s.sequential_min:.3g})"
    )
    text = plan.notation()
    shown = text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT].rsplit("\n", 1)[0] + f"\n… the rest: {uri}"
    return f"{head}\n{_launch_line(launch)}\n\n{shown}"


def checkpoint_text(plan: Deployment, name: str, progress: Progress, data: Mapping[str, Json]) -> str:
    """Head line, what is not well, launch line, and at the end the verification lines."""
    counts = {state: len(progress.of(state)) for state in ("ok", "running", "waiting", "failed", "skipped")}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    rows = [f"plan {name} · {len(plan.tasks)} tasks: {told}"]
    rows += [f"{flag['code']}: {flag['task']}: {flag['problem']}" for flag in data["flags"][:20]]
    rows.append(DONE if data["complete"] else _launch_line(data["launch"]))
    if data["mathver"]:
        rows += data["mathver"]["lines"]
    return "\n".join(rows)


def _launch_line(launch: Sequence[Json]) -> str:
    if not launch:
        return WAIT
    names = ", ".join(str(entry["description"]).partition(":")[0] for entry in launch)
    return f"launch now, all in one message: {names}"
