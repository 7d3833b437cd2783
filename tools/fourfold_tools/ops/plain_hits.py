"""Plain hits: output whose every line is a match, made into a page file by file and never line by line. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fourfold_tools.model.output import GrepOutput
from fourfold_tools.ops.hits import Page, omitted, page_of_lines, path_order, shown_path

_FIRST_STEP_BYTES = 1_024
_WIDER = 8  # how much further the next look goes, or how much nearer


class _Block(NamedTuple):
    """The records of one file, `number:text` each, with `separator` (line end, path, NUL) between them."""

    separator: bytes
    records: bytes
    lines: int

    @property
    def path(self) -> bytes:
        return self.separator[1:-1]

    def part(self, start: int, end: int) -> "_Block":
        """The lines from `start` up to, and without, `end`."""
        if start <= 0 and end >= self.lines:
            return self
        lines = self.records.split(self.separator)[max(0, start) : end]
        return _Block(self.separator, self.separator.join(lines), len(lines))


def plain_page(output: bytes, page: Page, *, complete: bool) -> GrepOutput | None:
    """The page that `content_page` makes of the same output; None where a line is no match, or odd.

    complete: these are all hits, in any order of the files; else the first ones, ordered by path, the last of them
    perhaps unfinished.
    """
    output = output[: output.rfind(b"\n") + 1]
    found = output.count(b"\n")
    if found != output.count(b"\0"):
        return None
    end = found if page.end is None else min(page.end, found)
    blocks = list(_blocks(output)) if complete else list(_first(_blocks(output), end))
    lines = found if complete else sum(block.records.count(b"\n") + 1 for block in blocks)
    if sum(block.lines for block in blocks) != lines:
        return None
    blocks.sort(key=lambda block: path_order(block.path))
    shown = list(_shown(blocks, page.offset, end))
    files = [(shown_path(block.path), block.lines) for block in shown]
    return page_of_lines(
        _text(shown, page.max_line_chars), found, page, files, found if complete else end, complete=complete
    )


def _first(blocks: Iterator[_Block], lines: int) -> Iterator[_Block]:
    """As many of the blocks as hold so many lines."""
    while lines > 0 and (block := next(blocks, None)):
        yield block
        lines -= block.lines


def _blocks(output: bytes) -> Iterator[_Block]:
    """The output file by file; ripgrep prints all lines of a file before those of another one.

    Where a file's lines end is looked for in growing, then shrinking steps.
    """
    at, size = 0, len(output)
    while at < size:
        start = output.find(b"\0", at) + 1
        prefix = output[at:start]
        if not prefix:
            return
        at = output.find(b"\n", start) + 1
        step = _FIRST_STEP_BYTES
        while step >= _FIRST_STEP_BYTES and at + step < size:
            line = output.find(b"\n", at + step) + 1
            at, step = (line, step * _WIDER) if output.startswith(prefix, line) and line else (at, step // _WIDER)
        while output.startswith(prefix, at):
            at = output.find(b"\n", at) + 1
        separator = b"\n" + prefix
        records = output[start : at - 1]
        yield _Block(separator, records, records.count(separator) + 1)


def _shown(blocks: Sequence[_Block], start: int, end: int) -> Iterator[_Block]:
    """The lines from `start` up to `end`, counted over all blocks."""
    at = 0
    for block in blocks:
        if start < at + block.lines and at < end:
            yield block.part(start - at, end - at)
        at += block.lines


def _text(blocks: Sequence[_Block], max_line_chars: int) -> str:
    """The lines as they are shown, without the last line end."""
    text = _decoded(b"\n".join([_named(block) for block in blocks]))
    if _has_long(text, max_line_chars):
        each = [(_decoded(_named(block)), shown_path(block.path)) for block in blocks]
        return "\n".join([_without_long(of_file, path, max_line_chars) for of_file, path in each])
    return text


def _named(block: _Block) -> bytes:
    """`path:number:text` for each record."""
    path = block.path.removeprefix(b"./") + b":"
    return path + block.records.replace(block.separator, b"\n" + path)


def _decoded(text: bytes) -> str:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return text.decode("utf-8", "backslashreplace")


def _has_long(text: str, max_chars: int) -> bool:
    """Whether a line has more characters; from the last line end within reach to the next one."""
    at = 0
    while at + max_chars < len(text):
        end = text.rfind("\n", at, at + max_chars + 1)
        if end < 0:
            return True
        at = end + 1
    return False


def _without_long(text: str, path: str, max_chars: int) -> str:
    """The lines of a file, those whose own text is longer named instead."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        number, _, own = line[len(path) + 1 :].partition(":")
        if len(own) > max_chars:
            lines[i] = f"{path}:{number}:{omitted('match')}"
    return "\n".join(lines)
