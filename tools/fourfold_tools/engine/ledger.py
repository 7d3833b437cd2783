"""The ledger: what has ended and how, what follows from it, and the values that references take. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from fourfold_tools.engine.state import RunState
from fourfold_tools.engine.units import Unit
from fourfold_tools.engine.work import Journal, Work
from fourfold_tools.errors import Code
from fourfold_tools.model.output import Json, as_list
from fourfold_tools.model.request import Reference
from fourfold_tools.model.result import Failure, Outcome, State, StepResult, Try


class Ledger:
    """Results by (step, sub-step), each written once. Mutable; a step with sub-steps ends with the last of them."""

    def __init__(self, work: Work, journal: Journal, now_s: Callable[[], float]) -> None:
        self._work = work
        self._journal = journal
        self._now_s = now_s
        self._index = {name: i for i, name in enumerate(work.graph.ids)}
        self._state = RunState(work.graph)
        self._sub_total = 0
        self._subs: dict[int, int] = {}
        self._subs_open: dict[int, int] = {}
        self._subs_bad: set[int] = set()
        self.failed = False
        self.results: dict[tuple[int, int], StepResult] = {}
        for (index, sub), result in work.done.items():
            if sub == 0:
                self.results[index, 0] = result
                self._settle(index, ok=result.state == "ok")

    @property
    def open(self) -> int:
        """Submitted steps that have not ended."""
        return self._state.open

    def take_ready(self) -> list[int]:
        return self._state.take_ready()

    def ordered(self) -> list[StepResult]:
        return [self.results[key] for key in sorted(self.results)]

    def value(self, ref: Reference) -> Json:
        """The value of a reference; of a step with sub-steps the values of all of them, lists joined."""
        index = self._index[ref.from_]
        if not self._subs.get(index):
            output = self.results[index, 0].output
            if output is None:  # it had no items
                return 0 if ref.field == "count" else []
            return output.field(ref.field)
        outputs = [self.results[index, sub].output for sub in range(1, self._subs[index] + 1)]
        values: list[Json] = [output.field(ref.field) for output in outputs if output is not None]
        if ref.field == "count":
            return sum(values)
        return [x for value in values for x in as_list(value)]

    def room(self) -> int:
        """Sub-steps that the run may still make."""
        return self._work.max_sub_steps - self._sub_total

    def open_subs(self, index: int, count: int) -> None:
        self._sub_total += count
        self._subs[index] = self._subs_open[index] = count

    def finish(self, unit: Unit, outcome: Outcome) -> None:
        """A unit has ended for good; those that follow it (identical steps) end the same way."""
        result = self._result(unit, outcome)
        self._finish_unit(unit, result)
        followers, unit.followers = unit.followers, []
        for follower in followers:
            self.share(follower, result)

    def restore(self, unit: Unit) -> bool:
        """Whether a resumed run has this sub-step behind it already; then it has ended as it did."""
        result = self._work.done.get((unit.index, unit.sub))
        if result is None or result.title not in {unit.title, unit.step.op}:
            return False
        self._finish_unit(unit, result)
        return True

    def share(self, unit: Unit, result: StepResult) -> None:
        """End a unit with the result of an identical one."""
        shared = replace(
            result,
            id=unit.id,
            index=(unit.index, unit.sub),
            parent=self._parent(unit),
            same_as=result.same_as or result.id,
            queued_s=unit.queued_s,
            attempts=0,
            group=None,
            cpu_s=None,
            max_rss_bytes=None,
            literal=None if unit.step is self._work.steps[unit.index] else unit.step,
            max_tokens=unit.step.max_tokens,
            note=unit.note,
            waited_for="",
            tries=(),
        )
        self._finish_unit(unit, shared)

    def finish_whole(
        self, index: int, state: State, *, code: Code | None = None, message: str = "", note: str = ""
    ) -> None:
        """End a submitted step that never became units."""
        self._record(replace(self._bare(index, state, code, message), note=note))
        self._settle(index, ok=state == "ok")

    def leave_unstarted(self, units: Iterable[Unit], busy: set[int], code: Code, why: str) -> None:
        """Skip what has not started: the given units, and every open step that is not busy."""
        for unit in units:
            if unit.sub:
                bare = self._bare(unit.index, "skipped", code, why)
                parent = self._parent(unit)
                told = replace(bare, id=unit.id, index=(unit.index, unit.sub), parent=parent, title=unit.title)
                self._finish_unit(unit, told)
        for index in self._state.left():
            if index not in busy and not self._subs_open.get(index):
                self._record(self._bare(index, "skipped", code, why))
                self._state.drop(index)

    def cut(self, units: Iterable[Unit]) -> None:
        """The run was cancelled while these ran."""
        for unit in units:
            result = self._result(unit, Outcome(Failure("cancelled", "cancelled while it ran")))
            result = replace(result, state="cancelled")
            self._finish_unit(unit, result)
            followers, unit.followers = unit.followers, []
            for follower in followers:
                self.share(follower, result)

    def _finish_unit(self, unit: Unit, result: StepResult) -> None:
        self._record(result)
        ok = result.state == "ok"
        self.failed = self.failed or not ok
        if unit.sub:
            self._subs_open[unit.index] -= 1
            if not ok:
                self._subs_bad.add(unit.index)
            if self._subs_open[unit.index]:
                return
            ok = unit.index not in self._subs_bad
        self._settle(unit.index, ok=ok)

    def _settle(self, index: int, *, ok: bool) -> None:
        """A submitted step has ended as a whole: what stands behind it is released, or skipped."""
        self.failed = self.failed or not ok
        for skip in self._state.end(index, ok=ok):
            names = tuple(self._work.graph.ids[v] for v in skip.blocked_by)
            self._record(replace(self._bare(skip.index, "skipped"), blocked_by=names))

    def _record(self, result: StepResult) -> None:
        self.results[result.index] = result
        self._journal.ended(result)

    def _parent(self, unit: Unit) -> str | None:
        return self._work.graph.ids[unit.index] if unit.sub else None

    def _bare(self, index: int, state: State, code: Code | None = None, message: str = "") -> StepResult:
        """The result of a step that did not start."""
        step = self._work.steps[index]
        return StepResult(
            id=self._work.graph.ids[index],
            op=step.op,
            state=state,
            title=self._work.title(step, False),
            index=(index, 0),
            code=code,
            message=message,
            effects=self._work.effects[index],
        )

    def _result(self, unit: Unit, outcome: Outcome) -> StepResult:
        started = unit.first_s or 0.0
        failure = outcome.result if isinstance(outcome.result, Failure) else None
        alone = outcome.duration_s if unit.attempts == 1 else None
        return StepResult(
            id=unit.id,
            op=unit.step.op,
            state="ok" if failure is None else "timed_out" if failure.code == "timed_out" else "failed",
            title=unit.title,
            index=(unit.index, unit.sub),
            parent=self._parent(unit),
            code=failure.code if failure else None,
            message=failure.message if failure else "",
            output=outcome.result.output if isinstance(outcome.result, Failure) else outcome.result,
            attempts=unit.attempts,
            queued_s=unit.queued_s,
            started_s=started,
            duration_s=self._now_s() - started if alone is None else alone,
            cpu_s=outcome.cpu_s,
            max_rss_bytes=outcome.max_rss_bytes,
            effects=unit.effects,
            lane=unit.lane,
            group=unit.group_id,
            literal=None if unit.step is self._work.steps[unit.index] else unit.step,
            max_tokens=unit.step.max_tokens,
            note=unit.note,
            waited_for=unit.waited_for,
            tries=self._tries(unit, outcome, failure) if unit.tries else (),
        )

    def _tries(self, unit: Unit, outcome: Outcome, failure: Failure | None) -> tuple[Try, ...]:
        """All tries of a unit; one that waited for another try in vain has the last in its list already."""
        if outcome is unit.last:
            return tuple(unit.tries)
        return (*unit.tries, Try(unit.try_s, self._now_s(), failure.code if failure else None))

    def unended(self) -> list[int]:
        """The submitted steps that wait, are ready or run."""
        return self._state.left()
