"""Travel: what a task needs that no commit carries, found before anything starts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.overlaps import Overlaps
from fourfold_tools.deployment.tasks import Task, is_pattern
from fourfold_tools.errors import Fault


@dataclass(frozen=True, slots=True)
class Baggage:
    """A work tree as it lies: absolute paths that are not committed, and ignored files or folders (these end in /).

    away: whether tasks without writes leave this machine too.
    """

    top: str
    changed: Sequence[str]
    ignored: Sequence[str]
    branches: frozenset[str]
    away: bool

    @classmethod
    def of(
        cls, top: str, changed: Sequence[str], ignored: Sequence[str], branches: frozenset[str], *, away: bool
    ) -> "Baggage":
        """From names below the top, as git gives them."""
        real = os.path.realpath(top)
        return cls(
            real, [f"{real}/{name}" for name in changed], [f"{real}/{name}" for name in ignored], branches, away
        )


def faults(plan: Deployment, ended: frozenset[int], baggage: Baggage) -> list[Fault]:
    """A fault for each task that cannot start from a commit, with the reason; those that have ended are left out."""
    changed = Overlaps(baggage.changed)
    out: list[Fault] = []
    for v, task in enumerate(plan.tasks):
        if v not in ended and (task.writes or baggage.away):
            why = _why(task, baggage, changed)
            if why:
                out.append(Fault(f"task {task.id}", why))
    return out


def branch_of(task: str) -> str:
    """The branch that a task's work becomes."""
    return f"fourfold/{task}"


def _why(task: Task, baggage: Baggage, changed: Overlaps) -> str:
    for name, path in zip(task.writes, task.write_paths, strict=True):
        if not _inside(path, baggage.top):
            return f"it writes {name}, outside the repository {baggage.top}: no commit can bring that back"
        if os.path.isabs(name):
            return f"it writes {name}: say it relative to the project, its checkout lies elsewhere"
        if not is_pattern(name) and (held := _ignored(path, baggage.ignored)):
            return f"it writes {name}, which git ignores ({held}): no commit can bring that back"
    for name, path in zip(task.reads, task.read_paths, strict=True):
        if baggage.away and not _inside(path, baggage.top):
            return f"it reads {name}, outside the repository {baggage.top}: another machine does not have it"
        if not is_pattern(name) and (held := _ignored(path, baggage.ignored)):
            return f"it reads {name}, which git ignores ({held}): a checkout does not have it"
    for kind, paths in (("reads", task.read_paths), ("writes", task.write_paths)):
        for path in paths:
            if met := changed.of(path):
                first = os.path.relpath(next(iter(sorted(met))), baggage.top)
                return f"it {kind} {first}, which has changes that are not committed"
    if task.writes and branch_of(task.id) in baggage.branches:
        return f"a branch {branch_of(task.id)} is there already: merge or delete it first"
    return ""


def _inside(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")


def _ignored(path: str, ignored: Sequence[str]) -> str:
    """The ignored file or folder that a plain path is, or lies in."""
    return next(
        (one for one in ignored if path == one.rstrip("/") or (one.endswith("/") and path.startswith(one))), ""
    )
