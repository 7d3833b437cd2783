"""Markdown from HTML: the main part of a page, with absolute links, fenced code and tables."""

import re
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from html_to_markdown import ConversionError, ConversionOptions, PreprocessingOptions, convert
from selectolax.lexbor import LexborHTMLParser, LexborNode

from fourfold_tools.ops import markup

# What is not the page's own text: scripts, navigation, controls, the permalink signs of documentation pages, and
# what is there twice for screen readers. Notes and footnotes are asides too, and stay.
_NOISE = (
    "script, style, noscript, template, iframe, object, embed, svg, canvas, dialog, nav, footer, "
    "input, button, select, textarea, [role=navigation], [role=contentinfo], [role=search], .headerlink, "
    "a[aria-hidden=true], span[aria-hidden=true], "
    "aside:not(.footnote, .footnote-list, .admonition, [role=note], [role^=doc-])"
)
_OWN_ANCHORS = ", ".join(f"h{level} a[href^='#']" for level in range(1, 7))
_SIGNS = {"", "#", "¶", "§", "🔗"}
_MIN_SHARE = 0.1  # of the page's text: a smaller `<main>` is a shell that is filled by a script
_MAX_BASE_CHARS = 2048
_MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s<>]{1,2048})|<(https?://[^\s<>]{1,2048})>")


@dataclass(frozen=True, slots=True)
class Document:
    """A page's text, its absolute http links in order (each once, without fragment), and what is odd about it."""

    text: str
    links: tuple[str, ...]
    note: str = ""


def from_html(html: str, url: str, *, markdown: bool = True, max_links: int) -> Document:
    """The main part of a page as Markdown, or as plain text.

    Links are those of the whole page. A page whose markup is too dear to parse (see markup.excess) comes as bare
    text with a note and without links.
    """
    html, excess = _bounded(html, url)
    if excess:
        return Document(markup.bare_text(html), (), f"plain text without links, because {excess}")
    tree = LexborHTMLParser(html)
    base = _base(tree, url)
    links = _links(tree, base, max_links)
    title = _title(tree)
    body = tree.body
    if body is None:
        return Document("", links)
    _strip(body)
    part = _main(tree, body)
    text = _converted(part, base, markdown=markdown)
    if title and part.css_first("h1") is None:
        text = f"{'# ' if markdown else ''}{title}\n\n{text}"
    return Document(text, links)


def html_links(html: str, url: str, max_links: int) -> tuple[str, ...]:
    """The links of a page alone."""
    html, excess = _bounded(html, url)
    if excess:
        return ()
    tree = LexborHTMLParser(html)
    return _links(tree, _base(tree, url), max_links)


def markdown_links(text: str, url: str, max_links: int) -> tuple[str, ...]:
    """The links of a text that is Markdown already."""
    return _absolute([m[1] or m[2] for m in _MARKDOWN_LINK.finditer(text)], url, max_links)


def _bounded(html: str, url: str) -> tuple[str, str | None]:
    """The page, without its drawings where they alone make it dear, and what makes it dear all the same."""
    excess = markup.excess(html, url)
    if excess and (lighter := markup.without_drawings(html)) != html:
        return lighter, markup.excess(lighter, url)
    return html, excess


def _links(tree: LexborHTMLParser, base: str, max_links: int) -> tuple[str, ...]:
    return _absolute([a.attributes.get("href") for a in tree.css("a[href]")], base, max_links)


def _absolute(targets: list[str | None], base: str, max_links: int) -> tuple[str, ...]:
    links: dict[str, None] = {}
    for target in dict.fromkeys(targets):
        if len(links) >= max_links:
            break
        if target and not target.startswith("#") and (link := _joined(base, target)):
            links[link] = None
    return tuple(links)


def _joined(base: str, target: str) -> str | None:
    try:
        link = urldefrag(urljoin(base, target.strip())).url
    except ValueError:
        return None
    return link if link.startswith(("http://", "https://")) else None


def _base(tree: LexborHTMLParser, url: str) -> str:
    """What relative links start from: `<base href>` where it is a usable one, else the page's URL."""
    node = tree.css_first("base[href]")
    href = node.attributes.get("href") if node is not None else None
    base = _joined(url, href) if href else None
    return base if base and len(base) <= _MAX_BASE_CHARS else url


def _title(tree: LexborHTMLParser) -> str:
    node = tree.css_first("head > title")
    return " ".join(node.text().split()) if node is not None else ""


def _strip(body: LexborNode) -> None:
    # From the end of the page to its start: what lies inside another match goes before it.
    for node in reversed(body.css(_NOISE)):
        node.decompose()
    # A heading that links to itself is a heading; the link would cost more tokens than the words.
    for anchor in reversed(body.css(_OWN_ANCHORS)):
        if anchor.text(strip=True) in _SIGNS:
            anchor.decompose()
        else:
            anchor.unwrap()


def _main(tree: LexborHTMLParser, body: LexborNode) -> LexborNode:
    """The `<main>`, else the only `<article>`, unless hardly any of the text is in it; else the body."""
    part = tree.css_first("main, [role=main]")
    if part is None:
        articles = tree.css("article")
        part = articles[0] if len(articles) == 1 else None
    if part is None or len(_visible(part)) < _MIN_SHARE * len(_visible(body)):
        return body
    return part


def _visible(node: LexborNode) -> str:
    return node.text(strip=True)


def _converted(part: LexborNode, base: str, *, markdown: bool) -> str:
    options = ConversionOptions(
        extract_metadata=False,
        base_url=base,
        inline_data_media="alt_text_only",
        compact_tables=True,
        output_format="markdown" if markdown else "plain",
        preprocessing=PreprocessingOptions(enabled=False),
    )
    try:
        text = (convert(part.html or "", options).content or "").lstrip("\n")
    except ConversionError:
        text = ""
    # A page that the converter gives up, or that is hidden until a script shows it, has its words all the same.
    return text if text.strip() else part.text(separator="\n", strip=True)
