"""Spill files: what an answer had to cut, as plain text with real newlines, where the agent can read it."""

from collections.abc import Sequence
from pathlib import Path

import aiofiles

from fourfold_tools.answer.text import Cut


async def write_files(cuts: Sequence[Cut]) -> str | None:
    """Write the bodies that no file holds yet; a sentence when one could not be written."""
    for cut in cuts:
        if cut.body is None:
            continue
        path = Path(cut.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with aiofiles.open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                await file.write(cut.body)
        except OSError as exc:
            return f"{cut.path} could not be written: {exc.strerror}"
    return None
