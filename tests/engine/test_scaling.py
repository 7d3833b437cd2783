"""Scaling: each pressure at its exact bounds, down after a while, up again in calm, and nothing in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.scaling import DWELL, PATIENCE, Change, Scaling, Window, merged

FULL = {"cpu": 3, "process": 16, "disk": 4, "net": 64}
FLOOR = {"cpu": 1, "process": 2, "disk": 1, "net": 4}
PRESSED = Window(cpu=0.9, io=0.9, files=0.9)
CALM = Window(cpu=0.0, io=0.0, files=0.0)
BETWEEN = Window(cpu=0.4, io=0.4, files=0.75)


def run(windows: list[Window], limits: dict[str, int] | None = None) -> tuple[dict[str, int], list[Change]]:
    rule, limits, changes = Scaling(FULL, FLOOR), dict(limits or FULL), list[Change]()
    for window in windows:
        rule, more = rule.step(limits, window)
        limits |= {change.key: change.after for change in more}
        changes += more
    return limits, changes


def test_short_pressure_changes_nothing_and_lasting_pressure_does() -> None:
    assert run([PRESSED] * (PATIENCE - 1))[0] == FULL
    assert run([PRESSED] * PATIENCE)[0] == {"cpu": 2, "process": 11, "disk": 2, "net": 44}


def test_a_pause_in_the_pressure_starts_the_count_again() -> None:
    assert run([*[PRESSED] * (PATIENCE - 1), BETWEEN, *[PRESSED] * (PATIENCE - 1)])[0] == FULL


@pytest.mark.parametrize(
    ("key", "at_bound", "past_it", "reason"),
    [
        ("cpu", Window(cpu=0.6), Window(cpu=0.6001), "tasks waited for a processor 60% of the time"),
        ("process", Window(cpu=0.6), Window(cpu=0.6001), "tasks waited for a processor 60% of the time"),
        ("cpu", Window(load=2.0), Window(load=2.04), "the load is 2.0 tasks per core"),
        ("disk", Window(io=0.5), Window(io=0.5001), "tasks waited for io 50% of the time"),
        ("process", Window(memory=0.02), Window(memory=0.0201), "tasks waited for memory 2% of the time"),
        ("process", Window(memory_available=0.1), Window(memory_available=0.0999), "only 10% of the memory is left"),
        ("process", Window(files=0.8), Window(files=0.8001), "80% of the file descriptors are open"),
        ("net", Window(files=0.8), Window(files=0.8001), "80% of the file descriptors are open"),
    ],
)
def test_a_class_is_pressed_exactly_past_its_bound(key: str, at_bound: Window, past_it: Window, reason: str) -> None:
    assert [c for c in run([at_bound] * PATIENCE)[1] if c.key == key] == []
    [change] = [c for c in run([past_it] * PATIENCE)[1] if c.key == key]
    assert change == Change(key, FULL[key], int(FULL[key] * 0.7), reason)


@pytest.mark.parametrize(
    ("key", "at_bound", "past_it"),
    [
        ("cpu", Window(cpu=0.2), Window(cpu=0.1999)),
        ("cpu", Window(load=1.0), Window(load=0.9999)),
        ("disk", Window(io=0.2), Window(io=0.1999)),
        ("process", Window(memory=0.005), Window(memory=0.0049)),
        ("process", Window(memory_available=0.15), Window(memory_available=0.1501)),
        ("process", Window(files=0.7), Window(files=0.6999)),
        ("net", Window(files=0.7), Window(files=0.6999)),
    ],
)
def test_a_class_is_calm_exactly_past_its_other_bound(key: str, at_bound: Window, past_it: Window) -> None:
    low = {**FULL, key: FULL[key] - 2}
    assert [c for c in run([at_bound] * 9, low)[1] if c.key == key] == []
    assert [c for c in run([past_it] * (DWELL - 1), low)[1] if c.key == key] == []
    [change] = [c for c in run([past_it] * DWELL, low)[1] if c.key == key]
    assert change == Change(key, low[key], low[key] + 1, "the pressure is gone")


def test_between_the_bounds_nothing_changes_either_way() -> None:
    low = {key: max(1, total // 2) for key, total in FULL.items()}
    assert run([BETWEEN] * 100, low) == (low, [])


def test_the_load_counts_only_where_there_are_no_stall_times() -> None:
    assert run([Window(cpu=0.0, load=50.0)] * PATIENCE)[1] == []


def test_pressure_on_one_class_leaves_the_others_alone() -> None:
    assert {c.key for c in run([Window(io=0.9)] * PATIENCE)[1]} == {"disk"}
    assert {c.key for c in run([Window(files=0.9)] * PATIENCE)[1]} == {"process", "net"}
    assert {c.key for c in run([Window(memory_available=0.01)] * PATIENCE)[1]} == {"cpu", "process"}


def test_a_limit_below_the_floor_is_never_raised_by_pressure() -> None:
    rule = Scaling({"net": 2}, FLOOR)
    for _ in range(20):
        rule, changes = rule.step({"net": 2}, PRESSED)
        assert changes == []


windows = st.lists(st.sampled_from([PRESSED, CALM, BETWEEN, Window()]), max_size=80)


@given(windows)
def test_limits_stay_between_floor_and_full_and_come_back_in_calm(seen: list[Window]) -> None:
    limits, changes = run(seen)
    assert all(FLOOR[key] <= limit <= FULL[key] for key, limit in limits.items())
    assert all(change.reason and change.before != change.after for change in changes)
    assert run([CALM] * DWELL * max(FULL.values()), limits)[0] == FULL


@pytest.mark.parametrize(("count", "back"), [(0, 5), (DWELL - 1, 5), (DWELL, 6), (5 * DWELL, 10), (10**9, 16)])
def test_calm_time_without_a_run_gives_back_what_as_many_windows_would(count: int, back: int) -> None:
    rule, low = Scaling(FULL, FLOOR), {**FULL, "process": 5}
    expected = [Change("process", 5, back, "the pressure is gone")] if back > 5 else []
    assert rule.rested(low, CALM, count) == expected
    assert rule.rested(low, BETWEEN, count) == []
    assert rule.rested(low, PRESSED, count) == [], "what pressed others while we rested lowers nothing"


def test_changes_in_one_direction_are_told_as_one() -> None:
    told = [
        Change("cpu", 4, 2, "a"),
        Change("process", 16, 11, "b"),
        Change("cpu", 2, 1, "c"),
        Change("cpu", 1, 2, "d"),
        Change("cpu", 2, 3, "e"),
        Change("cpu", 3, 2, "f"),
    ]
    assert merged(told) == [
        Change("cpu", 4, 1, "c"),
        Change("process", 16, 11, "b"),
        Change("cpu", 1, 3, "e"),
        Change("cpu", 3, 2, "f"),
    ]
