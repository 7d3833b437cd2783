"""Rows about fetching: pages that take their time, and what converting a real page costs and keeps."""

import json
import math
import time
from pathlib import Path

from case import Case, NotMeasured, Probe
from cases.reads import batch
from machine import cpu_ms
from pages import SOURCE, recall
from world import World

_PER_HOST = 32  # connections to one host, the server's default


def rows(world: World) -> list[Case | Probe]:
    html = _Html(world)
    return [
        _pages(world, 32, 50, 1.4),
        _pages(world, 200, 200, 1.1),
        Probe("HTML pages of 65 KB, processor time of each", f"pages of {SOURCE}", "ms", html.cpu_ms, 6.0),
        Probe(
            "HTML pages of 65 KB, recall of the main text",
            f"words of [role=main], pages of {SOURCE}",
            "",
            html.recall,
            0.99,
            at_least=True,
            rounds=1,
        ),
    ]


def _pages(world: World, count: int, delay_ms: int, target: float) -> Case:
    ideal_s = math.ceil(count / _PER_HOST) * delay_ms / 1000
    urls = [f"http://127.0.0.1:{world.port}/{delay_ms}/{i}" for i in range(count)]
    return Case(
        f"{count} pages at {delay_ms} ms",
        f"the ideal with {_PER_HOST} at once: {1000 * ideal_s:.0f} ms",
        lambda: time.sleep(ideal_s),
        batch(world, [{"op": "fetch", "url": urls}]),
        target,
    )


class _Html:
    """Conversions of real pages that the world's web server shows."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cpu_ms(self) -> float:
        """Mean over the pages, fetched in one batch: all that the server's process spends, network included."""
        pages = self._pages()
        urls = [self._url(page) for page in pages]
        before = cpu_ms(self._world.ours.pid)
        self._world.ours.call("batch", {"steps": [{"op": "fetch", "url": urls}], "max_tokens": 140_000})
        return (cpu_ms(self._world.ours.pid) - before) / len(pages)

    def recall(self) -> float:
        """Mean over the pages, each fetched alone so that nothing of it is cut."""
        return sum(self._recall(page) for page in self._pages()) / len(self._pages())

    def _recall(self, page: Path) -> float:
        step = {"op": "fetch", "url": self._url(page)}
        result = self._world.ours.call("batch", {"steps": [step], "format": "json", "max_tokens": 140_000})
        entry = json.loads(json.dumps(result["structuredContent"]))["steps"][0]
        if entry["truncated"]:
            raise NotMeasured(f"{page.name} did not fit into one answer")
        return recall(page.read_text(encoding="utf-8"), entry["output"]["text"])

    def _url(self, page: Path) -> str:
        return f"http://127.0.0.1:{self._world.port}/html/{page.name}"

    def _pages(self) -> list[Path]:
        if self._world.pages is None:
            raise NotMeasured(self._world.no_pages)
        return sorted(self._world.pages.iterdir())
