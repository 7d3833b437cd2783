"""A chart: bars over time, step by step and lane by lane; what a drawing needs, nothing about how it looks. Pure."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Unit = Literal["s", "min"]
# wait: ready and kept waiting. run: at work. failed: a try that failed. pause: between two tries. planned: predicted.
SegmentKind = Literal["wait", "run", "failed", "pause", "planned"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a bar, in units of its chart."""

    kind: SegmentKind
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step or task over time; without segments it never started.

    key: names its row in the table. told: one sentence that says all the bar shows. aside: shown beside the bar.
    """

    key: str
    name: str
    title: str
    state: str
    segments: tuple[Segment, ...]
    critical: bool
    told: str
    aside: str
    lane: int | None = None

    @property
    def start(self) -> float:
        return min((s.start for s in self.segments), default=0.0)

    @property
    def end(self) -> float:
        return max((s.end for s in self.segments), default=0.0)

    @property
    def work(self) -> tuple[float, float] | None:
        """From the first moment at work to the last; None where it never was."""
        own = [s for s in self.segments if s.kind in {"run", "failed"}]
        return (own[0].start, own[-1].end) if own else None


@dataclass(frozen=True, slots=True)
class Block:
    """What one lane was busy with for a stretch: a step, or several that ran together."""

    name: str
    start: float
    end: float
    state: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Lanes:
    """Lanes under a title, each with its blocks in order. names: of the lanes, where they have any."""

    title: str
    lanes: tuple[tuple[Block, ...], ...]
    names: tuple[str, ...] = ()

    def name(self, lane: int) -> str:
        return self.names[lane] if self.names else f"lane {lane + 1}"


@dataclass(frozen=True, slots=True)
class Chart:
    """end: of the time axis. left_out: bars beyond the bound, which the table has. now: of what still runs."""

    unit: Unit
    end: float
    bars: tuple[Bar, ...]
    left_out: int
    lanes: tuple[Lanes, ...]
    now: float | None = None

    def links(self) -> list[tuple[int, int, float]]:
        """(row, row, moment): where the critical path goes from bar to bar; as planned until all have run."""
        rows = [i for i, bar in enumerate(self.bars) if bar.critical and bar.segments]
        ran = all(self.bars[i].work for i in rows)
        ends = {i: (self.bars[i].work or (0.0, 0.0))[1] if ran else self.bars[i].segments[0].end for i in rows}
        rows.sort(key=lambda i: ends[i])
        return [(a, b, ends[a]) for a, b in pairwise(rows)]

    def profile(self) -> list[tuple[float, int]]:
        """(moment, lanes at work from then on), in order of time; of the last lanes, which are what really ran."""
        if not self.lanes:
            return []
        return at_work((block.start, block.end) for lane in self.lanes[-1].lanes for block in lane)


def at_work(spans: Iterable[tuple[float, float]]) -> list[tuple[float, int]]:
    """How many spans hold each moment: (moment, count from then on), each moment once."""
    changes: dict[float, int] = {}
    for start, end in spans:
        changes[start] = changes.get(start, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    steps: list[tuple[float, int]] = []
    count = 0
    for moment in sorted(changes):
        count += changes[moment]
        steps.append((moment, count))
    return steps


def ticks(end: float, most: int = 8) -> list[float]:
    """Round moments from 0 to `end`: steps of 1, 2 or 5 times a power of ten."""
    if end <= 0:
        return [0.0]
    step = 10.0**-6
    factors = (2.0, 2.5, 2.0)  # 1, 2, 5, 10 …
    turn = 0
    while end / step > most:
        step *= factors[turn % 3]
        turn += 1
    return [round(step * k, 9) for k in range(int(end / step + 1e-9) + 1)]


def lanes_of(title: str, bars: Sequence[Bar]) -> Lanes:
    """The lanes that the bars name; bars of one lane that overlap ran together and are one block."""
    rows: dict[int, list[Bar]] = {}
    for bar in bars:
        if bar.lane is not None and bar.work:
            rows.setdefault(bar.lane, []).append(bar)
    return Lanes(title, tuple(tuple(_blocks(rows.get(k, ()))) for k in range(max(rows, default=-1) + 1)))


def _blocks(bars: Iterable[Bar]) -> Iterable[Block]:
    group: list[Bar] = []
    for bar in sorted(bars, key=lambda b: b.work or (0.0, 0.0)):
        if group and (bar.work or (0.0, 0.0))[0] >= max((b.work or (0.0, 0.0))[1] for b in group) - 1e-9:
            yield _block(group)
            group = []
        group.append(bar)
    if group:
        yield _block(group)


def _block(group: Sequence[Bar]) -> Block:
    spans = [b.work or (0.0, 0.0) for b in group]
    bad = next((b.state for b in group if b.state not in {"ok", "running"}), group[0].state)
    name = group[0].name if len(group) == 1 else f"{group[0].name} and {len(group) - 1} more"
    end = max(e for _, e in spans)
    return Block(name, min(s for s, _ in spans), end, bad, any(b.critical for b in group))


def packed(title: str, blocks: Iterable[Block]) -> Lanes:
    """As few lanes as hold the blocks without overlap, for work that names none."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes: list[list[Block]] = []
    for block in sorted(blocks, key=lambda b: (b.start, b.end)):
        while busy and busy[0][0] <= block.start + 1e-9:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            free.append(len(lanes))
            lanes.append([])
        lane = heapq.heappop(free)
        lanes[lane].append(block)
        heapq.heappush(busy, (block.end, lane))
    return Lanes(title, tuple(map(tuple, lanes)))
