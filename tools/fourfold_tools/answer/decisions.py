"""Decisions: what limits did during a run, as the signals that tell of it. Pure."""

from collections.abc import Sequence

from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.scaling import Change, merged


def pressure_signals(changes: Sequence[Change]) -> list[Signal]:
    """What the machine's pressure did to limits, one signal for each class and direction."""
    return [Signal("pressure", c.key, c.reason, f"{c.key} steps at once {_course(c)}") for c in merged(changes)]


def trouble_signals(changes: Sequence[Change]) -> list[Signal]:
    """What steps that failed did to limits: of a class after contention, of a host that asked for fewer requests."""
    return [_host(c) if ":" in c.key else _class(c) for c in merged(changes)]


def _class(change: Change) -> Signal:
    action = f"{change.key} steps at once {_course(change)}"
    if change.after == 1:
        action += ": one at a time"
    return Signal("degraded", change.key, change.reason, action)


def _host(change: Change) -> Signal:
    host = change.key.partition(":")[2]
    return Signal("pressure", change.key, change.reason, f"fetches at once from {host} {_course(change)}")


def _course(change: Change) -> str:
    return f"{change.before} -> {change.after}"
