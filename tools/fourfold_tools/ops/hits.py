"""Hits: what ripgrep printed, file by file, and the pages of it that an agent reads, in the client's forms. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from fourfold_tools.model.output import GrepOutput

# Said after a file's lines; in a folder it read up to the first block with a NUL, a named file it gave up on.
_MESSAGE = re.compile(
    rb"(?P<path>.+?): (?P<text>(?:WARNING: stopped searching binary file after match|binary file matches)"
    rb" \(found .*? byte around offset \d+\))\n",
    re.DOTALL,
)
_GAP = b"--\n"
_GAP_LINE = "--"
# Whatever stands before the NUL is gaps and messages, which end with a line end, and the path.
_RECORD = re.compile(rb"([^\0]*)\0(\d+)([:-])([^\n\0]*)\n")


class Line(NamedTuple):
    """number: from 1. kind: a gap stands between groups of context lines, a note is ripgrep's own message."""

    number: int
    kind: Literal["match", "context", "gap", "note"]
    text: bytes


@dataclass(slots=True)
class FileHits:
    """The lines of one file; the path is as ripgrep printed it."""

    path: bytes
    lines: list[Line]

    @property
    def note(self) -> Line | None:
        return self.lines[-1] if self.lines and self.lines[-1].kind == "note" else None

    @property
    def count(self) -> int:
        return sum(line.kind == "match" for line in self.lines)

    @property
    def named_binary(self) -> bool:
        """Whether ripgrep gave up on a file that was named to it, at a match in its binary part."""
        return self.note is not None and self.note.text.startswith(b"binary file matches")


@dataclass(frozen=True, slots=True)
class Page:
    """The part that is shown: after `offset` entries at most `limit` (0: all); longer lines are named, not shown."""

    offset: int
    limit: int
    max_line_chars: int

    @property
    def end(self) -> int | None:
        return self.offset + self.limit if self.limit else None

    def describe(self, cut: bool) -> str:
        """What was left out: `limit: 250, offset: 1`, nothing where nothing was."""
        parts = [f"limit: {self.limit}"] if cut else []
        return ", ".join(parts + ([f"offset: {self.offset}"] if self.offset else []))


def parse_lines(output: bytes) -> list[FileHits]:
    """Files with their lines, in the order printed; an unfinished last line is left out.

    A record is `path NUL number : text LF` (`-` for context), so between two NULs lie a number, a text without a
    line end, then gaps and messages, then the next path.
    """
    files: list[FileHits] = []
    lines: list[Line] = []
    last = b""  # no path is empty
    for path, number, sign, text in _RECORD.findall(output):
        if path != last:
            last = _between(path, files) if b"\n" in path else path
            if not files or files[-1].path != last:
                files.append(FileHits(last, []))
            lines = files[-1].lines
        lines.append(Line(int(number), "match" if sign == b":" else "context", text))
    end = output.rfind(b"\0")
    _between(output[output.find(b"\n", end) + 1 :] if end >= 0 else output, files)
    for file in files:
        if file.lines[-1].kind == "gap":
            file.lines.pop()
    return files


def _between(rest: bytes, files: list[FileHits]) -> bytes:
    """Take the gaps and messages that stand before a path, and give the path."""
    while rest:
        if rest.startswith(_GAP):
            files[-1].lines.append(Line(0, "gap", b"--"))
            rest = rest[len(_GAP) :]
        elif message := _MESSAGE.match(rest):
            if not files or files[-1].path != message["path"]:
                files.append(FileHits(message["path"], []))
            files[-1].lines.append(Line(0, "note", message["text"]))
            rest = rest[message.end() :]
        else:
            break
    return rest


def parse_names(output: bytes) -> list[bytes]:
    """The names of files mode, each ended by a NUL."""
    return output.split(b"\0")[:-1]


def parse_counts(output: bytes) -> list[tuple[bytes, int]]:
    """(name, matching lines) of count mode, each printed as `name NUL number LF`."""
    first, *pieces = output.split(b"\0")
    counts: list[tuple[bytes, int]] = []
    name = first
    for piece in pieces:
        number, end, rest = piece.partition(b"\n")
        if not end:
            break
        counts.append((name, int(number)))
        name = rest
    return counts


def path_order(path: bytes) -> list[bytes]:
    """The key that orders paths as `rg --sort path` does: part by part."""
    return path.split(b"/")


def shown_path(path: bytes) -> str:
    """A path as the client shows it: from the workspace's folder, bytes that are not UTF-8 as `\\xNN`."""
    return path.removeprefix(b"./").decode("utf-8", "backslashreplace")


def content_page(files: Sequence[FileHits], page: Page, *, complete: bool, gaps: bool) -> GrepOutput:
    """`path:line:text`, `path-line-text` for context; gaps: `--` stands between files too.

    complete: these are all hits; else at least up to the page's end, and the count stops there.
    """
    flat = list(_flat(files, gaps))
    shown = flat[page.offset : page.end]
    lines: list[str] = []
    of_each: list[tuple[str, int]] = []
    for _, of_file in groupby(shown, key=lambda entry: id(entry[0])):
        entries = list(of_file)
        path = shown_path(entries[0][0].path)
        texts = [_shown_line(path, line, page.max_line_chars) for _, line in entries]
        lines += texts
        if shown_lines := len(texts) - texts.count(_GAP_LINE):
            of_each.append((path, shown_lines))
    counted = flat if complete else flat[: page.end]
    count = sum(line.kind == "match" for _, line in counted)
    return page_of_lines("\n".join(lines), len(flat), page, of_each, count, complete=complete)


def page_of_lines(
    text: str, found: int, page: Page, files: Sequence[tuple[str, int]], count: int, *, complete: bool
) -> GrepOutput:
    """The page whose lines are there; found: lines in all, of which the page shows its part."""
    limits = page.describe(page.end is not None and page.end < found + (not complete))
    return GrepOutput(_body(text, found > 0, limits), tuple(files), count)


def _flat(files: Sequence[FileHits], gaps: bool) -> Iterator[tuple[FileHits, Line]]:
    for i, file in enumerate(files):
        if gaps and i:
            yield file, Line(0, "gap", b"--")
        for line in file.lines:
            yield file, line


def _shown_line(path: str, line: Line, max_chars: int) -> str:
    if line.kind == "gap":
        return _GAP_LINE
    text = line.text.removesuffix(b"\r").decode("utf-8", "backslashreplace")
    if line.kind == "note":
        return f"{path}: {text}"
    mark = ":" if line.kind == "match" else "-"
    return f"{path}{mark}{line.number}{mark}{text if len(text) <= max_chars else omitted(line.kind)}"


def omitted(kind: str) -> str:
    """What stands for a line that is too long to be shown."""
    return f"[Omitted long {'matching' if kind == 'match' else 'context'} line]"


def files_page(paths: Sequence[str], page: Page) -> GrepOutput:
    """The names, one per line; what was cut is said below them."""
    shown = paths[page.offset : page.end]
    limits = page.describe(page.end is not None and page.end < len(paths))
    text = _body("\n".join(shown), True, limits) if paths else "No files found"
    return GrepOutput(text, tuple((path, 0) for path in shown), len(paths))


def counts_page(counts: Sequence[tuple[str, int]], page: Page) -> GrepOutput:
    """`path:n` and a sum over all files, those before and after the page too."""
    shown = counts[page.offset : page.end]
    limits = page.describe(page.end is not None and page.end < len(counts))
    total = sum(n for _, n in counts)
    body = _body("\n".join([f"{path}:{n}" for path, n in shown]), bool(counts), "")
    summary = f"Found {total} total occurrence{'' if total == 1 else 's'}"
    summary += f" across {len(counts)} file{'' if len(counts) == 1 else 's'}."
    if limits:
        summary += f" with pagination = {limits}"
    return GrepOutput(f"{body}\n\n{summary}", tuple((path, 0) for path, _ in shown), total)


def _body(lines: str, any_hit: bool, limits: str) -> str:
    body = lines or ("No entries at this offset" if any_hit else "No matches found")
    return f"{body}\n\n[Showing results with pagination = {limits}]" if limits else body
