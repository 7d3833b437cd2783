"""The markup of a page before a parser sees it: whether parsing it stays cheap, and its bare text if not.

An HTML parser is quadratic in the depth of nesting, in the attributes of one tag and in unclosed formatting; a
converter multiplies indents by lines, rows by columns and the page's URL by links. Pages that people write stay far
below every bound here; 46 KB of nested quotes took over 6 GB, 500 KB of nested `<div>` 13 s (measured).
"""

import re
from collections import Counter
from functools import cached_property
from html import unescape
from math import isqrt

from fourfold_tools.ops import nesting

MAX_CHARS = 2_097_152
_MAX_OPENINGS = 8000  # a parser is quadratic in depth, so many elements within each other take 0.15 s (measured)
_MAX_DEPTH = 500  # of more elements than that; browsers stop nesting at 512
_MAX_INDENTED = 40_000_000  # depth of lists, quotes and tables, squared, times lines: about 200 MB
_MAX_FORMATTED = 400_000  # depth of formatting times blocks: each paragraph opens all unclosed formatting again
_MAX_CELLS = 1_000_000
_MAX_LINKED = 50_000_000  # characters of the page's URL times links

_OPENING = re.compile(rb"<[a-zA-Z][^\s/>]*+")
# A tag with 200 attributes, read as the HTML standard reads it; possessive, so that a long tag is read once.
_MANY_ATTRIBUTES = re.compile(
    rb"<[a-zA-Z][^\s/><]*+[\s/]++"
    rb"(?:[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+[\s/]*+){200}"
)
_SPAN = re.compile(rb"(col|row)span\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_ROW = re.compile(rb"<tr", re.IGNORECASE)
_CELL = re.compile(rb"<t[dh]", re.IGNORECASE)
_HIDDEN = re.compile(r"<(/?(?:script|style)\b)[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_DRAWING = re.compile(r"<svg\b[^<]*+(?:<(?!/?svg\b)[^<]*+)*+</svg\s*>", re.IGNORECASE)


def _names(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


# Elements without content, and those that the next of their kind closes: they do not nest by being left open.
_FLAT = _names("a area base br col embed hr img input link meta param source track wbr") | _names(
    "p li dt dd td th tr tbody thead tfoot caption colgroup option optgroup rt rp"
)
_INDENTING = _names("blockquote ul ol dl menu dir table")
_FORMATTING = _names("b big code em font i s small strike strong tt u")
_FOREIGN = _names("svg math")


def _nests(name: bytes) -> bool:
    return name not in _FLAT


_KINDS = (_nests, _INDENTING.__contains__, _FORMATTING.__contains__)
_PHRASING = _FORMATTING | _names("a span img br wbr sub sup kbd var samp abbr cite q mark del ins")


class Outline:
    """The bytes of a page and how often each element is opened in it, by its tags and by what only looks like one.

    No element is missing, so what the openings alone allow no page can pass; only beyond that are end tags read.
    """

    def __init__(self, html: str) -> None:
        self.html = html
        self._data = html.encode("utf-8", "replace")

    @cached_property
    def opened(self) -> Counter[bytes]:
        """Openings by name in lower case; linear in the length of the page."""
        counts: Counter[bytes] = Counter()
        for tag, count in Counter(_OPENING.findall(self._data)).items():
            counts[tag[1:].lower()] += count
        return counts

    def excess(self, url: str) -> str | None:
        """What would make the page dear to convert, in a few words; None for an ordinary one. Linear time."""
        if len(self.html) > MAX_CHARS:
            return f"its HTML has {len(self.html):,} characters"
        if too_deep := self._too_deep():
            return too_deep
        if _MANY_ATTRIBUTES.search(self._data):
            return "a tag has more than 200 attributes"
        if self._cells() > _MAX_CELLS:
            return "its tables are too large"
        if len(url) * (self.opened[b"a"] + self.opened[b"img"]) > _MAX_LINKED:
            return "it has too many links for the length of its URL"
        return None

    def _of(self, names: frozenset[bytes]) -> int:
        return sum(map(self.opened.__getitem__, names))

    def _outside(self, names: frozenset[bytes]) -> int:
        return self.opened.total() - self._of(names)

    def _too_deep(self) -> str | None:
        """What nests too deep; end tags are read where the openings alone leave that open."""
        lines = self._data.count(b"\n") + self._data.count(b"<")
        most_indented = isqrt(_MAX_INDENTED // max(1, lines))
        most_formatted = _MAX_FORMATTED // max(1, self._outside(_PHRASING))
        few = (self._outside(_FLAT) if _FOREIGN.isdisjoint(self.opened) else self.opened.total()) <= _MAX_OPENINGS
        if few and self._of(_INDENTING) <= most_indented and self._of(_FORMATTING) <= most_formatted:
            return None
        all_deep, indented, formatted = nesting.depths(self._data, _KINDS)
        if not few and all_deep > _MAX_DEPTH:
            return f"its elements nest more than {_MAX_DEPTH} deep"
        if indented > most_indented:
            return "its lists, quotes or tables nest too deep"
        if formatted > most_formatted:
            return "its formatting is never closed"
        return None

    def _cells(self) -> int:
        """Cells of all tables with each row filled up to the widest, as the converter does; at most 1,000 columns."""
        rows = self.opened[b"tr"]
        if rows * 1000 <= _MAX_CELLS:
            return 0
        widest = max(map(_width, _ROW.split(self._data)))
        below = sum(1 for kind, span in _SPAN.findall(self._data) if kind.lower() == b"row" and int(span) > 1)
        return rows * min(1000, widest + below)


def _width(row: bytes) -> int:
    return len(_CELL.findall(row)) + sum(int(span) for kind, span in _SPAN.findall(row) if kind.lower() == b"col")


def without_drawings(html: str) -> str:
    """The page without its `<svg>` elements, whose shapes stay open by their tags alone. Linear in its length."""
    return _DRAWING.sub("", html)


def bare_text(html: str) -> str:
    """The text of a page without its tags, scripts and styles, one line per run of text. Linear in its length."""
    parts = _HIDDEN.split(html)
    # The split gives text, tag, text, tag ...: text behind an opening tag belongs to a script or a style.
    openings = ["/", *parts[1::2]]
    shown = [text for text, tag in zip(parts[::2], openings, strict=True) if tag.startswith("/")]
    lines = (line.strip() for line in unescape(_ANY_TAG.sub("\n", "\n".join(shown))).split("\n"))
    return "\n".join(line for line in lines if line)
