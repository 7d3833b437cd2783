"""The guard: Claude Code's own permission rules in front of an op; what they refuse fails alone and never runs."""

from collections.abc import Hashable, Sequence
from typing import Protocol

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, Op, ResourceClass


class Verdict(Protocol):
    @property
    def decision(self) -> str: ...
    @property
    def unsure(self) -> bool: ...
    def message(self, step: AnyStep) -> str | None:
        """Why the step does not run, None when it does."""
        ...


class RulesNow(Protocol):
    """The rules of one moment."""

    @property
    def empty(self) -> bool: ...
    def check(self, step: AnyStep, effects: Effects) -> Verdict: ...


class Rules(Protocol):
    """What may say no. Implementations: the permission rules, and the tests' own."""

    def now(self) -> RulesNow: ...


class GuardedOp:
    """An op behind the rules. It asks once per call, when the arguments are literal."""

    def __init__(self, op: Op, rules: Rules) -> None:
        self._op = op
        self._rules = rules
        self.resource: ResourceClass = op.resource

    @property
    def group_size(self) -> int:
        return self._op.group_size

    def group_key(self, call: Call) -> Hashable | None:
        return self._op.group_key(call)

    def effects(self, step: AnyStep) -> Effects:
        return self._op.effects(step)

    def host(self, step: AnyStep) -> str | None:
        return self._op.host(step)

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        rules = self._rules.now()
        if rules.empty:
            return await self._op.run(calls)
        refusals = [self._refusal(rules, call) for call in calls]
        allowed = [call for call, refusal in zip(calls, refusals, strict=True) if refusal is None]
        outcomes = iter(await self._op.run(allowed) if allowed else ())
        return [next(outcomes) if refusal is None else Outcome(Failure("denied", refusal)) for refusal in refusals]

    def _refusal(self, rules: RulesNow, call: Call) -> str | None:
        """Why a call does not run. What asks first runs once the user has allowed it; what is denied never does."""
        verdict = rules.check(call.step, self._op.effects(call.step))
        if verdict.decision == "ask" and call.approved and not verdict.unsure:
            return None
        return verdict.message(call.step)
