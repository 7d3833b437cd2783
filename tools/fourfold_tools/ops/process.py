"""Programs: started through one small helper process, drained within bounds, ended with all they started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended: exit code (128 + n when signal n ended it), CPU seconds and peak memory of its tree.

    The figures count what was reaped; what still ran when the program ended was killed and is counted when it
    was reaped in time.
    """

    code: int
    cpu_s: float
    max_rss_bytes: int


class Child:
    """A running program. As an async context manager it is ended, with all it started, on every way out."""

    pid: int
    stdout: int  # descriptor, non-blocking
    stderr: int | None  # descriptor, non-blocking; None when merged into stdout

    async def wait(self) -> Exit:
        """The end of the program; by then everything that it started has ended too."""
        raise NotImplementedError

    async def kill(self, grace_s: float = 0.0) -> None:
        """TERM, then after grace_s KILL, for the whole tree; 0 kills at once. Returns when it is gone."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError


class Spawner:
    """Starts programs. The helper process starts with the first one and dies with this process, kill -9 included."""

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: int | None = None,
        merge_stderr: bool = False,
    ) -> Child:
        """Start argv[0] (an absolute path) in a session and process group of its own.

        stdin: a descriptor that becomes the child's standard input, /dev/null without it; the caller keeps and
        closes its own copy.

        Raises:
            NotFound, Denied, Contention, Unsupported: no such program or folder; not allowed; out of processes or
                descriptors; a platform without these means (Windows).
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """End every program and the helper."""
        raise NotImplementedError


async def read_some(fd: int, max_bytes: int = 65536) -> bytes:
    """The next bytes of a non-blocking descriptor, b"" at its end; waits without holding a thread."""
    raise NotImplementedError
