"""Rows about reading: many files warm and cold, and lines far into a large log."""

import time
from collections.abc import Callable
from typing import Any

import floors
from case import Case, NotMeasured, Probe
from wire import Wire
from world import World

_FAR = 0.97  # of the log's lines
_LINES = 2_000
_HEAD = 40


def rows(world: World) -> list[Case | Probe]:
    files = world.files
    whole = [{"op": "read", "path": str(path)} for path in files]
    heads = [{**step, "limit": _HEAD} for step in whole]
    log = _Log(world)
    return [
        Case(
            "200 reads, formatted, warm (the answer shows what fits its budget)",
            "one process that reads and numbers",
            lambda: floors.read_and_number(files),
            batch(world, whole, max_tokens=140_000),
            1.3,
        ),
        Case(
            f"200 reads of {_HEAD} lines, warm, all shown",
            "one process that reads and numbers these lines",
            lambda: floors.read_and_number_heads(files, _HEAD),
            lambda: _all_shown(world, heads),
            1.3,
        ),
        Case(
            "200 reads, formatted, cold (pages dropped before each)",
            "the same, pages dropped too",
            lambda: floors.read_and_number(files),
            batch(world, whole, max_tokens=140_000),
            0.7,
            before=lambda: _forget(world),
        ),
        Case(
            "2,000 lines far into a log of 2.1 GB, first time",
            "tail -n +N | head -n 2000",
            log.floor,
            log.first_time,
            1.2,
            before=log.new_server,
            rounds=5,
        ),
        Probe("2,000 lines far into it, a seek after", "", "ms", log.seek_ms, 5.0),
    ]


def batch(world: World, steps: list[dict[str, Any]], **more: Any) -> Callable[[], object]:
    """One call of `batch` with these steps, 64 at once."""
    return lambda: world.ours.call("batch", {"steps": steps, "max_parallel": 64, **more})


def _all_shown(world: World, steps: list[dict[str, Any]]) -> None:
    """The batch; raises where its answer leaves a line out."""
    found = world.ours.call("batch", {"steps": steps, "max_parallel": 64, "max_tokens": 140_000})
    if "lines shown; all of it" in found["content"][0]["text"]:
        raise RuntimeError("the answer is cut: read fewer lines of each file")


def _forget(world: World) -> None:
    if not floors.forget_pages(world.files):
        raise NotMeasured("this file system keeps pages in memory")


class _Log:
    """Readings of a large log. Mutable: the server that reads it, a new one knows nothing of the file."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wire: Wire | None = None
        self._turn = 0

    def floor(self) -> None:
        path, lines = self._world.log
        floors.tail_and_head(path, int(lines * _FAR), _LINES)

    def new_server(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = self._world.server()
        self._wire.call("inspect", {"steps": [{"op": "read", "path": str(self._world.files[0]), "limit": 1}]})

    def first_time(self) -> None:
        _, lines = self._world.log
        self._read(int(lines * _FAR))

    def seek_ms(self) -> float:
        """Lines somewhere else in a log that the server knows."""
        if self._wire is None:
            self.new_server()
            self.first_time()
        _, lines = self._world.log
        self._turn += 1
        start = time.perf_counter()
        self._read(int(lines * (0.1 + 0.07 * (self._turn % 12))))
        return 1000 * (time.perf_counter() - start)

    def _read(self, first: int) -> None:
        assert self._wire is not None
        step = {"op": "read", "path": str(self._world.log[0]), "offset": first, "limit": _LINES}
        self._wire.call("inspect", {"steps": [step], "max_tokens": 140_000})
