"""An audited conversation: its turns counted, its groups with what each would have saved and the batch for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

from fourfold_tools.audit.chains import Chain
from fourfold_tools.audit.conversation import Call, Turn, Voice, conversations
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.groups import Group, Grouper
from fourfold_tools.audit.roles import Classify
from fourfold_tools.audit.savings import Interval, Pace, cached_tokens, output_rate, seconds_saved, tokens_saved
from fourfold_tools.audit.to_batch import Step, batch_of

_MOST_WORDS = 90  # letters of a call's arguments that are kept for people


@dataclass(frozen=True, slots=True)
class Finding:
    """A group, the batch that would have done it, and what that would have saved.

    cached: of the tokens saved, those that came from the cache. timed, metered: whether every turn of the group
    had its times, its usage; what is missing counts as nothing saved.
    """

    group: Group
    batch: dict[str, list[Step]]
    seconds: Interval
    tokens: Interval
    cached: int
    timed: bool
    metered: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A call in a few words, for people: its tool, and the argument that says most."""

    id: str
    tool: str
    words: str

    @classmethod
    def of(cls, call: Call) -> "Told":
        texts = [value for value in call.arguments.values() if isinstance(value, str)]
        words = " ".join(" ".join(texts[:2])[: 4 * _MOST_WORDS].split())
        return cls(call.id, call.tool, words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 1] + "…")


@dataclass(frozen=True, slots=True)
class Audited:
    """One conversation of a file; agent: the subagent's id, None for the main one.

    rate: output tokens a second that the bounds of its seconds rest on, None where nothing told.
    course: its turns in order, the calls of each, where they were to be kept.
    """

    file: str
    agent: str | None
    turns: int
    calls: int
    findings: tuple[Finding, ...]
    chains: tuple[Chain, ...]
    rate: float | None
    course: tuple[tuple[Told, ...], ...] = ()

    @property
    def turns_saved(self) -> int:
        return sum(finding.group.turns_saved for finding in self.findings)

    @property
    def seconds(self) -> Interval:
        return total(finding.seconds for finding in self.findings)

    @property
    def tokens(self) -> Interval:
        return total(finding.tokens for finding in self.findings)

    @property
    def cached(self) -> int:
        return sum(finding.cached for finding in self.findings)


def total(intervals: Iterable[Interval]) -> Interval:
    """Values and bounds added up: as if all errors pointed the same way, so the interval is not too narrow."""
    return reduce(add, intervals, Interval())


@dataclass(slots=True)
class _Count:
    """A conversation while it goes by. Mutable."""

    grouper: Grouper
    keeps: bool
    paces: list[Pace] = field(default_factory=list[Pace])
    calls: int = 0
    course: list[tuple[Told, ...]] = field(default_factory=list[tuple[Told, ...]])

    def take(self, turn: Turn) -> None:
        if self.keeps:
            self.course.append(tuple(map(Told.of, turn.calls)))
        self.paces.append(Pace.of(turn))
        self.calls += len(turn.calls)

    def audited(self, file: str, voice: Voice) -> Audited:
        self.grouper.end()
        rate = output_rate(self.paces)
        findings = tuple(_finding(group, rate, self.grouper.home) for group in self.grouper.groups)
        chains = tuple(self.grouper.chains)
        course = tuple(self.course)
        return Audited(file, voice.agent, len(self.paces), self.calls, findings, chains, rate, course)


def audit_file(entries: Entries, classify: Classify, *, keep_course: bool = False) -> list[Audited]:
    """The conversations of one file, read once and line by line; those without a turn are left out.

    keep_course: whether each keeps what its turns called.

    Raises:
        OSError: the file cannot be read.
    """
    counts: dict[Voice, _Count] = {}
    for voice, event in conversations(entries):
        count = counts.setdefault(voice, _Count(Grouper(classify), keep_course))
        count.grouper.feed(event)
        if isinstance(event, Turn):
            count.take(event)
    return [count.audited(str(entries.path), voice) for voice, count in counts.items() if count.paces]


def transcripts(path: Path) -> list[Path]:
    """The file itself, or every `*.jsonl` at and below a folder, a conversation before those of its subagents."""
    if not path.is_dir():
        return [path]
    return sorted((f for f in path.rglob("*.jsonl") if f.is_file()), key=lambda file: file.with_suffix("").parts)


def _finding(group: Group, rate: float | None, home: str) -> Finding:
    timed = all(p.model_s is not None and p.tools_s is not None for p in group.paces)
    return Finding(
        group,
        batch_of(group.calls, home),
        seconds_saved(group.paces, rate),
        tokens_saved(group.paces),
        cached_tokens(group.paces),
        timed,
        all(p.usage is not None for p in group.paces),
    )
