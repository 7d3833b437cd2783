"""A level: what a percentage of the caller's context allows, with hysteresis on the way down."""

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from fourfold_tools.context.signals import Signal

Level = Literal["normal", "limited", "scaled_down", "handoff"]


class Stage(IntEnum):
    """A level, with the part of `scaled_down` above 90 % as a stage of its own; a higher stage allows less."""

    NORMAL = 0
    LIMITED = 1
    SCALED_DOWN = 2
    HEADS_ONLY = 3
    HANDOFF = 4

    @property
    def level(self) -> Level:
        return _LEVELS[self]


_LEVELS: tuple[Level, ...] = ("normal", "limited", "scaled_down", "scaled_down", "handoff")

# The contract's thresholds, in percent: above 70, from 85 on, above 90, above 95.
LIMITED_ABOVE = 70.0
SCALED_DOWN_FROM = 85.0
HEADS_ONLY_ABOVE = 90.0
HANDOFF_ABOVE = 95.0
_THRESHOLDS = (0.0, LIMITED_ABOVE, SCALED_DOWN_FROM, HEADS_ONLY_ABOVE, HANDOFF_ABOVE)

# From 70 to 95 % limits go down in a line from all that was asked for to nothing; a tenth of a budget stays, so
# that an answer can still say how it ended.
_RAMP = HANDOFF_ABOVE - LIMITED_ABOVE
_LEAST_BUDGET = 0.1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a stage leaves of a request.

    max_parallel: steps at once, at least 1. budget_factor: what to multiply a token budget with, 0.1 to 1.
    heads_only: of each output only its first lines. new_work: whether new work starts without `force`.
    """

    max_parallel: int
    budget_factor: float
    heads_only: bool
    new_work: bool


def stage_at(percent: float) -> Stage:
    """The stage of a percentage by itself, without a past."""
    return Stage(
        (percent > LIMITED_ABOVE)
        + (percent >= SCALED_DOWN_FROM)
        + (percent > HEADS_ONLY_ABOVE)
        + (percent > HANDOFF_ABOVE)
    )


def settle(before: Stage, percent: float, gap: float) -> Stage:
    """The stage after `before`: up at once, down only `gap` points below the threshold that was crossed."""
    return max(stage_at(percent), min(before, stage_at(percent + gap)))


def allow(stage: Stage, percent: float | None, asked: int) -> Allowance:
    """What `stage` leaves of `asked` steps at once; `percent` places a limited stage on its ramp."""
    left = _RAMP
    if stage is not Stage.NORMAL and percent is not None:
        left = min(_RAMP, max(0.0, HANDOFF_ABOVE - percent))
    at_once = math.floor(asked * left / _RAMP) if stage < Stage.SCALED_DOWN else 1
    return Allowance(
        max_parallel=max(1, at_once),
        budget_factor=max(_LEAST_BUDGET, left / _RAMP),
        heads_only=stage >= Stage.HEADS_ONLY,
        new_work=stage is not Stage.HANDOFF,
    )


def change(before: Stage, after: Stage, percent: float, gap: float) -> Signal | None:
    """The announcement of a new level; None while the level stays what it was."""
    if before.level == after.level:
        return None
    if after > before:
        verb = "reached" if after is Stage.SCALED_DOWN else "is above"
        reason = f"context {percent:.4g} % {verb} {_THRESHOLDS[after]:.0f} %"
    else:
        reason = f"context {percent:.4g} % is {gap:.4g} points or more below {_THRESHOLDS[after + 1]:.0f} %"
    return Signal("handoff" if after is Stage.HANDOFF else "throttle", after.level, reason, _ACTIONS[after])


_ACTIONS = (
    "full limits again",
    "fewer steps at once, smaller answers",
    "one step at a time, small answers",
    "one step at a time, first lines only",
    'a handoff is written, new work is refused unless "force": true',
)
