"""The markup of a page before a parser sees it: whether parsing it stays cheap, and its bare text if not.

An HTML parser is quadratic in the depth of nesting, in the attributes of one tag and in unclosed formatting; a
converter multiplies indents by lines, rows by columns and the page's URL by links. Pages that people write stay far
below every bound here; 46 KB of nested quotes took over 6 GB, 500 KB of nested `<div>` 13 s (measured).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from html import unescape
from itertools import accumulate, repeat

MAX_CHARS = 2_097_152
_MAX_DEPTH = 500  # browsers stop nesting at 512, the converter drops what lies deeper than 1,024
_MAX_INDENTED = 40_000_000  # depth of lists, quotes and tables, squared, times lines: about 200 MB
_MAX_FORMATTED = 400_000  # depth of formatting times blocks: each paragraph opens all unclosed formatting again
_MAX_CELLS = 1_000_000
_MAX_LINKED = 50_000_000  # characters of the page's URL times links

_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*")
# A tag with 200 attributes, read as the HTML standard reads it; possessive, so that a long tag is read once.
_MANY_ATTRIBUTES = re.compile(
    r"<[a-zA-Z][^\s/><]*+[\s/]++(?:[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+[\s/]*+){200}"
)
_SPAN = re.compile(r"(col|row)span\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_HIDDEN = re.compile(r"<(/?(?:script|style)\b)[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_DRAWING = re.compile(r"<svg\b[^<]*+(?:<(?!/?svg\b)[^<]*+)*+</svg\s*>", re.IGNORECASE)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements without content, and those that the next of their kind closes: they do not nest by being left open.
_FLAT = _names("a area base br col embed hr img input link meta param source track wbr") | _names(
    "p li dt dd td th tr tbody thead tfoot caption colgroup option optgroup rt rp"
)
_INDENTING = _names("blockquote ul ol dl menu dir table")
_FORMATTING = _names("b big code em font i s small strike strong tt u")
_PHRASING = _FORMATTING | _names("a span img br wbr sub sup kbd var samp abbr cite q mark del ins")


def excess(html: str, url: str) -> str | None:
    """What would make the page dear to convert, in a few words; None for an ordinary one. Linear in its length."""
    if len(html) > MAX_CHARS:
        return f"its HTML has {len(html):,} characters"
    tags = _TAG.findall(html)
    if _depth(tags, lambda name: name not in _FLAT) > _MAX_DEPTH:
        return f"its elements nest more than {_MAX_DEPTH} deep"
    lines = html.count("\n") + len(tags)
    if _depth(tags, _INDENTING.__contains__) ** 2 * lines > _MAX_INDENTED:
        return "its lists, quotes or tables nest too deep"
    counts = Counter(map(str.lower, tags))
    blocks = sum(n for tag, n in counts.items() if tag[1] != "/" and tag[1:] not in _PHRASING)
    if _depth(tags, _FORMATTING.__contains__) * blocks > _MAX_FORMATTED:
        return "its formatting is never closed"
    if _MANY_ATTRIBUTES.search(html):
        return "a tag has more than 200 attributes"
    if _cells(html, counts["<tr"]) > _MAX_CELLS:
        return "its tables are too large"
    if len(url) * (counts["<a"] + counts["<img"]) > _MAX_LINKED:
        return "it has too many links for the length of its URL"
    return None


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


def _depth(tags: Sequence[str], counted: Callable[[str], bool]) -> int:
    """The most elements that are open at a time, by their tags alone."""
    weight = {tag: -1 if tag[1] == "/" else 1 for tag in set(tags) if counted(tag.lstrip("</").lower())}
    changes: Iterable[int] = map(weight.get, tags, repeat(0))
    return max(accumulate(changes), default=0) if weight else 0


def _cells(html: str, rows: int) -> int:
    """Cells of all tables when each row is filled up to the widest, as the converter does; at most 1,000 columns."""
    if rows * 1000 <= _MAX_CELLS:
        return 0
    widest = max(map(_width, re.split("<tr", html, flags=re.IGNORECASE)))
    below = sum(1 for kind, span in _SPAN.findall(html) if kind.lower() == "row" and int(span) > 1)
    return rows * min(1000, widest + below)


def _width(row: str) -> int:
    cells = len(re.findall("<t[dh]", row, flags=re.IGNORECASE))
    return cells + sum(int(span) for kind, span in _SPAN.findall(row) if kind.lower() == "col")
