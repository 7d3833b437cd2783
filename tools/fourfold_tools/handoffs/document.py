"""The handoff document: its fields, its JSON and its Markdown, within 1,500 tokens. Pure."""

import json
from dataclasses import dataclass, replace
from typing import Any, cast

from fourfold_tools.context.tokens import estimate
from fourfold_tools.model.output import Json

MOST_TOKENS = 1_500
_LEAST_ITEMS = 3  # of each list that always stay, so that no kind of fact disappears


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


def fitted(handoff: Handoff) -> Handoff:
    """The handoff cut to MOST_TOKENS: the longest list loses its oldest entries first, then the goal its middle."""
    dropped: dict[str, int] = {}
    while _tokens(handoff) > MOST_TOKENS:
        name = max((*_LISTS, "files"), key=lambda n: len(getattr(handoff, n)))
        items = getattr(handoff, name)
        if len(items) <= _LEAST_ITEMS:
            return _shorter_goal(handoff)
        keep = max(_LEAST_ITEMS, len(items) * 4 // 5)
        dropped[name] = dropped.get(name, 0) + len(items) - keep
        told = tuple(f"{count} more {kind.replace('_', ' ')}" for kind, count in sorted(dropped.items()))
        handoff = replace(handoff, **{name: items[:keep], "left_out": told})
    return handoff


def _shorter_goal(handoff: Handoff) -> Handoff:
    over = _tokens(handoff) - MOST_TOKENS
    room = max(200, len(handoff.goal) - 4 * over)
    if len(handoff.goal) <= room:
        return handoff
    cut = f"{handoff.goal[: room * 3 // 4]} … {handoff.goal[-room // 4 :]}"
    return replace(handoff, goal=cut, left_out=(*handoff.left_out, "part of the goal"))


def _tokens(handoff: Handoff) -> int:

    return max(
        estimate(json.dumps(handoff.data(), ensure_ascii=False), "data"), estimate(handoff.markdown(), "prose")
    )


def _plain(value: Any) -> Json:
    return list(cast("tuple[Json, ...]", value)) if isinstance(value, tuple) else value
