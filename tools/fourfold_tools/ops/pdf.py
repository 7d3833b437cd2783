"""PDF text, taken out by a child process that can neither hang nor eat this one."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, cast

import anyio
import anyio.abc

from fourfold_tools.errors import Contention, TooLarge, Unsupported
from fourfold_tools.ops.size import size_text

# What the child may see of this process's variables: enough to start an interpreter.
_ENV = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")
# Bytes of JSON per character at worst (`\u0001`), and what stands around the text.
_JSON_FACTOR, _JSON_FRAME = 6, 65_536


@dataclass(frozen=True, slots=True)
class PdfText:
    """A window of a PDF's lines; lines counts those of the pages read, which end with the window."""

    text: str
    lines: int
    pages: int
    pages_read: int


async def pdf_text(
    fd: int, first: int, limit: int | None, *, max_bytes: int, memory_bytes: int, cpu_s: float
) -> PdfText:
    """Lines `first` (from 1) to `first + limit - 1` of the text: `Page N` and the page's lines, for each page.

    One child for each PDF, started with the file as its standard input. It bounds its own memory and processor
    time; the caller bounds the wait by cancelling, which kills it. A thread cannot be stopped, and pypdf holds
    the GIL. A pool of warm workers would save the 0.1 s of importing pypdf, and carry one file's memory to the next.

    Raises:
        Contention: no process or descriptor is left for the child.
        Unsupported: encrypted, without text, or not readable within memory_bytes.
        TooLarge: the window holds more than max_bytes characters.
    """
    bounds = (first, limit or 0, max_bytes, memory_bytes, math.ceil(cpu_s))
    command = [sys.executable, "-I", "-m", "fourfold_tools.ops.pdf_child", *map(str, bounds)]
    env = {name: os.environ[name] for name in _ENV if name in os.environ}
    output = bytearray()
    try:
        child = await anyio.open_process(
            command, stdin=fd, stderr=subprocess.DEVNULL, env=env, start_new_session=True
        )
    except OSError as exc:
        raise Contention(f"no child process for the PDF: {exc.strerror}") from exc
    async with child:
        async for chunk in cast("anyio.abc.ByteReceiveStream", child.stdout):
            output += chunk
            if len(output) > _JSON_FACTOR * max_bytes + _JSON_FRAME:
                child.kill()
                break
    return _parse(bytes(output), max_bytes)


def _parse(output: bytes, max_bytes: int) -> PdfText:
    try:
        answer = cast("dict[str, Any]", json.loads(output))
    except ValueError as exc:
        raise Unsupported("the PDF cannot be read: its child process died, most likely out of memory") from exc
    error = answer.get("error")
    if error == "too large":
        raise TooLarge(
            f"The text of {answer['pages_read']} of {answer['pages']} pages already exceeds {size_text(max_bytes)}."
            " Use offset and limit to read part of it."
        )
    if error is not None:
        raise Unsupported(f"the PDF cannot be read: {error}")
    return PdfText(answer["text"], answer["lines"], answer["pages"], answer["pages_read"])
