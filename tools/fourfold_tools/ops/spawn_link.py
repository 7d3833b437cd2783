"""The link to the spawn helper: its process as the server sees it, and one channel per program."""

import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

import anyio

from fourfold_tools.errors import Contention, Denied, FourfoldError, InvalidRequest, NotFound, TooLarge, Unsupported
from fourfold_tools.ops import spawn_helper
from fourfold_tools.ops.confinement import Confinement
from fourfold_tools.ops.spawn_helper import CONFINEMENT, ENDED, FOLDER, KILL, REQUEST, STARTED, STUBBORN_S

# Longest time beyond its own bounds that the helper may take to answer; then it counts as stuck and is killed, with
# all that it runs. Long enough for a machine under heavy load.
STUCK_S = 10.0
# Rounds, and seconds between them, in which what a lost helper left behind is looked for and killed.
_SWEEPS = 200
_SWEEP_S = 0.01
# Seconds between two looks at a helper that is behind or ending.
_LOOK_S = 0.002

_LOST = "the process that starts programs was ended from outside; this program was ended with it"
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}


class HelperProcess:
    """The running helper: its pid and our end of the control socket."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self._control = control
        self._reaped = False

    @classmethod
    def launch(cls) -> Self:
        """Start the helper: isolated, without this process's variables, in a session of its own."""
        command = [sys.executable, "-I", "-S", "-E", spawn_helper.__file__]
        with ExitStack() as undo:
            try:
                ours, theirs = socket.socketpair()
                undo.enter_context(ours)
                with theirs:
                    pid = os.posix_spawn(
                        command[0],
                        command,
                        {},
                        file_actions=[
                            (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                        ],
                        setsid=True,
                        setsigmask=[],
                        setsigdef=spawn_helper.resettable_signals(),
                    )
            except OSError as exc:
                raise fault(exc.errno or errno.EIO, command[0], "program") from exc
            ours.setblocking(False)
            undo.pop_all()
        return cls(pid, ours)

    async def hand_over(self, descriptors: Sequence[int]) -> None:
        """Pass one program's descriptors: its channel, stdin, stdout, stderr.

        Raises:
            ConnectionError: the helper has gone.
            Contention: too many descriptors are on their way.
        """
        while True:
            try:
                socket.send_fds(self._control, [b"+"], descriptors)
                return
            except BlockingIOError:  # hundreds are waiting already; two tasks cannot wait for one socket
                await anyio.sleep(_LOOK_S)
            except ConnectionError:
                raise
            except OSError as exc:
                raise Contention(f"a program could not be handed over: {exc.strerror}") from exc

    def kill(self) -> None:
        if not self._gone():
            os.kill(self.pid, signal.SIGKILL)

    async def aclose(self) -> None:
        """Close the control socket, which makes the helper end everything, and wait for its end."""
        self._control.close()
        with anyio.move_on_after(STUBBORN_S + STUCK_S):
            await self._end()
        self.kill()
        await self._end()

    async def _end(self) -> None:
        while not self._gone():  # noqa: ASYNC110  (a process tells its end to nobody but waitpid)
            await anyio.sleep(_LOOK_S)

    def _gone(self) -> bool:
        if not self._reaped:
            try:
                self._reaped = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
            except ChildProcessError:  # somebody in this process reaps everything
                self._reaped = True
        return self._reaped


class Channel:
    """One program's line to the helper. When we close it, the helper ends the program at once."""

    def __init__(self, near: socket.socket, mark: int) -> None:
        self._socket = near
        self._mark = mark
        self._leader = 0

    def send_now(self, data: bytes) -> int:
        """Send what fits without waiting; gives how much that was."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def begin(self, rest: bytes) -> tuple[int, int, int]:
        """Send the rest of the request and wait until the program runs: its pid, errno, what was at fault.

        Raises:
            Contention: the helper was lost; nothing of the program is left.
        """
        try:
            while rest:
                await anyio.wait_writable(self._socket)
                rest = rest[self.send_now(rest) :]
            self._leader, number, place = STARTED.unpack(await self._receive(STARTED.size))
        except ConnectionError as exc:
            await self._sweep()
            raise Contention(_LOST) from exc
        return self._leader, number, place

    async def end(self) -> tuple[int, float, int]:
        """Wait until the program and all it started has ended: exit code, CPU seconds, peak resident bytes.

        Raises:
            Contention: as for begin.
        """
        try:
            code, cpu_s, max_rss_bytes = ENDED.unpack(await self._receive(ENDED.size))
        except ConnectionError as exc:
            await self._sweep()
            raise Contention(_LOST) from exc
        return code, cpu_s, max_rss_bytes

    async def outlive(self) -> None:
        """Wait for the end of a helper that was killed, and kill what it left of the program."""
        with contextlib.suppress(ConnectionError):
            while await self._receive(STARTED.size):
                pass
        await self._sweep()

    def order_end(self, grace_s: float) -> None:
        with contextlib.suppress(OSError):  # the program or the helper has ended by itself
            self._socket.send(KILL.pack(grace_s))

    async def _receive(self, size: int) -> bytes:
        """The next record. The helper sends each in one piece into an empty socket; such a piece is never split."""
        while True:
            try:
                record = self._socket.recv(size)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                continue
            if not record:
                raise ConnectionResetError(errno.ECONNRESET, _LOST)
            return record

    async def _sweep(self) -> None:
        """Kill what a lost helper left of the program; its processes are now init's, and init reaps them."""
        if self._leader:
            spawn_helper.kill_group(self._leader, signal.SIGKILL)
        for _ in range(_SWEEPS):
            left = [pid for pid in spawn_helper.processes() if self._lives(pid)]
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    spawn_helper.kill_group(os.getpgid(pid), signal.SIGKILL)
            await anyio.sleep(_SWEEP_S)

    def _lives(self, pid: int) -> bool:
        ours = spawn_helper.belongs(pid, self._leader, self._mark)
        return ours and spawn_helper.stat_fields(pid)[:1] not in ([], [b"Z"])


def request(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], mark: int, confinement: Confinement | None = None
) -> bytes:
    """What the helper reads on a program's channel; text becomes the bytes it came from.

    Raises:
        InvalidRequest, TooLarge: an argument or a variable that no program can be given; more than the system takes.
    """
    for name in env:
        if not name or "=" in name:
            raise InvalidRequest(f"{name!r} cannot be the name of a variable")
    limits = [] if confinement is None else confinement.fields()
    texts = (cwd, *limits, *argv, *(f"{name}={value}" for name, value in env.items()))
    try:
        body = "\0".join(texts).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise InvalidRequest(f"an argument or a variable is not text: {exc.reason}") from exc
    if body.count(b"\0") != len(texts) - 1:
        raise InvalidRequest("an argument, a variable or a path holds a NUL character, which no program can be given")
    if len(body) > os.sysconf("SC_ARG_MAX"):
        raise fault(errno.E2BIG, argv[0], "program")
    return REQUEST.pack(len(body), len(limits), len(argv), mark) + body


def start_fault(number: int, place: int, program: str, cwd: str) -> FourfoldError:
    """Why a program did not start, as an error of ours."""
    if place == CONFINEMENT:
        return Unsupported(f"{program} cannot be confined: {os.strerror(number)}")
    if number == errno.ESTALE:
        return Denied(f"folder {cwd} was replaced by another one while the step began")
    return fault(number, cwd, "folder") if place == FOLDER else fault(number, program, "program")


def fault(number: int, name: str, what: str) -> FourfoldError:
    """An errno of chdir or execve as an error of ours; what: `program` or `folder`."""
    text = os.strerror(number)
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(f"no such {what}: {name}")
    if number in {errno.EACCES, errno.EPERM}:
        return Denied(f"{what} {name}: {text}")
    if number == errno.E2BIG:
        return TooLarge(f"{what} {name}: {text}; hand large data over as stdin or as a file")
    if number in _PASSING:
        return Contention(f"{what} {name}: {text}")
    return Unsupported(f"{what} {name}: {text}")
