"""A standard input: text as a descriptor from which a program reads it."""

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from fourfold_tools.errors import Contention, InvalidRequest


@contextmanager
def stdin_of(text: str | None) -> Generator[int | None]:
    """A descriptor from which a program reads the text: memory on Linux, else a file without a name."""
    if text is None:
        yield None
        return
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise InvalidRequest(f"stdin is not text: {exc.reason}") from exc
    with _memory() as file:
        try:
            file.write(data)
            file.seek(0)
        except OSError as exc:
            raise Contention(f"no room for stdin: {exc.strerror}") from exc
        yield file.fileno()


def _memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("stdin"), "wb+", 0) if sys.platform == "linux" else tempfile.TemporaryFile()
