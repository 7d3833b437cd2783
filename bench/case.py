"""A case: one row of the benchmark, how it is measured, and the figure that comes of it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


class NotMeasured(Exception):
    """The row cannot be measured here; the text says why, and stands in the table."""


@dataclass(frozen=True)
class Case:
    """Our way against a floor that does the same work once.

    target: the figure that the project wants, None where it says none; never: what no round may pass.
    figure: the ratio to the floor, or the milliseconds above it. before: untimed, ahead of each of the two.
    rounds: counted ones, where the usual number would take minutes.
    """

    name: str
    floor_name: str
    floor: Callable[[], object]
    ours: Callable[[], object]
    target: float | None = None
    never: float | None = None
    figure: Literal["ratio", "extra ms"] = "ratio"
    before: Callable[[], object] = lambda: None
    rounds: int | None = None


@dataclass(frozen=True)
class Probe:
    """One value in a unit of its own; says: what it is held against. at_least: the target is a lower bound."""

    name: str
    says: str
    unit: str
    value: Callable[[], float]
    target: float | None = None
    at_least: bool = False
    rounds: int | None = None


@dataclass(frozen=True)
class Figure:
    """Medians over the rounds; floor_ms and ours_ms: of a pair only. why: what kept it from being measured."""

    row: Case | Probe
    middle: float = 0.0
    low: float = 0.0
    high: float = 0.0
    floor_ms: float | None = None
    ours_ms: float | None = None
    why: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        row = self.row
        if row.target is None or self.why:
            return None
        if isinstance(row, Probe):
            return self.middle >= row.target if row.at_least else self.middle <= row.target
        return self.middle <= row.target and (row.never is None or self.high <= row.never)


def measure(row: Case | Probe, rounds: int) -> Figure:
    """One round that does not count, then so many; floor and ours alternate in who goes first."""
    rounds = rounds if row.rounds is None else min(rounds, row.rounds)
    try:
        return _probe(row, rounds) if isinstance(row, Probe) else _pairs(row, rounds)
    except NotMeasured as exc:
        return Figure(row, why=str(exc))


def _probe(row: Probe, rounds: int) -> Figure:
    values = [row.value() for _ in range(rounds + 1)][1:]
    return Figure(row, statistics.median(values), min(values), max(values))


def _pairs(row: Case, rounds: int) -> Figure:
    figures: list[float] = []
    floors: list[float] = []
    ours: list[float] = []
    for turn in range(rounds + 1):
        floor_ms = ours_ms = 0.0
        for which in ("floor", "ours") if turn % 2 else ("ours", "floor"):
            row.before()
            if which == "floor":
                floor_ms = elapsed_ms(row.floor)
            else:
                ours_ms = elapsed_ms(row.ours)
        if turn:
            figures.append(ours_ms / floor_ms if row.figure == "ratio" else ours_ms - floor_ms)
            floors.append(floor_ms)
            ours.append(ours_ms)
    middle = statistics.median(figures)
    return Figure(row, middle, min(figures), max(figures), statistics.median(floors), statistics.median(ours))


def elapsed_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)
