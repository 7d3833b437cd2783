"""The type of a deployment: independent, pipeline or hierarchical, chosen for each connected part. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from fourfold_tools.graph import Graph

DeploymentType = Literal["independent", "pipeline", "hierarchical"]


@dataclass(frozen=True, slots=True)
class Part:
    """Tasks that depend on each other, directly or through others, in topological order; alone: one task."""

    tasks: tuple[int, ...]
    type: DeploymentType
    reason: str


@dataclass(frozen=True, slots=True)
class TypeChoice:
    """The type of the whole with its reason, and of its parts."""

    type: DeploymentType
    reason: str
    parts: tuple[Part, ...]


def choose_type(graph: Graph) -> TypeChoice:
    """1. No dependency: independent. 2. Only chains: pipeline, each item flows by itself. 3. Else hierarchical."""
    parts = tuple(_part(graph, members) for members in _components(graph))
    kinds = {part.type for part in parts}
    n = len(graph.ids)
    if kinds == {"independent"}:
        alone = "one task" if n == 1 else f"{n} tasks"
        return TypeChoice("independent", f"{alone}, no dependency between any two", parts)
    if kinds == {"pipeline"}:
        return TypeChoice("pipeline", _pipeline_reason(parts), parts)
    if len(parts) == 1:
        return TypeChoice("hierarchical", parts[0].reason, parts)
    counts = [(kind, sum(p.type == kind for p in parts)) for kind in ("hierarchical", "pipeline", "independent")]
    mixed = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    return TypeChoice("hierarchical", f"{len(parts)} separate parts: {mixed}", parts)


def _pipeline_reason(parts: Sequence[Part]) -> str:
    if len(parts) == 1:
        return parts[0].reason
    return f"{len(parts)} chains that share nothing: each flows stage by stage without waiting for the others"


def _part(graph: Graph, members: list[int]) -> Part:
    n = len(members)
    if n == 1:
        return Part(tuple(members), "independent", "depends on nothing and nothing depends on it")
    edges = sum(len(graph.preds[v]) for v in members)
    if _is_line(graph, members):
        return Part(tuple(members), "pipeline", f"{n} tasks in one line, each waits for the one before")
    joins = sum(len(graph.preds[v]) > 1 for v in members)
    forks = sum(len(graph.succs[v]) > 1 for v in members)
    reason = f"{n} tasks, {edges} dependencies, {forks} fork{_s(forks)} and {joins} join{_s(joins)}"
    return Part(tuple(members), "hierarchical", reason)


def _is_line(graph: Graph, members: Sequence[int]) -> bool:
    """Whether every task must wait for the one before it in topological order, edges over several stages included."""
    return all(a in graph.preds[b] for a, b in pairwise(members))


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _components(graph: Graph) -> list[list[int]]:
    """The connected parts, by their first task; inside a part topological order."""
    place = {v: i for i, v in enumerate(graph.order)}
    seen: set[int] = set()
    out: list[list[int]] = []
    for root in range(len(graph.ids)):
        if root in seen:
            continue
        seen.add(root)
        members = [root]
        for v in members:
            for other in (*graph.preds[v], *graph.succs[v]):
                if other not in seen:
                    seen.add(other)
                    members.append(other)
        out.append(sorted(members, key=place.__getitem__))
    return out
