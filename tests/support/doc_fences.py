"""Fences: the fenced blocks of the documentation, as a reader meets them, and the commands in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "bench", "config", "server", "tools")
_OPENED = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>.*)")
_INFO = re.compile(r"(\w*)(?: title=\"([^\"]*)\")?")


@dataclass(frozen=True)
class Fence:
    """One block. page: its file from the root. line: of its opening. title: what the page says will come of it."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def first(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page of the repository that people or agents read."""
    below = (page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))
    return sorted((*ROOT.glob("*.md"), *below))


def fences(page: Path) -> list[Fence]:
    """The blocks of a page, whatever their language.

    Raises:
        ValueError: a block has no end, or says of itself what nobody here knows.
    """
    name, found = str(page.relative_to(ROOT)), list[Fence]()
    lines = iter(enumerate(page.read_text(encoding="utf-8").split("\n"), 1))
    for number, line in lines:
        if not (opened := _OPENED.fullmatch(line)):
            continue
        if not (info := _INFO.fullmatch(opened["info"].strip())):
            raise ValueError(f"{name}:{number}: a fence that says {opened['info']!r}")
        body = list[str]()
        for _, inner in lines:
            if inner.strip() == opened["marks"]:
                break
            body.append(inner.removeprefix(opened["indent"]))
        else:
            raise ValueError(f"{name}:{number}: a fence without an end")
        found.append(Fence(name, number, info[1], info[2] or "", "".join(f"{row}\n" for row in body)))
    return found


def all_fences() -> list[Fence]:
    return [fence for page in pages() for fence in fences(page)]


def commands(text: str) -> list[str]:
    """The commands of a block, one a line; a line that ends in a backslash goes on, two spaces and `#` comment."""
    joined = text.replace("\\\n", " ")
    plain = (re.sub(r"\s{2,}#.*|^#.*", "", line).strip() for line in joined.split("\n"))
    return [re.sub(r"\s+", " ", line) for line in plain if line]


# What differs from one run to the next, and how it looks once it is masked.
_VOLATILE: Sequence[tuple[str, str]] = (
    (r"\b([rph])-[a-z0-9]{4}\b", r"\1-…"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "TIME"),
    (r"<?\d+(\.\d+)? ?(ms|s|min|MB|GB|MiB|GiB)\b", "N"),
    (r"\d+(\.\d+)?k? of (\d+(?:\.\d+)?k) tokens", r"N of \2 tokens"),
    (r"Tokens: \d+ vs Sequential: \d+", "Tokens: N"),
    (r"CPU: \d+(\.\d+)?%", "CPU: N%"),
    (r"\bserver \d+\b", "server N"),
    (r" +\d+ total", " N total"),
)


def masked(text: str) -> list[str]:
    """The lines of a printed text without what differs from one run to the next."""
    for pattern, instead in _VOLATILE:
        text = re.sub(pattern, instead, text)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]
