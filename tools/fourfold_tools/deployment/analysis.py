"""The analysis before a deployment: dependencies, resources, cognitive load, quality impact, time. Pure."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.prompts import DEFAULT_AGENT
from fourfold_tools.model.output import Json

# Share of an agent's window that its task may fill, so that it never compacts half-way (judgement).
_CAPACITY = 0.6
# Agent types of the client that cannot change files.
READ_ONLY_AGENTS = frozenset({"Explore", "Plan"})
_KINDS = {"needs": "needs", "reference": "data", "conflict": "order"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What exists around a plan. agents: types known to the client. client_cap: agents it runs at once.

    context_agents: how many the caller's context allows now. window_tokens: of an agent.
    outside: paths (as written) that lie outside the workspace and cannot be checked.
    """

    agents: Collection[str]
    client_cap: int
    context_agents: int
    window_tokens: int
    outside: Collection[str] = ()


def analyse(plan: Deployment, around: Surroundings) -> dict[str, Json]:
    """The five parts."""
    return {
        "dependencies": _dependencies(plan),
        "resources": _resources(plan, around),
        "cognitive_load": _cognitive_load(plan, around),
        "quality_impact": _quality_impact(plan, around),
        "time": _time(plan),
    }


def _dependencies(plan: Deployment) -> dict[str, Json]:
    graph = plan.graph
    kinds = Counter(edge.kind for edge in graph.edges)
    return {
        "explicit": kinds["needs"],
        "inferred": kinds["reference"] + kinds["conflict"],
        "critical_path": [graph.ids[v] for v in graph.critical_path(plan.minutes)],
        "parts": [
            {"type": part.type, "reason": part.reason, "tasks": [graph.ids[v] for v in part.tasks]}
            for part in plan.choice.parts
        ],
        "edges": [
            {
                "before": graph.ids[e.before],
                "after": graph.ids[e.after],
                "kind": _KINDS[e.kind],
                "inferred": e.kind != "needs",
                "reason": e.reason,
            }
            for e in graph.edges
        ],
    }


def _resources(plan: Deployment, around: Surroundings) -> dict[str, Json]:
    used = Counter(task.agent or DEFAULT_AGENT for task in plan.tasks)
    readers = Counter(path for task in plan.tasks for path in dict.fromkeys(task.reads))
    return {
        "agents": [{"type": name, "tasks": n, "known": name in around.agents} for name, n in sorted(used.items())],
        "contended": [found.data() for found in plan.contentions],
        "shared_reads": [{"path": path, "tasks": n} for path, n in readers.most_common(10) if n > 1],
        "caps": {
            "client_agents": around.client_cap,
            "max_agents": plan.max_agents,
            "context_agents": around.context_agents,
            "lanes": plan.schedule.lanes,
        },
        "tokens": sum(task.tokens for task in plan.tasks),
    }


def _cognitive_load(plan: Deployment, around: Surroundings) -> dict[str, Json]:
    home = {v: k for k, node in enumerate(plan.orchestrators) for v in node.tasks}
    pairs = [(p, v) for v, before in enumerate(plan.graph.preds) for p in before]
    cut = sum(home[p] != home[v] for p, v in pairs)
    targets = [len(node.tasks) + len(node.children) for node in plan.orchestrators]
    capacity = int(_CAPACITY * around.window_tokens)
    return {
        "fanout": plan.fanout,
        "orchestrators": len(plan.orchestrators),
        "levels": max(node.level for node in plan.orchestrators),
        "targets_max": max(targets),
        "compliant": max(targets) <= plan.fanout,
        "dependencies_cut": cut,
        "dependencies": len(pairs),
        "cut_share": round(cut / len(pairs), 4) if pairs else 0.0,
        "too_large_for_an_agent": [task.id for task in plan.tasks if task.tokens > capacity],
    }


def _quality_impact(plan: Deployment, around: Surroundings) -> dict[str, Json]:
    tasks = plan.tasks
    return {
        "shared_writes": [list(found.tasks) for found in plan.contentions],
        "unverifiable_outputs": [
            {"task": task.id, "path": name}
            for task in tasks
            for name in task.writes
            if name not in task.outputs or name in around.outside
        ],
        "no_outputs": [task.id for task in tasks if not task.writes],
        "missing_acceptance": [task.id for task in tasks if not task.acceptance],
        "agents_that_cannot_write": [task.id for task in tasks if task.writes and task.agent in READ_ONLY_AGENTS],
        "verified_outputs": sum(len(task.outputs) for task in tasks),
        "expected": "kept: every output has one writer at a time and is checked when its task ends"
        if all(task.outputs or not task.writes for task in tasks)
        else "kept where outputs can be checked; patterns among the writes cannot be",
    }


def _time(plan: Deployment) -> dict[str, Json]:
    s = plan.schedule
    gain = s.sequential_min / s.makespan_min if s.makespan_min else 1.0
    return {
        "work_min": round(s.sequential_min, 6),
        "span_min": round(s.span_min, 6),
        "lower_bound_min": round(s.lower_bound_min, 6),
        "upper_bound_min": round(s.upper_bound_min, 6),
        "makespan_min": round(s.makespan_min, 6),
        "sequential_min": round(s.sequential_min, 6),
        "predicted_speedup": round(gain, 3),
        "predicted_gain_pct": round((gain - 1) * 100),
        "lanes": s.lanes,
        "basis": dict(Counter(task.basis for task in plan.tasks)),
        "worth_it": gain > 1.05,
    }
