"""A deployment in the live folder, where `fourfold watch` finds it beside the servers' runs."""

import time
from pathlib import Path

from fourfold_tools.fleet.course import Course
from fourfold_tools.live.record import RecordFile
from fourfold_tools.live.snapshot import LiveRun, RunningStep, Slots, Snapshot, freeze
from fourfold_tools.store.agent_runs import worker_name
from fourfold_tools.store.owner import this_process

_EVERY_S = 0.5  # as often as a server writes
_MOST_NAMED = 64


class LiveCourse:
    """Mutable: when it was last written."""

    def __init__(self, folder: Path, cwd: str, plan: str) -> None:
        self._file = RecordFile(folder)
        self._cwd = cwd
        self._plan = plan
        self._written_at = float("-inf")

    def show(self, course: Course) -> None:
        """Write what is at work now, at most twice a second."""
        now = time.monotonic()
        if not self._file.broken and now - self._written_at >= _EVERY_S:
            self._written_at = now
            self._file.write(freeze(snapshot_of(course, self._plan, self._cwd, time.time())))

    def remove(self) -> None:
        self._file.remove()


def snapshot_of(course: Course, plan: str, cwd: str, now: float) -> Snapshot:
    """A deployment as a run: tasks are steps, an agent's lane is its place among those at work."""
    ended = [task for task in course.progress.tasks if task.state in {"ok", "failed", "skipped"}]
    running = [
        RunningStep(
            id=attempt.task,
            title=f"{attempt.body.title} ({worker_name(attempt.worker)})",
            lane=lane,
            since_s=max(0.0, 60 * course.gone_min - (now - (attempt.started or now))),
            attempt=attempt.attempt,
        )
        for lane, attempt in enumerate(course.at_work[:_MOST_NAMED])
    ]
    run = LiveRun(
        run=plan,
        step_count=len(course.progress.tasks),
        ended=len(ended),
        failed=sum(task.state == "failed" for task in ended),
        elapsed_s=60 * course.gone_min,
        width=course.plan.schedule.lanes,
        running_count=len(course.at_work),
        waiting_count=len(course.progress.tasks) - len(ended) - len(course.at_work),
        running=tuple(running),
        waiting=(),
    )
    paused = (f"paused: {course.pause.reason}",) if course.pause is not None else ()
    at_work = Slots(len(course.at_work), course.plan.schedule.lanes, course.plan.schedule.lanes)
    return Snapshot(
        owner=this_process(),
        cwd=cwd,
        at=now,
        slots={"agents": at_work},
        pressure={},
        context_percent=None,
        signals=(*paused, f"spent ${course.spending.spent_usd:.2f}"),
        runs=(run,),
    )
