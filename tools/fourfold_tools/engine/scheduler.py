"""The scheduler: the one loop that runs the steps of a batch, critical path first, without barriers or polling."""

import heapq
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from fourfold_tools.engine.calls import Calls
from fourfold_tools.engine.ledger import Ledger
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.paces import Paces
from fourfold_tools.engine.retries import Retries
from fourfold_tools.engine.retry import RetryBudget
from fourfold_tools.engine.scaling import Change
from fourfold_tools.engine.spread import Spread, spread
from fourfold_tools.engine.units import ReadyQueue, Unit
from fourfold_tools.engine.work import Journal, Work
from fourfold_tools.errors import Code, FourfoldError, InvalidRequest
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Failure, Outcome, StepResult, repeatable

if TYPE_CHECKING:
    from fourfold_tools.engine.waiting import Waiting

_log = logging.getLogger("fourfold.scheduler")
_HANG_GRACE_S = 5.0  # an op ends its own work at its deadline; this much later the loop stops waiting for it
_WHY: dict[str, str] = {
    "timed_out": "the batch's deadline passed before it started",
    "cancelled": "an earlier step failed (on_error: stop)",
}
_CUT_OFF = "cancelled before it started"


class Scheduler:
    """One run. Mutable: everything here changes on the event loop only, between two waits.

    A unit is in exactly one place: the queue, parked at a lock, waiting for its retry, following an identical
    unit, running, or ended.
    """

    def __init__(
        self,
        work: Work,
        *,
        limiter: Limiter,
        locks: PathLocks,
        budget: RetryBudget,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._work = work
        self._limiter = limiter
        self._locks = locks
        self._budget = budget
        self._journal = journal
        self.on_change: Callable[[Scheduler], None] = lambda _: None
        self._clock = clock
        self._start = clock()
        self._ended_s: float | None = None
        self._calls = Calls(work, work.graph.upward_ranks(work.weights), self.now_s)
        self._queue = ReadyQueue()
        self._parked: dict[Unit, None] = {}
        self._retries = Retries(work.retry, budget, chance)
        self._ended: deque[tuple[list[Unit], Sequence[Outcome | AnyStep]]] = deque()
        self._wakeup = anyio.Event()
        self._seat = limiter.join(self._wake)
        self._free_lanes: list[int] = []
        self._lanes = 0
        self._leaders: dict[str, Unit | StepResult] = {}  # of one that has ended only the result is kept
        self._passes = 0
        self._refused: dict[tuple[str, ...], str] = {}
        self._paces = Paces(limiter)
        self._stopped: Code | None = None
        self._why = ""
        self.width = work.width
        self.ledger = Ledger(work, journal, self.now_s)
        self.running: dict[Unit, float] = {}

    @property
    def step_count(self) -> int:
        return len(self._work.steps)

    @property
    def changes(self) -> list[Change]:
        """The limits that moved for this run's troubles, in order."""
        return self._paces.changes

    def now_s(self) -> float:
        return self._clock() - self._start

    def wall_s(self) -> float:
        """Seconds from the start of the run to its last result; to now while it runs."""
        return self.now_s() if self._ended_s is None else self._ended_s

    async def run(self) -> list[StepResult]:
        """Run every step; the results in submission order. When cancelled, the ledger holds how each step ended."""
        try:
            async with anyio.create_task_group() as tasks:
                # The loop: what became ready is resolved -> what may start is started -> sleep until something
                # ends, a slot or a path frees, a retry or the deadline is due -> what ended is taken in.
                while self.ledger.open:
                    self._prepare_ready()
                    self._start_all(tasks)
                    if self.ledger.open:
                        await self._sleep()
                        self._take_in_ended()
        except BaseException:
            self._cut_off()
            raise
        finally:
            self._ended_s = self.now_s()
            self._let_go()
        return self.ledger.ordered()

    # Becoming ready.

    def _prepare_ready(self) -> None:
        while ready := self.ledger.take_ready():
            for index in ready:
                if self._stopped is None:  # one that cannot be prepared may stop the run before the next
                    self._prepare(index)

    def _prepare(self, index: int) -> None:
        try:
            parts = spread(self._work.steps[index], self.ledger.value, self._work.max_items)
        except InvalidRequest as exc:
            self.ledger.finish_whole(index, "failed", code=exc.code, message=exc.message)
            self._check_stop()
            return
        if not parts.single:
            self._fan_out(index, parts)
        elif self._work.is_glob(parts.parts[0]):
            self._queue.push(self._calls.expander(index, parts.parts[0], self._passes))
        else:
            self._queue.push(self._calls.unit(index, 0, parts.parts[0], self._passes))

    def _fan_out(self, index: int, parts: Spread) -> None:
        """Sub-steps instead of the step; no items at all end the step well, with a word about it."""
        kept = parts.parts[: self.ledger.room()]
        left_out = parts.left_out + len(parts.parts) - len(kept)
        if self._stopped is not None:
            self.ledger.finish_whole(index, "skipped", code=self._stopped, message=self._why)
            return
        if not parts.parts:
            self.ledger.finish_whole(index, "ok", note="no items, so nothing to do")
            return
        if not kept:
            most = f"the batch has its {self._work.max_sub_steps:,} sub-steps already"
            self.ledger.finish_whole(index, "failed", code="too_large", message=f"{left_out} items left out: {most}")
            self._check_stop()
            return
        self.ledger.open_subs(index, len(kept))
        for sub, step in enumerate(kept, 1):
            unit = self._calls.unit(index, sub, step, self._passes)
            if left_out and sub == 1:
                bound = "max_items" if len(kept) == len(parts.parts) else "max_sub_steps"
                unit.note = f"{len(kept)} of {len(kept) + left_out} items; {left_out} left out ({bound})"
            if not self.ledger.restore(unit):
                self._queue.push(unit)

    # Starting.

    def _start_all(self, tasks: anyio.abc.TaskGroup) -> None:
        if self.now_s() >= self._work.deadline_s:
            self._stop("timed_out")
        self._seat.look_anew()
        blocked: dict[tuple[str, ...], str] = {}
        while self._lanes - len(self._free_lanes) < self.width:
            unit = self._queue.best(blocked)
            if unit is None:
                break
            if self._paces.hold_back(unit, self.running):
                blocked[unit.keys] = "contention"
            elif self._follow(unit):
                continue
            elif not self._seat.take(unit.keys):
                blocked[unit.keys] = (
                    f"slot {next((k for k in unit.keys if self._limiter.free(k) <= 0), unit.keys[0])}"
                )
            elif self._lock(unit):
                self._start_group(tasks, unit)
            else:
                self._seat.give_back(unit.keys)
        self._seat.looked()
        self._refused = blocked
        self._passes += 1

    def _follow(self, unit: Unit) -> bool:
        """Whether an identical step that only reads runs or ran already, with the same steps before it."""
        leader = self._leaders.get(unit.identity) if unit.identity else None
        if leader is None or leader is unit:
            return False
        self._queue.take(unit)
        self._drop_claim(unit)
        result = self.ledger.results.get((leader.index, leader.sub)) if isinstance(leader, Unit) else leader
        if isinstance(leader, Unit) and result is None:
            leader.followers.append(unit)
        elif result is not None:
            self.ledger.share(unit, result)
            self._check_stop()
            self._wake()  # what waited for it may be ready now, and perhaps nothing runs whose end would say so
        return True

    def _lock(self, unit: Unit) -> bool:
        """Whether the unit now holds its paths; else it is parked until they may be free."""
        self._queue.take(unit)
        if unit.claim is None:
            unit.claim = self._locks.claim(unit.effects, partial(self._unpark, unit))
        if self._locks.take(unit.claim):
            return True
        self._parked[unit] = None
        unit.waited_for = "path"
        return False

    def _unpark(self, unit: Unit) -> None:
        if unit in self._parked:
            del self._parked[unit]
            self._queue.push(unit)
            self._wake()

    def _start_group(self, tasks: anyio.abc.TaskGroup, first: Unit) -> None:
        group = [first]
        self._lead(first)
        alone = self.width <= 1 or self._paces.one_by_one(first)
        size = 1 if alone else self._work.ops[first.step.op].group_size
        for other in self._queue.companions(first):
            if len(group) >= size:
                break
            if not self._follow(other) and self._lock(other):
                group.append(other)
                self._lead(other)
        lane = heapq.heappop(self._free_lanes) if self._free_lanes else self._lanes
        self._lanes = max(self._lanes, lane + 1)
        now = self.now_s()
        for unit in group:
            unit.group_id = first.id if len(group) > 1 else None
            self._mark_started(unit, lane, now)
        self.on_change(self)
        tasks.start_soon(self._work_on, group, name=f"fourfold {first.id}")

    def _mark_started(self, unit: Unit, lane: int, now: float) -> None:
        unit.lane = lane
        unit.turn = self._limiter.turn
        unit.attempts += 1
        unit.try_s = now
        if unit.first_s is None:
            unit.first_s = now
            if self._passes > unit.first_pass:  # what refused it last stands in the pass before this one
                unit.waited_for = unit.waited_for or self._refused.get(unit.keys, "width")
            self._budget.first_attempt()
        self.running[unit] = now

    def _lead(self, unit: Unit) -> None:
        """From now on identical units follow this one, those of its own group too."""
        if unit.identity:
            self._leaders.setdefault(unit.identity, unit)

    async def _work_on(self, group: list[Unit]) -> None:
        """Run one group to its outcomes; whatever goes wrong becomes an outcome of its units."""
        outcomes: Sequence[Outcome | AnyStep]
        try:
            intents = [unit.id for unit in group if not repeatable(unit.step, unit.effects)]
            if intents:
                await self._journal.starting(intents)
            outcomes = await self._run_group(group)
        except FourfoldError as exc:
            outcomes = [Outcome(Failure.of(exc))] * len(group)
        except Exception as exc:
            _log.exception("step %s broke", group[0].id)
            problem = f"internal error ({type(exc).__name__}); the server's log has the details"
            outcomes = [Outcome(Failure("internal", problem))] * len(group)
        self._ended.append((group, outcomes))
        self._wake()

    async def _run_group(self, group: list[Unit]) -> Sequence[Outcome | AnyStep]:
        calls = [self._calls.call(unit) for unit in group]
        with anyio.move_on_after(max(call.timeout_s for call in calls) + _HANG_GRACE_S):
            if group[0].kind == "expand":
                return await self._work.expand(group[0].step)
            outcomes = await self._work.ops[group[0].step.op].run(calls)
            if len(outcomes) != len(group):
                raise RuntimeError(f"{len(outcomes)} outcomes for {len(group)} calls")
            return outcomes
        return [Outcome(Failure("timed_out", f"timed out after {call.timeout_s:g} s")) for call in calls]

    # Being looked at.

    def waiting(self, most: int) -> "tuple[list[Waiting], int]":
        """What has not started, each with the reason: the first `most`, and how many; for whoever watches."""
        from fourfold_tools.engine.waiting import Place, waiting  # only where somebody looks

        place = Place(
            ids=self._work.graph.ids,
            preds=self._work.graph.preds,
            unended=self.ledger.unended(),
            queued=self._queue.queued(),
            refused=self._refused,
            parked=list(self._parked),
            later=self._retries.waiting,
            running=list(self.running),
            now_s=self.now_s(),
        )
        return waiting(place, self._work.title, self._work.steps, most)

    # Ending.

    def _wake(self) -> None:
        self._wakeup.set()

    async def _sleep(self) -> None:
        due = self._work.deadline_s if self._stopped is None else float("inf")
        due = min(due, self._retries.next_due_s)
        if not self._ended and due > self.now_s():
            with anyio.move_on_after(due - self.now_s()):
                await self._wakeup.wait()
        self._wakeup = anyio.Event()
        for unit in self._retries.take_due(self.now_s()):
            self._queue.push(unit)

    def _take_in_ended(self) -> None:
        while self._ended:
            group, outcomes = self._ended.popleft()
            heapq.heappush(self._free_lanes, group[0].lane or 0)
            self._seat.give_back(group[0].keys)
            for unit in group:
                self.running.pop(unit, None)
                if unit.claim is not None:
                    self._locks.drop(unit.claim)
                    unit.claim = None
            self._take_in(group, outcomes)
            self._check_stop()
            self.on_change(self)

    def _take_in(self, group: list[Unit], outcomes: Sequence[Outcome | AnyStep]) -> None:
        steps = [o for o in outcomes if not isinstance(o, Outcome)]
        if len(steps) == len(outcomes):
            self._fan_out(group[0].index, Spread(tuple(steps), single=False))
            return
        for unit, outcome in zip(group, outcomes, strict=True):
            if not isinstance(outcome, Outcome):
                continue
            self._paces.learn(unit, outcome, self.width)
            if self._stopped is not None or not self._retries.put_off(unit, outcome, self.now_s()):
                self.ledger.finish(unit, outcome)
                if unit.identity and self._leaders[unit.identity] is unit:
                    self._leaders[unit.identity] = self.ledger.results[unit.index, unit.sub]

    def _check_stop(self) -> None:
        if self._work.stop_on_error and self.ledger.failed:
            self._stop("cancelled")

    def _stop(self, code: Code) -> None:
        """Start nothing more: what waits is skipped with the code, what runs ends by itself."""
        if self._stopped is None:
            self._stopped, self._why = code, _WHY[code]
            self._leave_waiting({unit.index for unit in self._busy()})

    def _leave_waiting(self, busy: set[int]) -> None:
        """What was tried and waits for another try ends as it last failed; what never started is skipped."""
        units = [*self._queue.drain(), *self._parked, *self._retries.drain()]
        self._parked.clear()
        for unit in units:
            self._drop_claim(unit)
            if unit.last is not None:
                self.ledger.finish(unit, unit.last)
        fresh = [unit for unit in units if unit.last is None]
        self.ledger.leave_unstarted(fresh, busy, self._stopped or "cancelled", self._why)

    def _busy(self) -> list[Unit]:
        """Running units and those that will end with them."""
        return [other for unit in self.running for other in (unit, *unit.followers)]

    def _cut_off(self) -> None:
        """The call was cancelled: what had ended stays, what ran is cancelled, what waited is skipped."""
        self._stopped, self._why = "cancelled", _CUT_OFF
        self._take_in_ended()
        self.ledger.cut(list(self.running))
        self._leave_waiting(set())

    def _let_go(self) -> None:
        """Give back what the run still holds at the limiter and at the locks, however it ended."""
        for unit in self.running:
            self._drop_claim(unit)
        self._seat.give_back([key for key, n in self._seat.held.items() for _ in range(n)])
        self._seat.leave()

    def _drop_claim(self, unit: Unit) -> None:
        if unit.claim is not None:
            self._locks.drop(unit.claim)
            unit.claim = None
