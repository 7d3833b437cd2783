"""Preparing: a batch request becomes a checked graph with effects and weights, before anything runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fourfold_tools.conflicts import barrier_edges, conflict_edges
from fourfold_tools.engine.spread import check_references
from fourfold_tools.errors import Fault, InvalidRequest, NotFound
from fourfold_tools.graph import Edge, Graph, check_ids
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import FIELDS, AnyStep, Reference, arguments_with_references, references


@dataclass(frozen=True, slots=True)
class Prepared:
    """Steps with ids, what they touch, and the order that follows."""

    steps: tuple[AnyStep, ...]
    effects: tuple[Effects, ...]
    graph: Graph


def prepare(
    steps: Sequence[AnyStep], effects_of: Callable[[AnyStep], Effects], *, barrier: bool, max_steps: int
) -> Prepared:
    """Explicit needs, references and inferred conflicts as one graph.

    Raises:
        InvalidRequest: too many steps, duplicate or unknown ids, fields that an op does not have, cycles.
    """
    if len(steps) > max_steps:
        raise InvalidRequest([Fault("steps", f"expected at most {max_steps:,}, got {len(steps):,}")])
    ids = [step.id for step in steps]
    refs = [references(list(arguments_with_references(step).values())) for step in steps]
    wanted = [
        [*((name, f"needs[{i}]") for i, name in enumerate(step.needs)), *((r.from_, "from") for r in mine)]
        for step, mine in zip(steps, refs, strict=True)
    ]
    index = check_ids(ids, wanted, "steps")
    faults = [
        fault
        for i, step in enumerate(steps)
        if refs[i]
        for fault in check_references(i, step, lambda ref: FIELDS[steps[index[ref.from_]].op])
    ]
    if faults:
        raise InvalidRequest(faults)
    hard = _hard_edges(steps, refs, index)
    graph = Graph.build(ids, hard)
    effects = _effects(steps, effects_of)
    soft = conflict_edges(ids, graph.order, effects)
    if barrier:
        soft += barrier_edges(ids, graph.order, effects)
    return Prepared(tuple(steps), effects, Graph.build(ids, [*hard, *soft]) if soft else graph)


def _effects(steps: Sequence[AnyStep], effects_of: Callable[[AnyStep], Effects]) -> tuple[Effects, ...]:
    """What each step touches; a declared path that cannot be one is a fault of its step."""
    found: list[Effects] = []
    for i, step in enumerate(steps):
        try:
            found.append(effects_of(step))
        except NotFound as exc:
            raise InvalidRequest([Fault(f"steps[{i}]", exc.message)]) from exc
    return tuple(found)


def _hard_edges(steps: Sequence[AnyStep], refs: Sequence[Sequence[Reference]], index: dict[str, int]) -> list[Edge]:
    edges: dict[tuple[int, int], Edge] = {}
    for i, step in enumerate(steps):
        for name in step.needs:
            edges.setdefault((index[name], i), Edge(index[name], i, "needs", f"{step.id} needs {name}"))
        for ref in refs[i]:
            reason = f"{step.id} takes {ref.field} from {ref.from_}"
            edges.setdefault((index[ref.from_], i), Edge(index[ref.from_], i, "reference", reason))
    return list(edges.values())
