"""The course of a deployment, as whoever watches it sees it: counts, agents at work, money, pauses."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import Progress, TaskState
from fourfold_tools.fleet.again import Pause
from fourfold_tools.fleet.journal import Attempt
from fourfold_tools.fleet.limits import Room, Spending
from fourfold_tools.steering.steps import Stepped
from fourfold_tools.store.agent_runs import AgentRun

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


@dataclass(frozen=True, slots=True)
class Deployed:
    """How a deployment ended. why: what stopped it before its end; empty where it is complete. runs: its agents'."""

    stepped: Stepped
    spending: Spending
    unknown: tuple[str, ...]
    elsewhere: tuple[str, ...]
    why: str
    runs: tuple[AgentRun, ...]

    @property
    def all_ok(self) -> bool:
        return all(task.state == "ok" for task in self.stepped.progress.tasks)


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
