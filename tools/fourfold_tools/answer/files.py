"""Spill files: what an answer had to cut, as plain text with real newlines, where the agent can read it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import aiofiles

from fourfold_tools.answer.text import Cut, Whole

_PIECE_CHARS = 262_144  # written at a time; each piece is handed to a thread


async def write_files(cuts: Sequence[Cut]) -> str | None:
    """Write the bodies that no file holds yet; a sentence when one could not be written."""
    for cut in cuts:
        if cut.body is None:
            continue
        path = Path(cut.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with aiofiles.open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                for piece in _pieces(cut.body):
                    await file.write(piece)
        except OSError as exc:
            return f"{cut.path} could not be written: {exc.strerror}"
    return None


def _pieces(body: str | Whole) -> Iterator[str]:
    """The text in pieces of a size that is worth a write."""
    if isinstance(body, str):
        yield body
        return
    waiting: list[str] = []
    chars = 0
    for section in body:
        waiting.append(section)
        chars += len(section)
        if chars >= _PIECE_CHARS:
            yield "".join(waiting)
            waiting, chars = [], 0
    yield "".join(waiting)
