"""The seams' fakes: an op that does as it is told, and a journal that remembers."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from fourfold_tools.conflicts import conflict_edges
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.retry import RetryBudget, RetryRule
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.engine.work import Work
from fourfold_tools.graph import Edge, Graph
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import BashOutput
from fourfold_tools.model.request import AnyStep, BashStep
from fourfold_tools.model.result import Failure, Outcome, StepResult
from fourfold_tools.ops.base import Call, ResourceClass


def said(text: str) -> Outcome:
    return Outcome(BashOutput(text, text + "\n", "", 0))


@dataclass
class FakeOp:
    """Takes bash steps whose command says what to do: `ok`, `fail`, `hang`, `break`, `hold NAME`, `say N`.

    `say N` prints N lines, for references; `fail-if WORD` fails where an argument is that word.

    Remembers what started and ended and how many ran at once. `gates` let a test hold a step until it says so.
    """

    resource: ResourceClass = "process"
    group_size: int = 1
    grouped: bool = False
    read_only: bool = True
    started: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    hosts: str | None = None
    active: int = 0
    most: int = 0
    gates: dict[str, anyio.Event] = field(default_factory=dict)
    on_start: Callable[[str], None] = lambda _: None
    failures: dict[str, list[Failure]] = field(default_factory=dict)

    def group_key(self, call: Call) -> Hashable | None:
        return "all" if self.grouped else None

    def effects(self, step: AnyStep) -> Effects:
        return Effects(read_only=self.read_only)

    def host(self, step: AnyStep) -> str | None:
        return self.hosts

    def gate(self, name: str) -> anyio.Event:
        return self.gates.setdefault(name, anyio.Event())

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            return [await self._one(call) for call in calls]
        finally:
            self.active -= 1

    async def _one(self, call: Call) -> Outcome:
        assert isinstance(call.step, BashStep)
        self.started.append(call.id)
        self.on_start(call.id)
        try:
            return await self._do(call, call.step.command.split())
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.id)
            raise
        finally:
            self.ended.append(call.id)

    async def _do(self, call: Call, words: list[str]) -> Outcome:
        if self.failures.get(call.id):
            return Outcome(self.failures[call.id].pop(0))
        match words[0]:
            case "fail":
                return Outcome(Failure("exit_status", "exit 1"))
            case "hang":
                await anyio.sleep_forever()
            case "break":
                raise ZeroDivisionError("broken op")
            case "hold":
                await self.gate(words[1]).wait()
            case "say":
                return said("\n".join(f"item{i}" for i in range(int(words[1]))))
            case "fail-if" if call.step.args and words[1] in list(call.step.args):  # type: ignore[arg-type]
                return Outcome(Failure("exit_status", "exit 1"))
            case _:
                await anyio.lowlevel.checkpoint()
        return said(call.id)


@dataclass
class FakeJournal:
    starts: list[str] = field(default_factory=list)
    ends: list[StepResult] = field(default_factory=list)

    async def starting(self, ids: Sequence[str]) -> None:
        self.starts += ids

    def ended(self, result: StepResult) -> None:
        self.ends.append(result)


def bash(command: str, **rest: object) -> BashStep:
    return BashStep.model_validate({"op": "bash", "command": command, **rest})


def limiter(slots: int = 64) -> Limiter:
    return Limiter({"cpu": slots, "disk": slots, "net": slots, "process": slots}, 8)


def scheduler(
    work: Work, shared: Limiter | None = None, locks: PathLocks | None = None, budget: RetryBudget | None = None
) -> Scheduler:
    return Scheduler(
        work,
        limiter=shared or limiter(),
        locks=locks or PathLocks(),
        budget=budget or RetryBudget(0.1, 10.0),
        journal=FakeJournal(),
        chance=lambda: 0.0,
    )


async def _no_glob(step: AnyStep) -> list[AnyStep]:
    raise AssertionError(f"no globs here: {step}")


def work_of(
    steps: Sequence[BashStep],
    edges: Sequence[tuple[int, int]] = (),
    *,
    op: FakeOp,
    effects: Sequence[Effects] | None = None,
    width: int = 4,
    deadline_s: float = 60.0,
    stop_on_error: bool = False,
    timeout_s: float = 30.0,
    weights: Sequence[float] | None = None,
    max_items: int = 20,
    max_sub_steps: int = 1000,
    retry: RetryRule | None = None,
    done: Mapping[tuple[int, int], StepResult] | None = None,
    expand: Callable[[AnyStep], Awaitable[list[AnyStep]]] | None = None,
) -> Work:
    ids = [step.id or f"s{i + 1}" for i, step in enumerate(steps)]
    touched = list(effects or [op.effects(step) for step in steps])
    hard = [Edge(a, b, "needs", "") for a, b in edges]
    order = Graph.build(ids, hard).order
    graph = Graph.build(ids, [*hard, *conflict_edges(ids, order, touched)])
    return Work(
        steps=steps,
        graph=graph,
        effects=touched,
        effects_of=op.effects,
        weights=weights or [1.0] * len(steps),
        ops={"bash": op},
        timeouts={"bash": timeout_s},
        spill=Path("unused"),
        width=width,
        deadline_s=deadline_s,
        stop_on_error=stop_on_error,
        max_items=max_items,
        max_sub_steps=max_sub_steps,
        retry=retry or RetryRule(2, 20.0, 0.0, 0.0),
        title=lambda step, _: step.op,
        is_glob=lambda step: isinstance(step, BashStep) and step.command.startswith("glob"),
        expand=expand or _no_glob,
        done=done or {},
    )
