"""The scaling rule: how limits follow the pressure on the machine, down fast and up slowly. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

# Above the first of a pair something is pressed, below the second it is calm; between them nothing changes, so that
# limits do not go back and forth. Shares of time in which some task waited (memory: all tasks); constants are
# judgement, after Little's law and AIMD practice.
SATURATED_CPU, CALM_CPU = 0.6, 0.2
SATURATED_IO, CALM_IO = 0.5, 0.2
SATURATED_MEMORY, CALM_MEMORY = 0.02, 0.005
SATURATED_LOAD, CALM_LOAD = 2.0, 1.0  # runnable tasks per effective core, where the platform has no stall times
LEAST_MEMORY, ENOUGH_MEMORY = 0.1, 0.15  # share of memory that can still be had
MOST_FILES, FEW_FILES = 0.8, 0.7  # share of the descriptors that may be open before fewer things start
PATIENCE = 4  # saturated windows in a row before a limit goes down; short batches are never touched
DWELL = 2  # calm windows in a row before a limit goes up by one
FACTOR = 0.7


@dataclass(frozen=True, slots=True)
class Window:
    """What one window of time showed; None where the platform does not say. Shares are 0 to 1.

    load: load average over effective cores, which counts where there is no `cpu`.
    """

    cpu: float | None = None
    load: float | None = None
    io: float | None = None
    memory: float | None = None
    memory_available: float | None = None
    files: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One decision: a class's limit before and after, and why."""

    key: str
    before: int
    after: int
    reason: str


def merged(changes: Sequence[Change]) -> list[Change]:
    """The changes with those of one key that go on in one direction as a single one, for its last reason."""
    out: list[Change] = []
    last: dict[str, int] = {}
    for change in changes:
        at = last.get(change.key)
        if at is not None and (out[at].after - out[at].before) * (change.after - change.before) > 0:
            out[at] = replace(change, before=out[at].before)
            continue
        last[change.key] = len(out)
        out.append(change)
    return out


@dataclass(frozen=True, slots=True)
class Scaling:
    """The rule's memory: the limits without pressure, the floors, and how long each class was pressed or calm."""

    full: Mapping[str, int]
    floor: Mapping[str, int]
    pressed: Mapping[str, int] = field(default_factory=dict[str, int])
    calm: Mapping[str, int] = field(default_factory=dict[str, int])

    def step(self, limits: Mapping[str, int], window: Window) -> tuple["Scaling", list[Change]]:
        """The rule after one more window, and the changes of limits that follow."""
        pressed, calm = dict(self.pressed), dict(self.calm)
        changes: list[Change] = []
        for key, limit in limits.items():
            if key not in self.full:
                continue
            reason = _why(key, window)
            pressed[key] = pressed.get(key, 0) + 1 if reason else 0
            calm[key] = calm.get(key, 0) + 1 if _is_calm(key, window) else 0
            after = limit
            if reason and pressed[key] >= PATIENCE:
                after, pressed[key] = self._lowered(key, limit), 0
            elif calm[key] >= DWELL and limit < self.full[key]:
                after, calm[key], reason = limit + 1, 0, "the pressure is gone"
            if after != limit:
                changes.append(Change(key, limit, after, reason or ""))
        return replace(self, pressed=pressed, calm=calm), changes

    def rested(self, limits: Mapping[str, int], window: Window, windows: int) -> list[Change]:
        """What calm time without a run, so many windows of it, gives back at once."""
        raised = {
            key: min(self.full[key], limit + windows // DWELL)
            for key, limit in limits.items()
            if limit < self.full.get(key, 0) and _is_calm(key, window)
        }
        reason = "the pressure is gone"
        return [Change(key, limits[key], after, reason) for key, after in raised.items() if after != limits[key]]

    def _lowered(self, key: str, limit: int) -> int:
        return min(limit, max(self.floor.get(key, 1), int(limit * FACTOR)))


@dataclass(frozen=True, slots=True)
class _Gauge:
    """One thing that presses on some classes: pressed above (or, of a rest, below) one bound, calm past the other."""

    value: float | None
    pressed: float
    calm: float
    words: str

    @property
    def presses(self) -> bool:
        return self.value is not None and (self.value - self.pressed) * self._sign > 0

    @property
    def is_calm(self) -> bool:
        return self.value is None or (self.calm - self.value) * self._sign > 0

    @property
    def _sign(self) -> int:
        return 1 if self.pressed > self.calm else -1


def _gauges(key: str, window: Window) -> Iterator[_Gauge]:
    """What presses on a class, the worst first."""
    if key in {"process", "net"}:
        yield _Gauge(window.files, MOST_FILES, FEW_FILES, "{:.0%} of the file descriptors are open")
    if key == "disk":
        yield _Gauge(window.io, SATURATED_IO, CALM_IO, "tasks waited for io {:.0%} of the time")
    if key not in {"cpu", "process"}:
        return
    yield _Gauge(window.memory_available, LEAST_MEMORY, ENOUGH_MEMORY, "only {:.0%} of the memory is left")
    yield _Gauge(window.memory, SATURATED_MEMORY, CALM_MEMORY, "tasks waited for memory {:.0%} of the time")
    if window.cpu is not None:
        yield _Gauge(window.cpu, SATURATED_CPU, CALM_CPU, "tasks waited for a processor {:.0%} of the time")
    else:
        yield _Gauge(window.load, SATURATED_LOAD, CALM_LOAD, "the load is {:.1f} tasks per core")


def _why(key: str, window: Window) -> str | None:
    """What presses on a class, in words; None when nothing does."""
    return next((g.words.format(g.value) for g in _gauges(key, window) if g.presses), None)


def _is_calm(key: str, window: Window) -> bool:
    return all(gauge.is_calm for gauge in _gauges(key, window))
