"""The page cache: time, bytes, and one load for all who ask at the same time."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.page_cache import Loaded, PageCache

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Loads that are counted; each waits for `gate` where there is one."""

    def __init__(self, size_bytes: int | None = 10, gate: anyio.Event | None = None) -> None:
        self.size_bytes = size_bytes
        self.gate = gate
        self.loads = 0

    async def __call__(self) -> Loaded[str]:
        self.loads += 1
        number = self.loads
        if self.gate is not None:
            await self.gate.wait()
        return Loaded(f"page {number}", self.size_bytes)


def cache(clock: Callable[[], float] | None = None, ttl_s: float = 900.0, max_bytes: int = 100) -> PageCache[str]:
    return PageCache(ttl_s, max_bytes, clock or Clock())


def gives(value: str, size_bytes: int) -> Callable[[], Awaitable[Loaded[str]]]:
    async def load() -> Loaded[str]:
        return Loaded(value, size_bytes)

    return load


async def test_a_page_is_loaded_once_until_it_expires() -> None:
    clock, source = Clock(), Source()
    pages = cache(clock)
    assert await pages.get("k", source) == ("page 1", False)
    clock.now = 899.9
    assert await pages.get("k", source) == ("page 1", True)
    clock.now = 900.0
    assert await pages.get("k", source) == ("page 2", False)


async def test_keys_do_not_share_pages() -> None:
    source = Source()
    pages = cache()
    assert await pages.get("a", source) == ("page 1", False)
    assert await pages.get("b", source) == ("page 2", False)


async def test_what_is_not_to_be_kept_is_loaded_each_time() -> None:
    source = Source(size_bytes=None)
    pages = cache()
    assert await pages.get("k", source) == ("page 1", False)
    assert await pages.get("k", source) == ("page 2", False)


async def test_the_least_recently_used_page_goes_first() -> None:
    pages = cache(max_bytes=100)
    for key in ("a", "b", "c"):
        await pages.get(key, gives(key, 30))
    await pages.get("a", gives("again", 30))
    await pages.get("d", gives("d", 30))
    hits = [key for key in ("a", "c", "d") if (await pages.get(key, gives("", 30)))[1]]
    assert hits == ["a", "c", "d"]
    assert not (await pages.get("b", gives("", 30)))[1]


async def test_a_page_larger_than_the_cache_is_handed_on_and_not_kept() -> None:
    pages = cache(max_bytes=100)
    await pages.get("small", gives("small", 50))
    assert await pages.get("large", gives("large", 101)) == ("large", False)
    assert pages.used_bytes == 50


async def test_a_cache_without_time_keeps_nothing() -> None:
    pages = cache(ttl_s=0.0)
    await pages.get("k", Source())
    assert pages.used_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 60), st.floats(0, 500)), max_size=40))
async def test_the_bytes_kept_never_exceed_the_bound(requests: list[tuple[int, int, float]]) -> None:
    clock = Clock()
    pages = cache(clock, max_bytes=100)
    for key, size_bytes, passed_s in requests:
        clock.now += passed_s
        await pages.get(key, gives("", size_bytes))
        assert 0 <= pages.used_bytes <= 100


async def test_calls_at_the_same_time_share_one_load() -> None:
    source = Source(gate=anyio.Event())
    pages, results = cache(), list[tuple[str, bool]]()

    async def ask() -> None:
        results.append(await pages.get("k", source))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert source.gate is not None
        source.gate.set()
    assert source.loads == 1
    assert sorted(results) == [("page 1", False), *[("page 1", True)] * 4]


async def test_when_the_one_that_loads_is_cancelled_another_takes_over() -> None:
    source = Source(gate=anyio.Event())
    pages, results, leader = cache(), list[tuple[str, bool]](), anyio.CancelScope()

    async def lead() -> None:
        with leader:
            results.append(await pages.get("k", source))

    async def follow() -> None:
        results.append(await pages.get("k", source))

    async with anyio.create_task_group() as group:
        group.start_soon(lead)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(follow)
        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        leader.cancel()
        await anyio.wait_all_tasks_blocked()
        assert source.loads == 2
        assert source.gate is not None
        source.gate.set()
    assert sorted(results) == [("page 2", False), ("page 2", True)]


async def test_a_load_that_breaks_breaks_for_its_caller_alone() -> None:
    started = anyio.Event()
    pages, results, broken = cache(), list[tuple[str, bool]](), list[Exception]()

    async def breaks() -> Loaded[str]:
        started.set()
        await anyio.wait_all_tasks_blocked()
        raise ValueError("broken")

    async def lead() -> None:
        try:
            await pages.get("k", breaks)
        except ValueError as exc:
            broken.append(exc)

    async def follow() -> None:
        await started.wait()
        results.append(await pages.get("k", Source()))

    async with anyio.create_task_group() as group:
        group.start_soon(lead)
        group.start_soon(follow)
    assert len(broken) == 1
    assert results == [("page 1", False)]
