"""The course of a deployment, as whoever watches it sees it: counts, agents at work, money, pauses."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import Progress, TaskState
from fourfold_tools.fleet.journal import Attempt, Pause
from fourfold_tools.fleet.limits import Room, Spending

_STATES: tuple[TaskState, ...] = ("ok", "running", "waiting", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Course:
    """One moment. unknown: tasks that were started and nobody knows how they ended; elsewhere: in flight under a
    conversation, not under the fleet. gone_min: since the deployment went on."""

    plan: Deployment
    progress: Progress
    at_work: tuple[Attempt, ...]
    queued: int
    unknown: tuple[str, ...]
    elsewhere: tuple[str, ...]
    spending: Spending
    room: Room
    pause: Pause | None
    gone_min: float

    def counts(self) -> str:
        """`12 ok, 3 running, 25 waiting`."""
        counts = {state: len(self.progress.of(state)) for state in _STATES}
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


@dataclass
class Told:
    """Which ends a watcher has been told of. Mutable."""

    ended: set[tuple[int, int, str]] = field(default_factory=set[tuple[int, int, str]])

    def news(self, course: Course) -> Sequence[int]:
        """Tasks whose state has changed for good, or that failed once more, since the last time."""
        fresh: list[int] = []
        for v, task in enumerate(course.progress.tasks):
            mark = (v, task.attempts, task.state)
            again = task.state == "running" and task.attempts > 1
            if (task.state in {"ok", "failed", "skipped"} or again) and mark not in self.ended:
                self.ended.add(mark)
                fresh.append(v)
        return fresh
