"""The pressure watch: what it sees moves limits, is kept with its reason, and is given back in calm."""

from collections.abc import Callable

import anyio
import pytest

from fourfold_tools.context.pressure import Pressure, Stall
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.scaling import PATIENCE
from fourfold_tools.pressure_watch import PressureWatch

pytestmark = pytest.mark.anyio
WINDOW_S = 0.5


class Machine:
    """A machine whose pressure a test sets; each nap takes its time on the machine's clock.

    Mutable: `cpu` and `io` are the shares of time in which tasks wait from now on, `open_files` of 100.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.cpu: float | None = 0.0
        self.io = self.memory = 0.0
        self.load, self.open_files, self.free = 0.0, 10, 0.5
        self._waited_us = 0.0

    def look(self) -> Pressure:
        stall = None if self.cpu is None else Stall(self.cpu, 0.0, int(self._waited_us))
        return Pressure(
            "load" if stall is None else "host",
            cpu=stall,
            io=Stall(self.io, 0.0, 0),
            memory=Stall(0.0, self.memory, 0),
            load_per_core=self.load,
            memory_available=self.free,
            open_files=self.open_files,
            max_files=100,
            at_s=self.now_s,
        )

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self._waited_us += (self.cpu or 0.0) * seconds * 1e6

    async def watched(self, watch: PressureWatch, windows: int) -> None:
        """Let the watch see so many windows, as a run of that length would."""
        left = windows + 1  # the first nap is the time in which a short run would end

        async def nap(seconds: float) -> None:
            nonlocal left
            if left == 0:
                await anyio.sleep_forever()
            left -= 1
            self.pass_time(seconds)
            if left == 0:
                done.set()
            await anyio.lowlevel.checkpoint()

        done = anyio.Event()
        watch._sleep = nap
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.watch)
            await done.wait()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()


def watching(machine: Machine) -> tuple[PressureWatch, Limiter]:
    limiter = Limiter({"cpu": 3, "process": 16, "disk": 4, "net": 64}, 32)
    return PressureWatch(limiter, 2.0, look=machine.look), limiter


def cpu(machine: Machine) -> None:
    machine.cpu = 0.9


def load(machine: Machine) -> None:
    machine.cpu, machine.load = None, 9.0


def io(machine: Machine) -> None:
    machine.io = 0.9


def memory(machine: Machine) -> None:
    machine.memory = 0.5


def no_memory(machine: Machine) -> None:
    machine.free = 0.05


def files(machine: Machine) -> None:
    machine.open_files = 85


@pytest.mark.parametrize(
    ("press", "keys", "reason"),
    [
        (cpu, {"cpu", "process"}, "tasks waited for a processor 90% of the time"),
        (load, {"cpu", "process"}, "the load is 9.0 tasks per core"),
        (io, {"disk"}, "tasks waited for io 90% of the time"),
        (memory, {"cpu", "process"}, "tasks waited for memory 50% of the time"),
        (no_memory, {"cpu", "process"}, "only 5% of the memory is left"),
        (files, {"process", "net"}, "85% of the file descriptors are open"),
    ],
)
async def test_every_pressure_lowers_the_limits_of_its_classes_and_says_why(
    press: Callable[[Machine], None], keys: set[str], reason: str
) -> None:
    machine = Machine()
    watch, limiter = watching(machine)
    before = dict(limiter.totals)
    press(machine)
    await machine.watched(watch, PATIENCE)
    changes = watch.since(0)
    assert {change.key for change in changes} == keys
    assert {change.reason for change in changes} == {reason}
    lowered = {key for key, total in limiter.totals.items() if total < before[key]}
    assert lowered == keys
    assert all(limiter.totals[change.key] == change.after for change in changes)


async def test_limits_come_back_in_calm_and_a_run_is_told_what_happened_in_it() -> None:
    machine = Machine()
    watch, limiter = watching(machine)
    machine.io = 0.9
    await machine.watched(watch, 2 * PATIENCE)
    assert limiter.totals["disk"] == 1
    made = watch.made
    machine.io = 0.0
    await machine.watched(watch, 20)
    assert limiter.totals["disk"] == 4
    assert [(c.before, c.after) for c in watch.since(made)] == [(1, 2), (2, 3), (3, 4)]


async def test_calm_between_short_runs_gives_limits_back() -> None:
    """Runs shorter than a window never see one end; what a long run lowered must not stay low for them."""
    machine = Machine()
    watch, limiter = watching(machine)
    machine.cpu = 0.9
    await machine.watched(watch, 4 * PATIENCE)
    low = limiter.totals["process"]
    assert low < 16
    machine.cpu = 0.0
    machine.pass_time(10.1 * WINDOW_S)
    made = watch.made
    await machine.watched(watch, 0)
    assert limiter.totals["process"] == min(16, low + 5)
    assert {c.reason for c in watch.since(made)} == {"the pressure is gone"}


async def test_pressure_between_runs_lowers_nothing() -> None:
    machine = Machine()
    watch, limiter = watching(machine)
    await machine.watched(watch, 1)
    before = dict(limiter.totals)
    machine.cpu = 0.9
    machine.pass_time(600)
    await machine.watched(watch, PATIENCE - 1)
    assert limiter.totals == before


async def test_hosts_are_left_to_their_answers() -> None:
    machine = Machine()
    watch, limiter = watching(machine)
    limiter.slow("net:example.com", 1)
    machine.open_files = 99
    await machine.watched(watch, 4 * PATIENCE)
    assert limiter.totals["net:example.com"] == 16
    assert {c.key for c in watch.since(0)} == {"process", "net"}


async def test_a_server_that_lives_long_keeps_a_bounded_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fourfold_tools.pressure_watch._MOST_KEPT", 5)
    machine = Machine()
    watch, _ = watching(machine)
    for share in (0.9, 0.0) * 4:
        machine.cpu = share
        await machine.watched(watch, 2 * PATIENCE)
    assert watch.made > 20
    assert len(watch.since(0)) == 5
    assert len(watch.since(watch.made - 2)) == 2
    assert watch.since(watch.made) == []
