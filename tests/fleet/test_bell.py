"""Who waits for an end is woken by it."""

import anyio
import pytest
from anyio.lowlevel import checkpoint

from fourfold_tools.fleet.bell import Bell

pytestmark = pytest.mark.anyio


async def test_a_ring_between_two_waits_is_not_missed() -> None:
    bell = Bell("", {})
    bell.ring()
    with anyio.fail_after(5):
        await bell.wait(60)
    woken: list[str] = []

    async def wait() -> None:
        await bell.wait(60)
        woken.append("")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        for _ in range(10):
            await checkpoint()
        assert not woken  # one ring ends one wait
        bell.ring()
    assert woken


async def test_nobody_waits_longer_than_was_said() -> None:
    with anyio.fail_after(5):
        await Bell("", {}).wait(0.0)


async def test_where_nobody_can_tell_an_end_is_looked_for() -> None:
    """A database that is away is no error of the bell: it is only not heard."""
    bell = Bell("postgresql://nobody@127.0.0.1:1/none", {"connect_timeout": 2})
    with anyio.move_on_after(0.2):
        await bell.listen()
    assert not bell.heard
    assert Bell("", {}).heard
