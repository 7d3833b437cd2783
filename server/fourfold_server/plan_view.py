"""A plan as a person at a terminal reads it: what it is, who does what when and why then, and how it is started."""

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_ROWS = 60  # of each part; --json has everything
_MOST_NAMES = 6
_REASON_CHARS = 100
_BASES = {"given": "as given", "history": "from history", "class": "by class"}


def plan_view(data: Mapping[str, Any]) -> str:
    """The text for the whole answer of `plan`."""
    parts = [_head(data), _schedule(data), _notes(data["analysis"]), _cut(data["notation"].split("\n")), _how(data)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _head(data: Mapping[str, Any]) -> list[str]:
    time, load = data["analysis"]["time"], data["analysis"]["cognitive_load"]
    bases = ", ".join(f"{count} {_BASES.get(basis, basis)}" for basis, count in time["basis"].items())
    worth = "" if time["worth_it"] else " · agents side by side gain nothing here"
    return [
        f"plan {data['plan']} · {data['type']}: {data['type_reason']}",
        f"{_counted(len(data['schedule']), 'task')} under {_counted(load['orchestrators'], 'orchestrator')} · "
        f"{data['makespan_min']:.3g} min on {time['lanes']} agents (at least {data['lower_bound_min']:.3g}, "
        f"one by one {data['sequential_min']:.3g}; minutes: {bases}){worth}",
    ]


def _schedule(data: Mapping[str, Any]) -> list[str]:
    """A row per task, in the order of their starts, with what each waits for."""
    waits: dict[str, list[str]] = {}
    for edge in data["analysis"]["dependencies"]["edges"]:
        waits.setdefault(edge["after"], []).append(edge["before"])
    critical = set(data["analysis"]["dependencies"]["critical_path"])
    rows = [("minutes", "task", "after")]
    for row in data["schedule"][:_MOST_ROWS]:
        span = f"{row['start_min']:.3g}-{row['finish_min']:.3g}"
        mark = " *" if row["task"] in critical else ""
        rows.append((span, f"{row['task']}{mark}", _few(list(dict.fromkeys(waits.get(row["task"], []))))))
    widths = [max(len(row[k]) for row in rows) for k in range(2)]
    lines = [f"{a.rjust(widths[0])}  {b.ljust(widths[1])}  {c}".rstrip() for a, b, c in rows]
    lines += _more(len(data["schedule"]))
    return [*lines, "* on the critical path"]


def _notes(analysis: Mapping[str, Any]) -> list[str]:
    """Why tasks wait that nobody told to, and what may go wrong."""
    inferred = [edge for edge in analysis["dependencies"]["edges"] if edge["inferred"]]
    lines = [f"inferred: {_short(edge['reason'])}" for edge in inferred[:_MOST_ROWS]] + _more(len(inferred))
    for found in analysis["resources"]["contended"][:_MOST_ROWS]:
        lines.append(f"contended: {_few(found['paths'])}: {_short(found['reason'])}")
    quality, agents = analysis["quality_impact"], analysis["resources"]["agents"]
    warnings = {
        "agent types that are not known here": [row["type"] for row in agents if not row["known"]],
        "agents that cannot write what they own": quality["agents_that_cannot_write"],
        "may not fit one agent's window": analysis["cognitive_load"]["too_large_for_an_agent"],
        "outputs that cannot be checked": [f"{row['task']} {row['path']}" for row in quality["unverifiable_outputs"]],
        "nothing on disk to check": quality["no_outputs"],
    }
    return [*lines, *(f"{what}: {_few(names)}" for what, names in warnings.items() if names)]


def _how(data: Mapping[str, Any]) -> list[str]:
    return [
        "Nothing is launched yet.",
        f"  in Claude Code    tell it: go on with plan {data['plan']} (the tool `checkpoint` gives the first agents)",
        f"  unattended        fourfold deploy {data['plan']} (needs the extra fourfold[fleet])",
        "  in a shell        fourfold plan --json FILE | jq -r '.headless[].command' | sh (one by one, in order)",
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _short(text: str) -> str:
    return text if len(text) <= _REASON_CHARS else f"{text[: _REASON_CHARS - 1]}…"


def _more(count: int) -> list[str]:
    return [f"… and {count - _MOST_ROWS} more (--json shows all)"] if count > _MOST_ROWS else []


def _cut(lines: Sequence[str]) -> list[str]:
    return [*lines[:_MOST_ROWS], *_more(len(lines))]
