"""The notation: deployments and coordination patterns as the framework's own lines, rendered and parsed back. Pure.

`str(block)` gives the lines of a block, `parse(text)` the blocks of a text: `parse(str(block)) == [block]`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LEVEL = r"L\d+:[^\n\]|→]+"

ORCHESTRATOR_LINES = (
    "Each orchestrator handles max 4 targets",
    "Cross-orchestrator communication minimized",
    "Results aggregation at L0 level",
    "Mathematical verification at each level",
)
AGENT_LINES = (
    "Tool usage distribution for optimal performance",
    "Shared resource conflict resolution",
    "Progress synchronization points",
    "Quality verification at completion",
)
BEHAVIOR_LINES = (
    "Automatic parallelization detection",
    "Dependency analysis and resolution",
    "Resource conflict management",
    "Quality assurance across parallel streams",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A line of a block: who, and for what (`file-operations → File validation`)."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Independent:
    """Agents under one orchestrator. level: `L1:Orch`; below: the number of the agents' level.

    dependency: `none` where they wait for nothing of each other, else `mapped`.
    """

    level: str
    below: int
    targets: tuple[Target, ...]
    dependency: str = "none"

    def __str__(self) -> str:
        count = len(self.targets)
        head = f"🚀 [{self.level}→L{self.below}] Parallel Deploy | agents:{count} | dependency:{self.dependency}"
        return _lines(head, [f"Agent:{t.name} → {t.purpose}" for t in self.targets])


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages one after the other."""

    level: str
    below: int
    stages: tuple[Target, ...]

    def __str__(self) -> str:
        head = f"🚀 [{self.level}→L{self.below}] Pipeline Deploy | stages:{len(self.stages)} | flow:sequential"
        return _lines(head, [f"Stage {k}: {t.name} → {t.purpose}" for k, t in enumerate(self.stages, 1)])


@dataclass(frozen=True, slots=True)
class Hierarchical:
    """Orchestrators under one level; each target's name stands with the number of its level (`L1:Quality`)."""

    level: str
    below: int
    targets: tuple[Target, ...]
    scope: str = "domain"

    def __str__(self) -> str:
        count = len(self.targets)
        head = f"🚀 [{self.level}→L{self.below}] Parallel Deploy | orchestrators:{count} | scope:{self.scope}"
        return _lines(head, [f"L{self.below}:{t.name} → {t.purpose}" for t in self.targets])


@dataclass(frozen=True, slots=True)
class Strategy:
    """Dependency-free work of one orchestrator, and the integration of its results."""

    level: str
    below: int
    targets: tuple[Target, ...]

    def __str__(self) -> str:
        head = f"🚀 [{self.level}→L{self.below}] Independent Parallel"
        return _lines(head, [f"{t.name} → {t.purpose}" for t in self.targets])


@dataclass(frozen=True, slots=True)
class Coordination:
    """A coordination pattern: of orchestrators, of agents, or of a behaviour."""

    level: str
    kind: str
    count: str
    mark: str
    lines: tuple[str, ...]

    @classmethod
    def of_orchestrators(cls, count: int, level: str = "L0:Zero") -> "Coordination":
        return cls(level, "orchestrators", str(count), "cognitive:compliant", ORCHESTRATOR_LINES)

    @classmethod
    def of_agents(cls, count: int, level: str = "L1:Orch") -> "Coordination":
        return cls(level, "agents", str(count), "tools:optimized", AGENT_LINES)

    @classmethod
    def of_behavior(cls, level: str = "L2:Behav") -> "Coordination":
        return cls(level, "behavior", "parallel-operations", "targets:multiple", BEHAVIOR_LINES)

    def __str__(self) -> str:
        sign, verb = ("📊", "Apply") if self.kind == "behavior" else ("🚀", "Coordinate")
        return _lines(f"{sign} [{self.level}] {verb} Parallel | {self.kind}:{self.count} | {self.mark}", self.lines)


Block = Independent | Pipeline | Hierarchical | Strategy | Coordination


def plain(text: str) -> str:
    """A text as one line without the signs that the notation itself uses."""
    return " ".join(re.sub(r"[|→\[\]]", " ", text).split()) or "-"


def render(blocks: Sequence[Block]) -> str:
    return "\n\n".join(map(str, blocks))


def parse(text: str) -> list[Block]:
    """The blocks of a text, in order. Empty lines and Markdown fences between them are passed over.

    Raises:
        ValueError: a line is not of the notation, a count is wrong, or a tree is not closed.
    """
    blocks: list[Block] = []
    rows = [row.rstrip() for row in text.split("\n")]
    at = 0
    while at < len(rows):
        if not rows[at] or rows[at].startswith("```"):
            at += 1
            continue
        end = at + 1
        while end < len(rows) and rows[end].startswith(("├── ", "└── ")):
            end += 1
        blocks.append(_block(rows[at], _targets(rows[at + 1 : end], rows[at])))
        at = end
    return blocks


def _lines(head: str, targets: Sequence[str]) -> str:
    rows = [f"├── {t}" for t in targets[:-1]] + [f"└── {t}" for t in targets[-1:]]
    return "\n".join([head, *rows])


def _targets(rows: Sequence[str], head: str) -> list[str]:
    marks = [row[0] for row in rows]
    if not rows or marks != ["├"] * (len(rows) - 1) + ["└"]:
        raise ValueError(f"the tree under {head!r} must end with └── and nothing else")
    return [row[4:] for row in rows]


def _block(head: str, targets: list[str]) -> Block:
    for pattern, build in _FORMS:
        found = pattern.fullmatch(head)
        if found:
            return build(found, targets)
    raise ValueError(f"not a line of the notation: {head!r}")


def _arrow(row: str, prefix: str) -> Target:
    name, arrow, purpose = row.removeprefix(prefix).partition(" → ")
    if not row.startswith(prefix) or not arrow or not name or not purpose:
        raise ValueError(f"expected `{prefix}NAME → PURPOSE`, got {row!r}")
    return Target(name, purpose)


def _counted(found: re.Match[str], targets: Sequence[str]) -> None:
    if int(found["count"]) != len(targets):
        raise ValueError(f"{found.group()!r} counts {found['count']}, but {len(targets)} follow")


def _independent(found: re.Match[str], rows: list[str]) -> Block:
    _counted(found, rows)
    return Independent(
        found["level"], int(found["below"]), tuple(_arrow(row, "Agent:") for row in rows), found["dependency"]
    )


def _pipeline(found: re.Match[str], rows: list[str]) -> Block:
    _counted(found, rows)
    stages = tuple(_arrow(row, f"Stage {k}: ") for k, row in enumerate(rows, 1))
    return Pipeline(found["level"], int(found["below"]), stages)


def _hierarchical(found: re.Match[str], rows: list[str]) -> Block:
    _counted(found, rows)
    targets = tuple(_arrow(row, f"L{found['below']}:") for row in rows)
    return Hierarchical(found["level"], int(found["below"]), targets, found["scope"])


def _strategy(found: re.Match[str], rows: list[str]) -> Block:
    return Strategy(found["level"], int(found["below"]), tuple(_arrow(row, "") for row in rows))


def _coordination(found: re.Match[str], rows: list[str]) -> Block:
    return Coordination(found["level"], found["kind"], found["count"], found["mark"], tuple(rows))


_DEPLOY = rf"🚀 \[(?P<level>{_LEVEL})→L(?P<below>\d+)\] "
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], list[str]], Block]], ...] = (
    (
        re.compile(_DEPLOY + r"Parallel Deploy \| agents:(?P<count>\d+) \| dependency:(?P<dependency>none|mapped)"),
        _independent,
    ),
    (re.compile(_DEPLOY + r"Pipeline Deploy \| stages:(?P<count>\d+) \| flow:sequential"), _pipeline),
    (
        re.compile(_DEPLOY + r"Parallel Deploy \| orchestrators:(?P<count>\d+) \| scope:(?P<scope>[^\n|]+)"),
        _hierarchical,
    ),
    (re.compile(_DEPLOY + r"Independent Parallel"), _strategy),
    (
        re.compile(
            rf"🚀 \[(?P<level>{_LEVEL})\] Coordinate Parallel \| (?P<kind>orchestrators|agents):(?P<count>\d+) \| "
            r"(?P<mark>cognitive:compliant|tools:optimized)"
        ),
        _coordination,
    ),
    (
        re.compile(
            rf"📊 \[(?P<level>{_LEVEL})\] Apply Parallel \| (?P<kind>behavior):(?P<count>[^\n|]+) \| "
            r"(?P<mark>targets:multiple)"
        ),
        _coordination,
    ),
)
