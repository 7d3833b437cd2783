"""The spawn helper: a small program that starts, reaps and ends other programs for the server that runs it.

It is run as a file (`python -I -S -E spawn_helper.py`, standard library only) with the control socket as its standard
input. One thread does everything; only a program with a confinement is started by a thread that has confined itself.
The helper exists because a small process starts programs faster than a large one, gets true resource figures for
each, becomes the parent of everything they leave behind, and outlives the server by the moment it takes to end all
of that, `kill -9` of the server included.

Control socket, server to helper: one byte with four descriptors per program (its channel, stdin, stdout, stderr).
Channel of a program, server to helper: REQUEST and as many bytes as it says (NUL-separated: folder, the fields of a
confinement, argv, `K=V`), then any number of KILL; its end means KILL without grace. Helper to server: STARTED, then
ENDED, then the end.

Whose is a process? Its session is the program's, or else its soft limit RLIMIT_RTTIME is: each program gets a random,
practically infinite value there, which forks, `setsid` and `env -i` hand on. A process that shows neither belongs to
the programs that end while no other runs.
"""

import contextlib
import errno
import functools
import os
import selectors
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable, Iterator

if sys.platform == "linux":
    import ctypes
    import resource

REQUEST = struct.Struct("<IIIQ")  # bytes that follow, how many fields are the confinement and argv, mark
KILL = struct.Struct("<d")  # seconds between TERM and KILL
STARTED = struct.Struct("<iii")  # pid, errno, what was at fault
PROGRAM, FOLDER, CONFINEMENT = range(3)
ENDED = struct.Struct("<idq")  # exit code, CPU seconds, peak resident bytes

# Longest time to see killed processes end; one that sits in the kernel longer (a dead network mount) is given up.
STUBBORN_S = 5.0

_HANDED = 4  # descriptors per program
_MAX_CONFINED = 8  # threads that wait for the next program with their confinement; the oldest goes first
_PR_SET_CHILD_SUBREAPER = 36
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes on macOS, KiB elsewhere
_PROC = os.path.exists("/proc/self/stat")  # without it (macOS) only process groups can be ended
_PROC_CHILDREN = os.path.exists("/proc/thread-self/children")


def resettable_signals() -> list[int]:
    """Every signal that a program can start with the default action for."""
    return sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def processes() -> list[int]:
    """Every process that can be seen; none where there is no /proc."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()] if _PROC else []


def children(pid: int) -> list[int]:
    """The direct children of a process, those of all its threads; none where there is no /proc."""
    if not _PROC_CHILDREN:
        return [other for other in processes() if (stat := stat_fields(other)) and int(stat[1]) == pid]
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def stat_fields(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session ...; empty when it is gone."""
    with contextlib.suppress(OSError):
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return []


def descendants(roots: list[int]) -> Iterator[int]:
    """The roots and everything below them, parents before children."""
    queue = list(roots)
    for pid in queue:
        yield pid
        queue += children(pid)


def belongs(pid: int, leader: int, mark: int) -> bool:
    """Whether a process is of the session of a program, or carries its mark."""
    with contextlib.suppress(OSError):
        if leader and os.getsid(pid) == leader:
            return True
        if sys.platform == "linux":
            return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0] == mark
    return False


def kill_group(group: int, number: int) -> bool:
    """Signal a whole process group at once, so that no fork escapes; False where that is not allowed."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


class Program:
    """One program: its channel, what it used so far, and how far it has got.

    pid is 0 until it runs. code is None until it was reaped. kill_at is None while it may run, else the moment
    from which its processes get KILL; give_up_at is set when they got it.
    """

    def __init__(self, channel: socket.socket, stdio: list[int]) -> None:
        self.channel = channel
        self.stdio = stdio
        self.received = b""
        self.pid = 0
        self.mark = 0
        self.code: int | None = None
        self.cpu_s = 0.0
        self.max_rss_bytes = 0
        self.kill_at: float | None = None
        self.give_up_at: float | None = None

    def add(self, usage: "resource.struct_rusage") -> None:
        self.cpu_s += usage.ru_utime + usage.ru_stime
        self.max_rss_bytes = max(self.max_rss_bytes, usage.ru_maxrss * _RSS_UNIT)

    def owns(self, pid: int) -> bool:
        return belongs(pid, self.pid, self.mark)


class Confined:
    """A thread that has confined itself, for good, and starts programs that are confined with it.

    The caller waits while it works: what a process shares among threads (folder, limits) is the caller's to set.
    """

    def __init__(self, fields: list[bytes]) -> None:
        import threading
        from queue import SimpleQueue

        self._work: SimpleQueue[Callable[[], int] | None] = SimpleQueue()
        self._done: SimpleQueue[int | OSError | ValueError] = SimpleQueue()
        self.fields = fields
        threading.Thread(target=self._serve, daemon=True).start()
        self.fault = self._done.get()

    def run(self, work: Callable[[], int]) -> int:
        """What `work` gives in the confined thread, its errors too."""
        self._work.put(work)
        result = self._done.get()
        if isinstance(result, int):
            return result
        raise result

    def close(self) -> None:
        self._work.put(None)

    def _serve(self) -> None:
        """First whether the confinement holds, 0 or the error; then one result for each piece of work."""
        result = _attempt(self._restrict)
        self._done.put(result)
        while result == 0 and (work := self._work.get()) is not None:
            self._done.put(_attempt(work))

    def _restrict(self) -> int:
        module = _confinement()
        module.restrict(module.of_fields(self.fields))
        return 0


class Helper:
    """Mutable: the programs by pid until they are reported, and the owner of each orphan (None: nobody knows).

    confined: the threads that wait for the next program with their confinement.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.programs: dict[int, Program] = {}
        self.orphans: dict[int, Program | None] = {}
        self.given_up: set[int] = set()
        self.confined: list[Confined] = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ, self.accept)
        self.marks = _marks_work()
        self.signals = resettable_signals()

    def run(self) -> None:
        """One turn: wait for a request, an order, a death or a deadline; note who died; move on who is ending."""
        asleep, awake = socket.socketpair()
        asleep.setblocking(False)
        awake.setblocking(False)
        signal.set_wakeup_fd(awake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        self.selector.register(asleep, selectors.EVENT_READ, lambda: _drain(asleep))
        while True:
            for key, _ in self.selector.select(self.wait_s()):
                key.data()
            self.reap()
            for program in [p for p in self.programs.values() if p.kill_at is not None]:
                self.advance(program)

    def wait_s(self) -> float | None:
        """Seconds to the next deadline of a program that is ending."""
        moments = [moment for p in self.programs.values() if (moment := p.give_up_at or p.kill_at) is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    # Requests and orders.

    def accept(self) -> None:
        """Take new programs from the control socket; its end is the server's end."""
        try:
            data, handed, _, _ = socket.recv_fds(self.control, 64, 64 * _HANDED)
        except BlockingIOError:
            return
        except OSError:
            data, handed = b"", []
        if not data:
            self.end_all()
            sys.exit(0)
        for descriptor in handed:
            os.set_inheritable(descriptor, False)
        if len(handed) != _HANDED * len(data):  # no room for more descriptors: the server sees its channels end
            for descriptor in handed:
                os.close(descriptor)
            return
        for first in range(0, len(handed), _HANDED):
            channel = socket.socket(fileno=handed[first])
            channel.setblocking(False)
            program = Program(channel, handed[first + 1 : first + _HANDED])
            self.selector.register(channel, selectors.EVENT_READ, functools.partial(self.listen, program))
            self.listen(program)

    def listen(self, program: Program) -> None:
        """Read a program's channel: its request first, then orders to end it."""
        try:
            data = program.channel.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        program.received += data
        if data and program.pid == 0:
            self.begin(program)
        if program.pid == 0:
            if not data:
                self.forget(program)
            return
        graces = [grace for (grace,) in KILL.iter_unpack(_whole(program, KILL.size))]
        for grace in graces if data else [0.0]:
            self.end(program, grace)
        if not data:  # the selector would report the end for ever
            self.selector.unregister(program.channel)

    def begin(self, program: Program) -> None:
        """Start a program whose request has come whole."""
        if len(program.received) < REQUEST.size:
            return
        size, limits, argc, program.mark = REQUEST.unpack_from(program.received)
        if len(program.received) < REQUEST.size + size:
            return
        fields = program.received[REQUEST.size : REQUEST.size + size].split(b"\0")
        program.received = program.received[REQUEST.size + size :]
        fault, place = self.start(program, fields[0], fields[1 : limits + 1], fields[limits + 1 :], argc)
        for descriptor in program.stdio:
            os.close(descriptor)
        program.stdio = []
        _send(program.channel, STARTED.pack(program.pid, fault, place))
        if fault:
            self.forget(program)
        else:
            self.programs[program.pid] = program

    def start(
        self, program: Program, folder: bytes, limits: list[bytes], fields: list[bytes], argc: int
    ) -> tuple[int, int]:
        """Run a program in a session of its own, nothing of ours in it; gives errno and what was at fault."""
        try:
            os.chdir(folder)
            if _PROC and os.getcwdb() != folder:  # another folder has taken its place since it was looked up
                return errno.ESTALE, FOLDER
        except OSError as exc:
            return _errno(exc), FOLDER
        try:
            confined = self.confinement(limits) if limits else None
            if confined is not None and confined.fault:
                return _errno(confined.fault), CONFINEMENT
            self.set_mark(program.mark)
            work = functools.partial(self.spawn, program.stdio, fields[:argc], fields[argc:])
            program.pid = work() if confined is None else confined.run(work)
        except (OSError, ValueError) as exc:
            return _errno(exc), PROGRAM
        finally:
            os.chdir("/")
        return 0, PROGRAM

    def spawn(self, stdio: list[int], argv: list[bytes], env: list[bytes]) -> int:
        """The pid of argv[0] with these variables and descriptors."""
        return os.posix_spawn(
            argv[0],
            argv,
            dict(_split(entry) for entry in env),
            file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(stdio)],
            setsid=True,
            setsigmask=[],
            setsigdef=self.signals,
        )

    def confinement(self, fields: list[bytes]) -> Confined:
        """The thread with this confinement; one that failed is tried anew."""
        for confined in self.confined:
            if confined.fields == fields:
                return confined
        confined = Confined(fields)
        if not confined.fault:
            self.confined.append(confined)
        if len(self.confined) > _MAX_CONFINED:
            self.confined.pop(0).close()
        return confined

    def set_mark(self, mark: int) -> None:
        if sys.platform == "linux" and self.marks:
            resource.setrlimit(resource.RLIMIT_RTTIME, (mark, resource.RLIM_INFINITY))

    def forget(self, program: Program) -> None:
        """Close what a program held here; its process, if any, is reaped without a report."""
        for descriptor in program.stdio:
            os.close(descriptor)
        with contextlib.suppress(KeyError):
            self.selector.unregister(program.channel)
        program.channel.close()
        self.programs.pop(program.pid, None)

    # Deaths.

    def reap(self) -> None:
        """Collect every process that has ended; whose it was is asked while it can still be seen."""
        while True:
            try:
                pid = _next_dead()
                if pid == 0:
                    return
                program = self.programs.get(pid) or self.owner(pid)
                ended, status, usage = os.wait4(pid, os.WNOHANG)
            except ChildProcessError:
                return
            if ended == 0:
                return
            self.orphans.pop(ended, None)
            self.given_up.discard(ended)
            program = self.programs.get(ended) or program
            if program is None:
                continue
            program.add(usage)
            if ended == program.pid:
                code = os.waitstatus_to_exitcode(status)
                program.code = code if code >= 0 else 128 - code
                program.kill_at = program.kill_at or time.monotonic()

    def owner(self, pid: int) -> Program | None:
        """The program that an orphan belongs to, asked once."""
        if pid < 1:
            return None
        if self.orphans.get(pid) is None:
            self.orphans[pid] = next((p for p in self.programs.values() if p.owns(pid)), None)
        return self.orphans[pid]

    def left(self, program: Program) -> list[int]:
        """The orphans that a program has to take with it; those of nobody where no program runs on."""
        alone = all(p.kill_at is not None for p in self.programs.values())
        return [
            pid
            for pid in children(os.getpid())
            if pid not in self.programs
            and pid not in self.given_up
            and (self.owner(pid) is program or (alone and self.orphans[pid] is None))
        ]

    # Endings: TERM and a grace, KILL, and the report when nothing is left.

    def end(self, program: Program, grace_s: float) -> None:
        """Order the end of a program; a second order can only hasten it."""
        moment = time.monotonic() + grace_s
        if program.kill_at is None and grace_s > 0:
            self.signal_tree(program, signal.SIGTERM)
        program.kill_at = moment if program.kill_at is None else min(moment, program.kill_at)

    def advance(self, program: Program) -> None:
        """Move an ending program on: report it when nothing is left, kill when its grace is over, give up at last."""
        now = time.monotonic()
        left = self.left(program)
        if program.code is not None and not left:
            self.report(program)
        elif program.give_up_at is not None and now >= program.give_up_at:
            self.given_up.update(left, [] if program.code is not None else [program.pid])
            self.report(program)
        elif program.kill_at is not None and now >= program.kill_at:
            program.give_up_at = program.give_up_at or now + STUBBORN_S
            self.signal_tree(program, signal.SIGKILL)

    def signal_tree(self, program: Program, number: int) -> None:
        """Signal the group of every process of the program: its own, all below it, its orphans and all below them."""
        roots = [*([program.pid] if program.code is None else []), *self.left(program)]
        done: set[int] = set()
        for pid in list(descendants(roots)):  # all before the first signal: the end of a parent hides its children
            with contextlib.suppress(ProcessLookupError):
                group = os.getpgid(pid)
                if group not in done and not kill_group(group, number):
                    self.given_up.add(pid)
                done.add(group)

    def report(self, program: Program) -> None:
        """Say how a program ended; where orphans cannot be seen its group is ended unseen."""
        if not _PROC:
            kill_group(program.pid, signal.SIGKILL)
        code = 128 + signal.SIGKILL if program.code is None else program.code
        _send(program.channel, ENDED.pack(code, program.cpu_s, program.max_rss_bytes))
        self.forget(program)

    def end_all(self) -> None:
        """Kill every process we have, and what these leave behind, until none is left."""
        until = time.monotonic() + STUBBORN_S
        while time.monotonic() < until:
            for pid in {*self.programs, *children(os.getpid())}:
                with contextlib.suppress(ProcessLookupError):
                    kill_group(os.getpgid(pid), signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.001)


def _attempt(work: Callable[[], int]) -> int | OSError | ValueError:
    try:
        return work()
    except (OSError, ValueError) as exc:
        return exc
    except AttributeError:  # a C library without a function that is needed; a thread that dies would be waited for
        return OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def _errno(error: object) -> int:
    return (error.errno or errno.EIO) if isinstance(error, OSError) else errno.EINVAL


@functools.cache
def _confinement() -> types.ModuleType:
    """The module beside this file; it is loaded when the first program is confined."""
    import importlib.util

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "confinement.py")
    spec = importlib.util.spec_from_file_location("confinement", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["confinement"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 65536), b""))
    finally:
        os.close(descriptor)


def _split(entry: bytes) -> tuple[bytes, bytes]:
    name, _, value = entry.partition(b"=")
    return name, value


def _whole(program: Program, size: int) -> bytes:
    """The whole records among what a program's channel brought; the rest waits."""
    end = len(program.received) // size * size
    whole, program.received = program.received[:end], program.received[end:]
    return whole


def _send(channel: socket.socket, record: bytes) -> None:
    with contextlib.suppress(OSError):  # the server no longer listens to this program
        channel.send(record)


def _drain(source: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while source.recv(4096):
            pass


def _next_dead() -> int:
    """The pid of a child that has ended and is not reaped yet; 0 for none; -1 (any) where that cannot be asked."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return -1
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found.si_pid if found else 0


def _nothing(number: int, frame: object) -> None:
    """Handle a signal by waking the selector, which happens by itself."""


def _marks_work() -> bool:
    """Whether programs can be marked: RLIMIT_RTTIME exists and was never limited."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
            resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))
            return hard == resource.RLIM_INFINITY
    return False


def main() -> None:
    """Serve the control socket that is our standard input until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), 1 << 16))  # what the server itself inherited is no program's
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = socket.socket(fileno=os.dup(0))
    control.setblocking(False)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    Helper(control).run()


if __name__ == "__main__":
    main()
