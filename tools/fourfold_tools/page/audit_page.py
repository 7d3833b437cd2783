"""The page of an audit: conversation by conversation, turn by turn, what could have run together. Pure."""

import json
from collections.abc import Sequence

from fourfold_tools.answer.words import seconds
from fourfold_tools.audit.audited import Audited, Finding
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.audit.savings import Interval
from fourfold_tools.page.model import Figure, Group, Page, Range, Row, Table, Talk, Turn

_MOST_TALKS = 40  # conversations that are shown turn by turn, those that would save most
_MOST_GROUPS = 40  # groups of one of them
_MOST_CALLS = 60  # calls of a group


def audit_page(report: AuditReport, name: str, most_rows: int) -> Page:
    """Everything about an audit whose conversations kept their course. name: what was audited.

    most_rows: bound of a table and of the turns that are shown of one conversation.
    """
    found = sorted((a for a in report.conversations if a.findings), key=lambda a: -a.turns_saved)
    notes = [f"could not be read: {file}" for file in report.unreadable]
    notes += [f"{report.broken_lines:,} broken lines were skipped"] if report.broken_lines else []
    notes += [f"{len(found) - _MOST_TALKS:,} more conversations are in the table"] if len(found) > _MOST_TALKS else []
    return Page(
        kind="audit",
        name=name.rstrip("/").rpartition("/")[2] or name,
        state="",
        subtitle=name,
        figures=tuple(_figures(report)),
        tables=(_table(report.conversations, most_rows),),
        notes=tuple(notes),
        talks=tuple(_talk(a, most_rows) for a in found[:_MOST_TALKS]),
    )


def _figures(report: AuditReport) -> list[Figure]:
    saved = f"{100 * report.turns_saved / report.turns:.0f} % of all turns" if report.turns else ""
    cached = sum(a.cached for a in report.conversations)
    return [
        Figure(
            "Turns", f"{report.turns:,}", f"in {len(report.conversations):,} conversations, {report.files:,} files"
        ),
        Figure("Turns to save", f"{report.turns_saved:,}", saved),
        Figure("Time to save", seconds(report.seconds.value), _between(report.seconds, "s")),
        Figure("Context to save", f"{report.tokens.value:,.0f}", f"tokens not read again; {cached:,} from the cache"),
    ]


def _between(interval: Interval, unit: str) -> str:
    return f"between {interval.low:,.0f} and {interval.high:,.0f} {unit}, from the time stamps"


def _talk(audited: Audited, most: int) -> Talk:
    numbers = {call.id: n for n, finding in enumerate(audited.findings, 1) for call in finding.group.calls}
    place = {told.id: i for i, turn in enumerate(audited.course, 1) for told in turn}
    turns: list[Turn] = []
    begun: set[int] = set()
    for i, course in enumerate(audited.course[:most], 1):
        group = next((numbers[told.id] for told in course if told.id in numbers), 0)
        words = ", ".join(f"{told.tool} {told.words}".strip() for told in course[:4])
        turns.append(Turn(i, words, group, bool(group) and group not in begun))
        begun.add(group)
    groups = [_group(finding, n, place, audited) for n, finding in enumerate(audited.findings[:_MOST_GROUPS], 1)]
    who = f"subagent {audited.agent} of {audited.file}" if audited.agent else audited.file
    note = f"{who} · {audited.turns:,} turns, {audited.turns_saved:,} to save, {audited.calls:,} calls"
    left_out = max(0, len(audited.course) - most), max(0, len(audited.findings) - _MOST_GROUPS)
    return Talk(_name(audited), note, tuple(turns), tuple(groups), left_out)


def _group(finding: Finding, number: int, place: dict[str, int], audited: Audited) -> Group:
    group = finding.group
    told = {t.id: t for turn in audited.course for t in turn}
    calls = [
        (str(place.get(call.id, "")), call.tool, told[call.id].words if call.id in told else "")
        for call in group.calls[:_MOST_CALLS]
    ]
    ranges = [Range("Time to save", finding.seconds.value, finding.seconds.low, finding.seconds.high, "s")]
    ranges.append(Range("Context to save", finding.tokens.value, finding.tokens.low, finding.tokens.high, "tokens"))
    return Group(
        number=number,
        title=f"{len(group.calls)} calls in {len(group.paces)} turns: one would have done",
        reason=(
            "None uses what an earlier one was the first to show, and none writes what another touches. "
            f"The group ends there because of: {group.ended_by}."
        ),
        ranges=tuple(r for r in ranges if r.high > 0),
        calls=tuple(calls),
        batch=json.dumps(finding.batch, ensure_ascii=False, indent=1),
    )


def _name(audited: Audited) -> str:
    name = audited.file.rpartition("/")[2].removesuffix(".jsonl")
    return f"{name} · {audited.agent}" if audited.agent and audited.agent not in name else name


def _table(conversations: Sequence[Audited], most: int) -> Table:
    columns = ("Conversation", "Turns", "To save", "Calls", "Groups", "Seconds to save", "Tokens to save", "File")
    ordered = sorted(conversations, key=lambda a: -a.turns_saved)
    rows = [
        Row(
            (
                _name(a),
                f"{a.turns:,}",
                f"{a.turns_saved:,}",
                f"{a.calls:,}",
                f"{len(a.findings):,}",
                f"{a.seconds.value:,.1f} ({a.seconds.low:,.1f} to {a.seconds.high:,.1f})",
                f"{a.tokens.value:,.0f}",
                a.file,
            )
        )
        for a in ordered[:most]
    ]
    return Table("Conversations", columns, tuple(rows), frozenset({1, 2, 3, 4, 5, 6}), max(0, len(ordered) - most))
