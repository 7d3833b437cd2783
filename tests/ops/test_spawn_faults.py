"""Programs that cannot start because something ran out, here or in the helper: a clear end, and the next one runs."""

import errno
import os
import resource
import sys
from collections.abc import AsyncGenerator

import anyio
import pytest

from fourfold_tools.errors import Contention
from fourfold_tools.ops import process, spawn_link
from fourfold_tools.ops.process import Spawner, read_some

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only"),
]
ENV = {"PATH": os.defpath}
PASSING = pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOMEM], ids=errno.errorcode.get)


@pytest.fixture
async def spawner() -> AsyncGenerator[Spawner, None]:
    made = Spawner()
    yield made
    await made.aclose()


async def works(spawner: Spawner) -> None:
    with anyio.fail_after(30):
        async with await spawner.start(["/bin/echo", "good"], cwd="/", env=ENV) as child:
            assert await read_some(child.stdout) == b"good\n"
            assert (await child.wait()).code == 0


@PASSING
async def test_a_helper_that_cannot_be_started_is_contention_and_the_next_one_can(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(spawn_link.os, "posix_spawn", refuse)
        with pytest.raises(Contention, match=os.strerror(number)):
            await spawner.start(["/bin/true"], cwd="/", env=ENV)
    await works(spawner)


@pytest.mark.parametrize("what", ["pipe", "socketpair"])
async def test_a_program_without_descriptors_here_is_contention_and_leaves_none_open(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await works(spawner)
    before = len(os.listdir("/proc/self/fd"))

    def refuse(*_: object) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(process.os if what == "pipe" else process.socket, what, refuse)
        with pytest.raises(Contention, match="no pipe for a program"):
            await spawner.start(["/bin/true"], cwd="/", env=ENV)
    assert len(os.listdir("/proc/self/fd")) == before
    await works(spawner)


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_NOFILE], ids=["memory", "descriptors"])
async def test_a_helper_that_runs_out_fails_the_program_and_the_next_one_runs(spawner: Spawner, kind: int) -> None:
    await works(spawner)
    helper = spawner._helper
    assert helper is not None
    usual = resource.prlimit(helper.pid, kind)
    least = 1 << 20 if kind == resource.RLIMIT_AS else len(os.listdir(f"/proc/{helper.pid}/fd"))
    resource.prlimit(helper.pid, kind, (least, usual[1]))
    with anyio.fail_after(30), pytest.raises(Contention):
        async with await spawner.start(["/bin/true"], cwd="/", env=ENV) as child:
            await child.wait()
    if os.path.exists(f"/proc/{helper.pid}"):
        resource.prlimit(helper.pid, kind, usual)
    await works(spawner)
