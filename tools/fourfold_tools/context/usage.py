"""A usage: how full one conversation's context is, where that is known from, and what it allows."""

from dataclasses import dataclass, replace
from typing import Literal

from fourfold_tools.context.find import Conversation
from fourfold_tools.context.levels import HANDOFF_ABOVE, Allowance, Level, Stage, allow, stage_at
from fourfold_tools.context.signals import Signal
from fourfold_tools.model.request import ContextUse

Source = Literal["argument", "hook", "transcript", "estimate"]


@dataclass(frozen=True, slots=True)
class Stated:
    """Usage as the caller states it: a percentage, or tokens (over a window, the model's own when left out)."""

    percent: float | None = None
    used_tokens: int | None = None
    window_tokens: int | None = None

    @classmethod
    def of(cls, given: ContextUse | None) -> "Stated | None":
        """What an argument states; None where it states nothing."""
        if given is None or (given.percent is None and given.used_tokens is None):
            return None
        return cls(given.percent, given.used_tokens, given.window_tokens)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the plugin's hook says of a call: the main conversation's transcript, and the subagent that calls."""

    transcript_path: str
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Context in use, in tokens and percent of the window; None where nobody knows.

    used_tokens: input + cache creation + cache read, output excluded, as the client's status line counts.
    source: what it rests on (`hook`: the transcript that the hook named). age_s: seconds since that was true.
    turns_old: 0 for the reply that makes the call, 1 for the one before it. announcement: the change of level,
    once for each conversation and change.
    """

    used_tokens: int | None = None
    window_tokens: int | None = None
    percent: float | None = None
    stage: Stage = Stage.NORMAL
    source: Source = "estimate"
    model: str | None = None
    age_s: float | None = None
    turns_old: int | None = None
    conversation: Conversation | None = None
    announcement: Signal | None = None

    @property
    def level(self) -> Level:
        return self.stage.level

    def allow(self, max_parallel: int) -> Allowance:
        """What is left of `max_parallel` steps at once, and how."""
        return allow(self.stage, self.percent, max_parallel)

    def budget_tokens(self, asked: int) -> int:
        """What is left of a budget: the level's share, never more than the room before the handoff (before the
        window's end once a handoff is due); 0 or more."""
        share = int(asked * self.allow(1).budget_factor)
        if self.used_tokens is None or self.window_tokens is None:
            return share
        end = 100.0 if self.stage is Stage.HANDOFF else HANDOFF_ABOVE
        return max(0, min(share, int(self.window_tokens * end / 100) - self.used_tokens))

    def after(self, tokens: int) -> "Usage":
        """The usage predicted once `tokens` more have been delivered."""
        if self.used_tokens is None or not self.window_tokens:
            return self
        used = self.used_tokens + tokens
        percent = 100 * used / self.window_tokens
        stage = max(self.stage, stage_at(percent))
        return replace(self, used_tokens=used, percent=percent, stage=stage, announcement=None)

    def data(self) -> dict[str, str | int | float | None]:
        """The `context` object of the contract; percent and seconds to one decimal."""
        return {
            "used_tokens": self.used_tokens,
            "window_tokens": self.window_tokens,
            "percent": None if self.percent is None else round(self.percent, 1),
            "level": self.level,
            "source": self.source,
            "model": self.model,
            "age_s": None if self.age_s is None else round(self.age_s, 1),
            "turns_old": self.turns_old,
        }

    def text(self) -> str:
        """`context 41 % (transcript, 1 turn old)`."""
        if self.percent is None:
            return "context unknown"
        turns = self.turns_old or 0
        old = f", {turns} turn{'s' if turns > 1 else ''} old" if turns else ""
        return f"context {self.percent:.0f} % ({self.source}{old})"
