"""Growth: how the cost of one batch rises with its steps, with the files of a tree, and with patterns."""

import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import floors
from case import elapsed_ms
from cases.reads import batch
from cases.runs import tiny
from cases.searches import hundred
from plot import Panel, svg
from world import World, many_files

PICTURE = Path(__file__).parent / "growth.svg"
_STEPS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
_FILES = (10, 100, 1_000, 10_000, 100_000)
_PATTERNS = (1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Point:
    """Medians of one size."""

    size: int
    floor_ms: float
    ours_ms: float


@dataclass(frozen=True)
class Curve:
    """Points of rising size; floor: what the other line is."""

    what: str
    floor: str
    points: list[Point]


def curves(world: World, rounds: int, most: int | None = None) -> list[Curve]:
    """All three; most: no size above it."""

    def measured(what: str, floor: str, sizes: Iterable[int], ways: Callable[[int], _Ways]) -> Curve:
        points: list[Point] = []
        for size in sizes:
            if most is None or size <= most:
                print(f"growth: {size} {what} …", file=sys.stderr)
                points.append(_point(size, ways(size), rounds))
        return Curve(what, floor, points)

    return [
        measured("steps", "one process, as many openings", _STEPS, lambda n: _steps(world, n)),
        measured("files", "rg, then rg --files", _FILES, lambda n: _files(world, n)),
        measured("patterns", "as many ripgrep runs", _PATTERNS, lambda n: _patterns(world, n)),
    ]


_Ways = tuple[Callable[[], object], Callable[[], object]]  # the floor, and ours


def _steps(world: World, count: int) -> _Ways:
    return (
        lambda: floors.read_one_line(world.files, count),
        batch(world, tiny(world, count)),
    )


def _files(world: World, count: int) -> _Ways:
    root = world.folder / f"files{count}"
    if not root.exists():
        many_files(root, count)
    steps = [
        {"op": "grep", "pattern": "of file 7$", "path": str(root)},
        {"op": "glob", "pattern": "**/c*.txt", "path": str(root)},
    ]

    def floor() -> None:
        floors.ripgrep_each(world.rg, ["of file 7$"], root)
        floors.ripgrep_files_each(world.rg, ["c*.txt"], root)

    return floor, batch(world, steps)


def _patterns(world: World, count: int) -> _Ways:
    patterns = [*hundred(), *(f"{pattern}[a-z]" for pattern in hundred())][:count]
    step = {"op": "grep", "pattern": patterns, "path": str(world.root), "head_limit": 20}
    return lambda: floors.ripgrep_each(world.rg, patterns, world.root), batch(world, [step])


def _point(size: int, ways: _Ways, rounds: int) -> Point:
    floor, ours = ways
    floor()
    ours()
    pairs = [(elapsed_ms(floor), elapsed_ms(ours)) for _ in range(rounds)]
    return Point(size, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs))


def table(found: list[Curve]) -> str:
    lines = ["### Growth", "", "![how cost grows](growth.svg)", "", "| size | floor | floor ms | ours ms |"]
    lines.append("| --- | --- | --- | --- |")
    for curve in found:
        lines += [
            f"| {p.size:,} {curve.what} | {curve.floor} | {p.floor_ms:.1f} | {p.ours_ms:.1f} |" for p in curve.points
        ]
    return "\n".join(lines)


def picture(found: list[Curve], caption: str) -> str:
    panels = [
        Panel(
            f"One batch by its {curve.what}",
            curve.what,
            "ms",
            {
                "fourfold": [(p.size, p.ours_ms) for p in curve.points],
                curve.floor: [(p.size, p.floor_ms) for p in curve.points],
            },
        )
        for curve in found
    ]
    return svg(panels, caption)
