"""Blocks: which lines of the notation a deployment is drawn with. Pure.

1. One orchestrator that only runs agents or pipelines: its own blocks, under `L1:Orch`.
2. Else the tree from `L0:Zero` down: a block for the orchestrators of each node, and blocks for its own tasks.
3. At the end one coordination pattern for each level at which something is coordinated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fourfold_tools.deployment.grouping import Orchestrator
from fourfold_tools.deployment.naming import purpose
from fourfold_tools.deployment.notation import (
    Block,
    Coordination,
    Hierarchical,
    Independent,
    Pipeline,
    Strategy,
    Target,
    plain,
)
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.graph import Graph

LONE_NAME = "Orch"  # of an orchestrator that stands alone


@dataclass(frozen=True, slots=True)
class Tree:
    """What is drawn. place: of each task in the graph's order. lone: one orchestrator, and nothing hierarchical."""

    tasks: Sequence[Task]
    graph: Graph
    nodes: Sequence[Orchestrator]
    names: Sequence[str]
    place: Sequence[int]
    lone: bool

    def blocks(self) -> list[Block]:
        roots = [k for k, node in enumerate(self.nodes) if node.parent is None]
        drawn: list[Block] = [] if self.lone else [self._orchestrators("L0:Zero", 1, roots)]
        for k, node in enumerate(self.nodes):
            level = f"L{node.level}:{self.names[k]}"
            if node.children:
                drawn.append(self._orchestrators(level, node.level + 1, node.children))
            if node.tasks:
                drawn += self._agents(level, node)
        return [*drawn, *self._coordination(len(roots))]

    def _orchestrators(self, level: str, below: int, nodes: Sequence[int]) -> Block:
        """Orchestrators side by side, or as stages where all that each does waits for the one before."""
        members = [self._under(k) for k in nodes]
        purposes = [plain(purpose([self.tasks[v] for v in own])) for own in members]
        targets = [Target(self.names[k], said) for k, said in zip(nodes, purposes, strict=True)]
        if len(nodes) > 1 and self._in_line(members):
            return Pipeline(level, below, tuple(Target(f"L{below}:{t.name}", t.purpose) for t in targets))
        return Hierarchical(level, below, tuple(targets))

    def _in_line(self, members: Sequence[Sequence[int]]) -> bool:
        home = {v: place for place, own in enumerate(members) for v in own}
        joined = {(home[p], home[v]) for v in home for p in self.graph.preds[v] if p in home}
        waits = all(any(p in home for p in self.graph.preds[v]) for own in members[1:] for v in own)
        return waits and all(pair in joined for pair in pairwise(range(len(members))))

    def _under(self, k: int) -> list[int]:
        node = self.nodes[k]
        return [*node.tasks, *(v for child in node.children for v in self._under(child))]

    def _agents(self, level: str, node: Orchestrator) -> list[Block]:
        """The blocks of one orchestrator's own tasks: those alone together, then each part that hangs together."""
        below = node.level + 1
        members = self._in_order(node)
        inside = {(p, v) for v in members for p in self.graph.preds[v] if p in set(members)}
        last = members[-1]
        if len(members) > 2 and inside == {(v, last) for v in members[:-1]}:
            return [Strategy(level, below, tuple(map(self._target, members)))]
        parts = _parts(members, inside)
        alone = sorted(v for part in parts if len(part) == 1 for v in part)
        drawn: list[Block] = [Independent(level, below, tuple(map(self._target, alone)))] if alone else []
        for part in parts:
            targets = tuple(map(self._target, part))
            if len(part) > 1 and all(pair in inside for pair in pairwise(part)):
                drawn.append(Pipeline(level, below, targets))
            elif len(part) > 1:
                drawn.append(Independent(level, below, targets, "mapped"))
        return drawn

    def _target(self, v: int) -> Target:
        task = self.tasks[v]
        return Target(plain(task.agent or task.id), plain(task.title))

    def _coordination(self, roots: int) -> list[Block]:
        blocks: list[Block] = [Coordination.of_orchestrators(roots)] if roots > 1 else []
        streams = max(map(self._streams, self.nodes))
        if streams > 1:
            blocks.append(Coordination.of_agents(streams))
        if any(edge.kind != "needs" for edge in self.graph.edges):
            blocks.append(Coordination.of_behavior())
        return blocks

    def _streams(self, node: Orchestrator) -> int:
        """Agents of one orchestrator that are coordinated: none where each waits for the one before."""
        members = self._in_order(node)
        line = all(a in self.graph.preds[b] for a, b in pairwise(members))
        return 0 if line else len(members)

    def _in_order(self, node: Orchestrator) -> list[int]:
        return sorted(node.tasks, key=self.place.__getitem__)


def _parts(members: Sequence[int], inside: set[tuple[int, int]]) -> list[list[int]]:
    """The connected parts, by their first member; inside a part the order of `members`."""
    home = {v: v for v in members}
    for a, b in sorted(inside):
        old, new = home[b], home[a]
        home = {v: new if h == old else h for v, h in home.items()}
    parts: dict[int, list[int]] = {}
    for v in members:
        parts.setdefault(home[v], []).append(v)
    return list(parts.values())
