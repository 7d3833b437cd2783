"""The wire on standard input and output, on the event loop itself instead of worker threads."""

import asyncio
import fcntl
import os
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared._context_streams import (  # the SDK's own stream pair; it exports no public name for it
    ContextReceiveStream,
    ContextSendStream,
    create_context_streams,
)
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from fourfold_server.refusal import refusal

_MOST_BYTES = 64 * 1024 * 1024  # one message; a longer line is answered by closing the wire
Streams = tuple[ContextReceiveStream[SessionMessage | Exception], ContextSendStream[SessionMessage]]


@asynccontextmanager
async def stdio() -> AsyncGenerator[Streams, None]:
    """The read and write streams of a stdio server.

    While it serves, descriptor 0 reads nothing and descriptor 1 writes to stderr, so that neither a `print` nor a
    child can touch the wire. Where a standard stream is a plain file the SDK's own transport serves.
    """
    if not (_can_wait(0) and _can_wait(1)):
        async with stdio_server() as (read, write):
            yield read, write
        return
    wire_in, wire_out = _take_over()
    try:
        async with _serve(wire_in, wire_out) as streams:
            yield streams
    finally:
        os.dup2(wire_in, 0)
        os.dup2(wire_out, 1)


def _can_wait(fd: int) -> bool:
    """Whether the event loop can wait for this descriptor: a pipe, a socket or a terminal."""
    if sys.platform == "win32":
        return False
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _take_over() -> tuple[int, int]:
    """Private copies of descriptors 0 and 1, which then point at nothing and at stderr."""
    wire_in = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    wire_out = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(nothing, 1)
    os.close(nothing)
    return wire_in, wire_out


@asynccontextmanager
async def _serve(wire_in: int, wire_out: int) -> AsyncGenerator[Streams, None]:
    to_server, from_client = create_context_streams[SessionMessage | Exception](0)
    to_client, from_server = create_context_streams[SessionMessage](0)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_MOST_BYTES)
    with (
        os.fdopen(wire_in, "rb", buffering=0, closefd=False) as source,
        os.fdopen(wire_out, "wb", buffering=0, closefd=False) as sink,
    ):
        in_transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
        out_transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sink)
        writer = asyncio.StreamWriter(out_transport, protocol, None, loop)

        async def take_in() -> None:
            async with to_server:
                while line := await _line(reader):
                    try:
                        message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                    except ValueError as exc:
                        if reply := refusal(line, exc):
                            writer.write(reply)
                            await writer.drain()
                        await to_server.send(exc)
                    else:
                        await to_server.send(message)

        async def give_out() -> None:
            async with from_server:
                async for message in from_server:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    writer.write(text.encode() + b"\n")
                    await writer.drain()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_in)
            tasks.start_soon(give_out)
            yield from_client, to_client
            tasks.cancel_scope.cancel()
        in_transport.close()
        out_transport.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line, b"" at the end of the wire or where a line is longer than any message may be."""
    try:
        return await reader.readline()
    except ValueError:
        return b""
