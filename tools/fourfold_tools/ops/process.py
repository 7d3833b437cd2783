"""Programs: started through one small helper process, drained within bounds, ended with all they started."""

import contextlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from fourfold_tools.errors import Contention, Unsupported
from fourfold_tools.ops.confinement import Confinement
from fourfold_tools.ops.spawn_helper import STUBBORN_S
from fourfold_tools.ops.spawn_link import STUCK_S, Channel, HelperProcess, request, start_fault

PIECE_BYTES = 65_536  # what a pipe holds
_FLOOD_BYTES = 1_048_576  # what it is made to hold where a program fills it
_GULP_PIECE_BYTES = 131_072  # larger pieces come from pages that are new each time, at twice the processor time
_GULP_BYTES = 2_097_152  # read in a thread before its caller takes it in
_GULP_IDLE_S = 0.01  # a program that prints nothing for so long holds no thread
_GULP_S = 0.1  # nor for longer than this at a time, which also bounds what a cancellation waits for
_GULP_NAP_S = 0.0002  # in which a fast program prints about 200 KB


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended: exit code (128 + n when signal n ended it), CPU seconds and peak memory of its tree.

    The figures count what was reaped; what still ran when the program ended was killed and is counted when it
    was reaped in time. max_rss_bytes is the peak of the largest process, and never less than the helper's own
    (about 11 MiB): the kernel lets a program begin with the peak of the process that started it.
    """

    code: int
    cpu_s: float
    max_rss_bytes: int


class Child:
    """A running program. As an async context manager it is ended, with all it started, on every way out.

    Leaving the context also closes `stdout` and `stderr`. Mutable: the exit, once it is known.
    """

    def __init__(
        self, pid: int, stdout: int, stderr: int | None, channel: Channel, helper: HelperProcess, closing: ExitStack
    ) -> None:
        self.pid = pid
        self.stdout = stdout  # descriptor, non-blocking
        self.stderr = stderr  # descriptor, non-blocking; None when merged into stdout
        self._channel = channel
        self._helper = helper
        self._closing = closing
        self._exit: Exit | Contention | None = None
        self._turn = anyio.Lock(
            fast_acquire=True
        )  # one task reads the channel; where it is cancelled the next one goes on

    async def wait(self) -> Exit:
        """The end of the program; by then everything that it started has ended too.

        Raises:
            Contention: the helper was ended and the program with it; how far it had got is not known.
        """
        async with self._turn:
            if self._exit is None:
                try:
                    self._exit = Exit(*await self._channel.end())
                except Contention as exc:
                    self._exit = exc
        if isinstance(self._exit, Contention):
            raise self._exit
        return self._exit

    async def kill(self, grace_s: float = 0.0) -> None:
        """TERM, then after grace_s KILL, for the whole tree; 0 kills at once. Returns when it is gone."""
        if self._exit is not None:
            return
        self._channel.order_end(grace_s)
        with contextlib.suppress(Contention):
            with anyio.move_on_after(grace_s + STUBBORN_S + STUCK_S):
                await self.wait()
                return
            self._helper.kill()  # it does not answer
            await self.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing, anyio.CancelScope(shield=True):
            await self.kill()


class Spawner:
    """Starts programs. The helper process starts with the first one and dies with this process, kill -9 included."""

    def __init__(self) -> None:
        self._helper: HelperProcess | None = None

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: int | None = None,
        merge_stderr: bool = False,
        confinement: Confinement | None = None,
    ) -> Child:
        """Start argv[0] (an absolute path) in a session and process group of its own, under a confinement if given.

        cwd: a path without links; where another folder has taken its place by then, nothing is started.
        stdin: a descriptor that becomes the child's standard input, /dev/null without it; the caller keeps and
        closes its own copy.

        Raises:
            NotFound, Denied, TooLarge, Contention, InvalidRequest, Unsupported: no such program or folder; not
                allowed; more arguments than the system takes; out of processes or descriptors; a NUL character in
                an argument; a platform without these means (Windows), a kernel that cannot confine.
        """
        if sys.platform == "win32":
            raise Unsupported("programs need process groups and sockets that pass descriptors; on Windows use WSL")
        mark = 1 << 62 | secrets.randbits(61)
        message = request(argv, cwd, env, mark, confinement)
        with ExitStack() as ours, ExitStack() as theirs:
            try:
                near, far = _socketpair(ours, theirs)
                stdout, far_stdout = _pipe(ours, theirs)
                stderr, far_stderr = (None, far_stdout) if merge_stderr else _pipe(ours, theirs)
                far_stdin = _null(theirs) if stdin is None else stdin
            except OSError as exc:
                raise Contention(f"no pipe for a program: {exc.strerror}") from exc
            channel = Channel(near, mark)
            sent = channel.send_now(message)
            helper = await self._hand_over([far, far_stdin, far_stdout, far_stderr])
            theirs.close()
            pid = await _begin(channel, helper, message[sent:], argv[0], cwd)
            return Child(pid, stdout, stderr, channel, helper, ours.pop_all())

    async def aclose(self) -> None:
        """End every program and the helper."""
        helper, self._helper = self._helper, None
        if helper is not None:
            with anyio.CancelScope(shield=True):
                await helper.aclose()

    async def _hand_over(self, descriptors: Sequence[int]) -> HelperProcess:
        """Give a program's descriptors to the helper; to a new one where there is none or the last one has gone."""
        for _ in range(2):
            helper = self._helper = self._helper or HelperProcess.launch()
            try:
                await helper.hand_over(descriptors)
                return helper
            except ConnectionError:
                if self._helper is helper:
                    self._helper = None
                with anyio.CancelScope(shield=True):
                    await helper.aclose()
        raise Contention("the process that starts programs ends as soon as it begins")


async def read_some(fd: int, max_bytes: int = PIECE_BYTES) -> bytes:
    """The next bytes of a non-blocking descriptor, b"" at its end; waits without holding a thread.

    What was read is never lost to a cancellation: other tasks get their turn before the read, not after it.
    """
    await checkpoint()
    while True:
        try:
            return os.read(fd, max_bytes)
        except BlockingIOError:
            await anyio.wait_readable(fd)


def widen(fd: int, max_bytes: int = _FLOOD_BYTES) -> int:
    """Make a pipe hold more, so that a flood is read in fewer pieces; how much it holds then.

    The kernel bounds what one user's pipes may hold together; beyond that they stay as they are.
    """
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            return fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, max_bytes)
    return PIECE_BYTES


def gulp(fd: int) -> list[bytes]:
    """The next pieces of a non-blocking descriptor that is being filled fast: for a thread, which waits for little.

    Ends where nothing came for a moment, at the end of the descriptor, or with as much as one is to hold.
    A pause behind each piece lets the program print on; woken for each line, the two would do nothing else.
    """
    pieces: list[bytes] = []
    held = 0
    began = quiet_from = now = time.monotonic()
    while held < _GULP_BYTES and now - quiet_from < _GULP_IDLE_S and now - began < _GULP_S:
        try:
            data = os.read(fd, _GULP_PIECE_BYTES)
            if not data:
                break
            pieces.append(data)
            held += len(data)
            quiet_from = now
            full = len(data) == _GULP_PIECE_BYTES
        except BlockingIOError:
            full = False
        if not full:
            time.sleep(_GULP_NAP_S)
        now = time.monotonic()
    return pieces


async def _begin(channel: Channel, helper: HelperProcess, rest: bytes, program: str, cwd: str) -> int:
    """The pid of the program, once it runs; not cancelled in between, so that nobody loses sight of it."""
    with anyio.move_on_after(STUCK_S, shield=True):
        pid, number, place = await channel.begin(rest)
        if number:
            raise start_fault(number, place, program, cwd)
        return pid
    helper.kill()
    with anyio.move_on_after(STUCK_S, shield=True):
        await channel.outlive()
    raise Contention(f"{program} did not start within {STUCK_S:g} s; is it or {cwd} on a file system that hangs?")


def _socketpair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, int]:
    near, far = socket.socketpair()
    ours.enter_context(near)
    theirs.enter_context(far)
    near.setblocking(False)
    return near, far.fileno()


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    near, far = os.pipe()
    ours.callback(os.close, near)
    theirs.callback(os.close, far)
    os.set_blocking(near, False)
    return near, far


def _null(theirs: ExitStack) -> int:
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    theirs.callback(os.close, null)
    return null
