"""Leases: the paths that running tasks hold, so that several conversations on one repository do not collide."""

from collections.abc import Sequence

from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.overlaps import Overlaps
from fourfold_tools.deployment.progress import Progress
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.owner import this_process
from fourfold_tools.store.plans import Lease


def owner_of(runtime: Runtime, usage: Usage) -> str:
    """`PROCESS/CONVERSATION` of the call; where it is not known its client, or this runtime, stands for it."""
    unknown = runtime.client or f"{this_process()}#{id(runtime)}"
    key = usage.conversation.key if usage.conversation else unknown
    return f"{this_process()}/{key}"


class Held:
    """The tasks whose paths another conversation's running task holds, each with that lease."""

    def __init__(self, plan: Deployment, held: Sequence[Lease]) -> None:
        self._plan = plan
        self._by_pattern: dict[str, Lease] = {}
        for lease in held:
            known = self._by_pattern.get(lease.pattern)
            if known is None or (lease.write and not known.write):
                self._by_pattern[lease.pattern] = lease
        self._index = Overlaps(self._by_pattern)

    def lease(self, task: int) -> Lease | None:
        """The first lease in the way: of a writer for what the task touches, of a reader for what it writes."""
        if not self._by_pattern:
            return None
        mine = self._plan.tasks[task]
        for path in mine.write_paths:
            for pattern in self._index.of(path):
                return self._by_pattern[pattern]
        for path in mine.read_paths:
            for pattern in self._index.of(path):
                if self._by_pattern[pattern].write:
                    return self._by_pattern[pattern]
        return None

    def __contains__(self, task: object) -> bool:
        return isinstance(task, int) and self.lease(task) is not None


def leases_of(
    runtime: Runtime, name: str, plan: Deployment, progress: Progress, owner: str, now: float
) -> list[Lease]:
    """What the running tasks hold, from now on."""
    rows: list[Lease] = []
    for v in progress.of("running"):
        task = plan.tasks[v]
        expires = now + 60 * max(runtime.settings.plan.lease_minutes, 3 * task.minutes)
        writes = () if task.worktree else task.write_paths
        for pattern, write in [*((p, True) for p in writes), *((p, False) for p in task.read_paths)]:
            rows.append(Lease(name, task.id, pattern, write, owner, now, expires))
    return rows
