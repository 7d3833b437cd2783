"""The media type of a body: what kind of thing a Content-Type header names."""

import re

_HTML = {"text/html", "application/xhtml+xml"}
_MARKDOWN = {"text/markdown", "text/x-markdown"}
_TEXTUAL = {"json", "ndjson", "xml", "javascript", "ecmascript", "yaml", "toml", "csv", "sql", "urlencoded", "sh"}
# Servers send these for endings that they do not know.
_VAGUE = {"", "application/octet-stream", "binary/octet-stream", "application/x-download"}
_OPAQUE = {"application/pdf", "application/zip", "application/gzip", "application/x-tar"}


def media_type(content_type: str) -> str:
    """`Text/HTML; charset=utf-8` as `text/html`; the functions below take this form."""
    return content_type.partition(";")[0].strip().lower()


def is_html(media: str) -> bool:
    return media in _HTML


def is_markdown(media: str) -> bool:
    return media in _MARKDOWN


def is_textual(media: str) -> bool:
    """Whether it names a text: `text/csv`, `application/problem+json`, `application/x-sh`."""
    return media.startswith("text/") or not _TEXTUAL.isdisjoint(re.split(r"[/+.-]", media))


def is_plain(media: str) -> bool:
    """Whether it names a text that is shown as it comes, without a look for links in it."""
    return is_textual(media) and not is_html(media) and not is_markdown(media)


def is_vague(media: str) -> bool:
    """Whether it says nothing, so that only the bytes can tell."""
    return media in _VAGUE


def is_opaque(media: str) -> bool:
    """Whether a body of this type is never shown, so that there is no use in reading it."""
    return media.startswith(("audio/", "video/", "font/")) or media in _OPAQUE
