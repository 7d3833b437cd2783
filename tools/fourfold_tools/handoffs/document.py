"""The handoff document: its fields, its JSON and its Markdown, within 1,500 tokens. Pure."""

import json
from dataclasses import dataclass, replace
from typing import Any, cast

from fourfold_tools.context.tokens import estimate
from fourfold_tools.model.output import Json

MOST_TOKENS = 1_500
_LEAST_ITEMS = 3  # of each list that always stay, so that no kind of fact disappears
_LINE_CHARS = (400, 200, 100, 50)  # of one line, where even the fewest lines are too long
_LEAST_GOAL = 200  # characters of the goal that always stay


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was: sha256 of up to a megabyte, else size and time alone; None where it did not exist."""

    path: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class Handoff:
    """One conversation's state at one moment. Work items are single lines that name a run or a plan.

    files: what its steps read or wrote, with hashes. head: the repository's commit, "" outside one. left_out: how
    many entries of each list did not fit.
    """

    id: str
    created: str
    conversation: str
    cwd: str
    goal: str
    head: str = ""
    done: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    not_started: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    changed_files: tuple[str, ...] = ()
    files: tuple[FileState, ...] = ()
    runs: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def data(self) -> dict[str, Json]:
        names = ("id", "created", "conversation", "cwd", "goal", "head", *_LISTS, "runs", "plans", "left_out")
        out: dict[str, Json] = {name: _plain(getattr(self, name)) for name in names}
        out["files"] = {file.path: file.digest for file in self.files}
        out["resume"] = f'handoff {{"action": "load", "id": "{self.id}"}} gives `changed` and the exact next calls'
        return out

    def markdown(self) -> str:
        rows = [
            f"# Handoff {self.id}",
            "",
            f"{self.created} · {self.cwd}" + (f" · {self.head}" if self.head else ""),
            "",
        ]
        rows += ["## Goal", "", self.goal or "(not known)", ""]
        for name, heading in _LISTS.items():
            items = getattr(self, name)
            if items:
                rows += [f"## {heading}", "", *(f"- {item}" for item in items), ""]
        if self.left_out:
            rows += [f"Not listed here: {', '.join(self.left_out)}.", ""]
        rows += ["## Go on", "", f'Call `handoff` with `{{"action": "load", "id": "{self.id}"}}`.']
        return "\n".join(rows) + "\n"

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Handoff":
        """The document that `data` came from."""
        fields: dict[str, Any] = {name: tuple(data[name]) for name in (*_LISTS, "runs", "plans", "left_out")}
        fields |= {name: str(data[name]) for name in ("id", "created", "conversation", "cwd", "goal", "head")}
        files = tuple(FileState(path, digest) for path, digest in data["files"].items())
        return cls(**fields, files=files)


_LISTS = {
    "in_flight": "In flight",
    "not_started": "Not started",
    "failures": "Failures and why",
    "decisions": "Decisions and why",
    "done": "Done",
    "changed_files": "Files changed",
}


def fitted(handoff: Handoff, most: int = MOST_TOKENS) -> Handoff:
    """The handoff cut to `most` tokens: lines lose their ends, lists their oldest entries, the goal its middle.

    Each is cut only as far as what comes before it in this order leaves no room.
    """
    dropped: dict[str, int] = {}
    handoff = _fewer_entries(_shorter_lines(handoff, _LINE_CHARS[0], most), most, _LEAST_ITEMS, dropped)
    for chars in _LINE_CHARS[1:]:
        handoff = _shorter_lines(handoff, chars, most)
    return _fewer_entries(_shorter_goal(handoff, most), most, 0, dropped)


def _shorter_lines(handoff: Handoff, chars: int, most: int) -> Handoff:
    """Where the handoff is too long, its lines within so many characters."""
    cut: dict[str, Any] = {name: tuple(_clipped(x, chars) for x in getattr(handoff, name)) for name in _LISTS}
    if _tokens(handoff) <= most or all(getattr(handoff, name) == items for name, items in cut.items()):
        return handoff
    told = dict.fromkeys((*handoff.left_out, "the ends of long lines"))
    return replace(handoff, **cut, left_out=tuple(told))


def _clipped(item: str, chars: int) -> str:
    return item if len(item) <= chars else item[: chars - 1] + "…"


def _fewer_entries(handoff: Handoff, most: int, least: int, dropped: dict[str, int]) -> Handoff:
    """The handoff with fewer entries in its longest lists, of which `least` stay; counts what it drops."""
    start = tuple(told for told in handoff.left_out if told not in _counted(dropped))
    while _tokens(handoff) > most:
        name = max((*_LISTS, "files"), key=lambda n: len(getattr(handoff, n)))
        items = getattr(handoff, name)
        if len(items) <= least:
            break
        keep = max(least, len(items) * 4 // 5)
        dropped[name] = dropped.get(name, 0) + len(items) - keep
        handoff = replace(handoff, **{name: items[:keep], "left_out": (*start, *_counted(dropped))})
    return handoff


def _counted(dropped: dict[str, int]) -> list[str]:
    return [f"{count} more {kind.replace('_', ' ')}" for kind, count in sorted(dropped.items())]


def _shorter_goal(handoff: Handoff, most: int) -> Handoff:
    goal = handoff.goal
    room = len(goal)
    while _tokens(handoff) > most and room > _LEAST_GOAL:
        room = max(_LEAST_GOAL, room * 4 // 5)
        cut = f"{goal[: room * 3 // 4]} … {goal[-room // 4 :]}"
        told = dict.fromkeys((*handoff.left_out, "part of the goal"))
        handoff = replace(handoff, goal=cut, left_out=tuple(told))
    return handoff


def _tokens(handoff: Handoff) -> int:
    return max(
        estimate(json.dumps(handoff.data(), ensure_ascii=False), "data"), estimate(handoff.markdown(), "prose")
    )


def _plain(value: Any) -> Json:
    return list(cast("tuple[Json, ...]", value)) if isinstance(value, tuple) else value
