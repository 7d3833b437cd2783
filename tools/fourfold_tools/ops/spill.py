"""A spill: the file that takes a command's output while it runs, so that all of it can be read."""

import contextlib
import os
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import aiofiles
import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

# Pieces of at most 256 KiB that may wait for the disk; then the command waits too.
_WAITING = 16


class Spill:
    """A file at `path` of at most `max_bytes`, made when the first piece comes and closed with the context.

    A disk that fails stops nothing: what comes is then dropped. Mutable: `opened`, and `fault`, which says why the
    file is missing or incomplete.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.opened = False
        self.fault = ""
        self._max_bytes = max_bytes
        self._closing = AsyncExitStack()
        self._group: TaskGroup | None = None
        self._pieces: MemoryObjectSendStream[bytes] | None = None

    async def __aenter__(self) -> Self:
        self._group = await self._closing.enter_async_context(anyio.create_task_group())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.__aexit__(kind, error, trace)

    async def add(self, data: bytes) -> None:
        """Take a piece; waits while the disk is behind. Nothing is taken of a file that is full or has failed."""
        if self.fault:
            return
        if self._pieces is None:
            assert self._group is not None  # inside the context
            self._pieces, pieces = anyio.create_memory_object_stream[bytes](_WAITING)
            self._closing.callback(self._pieces.close)
            self._group.start_soon(self._take, pieces)
        await self._pieces.send(data)

    def discard(self) -> None:
        """Remove the file: its command was cancelled and leaves nothing."""
        if self.opened:
            self.path.unlink(missing_ok=True)

    async def _take(self, pieces: MemoryObjectReceiveStream[bytes]) -> None:
        """Write what comes until the context is left, which cancels nothing here: the file is closed first."""
        with pieces, anyio.CancelScope(shield=True):
            try:
                await self._write(pieces)
            except OSError as exc:
                self.fault = exc.strerror or type(exc).__name__
            async for _ in pieces:
                pass

    async def _write(self, pieces: MemoryObjectReceiveStream[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = self._max_bytes
        async with aiofiles.open(self.path, "wb", opener=_private) as file:
            self.opened = True
            while left >= 0 and (data := await _waiting(pieces)):
                await file.write(data[:left])
                left -= len(data)
        if left < 0:
            self.fault = f"it holds the first {self._max_bytes:,} bytes"


async def _waiting(pieces: MemoryObjectReceiveStream[bytes]) -> bytes:
    """All that waits, at least one piece; b"" at the end. One write for many pieces costs one hop for many."""
    found: list[bytes] = []
    with contextlib.suppress(anyio.EndOfStream, anyio.WouldBlock):
        found.append(await pieces.receive())
        while len(found) < _WAITING:
            found.append(pieces.receive_nowait())
    return b"".join(found)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
