"""Contention: tasks that would write overlapping paths at the same time, and how each case is settled. Pure.

The rule, in this order, for each knot of such tasks:

1. *sequence*: they run one after the other. Always, unless the caller allows isolation and the wait would stretch
   the whole plan by more than a quarter.
2. *split by path*: where one task's pattern lies wholly inside the other's, the narrower task owns its part and the
   wider one is told to leave it alone.
3. *worktree*: each works in a git worktree of its own, and a merge task that needs them all brings the work together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from fourfold_tools.deployment.dependencies import SHARED_WRITE, dependency_graph
from fourfold_tools.deployment.overlaps import Overlaps
from fourfold_tools.deployment.schedule import schedule
from fourfold_tools.deployment.tasks import Task, covering
from fourfold_tools.graph import Graph

Strategy = Literal["sequence", "split", "worktree"]

# Growth of the predicted makespan up to which waiting is the better deal (judgement: a merge costs an agent too).
_WORTH = 1.25
_MOST_KNOTS = 20  # knots that are weighed; beyond, all wait in sequence


@dataclass(frozen=True, slots=True)
class Contention:
    """One knot: the tasks (ids) and patterns that meet, what is done and why. merge: id of the task that merges."""

    tasks: tuple[str, ...]
    paths: tuple[str, ...]
    strategy: Strategy
    reason: str
    merge: str | None = None

    def data(self) -> dict[str, object]:
        found: dict[str, object] = {
            "tasks": list(self.tasks),
            "paths": list(self.paths),
            "strategy": self.strategy,
            "reason": self.reason,
        }
        return found | ({"merge_task": self.merge} if self.merge else {})


def settle(
    tasks: Sequence[Task], lanes: int, *, isolate: bool, merge_minutes: float
) -> tuple[tuple[Task, ...], Graph, tuple[Contention, ...]]:
    """The tasks (with merge tasks at the end), their graph, and what was decided about shared writes.

    Raises:
        InvalidRequest: the tasks make no graph.
    """
    current = tuple(tasks)
    graph = dependency_graph(current)
    decided: list[Contention] = []
    for number, knot in enumerate(_knots(graph)):
        found = _sequence(current, graph, knot)
        if isolate and number < _MOST_KNOTS:
            current, graph, found = _weigh(current, graph, knot, lanes, merge_minutes, found)
        decided.append(found)
    return current, graph, tuple(decided)


def _knots(graph: Graph) -> list[list[int]]:
    """Tasks joined by edges that stand only because both write, as connected sets."""
    near: dict[int, set[int]] = {}
    for edge in graph.edges:
        if edge.kind == "conflict" and edge.reason.startswith(SHARED_WRITE):
            near.setdefault(edge.before, set()).add(edge.after)
            near.setdefault(edge.after, set()).add(edge.before)
    out: list[list[int]] = []
    seen: set[int] = set()
    for root in sorted(near):
        if root not in seen:
            members = [root]
            seen.add(root)
            for v in members:
                fresh = near[v] - seen
                seen |= fresh
                members.extend(sorted(fresh))
            out.append(sorted(members))
    return out


def _sequence(tasks: Sequence[Task], graph: Graph, knot: Sequence[int]) -> Contention:
    order = [v for v in graph.order if v in set(knot)]
    names = " then ".join(tasks[v].id for v in order[:6]) + (" …" if len(order) > 6 else "")
    return Contention(
        tuple(tasks[v].id for v in knot), _shared(tasks, knot), "sequence", f"they run one after the other: {names}"
    )


def _shared(tasks: Sequence[Task], knot: Sequence[int]) -> tuple[str, ...]:
    """The written patterns of the knot, as the caller spelled them, that some other task of it writes too."""
    owners: dict[str, set[int]] = {}
    said: dict[str, str] = {}
    for v in knot:
        for name, path in zip(tasks[v].writes, tasks[v].write_paths, strict=True):
            owners.setdefault(path, set()).add(v)
            said.setdefault(path, name)
    index = Overlaps(owners)
    return tuple(said[p] for p in owners if len(set[int]().union(*(owners[q] for q in index.of(p)))) > 1)


def _weigh(
    tasks: tuple[Task, ...], graph: Graph, knot: Sequence[int], lanes: int, merge_minutes: float, waiting: Contention
) -> tuple[tuple[Task, ...], Graph, Contention]:
    """Split or isolate a knot where waiting stretches the plan too much and the other way is really shorter."""
    slow = schedule(graph, [t.minutes for t in tasks], lanes).makespan_min
    nested = all(_nested(tasks[a], tasks[b]) for a, b in combinations(knot, 2))
    ids = frozenset(tasks[v].id for v in knot)
    apart = tuple(replace(t, apart=t.apart | (ids - {t.id})) if t.id in ids else t for t in tasks)
    merge = None if nested else _merge_task(apart, knot, merge_minutes)
    tried = apart if merge is None else (*_in_worktrees(apart, ids), merge)
    other = dependency_graph(tried)
    fast = schedule(other, [t.minutes for t in tried], lanes).makespan_min
    gain = f"waiting would take {slow:.3g} min instead of {fast:.3g}"
    if slow <= _WORTH * fast:
        return tasks, graph, waiting
    if merge is None:
        reason = f"{gain}; the narrower pattern belongs to its task, the wider one leaves it alone"
        return tried, other, replace(waiting, strategy="split", reason=reason)
    reason = f"{gain}; the patterns cannot be split, so each works in its own git worktree and {merge.id} merges"
    return tried, other, replace(waiting, strategy="worktree", reason=reason, merge=merge.id)


def _nested(a: Task, b: Task) -> bool:
    """Whether every overlap of the two is a subtree wholly inside the other's subtree, and not the same."""
    for p in map(covering, a.write_paths):
        for q in map(covering, b.write_paths):
            inside = p != q and (_holds(p, q) or _holds(q, p))
            if not inside and Overlaps([q]).of(p):
                return False
    return True


def _holds(outer: str, inner: str) -> bool:
    head = outer.removesuffix("**")
    return outer.endswith("/**") and not any(c in head for c in "*?[{") and inner.startswith(head)


def _merge_task(tasks: Sequence[Task], knot: Sequence[int], minutes: float) -> Task:
    taken = {t.id for t in tasks}
    name = next(f"merge-{k}" for k in range(1, len(tasks) + 2) if f"merge-{k}" not in taken)
    pairs = {p: w for v in knot for w, p in zip(tasks[v].writes, tasks[v].write_paths, strict=True)}
    ids = [tasks[v].id for v in knot]
    return Task(
        id=name,
        title=f"Merge the work of {', '.join(ids)}",
        prompt=(
            f"Each of the tasks {', '.join(ids)} worked in a git worktree and left its work on a branch named "
            "`fourfold/` and its id. Merge these branches into the current one, one after the other; keep the intent "
            "of each where they touch the same lines, run the project's checks, then remove worktrees and branches."
        ),
        writes=tuple(pairs.values()),
        write_paths=tuple(pairs),
        needs=tuple(ids),
        minutes=minutes,
        basis="class",
        merges=tuple(ids),
    )


def _in_worktrees(tasks: Sequence[Task], ids: frozenset[str]) -> list[Task]:
    """The tasks with those of the knot isolated: what they write reaches the workspace with the merge."""
    return [replace(t, worktree=True) if t.id in ids else t for t in tasks]
