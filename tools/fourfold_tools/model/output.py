"""What an op hands back: one type per op, each with its body (the client's own form), its data and its fields."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

Json = Any  # a JSON value; the type checker cannot say more without noise at every use


class Output(Protocol):
    """A step's result: `body` is what the agent reads, `data` the JSON form, `field` what a reference takes."""

    def body(self) -> str: ...
    def data(self) -> dict[str, Json]: ...
    def field(self, name: str) -> Json: ...


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for the model: base64 data and its media type."""

    data: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class ReadOutput:
    """Lines of a text: `text` has `\\n` line ends and no numbers; `start_line` counts from 1.

    note stands instead of the body where there is nothing to number (an empty file, an image's caption).
    numbered is false for texts without line numbers of their own (notebooks, PDF text).
    source is the file that holds exactly this text, when there is one: the agent can read on there.
    """

    path: str
    text: str
    start_line: int
    line_count: int
    total_lines: int
    note: str = ""
    numbered: bool = True
    image: Image | None = None
    source: str | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether the body is the text with line numbers."""
        return self.numbered and (bool(self.text) or not self.note)

    def body(self) -> str:
        if self.has_numbers:
            return number_lines(self.text, self.start_line)
        return self.text or self.note

    def data(self) -> dict[str, Json]:
        out: dict[str, Json] = {
            "path": self.path,
            "text": self.text,
            "start_line": self.start_line,
            "line_count": self.line_count,
            "total_lines": self.total_lines,
        }
        if self.note:
            out["note"] = self.note
        return out

    def field(self, name: str) -> Json:
        return self.text if name == "text" else split_lines(self.text)


@dataclass(frozen=True, slots=True)
class Match:
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class GrepOutput:
    """What a search found: `text` is the body in the client's form; non-UTF-8 bytes of names are `\\xNN`.

    files: each with the number of its lines in the body, in order; gaps (`--`) stand between them uncounted. In files
    and count mode it is 0. What a match is made of is taken out of the body when somebody asks for it.
    count is the number of matching lines found (files in files mode), before head_limit where that is known.
    """

    text: str
    files: tuple[tuple[str, int], ...]
    count: int

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for path, _ in self.files))

    @property
    def matches(self) -> tuple[Match, ...]:
        return tuple(self._matches())

    def body(self) -> str:
        return self.text

    def data(self) -> dict[str, Json]:
        return {"paths": list(self.paths), "count": self.count, "matches": self.field("matches")}

    def field(self, name: str) -> Json:
        if name == "matches":
            return [{"path": m.path, "line": m.line, "text": m.text} for m in self._matches()]
        return self.count if name == "count" else list(self.paths)

    def _matches(self) -> Iterator[Match]:
        """`path:number:text` of each file's lines; context has `-` for `:`, ripgrep's own messages no number."""
        at = 0
        for path, lines in self.files:
            record = re.compile(rf"{re.escape(path)}([:-])(\d+)\1([^\n]*)\n?")
            while lines and at < len(self.text):
                if found := record.match(self.text, at):
                    at = found.end()
                    if found[1] == ":":
                        yield Match(path, int(found[2]), found[3])
                elif self.text.startswith(f"{path}: ", at):  # a message
                    at = self._next_line(at + len(path))
                else:  # a gap
                    at = self._next_line(at)
                    continue
                lines -= 1

    def _next_line(self, at: int) -> int:
        return self.text.find("\n", at) + 1 or len(self.text)


@dataclass(frozen=True, slots=True)
class GlobOutput:
    """Paths, newest first; `text` is the body."""

    text: str
    paths: tuple[str, ...]
    count: int

    def body(self) -> str:
        return self.text

    def data(self) -> dict[str, Json]:
        return {"paths": list(self.paths)}

    def field(self, name: str) -> Json:
        return self.count if name == "count" else list(self.paths)


@dataclass(frozen=True, slots=True)
class BashOutput:
    """What a command printed: `merged` is stdout and stderr in order of arrival, as the client shows them.

    Each text is cut to the bound of settings; `dropped_bytes` says how much lies between head and tail.
    spill is the file that holds the merged output when it was streamed to one.
    """

    merged: str
    stdout: str
    stderr: str
    exit_code: int | None
    dropped_bytes: int = 0
    spill: str | None = None

    def body(self) -> str:
        return self.merged

    def data(self) -> dict[str, Json]:
        return {"stdout": self.stdout, "stderr": self.stderr, "exit_code": self.exit_code}

    def field(self, name: str) -> Json:
        if name == "lines":
            return split_lines(self.stdout)
        return {"stdout": self.stdout, "stderr": self.stderr, "exit_code": self.exit_code}[name]


@dataclass(frozen=True, slots=True)
class FetchOutput:
    """A page: `url` is the final one, `cache` is `hit` or `miss`, `links` are absolute.

    note says what is missing from the text or odd about it. The body marks the text as content of the web: it was
    written by others and is no instruction.
    """

    url: str
    status: int
    content_type: str
    text: str
    cache: str
    links: tuple[str, ...] = ()
    image: Image | None = None
    note: str = ""

    def body(self) -> str:
        kind = self.content_type or "no content type"
        head = f"[web content from {self.url} · {self.status} · {kind} · cache {self.cache}]"
        return "\n".join(part for part in (head, self.text.rstrip("\n"), self.note) if part)

    def data(self) -> dict[str, Json]:
        out: dict[str, Json] = {
            "url": self.url,
            "status": self.status,
            "content_type": self.content_type,
            "text": self.text,
            "cache": self.cache,
        }
        if self.note:
            out["note"] = self.note
        return out

    def field(self, name: str) -> Json:
        if name == "links":
            return list(self.links)
        return self.text if name == "text" else split_lines(self.text)


AnyOutput = ReadOutput | GrepOutput | GlobOutput | BashOutput | FetchOutput


def chars_of(output: AnyOutput) -> int:
    """Characters of all that an output holds, nearly."""
    match output:
        case ReadOutput() | FetchOutput():
            return len(output.text) + (len(output.image.data) if output.image else 0)
        case BashOutput():
            return len(output.merged) + len(output.stdout) + len(output.stderr)
        case GrepOutput():
            return len(output.text)
        case GlobOutput():
            return 2 * len(output.text)


def as_list(value: Json) -> list[Json]:
    """A list as it is, anything else as a list of one."""
    return cast("list[Json]", value) if isinstance(value, list) else [value]


def split_lines(text: str) -> list[str]:
    """The lines of a text by `\\n` alone, without the empty rest after a final newline."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def number_lines(text: str, start: int) -> str:
    """`N<TAB>line` for each line, without a number for the empty rest after a final newline."""
    return "\n".join([f"{n}\t{line}" for n, line in enumerate(split_lines(text), start)])


def join_paths(paths: Sequence[str]) -> str:
    return "\n".join(paths)
