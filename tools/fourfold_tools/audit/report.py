"""The report of an audit: the JSON form of the contract, and a table for a terminal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from fourfold_tools.audit.audited import Audited, Finding, total
from fourfold_tools.audit.savings import Interval

_MOST_ROWS, _MOST_GROUPS = 20, 10  # of a table; the JSON form has them all
_NAME_CHARS = 40

_BASIS = {
    "turns_saved": "every turn of a group but its first",
    "seconds_saved": (
        "from the transcript's time stamps. high: the model's time of the turns saved, and the tools' time of all "
        "turns of a group but the longest. low: the model's time without the writing of the calls, none of the "
        "tools'. value: the middle"
    ),
    "tokens_saved": (
        "from the transcript's usage: context that would not have been read again. high and value: the whole context "
        "of each turn saved. low: what stood in it before the group began"
    ),
}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Everything that was audited; broken_lines over all files, unreadable: files that could not be opened."""

    conversations: tuple[Audited, ...]
    files: int
    broken_lines: int
    unreadable: tuple[str, ...] = ()

    @property
    def turns(self) -> int:
        return sum(a.turns for a in self.conversations)

    @property
    def turns_saved(self) -> int:
        return sum(a.turns_saved for a in self.conversations)

    @property
    def seconds(self) -> Interval:
        return total(a.seconds for a in self.conversations)

    @property
    def tokens(self) -> Interval:
        return total(a.tokens for a in self.conversations)

    def data(self) -> dict[str, object]:
        """The JSON form: the contract's keys first, then what else is known."""
        groups = [(audited, finding) for audited in self.conversations for finding in audited.findings]
        return {
            "turns": self.turns,
            "turns_saved": self.turns_saved,
            "batchable_groups": [_group(audited, finding) for audited, finding in groups],
            "seconds_saved": _seconds(self.seconds),
            "tokens_saved": _tokens(self.tokens, sum(a.cached for a in self.conversations)),
            "calls": sum(a.calls for a in self.conversations),
            "files": self.files,
            "broken_lines": self.broken_lines,
            "unreadable": list(self.unreadable),
            "untimed_groups": sum(not finding.timed for _, finding in groups),
            "unmetered_groups": sum(not finding.metered for _, finding in groups),
            "conversations": [_conversation(a) for a in self.conversations],
            "chains": [
                {"file": a.file, "calls": [call.id for call in chain.calls], "batch": chain.batch}
                for a in self.conversations
                for chain in a.chains
            ],
            "basis": _BASIS,
        }

    def text(self) -> str:
        """A row per conversation, those that would have saved most first, the totals, and the largest groups."""
        if not self.conversations:
            return "\n".join(["no turns: nothing to audit", *self._remarks()])
        saving = sorted((a for a in self.conversations if a.findings), key=lambda a: -a.turns_saved)
        rows = [_HEAD, *map(_row, saving[:_MOST_ROWS])]
        if rest := saving[_MOST_ROWS:]:
            rows.append(_sum_row(f"{len(rest)} more", rest))
        without = [a for a in self.conversations if not a.findings]
        if without:
            rows.append((f"{len(without)} more, nothing to save", str(sum(a.turns for a in without)), "", "", ""))
        rows.append(_sum_row("total", self.conversations))
        return "\n".join([*_table(rows), "", *_LEGEND, *self._groups(), *self._remarks()])

    def _groups(self) -> list[str]:
        found = [(audited, finding) for audited in self.conversations for finding in audited.findings]
        found.sort(key=lambda pair: -pair[1].group.turns_saved)
        lines = [""] if found else []
        for audited, finding in found[:_MOST_GROUPS]:
            tools = ", ".join(_counted([call.tool for call in finding.group.calls]))
            lines.append(f"{_name(audited)}: {tools} in {len(finding.group.paces)} turns, 1 would have done")
            lines.append(f"  {_range(finding.seconds)} s · from {finding.group.calls[0].id}")
        if len(found) > _MOST_GROUPS:
            lines.append(f"and {len(found) - _MOST_GROUPS} groups more (--json shows all, with their batches)")
        return lines

    def _remarks(self) -> list[str]:
        chains = sum(len(a.chains) for a in self.conversations)
        remarks = [
            (
                chains,
                f"searches whose results were read next: {chains} (a reference does both; not counted above)",
            ),
            (self.broken_lines, f"broken lines skipped: {self.broken_lines}"),
            (len(self.unreadable), f"files that could not be read: {', '.join(self.unreadable)}"),
        ]
        return [text for amount, text in remarks if amount]


_HEAD = ("conversation", "turns", "saved", "seconds saved", "tokens saved")
_LEGEND = (
    "turns: replies with at least one tool call. saved: turns that a batch in their place would have made needless.",
    "seconds and tokens: from the transcript's own times and usage, as value (low to high); see docs/audit.md.",
)


def _row(audited: Audited) -> tuple[str, ...]:
    figures = _figures(audited.seconds, audited.tokens)
    return (_name(audited), str(audited.turns), str(audited.turns_saved), *figures)


def _sum_row(name: str, rows: Sequence[Audited]) -> tuple[str, ...]:
    seconds, tokens = total(a.seconds for a in rows), total(a.tokens for a in rows)
    turns, saved = sum(a.turns for a in rows), sum(a.turns_saved for a in rows)
    return (name, str(turns), str(saved), *_figures(seconds, tokens))


def _figures(seconds: Interval, tokens: Interval) -> tuple[str, str]:
    return _range(seconds), _range(tokens)


def _range(interval: Interval) -> str:
    """`42 (31 to 53)`; a single number where there is no width."""
    digits = 0 if interval.high >= 10 else 1
    value, low, high = (f"{x:,.{digits}f}" for x in (interval.value, interval.low, interval.high))
    return value if low == high else f"{value} ({low} to {high})"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their longest entry, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def _name(audited: Audited) -> str:
    """The file, with the agent where its name is not in it already."""
    name = audited.file.rpartition("/")[2].removesuffix(".jsonl")
    if audited.agent and audited.agent not in name:
        name += f" · {audited.agent}"
    return name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…"


def _counted(names: Sequence[str]) -> list[str]:
    return [f"{names.count(name)} {name}" for name in dict.fromkeys(names)]


def _group(audited: Audited, finding: Finding) -> dict[str, object]:
    group = finding.group
    return {
        "calls": [call.id for call in group.calls],
        "reason": (
            f"{len(group.calls)} calls in {len(group.paces)} turns: none uses what an earlier one was the first to "
            f"show, and none writes what another touches; ended by: {group.ended_by}"
        ),
        "batch": finding.batch,
        "turns_saved": group.turns_saved,
        "seconds_saved": _seconds(finding.seconds),
        "tokens_saved": _tokens(finding.tokens, finding.cached),
        "file": audited.file,
        "agent": audited.agent,
    }


def _conversation(audited: Audited) -> dict[str, object]:
    return {
        "file": audited.file,
        "agent": audited.agent,
        "turns": audited.turns,
        "calls": audited.calls,
        "turns_saved": audited.turns_saved,
        "groups": len(audited.findings),
        "seconds_saved": _seconds(audited.seconds),
        "tokens_saved": _tokens(audited.tokens, audited.cached),
        "output_tokens_per_s": None if audited.rate is None else round(audited.rate, 1),
    }


def _seconds(interval: Interval) -> dict[str, float]:
    """To the millisecond, as exact as the time stamps are."""
    return {name: round(getattr(interval, name), 3) for name in ("value", "low", "high")}


def _tokens(interval: Interval, cached: int) -> dict[str, int]:
    return {
        "value": round(interval.value),
        "low": round(interval.low),
        "high": round(interval.high),
        "cached": cached,
    }
