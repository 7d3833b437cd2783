"""Markdown from HTML: the main part of a page, with absolute links, fenced code and tables."""

import re
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from html_to_markdown import ConversionError, ConversionOptions, PreprocessingOptions, convert
from selectolax.lexbor import LexborHTMLParser, LexborNode

from fourfold_tools.ops.markup import Outline, bare_text, without_drawings

# What is not the page's own text: scripts, navigation, controls, the permalink signs of documentation pages, and
# what is there twice for screen readers. Notes and footnotes are asides too, and stay. By element: a selector costs
# its time where the element is nowhere on the page, too.
_NOISE_OF = {
    **dict.fromkeys(("script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "canvas"), ""),
    **dict.fromkeys(("dialog", "nav", "footer", "input", "button", "select", "textarea"), ""),
    "a": "[aria-hidden=true]",
    "span": "[aria-hidden=true]",
    "aside": ":not(.footnote, .footnote-list, .admonition, [role=note], [role^=doc-])",
}
_NOISE_ANYWHERE = "[role=navigation], [role=contentinfo], [role=search], .headerlink"
_OWN_ANCHORS = ":is(h1, h2, h3, h4, h5, h6) a[href^='#']"
_SIGNS = {"", "#", "¶", "§", "🔗"}
_MIN_SHARE = 0.1  # of the page's text: a smaller `<main>` is a shell that is filled by a script
_MAX_BASE_CHARS = 2048
_EMBEDDED = re.compile(r"data:", re.IGNORECASE)
_MEDIA = "img, audio, video, source, picture, track, image"
# A path below the page's folder, or below one further up, that needs no more than to be put behind it.
_BELOW = re.compile(r"((?:\.\./)*+)((?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*+/)*+[A-Za-z0-9_~-][A-Za-z0-9_.~-]*+)(?:#-)?")
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
    outline, excess = _bounded(html, url)
    if excess:
        return _bare(outline.html, excess)
    tree = LexborHTMLParser(outline.html)
    base = _base(tree, url, outline)
    links = _links(tree, base, max_links)
    title = _title(tree)
    body = tree.body
    if body is None:
        return Document("", links)
    _strip(body, outline)
    part = _main(tree, body, len(outline.html))
    media = part.css_first(_MEDIA) is not None
    text = _converted(part, base, markdown=markdown, media=media)
    if text is None:
        return _bare(outline.html, "the converter does not follow its elements that deep")
    if title and part.css_first("h1") is None:
        text = f"{'# ' if markdown else ''}{title}\n\n{text}"
    return Document(text, links)


def _bare(html: str, why: str) -> Document:
    return Document(bare_text(html), (), f"plain text without links, because {why}")


def html_links(html: str, url: str, max_links: int) -> tuple[str, ...]:
    """The links of a page alone."""
    outline, excess = _bounded(html, url)
    if excess:
        return ()
    tree = LexborHTMLParser(outline.html)
    return _links(tree, _base(tree, url, outline), max_links)


def markdown_links(text: str, url: str, max_links: int) -> tuple[str, ...]:
    """The links of a text that is Markdown already."""
    return _absolute([m[1] or m[2] for m in _MARKDOWN_LINK.finditer(text)], url, max_links)


def _bounded(html: str, url: str) -> tuple[Outline, str | None]:
    """The page, without its drawings where they alone make it dear, and what makes it dear all the same."""
    outline = Outline(html)
    excess = outline.excess(url)
    if excess and (lighter := without_drawings(html)) != html:
        outline = Outline(lighter)
        excess = outline.excess(url)
    return outline, excess


def _links(tree: LexborHTMLParser, base: str, max_links: int) -> tuple[str, ...]:
    return _absolute([a.attributes.get("href") for a in tree.css("a[href]")], base, max_links)


def _absolute(targets: list[str | None], base: str, max_links: int) -> tuple[str, ...]:
    """Links in the order of their targets. Those that differ in their fragment are one, and joined once."""
    links: dict[str, None] = {}
    folders: dict[str, str | None] = {}  # by the steps up to it
    for target in dict.fromkeys(map(_without_fragment, targets)):
        if len(links) >= max_links:
            break
        below = _BELOW.fullmatch(target)
        if below is None:
            link = _joined(base, target) if target else None
        else:
            if below[1] not in folders:
                folders[below[1]] = _joined(base, below[1] + "-")
            folder = folders[below[1]]
            link = folder and folder[:-1] + below[2]
        if link:
            links[link] = None
    return tuple(links)


def _without_fragment(target: str | None) -> str:
    """The target with `#-` for its fragment: a URL with one is spelled anew. Empty for a place on the page itself."""
    page, _, fragment = (target or "").partition("#")
    if not page:
        return ""
    return f"{page}#-" if fragment else target or ""


def _joined(base: str, target: str) -> str | None:
    try:
        link = urldefrag(urljoin(base, target.strip())).url
    except ValueError:
        return None
    return link if link.startswith(("http://", "https://")) else None


def _base(tree: LexborHTMLParser, url: str, outline: Outline) -> str:
    """What relative links start from: `<base href>` where it is a usable one, else the page's URL."""
    node = tree.css_first("base[href]") if b"base" in outline.opened else None
    href = node.attributes.get("href") if node is not None else None
    base = _joined(url, href) if href else None
    return base if base and len(base) <= _MAX_BASE_CHARS else url


def _title(tree: LexborHTMLParser) -> str:
    node = tree.css_first("head > title")
    return " ".join(node.text().split()) if node is not None else ""


def _strip(body: LexborNode, outline: Outline) -> None:
    noise = [name + which for name, which in _NOISE_OF.items() if name.encode() in outline.opened]
    # From the end of the page to its start: what lies inside another match goes before it.
    for node in reversed(body.css(", ".join([*noise, _NOISE_ANYWHERE]))):
        node.decompose()
    # A heading that links to itself is a heading; the link would cost more tokens than the words.
    for anchor in reversed(body.css(_OWN_ANCHORS)):
        if anchor.text(strip=True) in _SIGNS:
            anchor.decompose()
        else:
            anchor.unwrap()


def _main(tree: LexborHTMLParser, body: LexborNode, page_chars: int) -> LexborNode:
    """The `<main>`, else the only `<article>`, unless hardly any of the text is in it; else the body.

    page_chars: the length of the HTML, no less than that of the text in it.
    """
    part = tree.css_first("main, [role=main]")
    if part is None:
        articles = tree.css("article")
        part = articles[0] if len(articles) == 1 else None
    if part is None:
        return body
    visible = len(_visible(part))
    if visible >= _MIN_SHARE * page_chars or visible >= _MIN_SHARE * len(_visible(body)):
        return part
    return body


def _visible(node: LexborNode) -> str:
    return node.text(strip=True)


def _converted(part: LexborNode, base: str, *, markdown: bool, media: bool) -> str | None:
    """None where the converter left something out because it lies too deep."""
    html = part.html or ""
    try:
        result = convert(html, _options(html, base, markdown=markdown, media=media))
    except ConversionError:
        text = ""
    else:
        if result.warnings:
            return None
        text = (result.content or "").lstrip("\n")
    # A page that the converter gives up, or that is hidden until a script shows it, has its words all the same.
    return text if text.strip() else part.text(separator="\n", strip=True)


def _options(html: str, base: str, *, markdown: bool, media: bool) -> ConversionOptions:
    """What the converter does; it scans a page in one pass, half the time, unless something asked of it needs a tree.

    html: serialized, with names in lower case. media: there may be some. Tables without padding, marks and pictures
    inside of URLs are asked for only where there may be one.
    """
    plain = "<table" not in html and "<mark" not in html and not (media and _EMBEDDED.search(html))
    return ConversionOptions(
        extract_metadata=False,
        base_url=base,
        inline_data_media="keep" if plain else "alt_text_only",
        compact_tables=not plain,
        highlight_style="none" if plain else "double_equal",
        output_format="markdown" if markdown else "plain",
        preprocessing=PreprocessingOptions(enabled=False),
    )
