"""A deployment: tasks with their graph, type, orchestrators and schedule, as it is stored and shown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fourfold_tools.deployment.blocks import LONE_NAME, Tree
from fourfold_tools.deployment.contention import Contention, settle
from fourfold_tools.deployment.grouping import Orchestrator, group
from fourfold_tools.deployment.naming import names
from fourfold_tools.deployment.notation import render
from fourfold_tools.deployment.overlaps import Overlaps
from fourfold_tools.deployment.schedule import Schedule, schedule, waves
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.deployment.types import TypeChoice, choose_type
from fourfold_tools.graph import Graph
from fourfold_tools.model.output import Json

# What a cut costs the grouping: a data edge carries results between orchestrators, an order edge only a signal; two
# tasks that read the same things share what one of them has learnt.
_CUT_DATA, _CUT_ORDER, _CUT_KIN = 1.0, 0.5, 0.2
_MOST_KIN = 12  # tasks with the same reads beyond which only neighbours in the list count as kin


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a plan decided once; how far it has come stands in its progress.

    orchestrators: parents before children; names: one for each. waves: indices of tasks, for display.
    """

    goal: str
    tasks: tuple[Task, ...]
    graph: Graph
    choice: TypeChoice
    orchestrators: tuple[Orchestrator, ...]
    names: tuple[str, ...]
    schedule: Schedule
    waves: tuple[tuple[int, ...], ...]
    contentions: tuple[Contention, ...]
    max_agents: int
    fanout: int

    @property
    def minutes(self) -> list[float]:
        return [task.minutes for task in self.tasks]

    def id_of(self, orchestrator: int) -> str:
        """The orchestrator's id, different from every task's."""
        taken = set(self.graph.ids)
        name = f"o{orchestrator + 1}"
        while name in taken:
            name += "_"
        return name

    def level_of(self, orchestrator: int) -> str:
        """The orchestrator's tag in verification lines and in the notation: `L1:NAME`."""
        return f"L{self.orchestrators[orchestrator].level}:{self.names[orchestrator]}"

    def tasks_under(self, orchestrator: int) -> list[int]:
        """Every task below an orchestrator, whatever lies between."""
        node = self.orchestrators[orchestrator]
        return [*node.tasks, *(v for child in node.children for v in self.tasks_under(child))]

    def owns(self, task: int, path: str) -> bool:
        """Whether an absolute path lies in what the task declared as its writes."""
        return bool(Overlaps(self.tasks[task].write_paths).of(path))

    def orchestrator_data(self) -> list[dict[str, Json]]:
        ids = [self.id_of(k) for k in range(len(self.orchestrators))]
        return [
            {
                "id": ids[k],
                "name": self.names[k],
                "level": node.level,
                "parent": None if node.parent is None else ids[node.parent],
                "targets": [*(self.tasks[v].id for v in node.tasks), *(ids[child] for child in node.children)],
            }
            for k, node in enumerate(self.orchestrators)
        ]

    def schedule_data(self) -> list[dict[str, Json]]:
        """By start, then lane; minutes to six decimals."""
        s = self.schedule
        rows = sorted(range(len(self.tasks)), key=lambda v: (s.start_min[v], s.lane[v], v))
        return [
            {
                "task": self.tasks[v].id,
                "lane": s.lane[v],
                "start_min": round(s.start_min[v], 6),
                "finish_min": round(s.finish_min[v], 6),
            }
            for v in rows
        ]

    def sync_points(self) -> list[dict[str, Json]]:
        """Where streams come together: tasks that wait for two or more others, by the time they can start."""
        joins = [v for v, before in enumerate(self.graph.preds) if len(before) > 1]
        joins.sort(key=lambda v: (self.schedule.start_min[v], v))
        return [
            {
                "before": self.tasks[v].id,
                "waits_for": [self.tasks[p].id for p in self.graph.preds[v]],
                "at_min": round(max(self.schedule.finish_min[p] for p in self.graph.preds[v]), 6),
            }
            for v in joins
        ]

    @property
    def lone(self) -> bool:
        """Whether one orchestrator does it all, with nothing hierarchical about it."""
        return len(self.orchestrators) == 1 and self.choice.type != "hierarchical"

    def notation(self) -> str:
        place = [0] * len(self.tasks)
        for k, v in enumerate(self.graph.order):
            place[v] = k
        return render(Tree(self.tasks, self.graph, self.orchestrators, self.names, place, self.lone).blocks())


def deploy(
    goal: str,
    tasks: Sequence[Task],
    *,
    max_agents: int,
    fanout: int,
    lanes: int,
    isolate: bool,
    merge_minutes: float,
) -> Deployment:
    """The deployment of tasks on `lanes` agents at once.

    Raises:
        InvalidRequest: duplicate or unknown ids, or a cycle among the needs.
    """
    settled, graph, contentions = settle(tasks, lanes, isolate=isolate, merge_minutes=merge_minutes)
    minutes = [task.minutes for task in settled]
    weights = {(p, v): _CUT_ORDER for v, before in enumerate(graph.preds) for p in before} | {
        (e.before, e.after): _CUT_DATA for e in graph.edges if e.hard
    }
    tree = group(graph, weights, _kin(settled), fanout)
    unnamed = Deployment(
        goal=goal,
        tasks=settled,
        graph=graph,
        choice=choose_type(graph),
        orchestrators=tuple(tree),
        names=(),
        schedule=schedule(graph, minutes, lanes),
        waves=tuple(map(tuple, waves(graph, minutes, lanes))),
        contentions=contentions,
        max_agents=max_agents,
        fanout=fanout,
    )
    return _named(unnamed)


def _named(bare: Deployment) -> Deployment:
    groups = [[bare.tasks[v] for v in bare.tasks_under(k)] for k in range(len(bare.orchestrators))]
    return replace(bare, names=(LONE_NAME,) if bare.lone else tuple(names(groups)))


def _kin(tasks: Sequence[Task]) -> dict[tuple[int, int], float]:
    """Pairs of tasks that read the same patterns."""
    same: dict[str, list[int]] = {}
    for i, task in enumerate(tasks):
        for path in dict.fromkeys(task.read_paths):
            same.setdefault(path, []).append(i)
    kin: dict[tuple[int, int], float] = {}
    for members in same.values():
        reach = len(members) if len(members) <= _MOST_KIN else 4
        for k, a in enumerate(members):
            for b in members[k + 1 : k + reach]:
                kin[a, b] = kin.get((a, b), 0.0) + _CUT_KIN
    return kin
