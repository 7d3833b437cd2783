"""Calls: the units that a ready step becomes, and what an op is handed for each of them."""

import time
from collections.abc import Callable, Sequence

from fourfold_tools.engine.units import Unit
from fourfold_tools.engine.work import Work
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.ops.base import Call

_OWN_ARGUMENTS = {"id", "needs", "label", "max_tokens", "reads", "writes"}  # two steps may differ in these and be one


class Calls:
    """Makes the units and calls of one run. ranks: of the steps; now_s: seconds since the run began."""

    def __init__(self, work: Work, ranks: Sequence[float], now_s: Callable[[], float]) -> None:
        self._work = work
        self._ranks = ranks
        self._now_s = now_s

    def unit(self, index: int, sub: int, step: AnyStep, first_pass: int) -> Unit:
        """The unit of a step (sub: 0) or sub-step, with literal arguments."""
        op = self._work.ops[step.op]
        name = self._work.graph.ids[index]
        literal = step is self._work.steps[index]
        host = op.host(step)
        effects = self._work.effects[index] if literal else self._work.effects_of(step)
        unit = Unit(
            id=f"{name}.{sub}" if sub else name,
            index=index,
            sub=sub,
            step=step,
            title=self._work.title(step, sub > 0),
            effects=effects,
            keys=(op.resource, f"{op.resource}:{host}") if host else (op.resource,),
            group=None,
            order=(-self._ranks[index], -len(self._work.graph.succs[index]), index, sub),
            queued_s=self._now_s(),
            first_pass=first_pass,
            identity=self._identity(index, step, effects),
        )
        unit.group = op.group_key(self.call(unit))
        return unit

    def expander(self, index: int, step: AnyStep, first_pass: int) -> Unit:
        """The unit that finds out which sub-steps there are."""
        unit = self.unit(index, 0, step, first_pass)
        unit.kind, unit.keys, unit.group, unit.identity = "expand", ("cpu",), None, ""
        return unit

    def call(self, unit: Unit) -> Call:
        """What the op is handed, with the time that is left now."""
        timeout = unit.step.timeout_s or self._work.timeouts[unit.step.op]
        timeout = max(0.001, min(timeout, self._work.deadline_s - self._now_s()))
        spill = self._work.spill / f"{unit.id}.txt" if unit.keys[0] == "process" else self._work.spill
        approved = unit.index in self._work.approved
        return Call(unit.id, unit.step, timeout, time.monotonic() + timeout, spill, approved=approved)

    def _identity(self, index: int, step: AnyStep, effects: Effects) -> str:
        """What identical steps have in common, "" for a step that must run by itself."""
        if not effects.read_only:
            return ""
        preds = self._work.graph.preds[index]
        return f"{preds} {step.model_dump_json(by_alias=True, exclude=_OWN_ARGUMENTS)}"
