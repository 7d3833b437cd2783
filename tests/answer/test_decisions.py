"""Decisions: each change of a limit as a signal with its reason, and what went on in one direction as one."""

from fourfold_tools.answer.decisions import pressure_signals, trouble_signals
from fourfold_tools.engine.scaling import Change


def test_pressure_is_told_by_class_and_direction() -> None:
    changes = [
        Change("cpu", 3, 2, "busy"),
        Change("cpu", 2, 1, "busier"),
        Change("cpu", 1, 2, "the pressure is gone"),
    ]
    assert [signal.line() for signal in pressure_signals(changes)] == [
        "📡 pressure cpu: busier: cpu steps at once 3 -> 1",
        "📡 pressure cpu: the pressure is gone: cpu steps at once 1 -> 2",
    ]


def test_contention_is_told_down_to_one_at_a_time_and_back() -> None:
    changes = [Change("process", 8, 1, "no room"), Change("process", 1, 2, "well"), Change("process", 2, 8, "well")]
    assert [signal.line() for signal in trouble_signals(changes)] == [
        "📡 degraded process: no room: process steps at once 8 -> 1: one at a time",
        "📡 degraded process: well: process steps at once 1 -> 8",
    ]


def test_a_host_is_named() -> None:
    [signal] = trouble_signals([Change("net:example.com", 32, 16, "it answered 429 or 503")])
    line = "📡 pressure net:example.com: it answered 429 or 503: fetches at once from example.com 32 -> 16"
    assert signal.line() == line


def test_nothing_changed_is_nothing_told() -> None:
    assert pressure_signals([]) == trouble_signals([]) == []
