"""The view model of a page: figures, a chart, the critical path, faults, verification, tables. Plain values. Pure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from fourfold_tools.page.chart import Chart
from fourfold_tools.page.critical import Link


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands large on the page; note: what it means or rests on."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A value with what bounds it, on one scale. mark: what it is to be compared with."""

    label: str
    value: float
    low: float
    high: float
    unit: str
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One part of a verification. pairs: what was found. checks: the name of each, and whether it holds."""

    name: str
    state: str
    reason: str
    pairs: tuple[tuple[str, str], ...] = ()
    ranges: tuple[Range, ...] = ()
    checks: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; key: what a bar links to. state: colours it."""

    cells: tuple[str, ...]
    key: str = ""
    state: str = ""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """numeric: columns set to the right. left_out: rows beyond the bound. in_text: shown in a terminal too."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()
    left_out: int = 0
    folded: bool = False
    in_text: bool = False


def kept_rows(names: Sequence[str], linked: Set[str], most: int) -> list[int]:
    """Which rows a bounded table keeps, in order: those that bars lead to, then the first of the others."""
    if len(names) <= most:
        return list(range(len(names)))
    ranked = sorted(range(len(names)), key=lambda i: (names[i] not in linked, i))
    return sorted(ranked[:most])


@dataclass(frozen=True, slots=True)
class Fault:
    """Failures with one code. messages: each with the steps that it stopped."""

    code: str
    count: int
    messages: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation. number: from 1. group: number of the group it belongs to, 0 for none."""

    number: int
    words: str
    group: int
    first: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Turns that one call could have replaced. calls: (turn, tool, words). batch: that call as JSON."""

    number: int
    title: str
    reason: str
    ranges: tuple[Range, ...]
    calls: tuple[tuple[str, str, str], ...]
    batch: str


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of an audit. left_out: turns and groups beyond the bounds."""

    name: str
    note: str
    turns: tuple[Turn, ...]
    groups: tuple[Group, ...]
    left_out: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that a page says of one run, plan or audit. notes: sentences that must not be missed.

    lines: verification lines as printed. text: a preformatted block with its title.
    """

    kind: str
    name: str
    state: str
    subtitle: str
    figures: tuple[Figure, ...]
    chart: Chart | None = None
    chain: tuple[Link, ...] = ()
    chain_title: str = "Critical path"
    chain_note: str = "What the time was made of: each step, and what it had to wait for."
    faults: tuple[Fault, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    verdict_state: str = ""
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    text: tuple[str, str] | None = None
    talks: tuple[Talk, ...] = ()
