"""Rows about whole runs: very many tiny steps, and a mix of all kinds."""

import time
from typing import Any

from case import Case, Probe
from cases.reads import batch
from machine import forget_peak, peak_mib, resident_mib
from mix import mix, steps_of
from world import World

_TINY = 10_000
_BIG = 140_000


def rows(world: World) -> list[Case | Probe]:
    steps = steps_of(mix(world))
    return [
        Probe("10,000 tiny steps (reads of one line), each", "", "µs", lambda: _tiny_us(world), 60.0, rounds=5),
        Probe("10,000 tiny steps, memory above rest", "peak", "MiB", lambda: _tiny_mib(world), 40.0, rounds=3),
        Case(
            "a mix of 100 steps",
            "the same steps one by one through the same code",
            lambda: _one_by_one(world, steps),
            batch(world, steps, max_tokens=_BIG),
            0.12,
        ),
    ]


def tiny(world: World, count: int) -> list[dict[str, Any]]:
    files = world.files
    return [
        {"op": "read", "path": str(files[i % len(files)]), "offset": i // len(files) + 1, "limit": 1}
        for i in range(count)
    ]


def _tiny_us(world: World) -> float:
    steps = tiny(world, _TINY)
    start = time.perf_counter()
    world.ours.call("batch", {"steps": steps, "max_parallel": 64})
    return 1e6 * (time.perf_counter() - start) / _TINY


def _tiny_mib(world: World) -> float:
    """The peak of one such run in a server that has answered one small call before."""
    with world.server() as wire:
        wire.call("batch", {"steps": tiny(world, 1)})
        rest = resident_mib(wire.pid)
        forget_peak(wire.pid)
        wire.call("batch", {"steps": tiny(world, _TINY), "max_parallel": 64})
        return peak_mib(wire.pid) - rest


def _one_by_one(world: World, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        world.ours.call("batch", {"steps": [step], "max_parallel": 1, "max_tokens": _BIG})
