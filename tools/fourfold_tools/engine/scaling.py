"""The scaling rule: how limits follow the pressure on the machine, down fast and up slowly. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# Shares of time in which some task waited; constants are judgement, after Little's law and AIMD practice.
SATURATED_CPU = 0.6
SATURATED_IO = 0.5
SATURATED_MEMORY = 0.02
CALM = 0.2
LEAST_MEMORY = 0.1  # share of memory that can still be had, below which commands run one at a time
MOST_FILES = 0.8  # share of the descriptors that may be open before fewer things start
PATIENCE = 4  # saturated windows in a row before a limit goes down; short batches are never touched
DWELL = 2  # calm windows in a row before a limit goes up by one
FACTOR = 0.7


@dataclass(frozen=True, slots=True)
class Window:
    """What one window of time showed; None where the platform does not say. Shares are 0 to 1."""

    cpu: float | None = None
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
                after, pressed[key] = max(self.floor.get(key, 1), int(limit * FACTOR)), 0
            elif calm[key] >= DWELL and limit < self.full[key]:
                after, calm[key], reason = limit + 1, 0, "the pressure is gone"
            if after != limit:
                changes.append(Change(key, limit, after, reason or ""))
        return replace(self, pressed=pressed, calm=calm), changes


def _why(key: str, window: Window) -> str | None:
    """What presses on a class, in words; None when nothing does."""
    if window.files is not None and window.files > MOST_FILES and key in {"process", "net"}:
        return f"{window.files:.0%} of the file descriptors are open"
    if key == "disk":
        return _over("io", window.io, SATURATED_IO)
    if key not in {"cpu", "process"}:
        return None
    if window.memory_available is not None and window.memory_available < LEAST_MEMORY:
        return f"only {window.memory_available:.0%} of the memory is left"
    return _over("memory", window.memory, SATURATED_MEMORY) or _over("a processor", window.cpu, SATURATED_CPU)


def _over(what: str, share: float | None, bound: float) -> str | None:
    return f"tasks waited for {what} {share:.0%} of the time" if share is not None and share > bound else None


def _is_calm(key: str, window: Window) -> bool:
    shares = {"disk": window.io, "cpu": window.cpu, "process": window.cpu}
    return _why(key, window) is None and (shares.get(key) or 0.0) < CALM
