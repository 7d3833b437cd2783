"""The deployer: carries a stored plan out with agents of the fleet. What is ready, the plan's own steps decide."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import anyio
import anyio.to_thread

from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import Progress
from fourfold_tools.deployment.prompts import prompt
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.fleet.again import Pause
from fourfold_tools.fleet.contract import AgentTask
from fourfold_tools.fleet.course import Course, Deployed
from fourfold_tools.fleet.history import runs_of
from fourfold_tools.fleet.home import Home
from fourfold_tools.fleet.journal import Attempt, Journal, Moment
from fourfold_tools.fleet.limits import Limits, Room, Spending, priorities, room
from fourfold_tools.fleet.presence import this_host, this_worker
from fourfold_tools.fleet.store import Store
from fourfold_tools.fleet.takeover import Takeover
from fourfold_tools.fleet.travel import branch_of
from fourfold_tools.model.plan_request import FinishedTask
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.steps import Stepped, situation_of, take_step, thaw
from fourfold_tools.store.agent_runs import AgentRun, AgentRuns
from fourfold_tools.store.plans import Plans

T = TypeVar("T")
_AGAIN_S = 1.0  # until a step that could start nothing is tried again
_RECORD_S = 5.0  # between two times that the agents' runs are kept for a report while the deployment goes on
_NOBODY = Usage()  # no conversation pays for the reports of a fleet


class Deployer:
    """Mutable: the newest step of the plan, what stops it, and when things were last looked at."""

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        plan: str,
        home: Home,
        limits: Limits,
        *,
        once: frozenset[str] = frozenset(),
        retry_unknown: bool = False,
        on_change: Callable[[Course], None] = lambda _: None,
    ) -> None:
        """once: tasks that are never begun twice. retry_unknown: begin again what nobody knows the end of."""
        self._runtime = runtime
        self._settings = runtime.settings.fleet
        self._store = store
        self._journal = Journal(store)
        self._takeover = Takeover(store, self._settings)
        self._plan = plan
        self._home = home
        self._limits = limits
        self._once = once
        self._retry_unknown = retry_unknown
        self._on_change = on_change
        self._began = time.monotonic()
        self._stepped_at = float("-inf")
        self._recorded_at = time.monotonic()
        self._step: Stepped | None = None
        self._elsewhere: tuple[str, ...] = ()
        self._stop = ""
        self._index: dict[str, int] = {}
        self._tasks: dict[str, Task] = {}
        self._ranks: list[int] = []
        self._threads = anyio.CapacityLimiter(2)

    def stop(self, why: str) -> None:
        """End what runs and start nothing more; `run` returns when all has ended."""
        self._stop = self._stop or why
        self._store.bell.ring()

    async def run(self) -> Deployed:
        """Carry the plan out, until it is complete or nothing more of it can start.

        Each turn: take in what has ended, start what may start, take over what a dead worker left.

        Raises:
            NotFound: no such plan. Contention: a store stayed away.
        """
        await self._adopt()
        while True:
            moment = await self._db(self._journal.moment, self._plan)
            attempts, pause, spending = moment.attempts, moment.pause, _spending(moment)
            space = self._space(attempts, spending, pause)
            moved = await self._advance(attempts, space)
            assert self._step is not None
            self._tell(attempts, spending, space, pause)
            if self._step.progress.complete:
                await self._home.tidy()
                return await self._deployed(attempts, spending, "")
            why = self._stop or self._late() or ("" if moved else self._stuck(attempts, space, pause))
            if why:
                return await self._wind_up(why)
            await self._takeover.look(attempts)
            if time.monotonic() - self._recorded_at >= _RECORD_S:
                await self._record()
            await self._wait()

    # Beginning.

    async def _adopt(self) -> None:
        """Become the plan's deployer, and settle what an earlier one left half done."""
        stored = await Plans(self._runtime.database).get(self._plan)
        plan, progress = thaw(stored)
        self._index = {name: v for v, name in enumerate(plan.graph.ids)}
        self._tasks = {task.id: task for task in plan.tasks}
        self._ranks = priorities(plan)
        known = await self._db(self._journal.known, self._plan)
        running = {_key(self._plan, plan, progress, v): v for v in progress.of("running")}
        lost = [key for key in running if key not in known]
        elsewhere = await self._db(self._journal.adopt, self._plan, stored.created, this_worker(), lost)
        await self._prepare(plan, progress)
        for attempt in (await self._db(self._journal.moment, self._plan)).attempts:
            if attempt.state == "cancelled" or (attempt.state == "unknown" and self._retry_unknown):
                await self._db(self._journal.release, attempt.key, attempt.epoch, attempt.state, attempt.state)
        again = [running[key] for key in lost if key not in elsewhere or self._retry_unknown]
        await self._add(plan, progress, again, self._limits.task_usd)
        self._elsewhere = () if self._retry_unknown else tuple(key for key in elsewhere if key in running)

    async def _prepare(self, plan: Deployment, progress: Progress) -> None:
        """Refuse the tasks that cannot travel, unless they have begun."""
        made: set[str] = set()
        for attempt in await self._db(self._journal.every, self._plan):
            made.add(branch_of(attempt.task))
            if attempt.outcome is not None and attempt.outcome.commit is not None:
                made.add(attempt.outcome.commit)
        settled = frozenset(v for v, task in enumerate(progress.tasks) if task.state != "waiting")
        await self._home.prepare(plan, settled, frozenset(made))

    # One turn.

    async def _advance(self, attempts: Sequence[Attempt], space: Room) -> bool:
        """Take the plan a step further where something has ended, or something more may start; whether it moved."""
        ended = [a for a in attempts if a.state == "done"]
        now = time.monotonic()
        due = self._step is None or (bool(self._step.waiting) and now - self._stepped_at >= _AGAIN_S)
        if not ended and not (due and (space.agents or self._step is None)):
            return False
        plans = Plans(self._runtime.database)
        progress = thaw(await plans.get(self._plan))[1] if ended else None
        finished = [await self._landed(a) for a in ended if progress is not None and self._is_awaited(a, progress)]
        most = 0 if self._stop else space.agents
        self._step = await take_step(self._runtime, self._plan, _NOBODY, finished, whole=True, most=most)
        self._stepped_at = now
        launched = [launch.task for launch in self._step.launches]
        await self._add(self._step.plan, self._step.progress, launched, space.cap_usd)
        await self._db(self._journal.take, [a.key for a in ended])
        return bool(ended or self._step.launches)

    def _is_awaited(self, attempt: Attempt, progress: Progress) -> bool:
        """Whether the plan waits for this very attempt; a deployer may have died right after it told of it."""
        mine = progress.tasks[self._index[attempt.task]]
        return mine.state == "running" and mine.attempts == attempt.attempt

    async def _landed(self, attempt: Attempt) -> FinishedTask:
        """What is told of an attempt, once its work is merged."""
        assert attempt.outcome is not None  # it is done
        task = self._tasks[attempt.task]
        outcome = await self._home.land(task, attempt.key, attempt.outcome)
        return FinishedTask(
            task=attempt.task,
            state="ok" if outcome.state == "ok" else "failed",
            summary=outcome.summary,
            minutes=round(outcome.minutes, 6),
            tokens=outcome.tokens,
            outputs=outcome.outputs,
        )

    async def _add(self, plan: Deployment, progress: Progress, tasks: Sequence[int], cap_usd: float) -> None:
        """Queue the tasks that start now, all of them from the commit that is checked out now."""
        base = await self._home.base() if tasks else None
        bodies = [(await self._body(plan, progress, v, cap_usd, base), self._ranks[v]) for v in tasks]
        await self._db(self._journal.add, bodies)

    async def _body(
        self, plan: Deployment, progress: Progress, v: int, cap_usd: float, base: str | None
    ) -> AgentTask:
        task, attempt = plan.tasks[v], progress.tasks[v].attempts
        checkout = await self._home.checkout_for(task, attempt, [plan.tasks[p] for p in plan.graph.preds[v]], base)
        situation = situation_of(self._runtime, self._plan, plan, progress, v)
        situation = replace(situation, headless=True, checkout=checkout is not None)
        return AgentTask(
            plan=self._plan,
            task=task.id,
            title=task.title,
            attempt=attempt,
            prompt=prompt(task, situation),
            home=this_host(),
            folder=self._runtime.workspace.cwd,
            once=(bool(task.writes) and checkout is None) or task.id in self._once,
            owns=task.writes,
            merges=bool(task.merges),
            agent=task.agent,
            cap_usd=cap_usd,
            timeout_s=60 * self._settings.task_minutes,
            checkout=checkout,
        )

    def _space(self, attempts: Sequence[Attempt], spending: Spending, pause: Pause | None) -> Room:
        if pause is not None:
            return Room(0, 0.0, f"everyone pauses: {pause.reason}")
        in_flight = sum(a.state in {"queued", "started"} for a in attempts)
        return room(self._limits, spending, in_flight)

    def _gone_min(self) -> float:
        return (time.monotonic() - self._began) / 60

    # The end.

    def _late(self) -> str:
        """Why what runs is ended although it could go on."""
        most = self._limits.max_minutes
        return f"{most:g} minutes are over" if most is not None and self._gone_min() >= most else ""

    def _stuck(self, attempts: Sequence[Attempt], space: Room, pause: Pause | None) -> str:
        """Why nothing more will happen; empty while something runs, pauses, or waits for another conversation."""
        assert self._step is not None
        if pause is not None or any(a.state in {"queued", "started", "done"} for a in attempts):
            return ""
        if self._takeover.may_come_back(attempts):
            return ""
        if space.why:
            return space.why
        if self._step.waiting and not self._step.progress.of("running"):
            return ""
        return "what is left waits for tasks of which nobody knows how they ended"

    async def _wind_up(self, why: str) -> Deployed:
        """End what runs, take in what had ended, and say why it is not complete."""
        self._stop = why
        until = time.monotonic() + self._settings.grace_s + self._settings.fence_s
        while True:
            await self._db(self._journal.cancel, self._plan)  # what a dead worker left is queued in the meantime
            moment = await self._db(self._journal.moment, self._plan)
            attempts, spending = moment.attempts, _spending(moment)
            await self._advance(attempts, Room(0, 0.0, why))
            open_ = [a for a in attempts if a.state in {"queued", "started"}]
            self._tell(attempts, spending, Room(0, 0.0, why), None)
            if not open_ or time.monotonic() >= until:
                return await self._deployed(attempts, spending, why)
            await self._takeover.look(attempts)
            await self._wait()

    async def _wait(self) -> None:
        """Until something has ended, or it is time to look at the clock and the workers."""
        await self._store.bell.wait(self._settings.look_s if self._store.bell.heard else self._settings.poll_s)

    async def _deployed(self, attempts: Sequence[Attempt], spending: Spending, why: str) -> Deployed:
        assert self._step is not None
        runs = await self._record()
        return Deployed(self._step, spending, _unknown(attempts), self._elsewhere, why, tuple(runs))

    async def _record(self) -> list[AgentRun]:
        """Keep what is known of the agents' runs beside the plan, where a report finds it."""
        runs = await self._db(runs_of, self._store, self._plan)
        await AgentRuns(self._runtime.database).put(self._plan, runs)
        self._recorded_at = time.monotonic()
        return runs

    def _tell(self, attempts: Sequence[Attempt], spending: Spending, space: Room, pause: Pause | None) -> None:
        assert self._step is not None
        self._on_change(
            Course(
                plan=self._step.plan,
                progress=self._step.progress,
                at_work=tuple(a for a in attempts if a.state == "started"),
                queued=sum(a.state == "queued" for a in attempts),
                unknown=_unknown(attempts),
                elsewhere=self._elsewhere,
                spending=spending,
                room=space,
                pause=pause,
                gone_min=self._gone_min(),
            )
        )

    async def _db(self, work: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)


def _key(name: str, plan: Deployment, progress: Progress, v: int) -> str:
    return f"{name}/{plan.graph.ids[v]}/{progress.tasks[v].attempts}"


def _spending(moment: Moment) -> Spending:
    """What was spent, and what may still be by those of whom no end is known."""
    reserved = sum(a.body.cap_usd for a in moment.attempts if a.state != "done")
    return Spending(moment.spent_usd, reserved)


def _unknown(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    return tuple(a.task for a in attempts if a.state == "unknown")
