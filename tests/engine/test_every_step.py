"""Something goes wrong at step k, for every k, on several graphs and widths: the invariants of a run hold."""

from collections import Counter
from collections.abc import Callable

import anyio
import engine_fakes as fakes
import pytest
from engine_fakes import bash, limiter, scheduler, work_of

from fourfold_tools.engine import scheduler as module
from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.model.effects import Effects

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FLOOD_LINES = 200_000

# Edges of graphs of seven steps each.
GRAPHS: dict[str, list[tuple[int, int]]] = {
    "apart": [],
    "chain": [(i, i + 1) for i in range(6)],
    "fan out": [(0, i) for i in range(1, 7)],
    "fan in": [(i, 6) for i in range(6)],
    "diamonds": [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (3, 5), (4, 6), (5, 6)],
    "layers": [(a, b) for a in (0, 1) for b in (2, 3, 4)] + [(a, b) for a in (2, 3, 4) for b in (5, 6)],
}
STEPS = 7


class Doom(BaseException):
    """What no `except Exception` holds back."""


class Watched:
    """One run whose step k goes wrong. Mutable: what was seen at each start."""

    def __init__(self, graph: str, width: int, k: int, command: str) -> None:
        self.edges = GRAPHS[graph]
        self.name = f"s{k + 1}"
        self.op = fakes.FakeOp(read_only=False)
        self.shared, self.locks = limiter(slots=width), PathLocks()
        self.early: list[str] = []
        fault = bash(command, **({"timeout_s": 0.01} if command == "hang" else {}))
        steps = [fault if i == k else bash("ok") for i in range(STEPS)]
        # Two of the paths are written by several steps, so that claims are held and waited for.
        effects = [Effects(writes=frozenset({f"/w/{i % 3}"})) for i in range(STEPS)]
        work = work_of(steps, self.edges, op=self.op, effects=effects, width=width)
        self.run: Scheduler = scheduler(work, self.shared, self.locks)
        self.at_fault: Callable[[], None] = lambda: None
        self.op.on_start = self._started

    def _started(self, name: str) -> None:
        index = int(name[1:]) - 1
        ended = set(self.run.ledger.results)
        self.early += [name for before, after in self.edges if after == index and (before, 0) not in ended]
        if name == self.name:
            self.at_fault()

    def check(self) -> None:
        """Each step has ended once and is in the journal; nothing began early; nothing is held."""
        assert not self.early
        results = self.run.ledger.results
        assert set(results) == {(i, 0) for i in range(STEPS)}
        assert isinstance(self.run._journal, fakes.FakeJournal)
        assert Counter(r.index for r in self.run._journal.ends) == Counter(list(results))
        assert {r.index: r.state for r in self.run._journal.ends} == {i: r.state for i, r in results.items()}
        assert set(self.op.started) <= set(self.run._journal.starts)
        assert Counter(self.op.started) == Counter(self.op.ended)
        assert self.shared.in_use() == {}
        assert self.locks.take(self.locks.claim(Effects(writes=frozenset({"/w/**"})), lambda: None))

    def states(self) -> dict[str, str]:
        return {r.id: r.state for r in self.run.ledger.ordered()}

    def behind(self) -> set[str]:
        """The names of everything that waits for step k, directly or not."""
        found = {int(self.name[1:]) - 1}
        for before, after in sorted(self.edges):
            if before in found:
                found.add(after)
        return {f"s{i + 1}" for i in found} - {self.name}


every_k = pytest.mark.parametrize("k", range(STEPS))
every_graph = pytest.mark.parametrize("graph", GRAPHS)
WIDTHS = (1, 2, 4)


@every_k
@every_graph
@pytest.mark.parametrize(
    ("command", "state"), [("fail", "failed"), ("break", "failed"), ("hang", "timed_out"), ("flood", "ok")]
)
async def test_a_step_that_goes_wrong_takes_along_what_waits_for_it_and_nothing_else(
    graph: str, k: int, command: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HANG_GRACE_S", 0.0)
    for width in WIDTHS:
        said = f"say {FLOOD_LINES}" if command == "flood" else command
        watched = Watched(graph, width, k, said)
        with anyio.fail_after(20):
            await watched.run.run()
        watched.check()
        expected = dict.fromkeys((f"s{i + 1}" for i in range(STEPS)), "ok")
        expected |= {watched.name: state} | ({} if state == "ok" else dict.fromkeys(watched.behind(), "skipped"))
        assert watched.states() == expected


@every_k
@every_graph
async def test_a_run_that_is_cancelled_at_any_step_ends_each_once_and_holds_nothing(graph: str, k: int) -> None:
    for width in WIDTHS:
        watched = Watched(graph, width, k, "hang")
        with anyio.fail_after(20), anyio.CancelScope() as scope:
            watched.at_fault = scope.cancel
            await watched.run.run()
        watched.check()
        states = watched.states()
        assert states[watched.name] == "cancelled"
        assert set(states.values()) <= {"ok", "cancelled", "skipped"}
        assert {states[name] for name in watched.behind()} <= {"skipped"}


@every_k
@every_graph
async def test_a_run_whose_step_raises_what_nobody_catches_raises_it_and_holds_nothing(graph: str, k: int) -> None:
    for width in WIDTHS:
        watched = Watched(graph, width, k, "ok")

        def doom() -> None:
            raise Doom

        watched.at_fault = doom
        with anyio.fail_after(20), pytest.raises(BaseException) as caught:  # noqa: PT011  (looked at below)
            await watched.run.run()
        doomed = caught.value.exceptions if isinstance(caught.value, BaseExceptionGroup) else [caught.value]
        assert [type(exc) for exc in doomed] == [Doom]
        watched.op.ended.append(watched.name)  # the fake's own record stops where it is hit
        watched.check()
        assert watched.states()[watched.name] == "cancelled"
