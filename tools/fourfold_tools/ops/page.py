"""A page: the body of an answer as the text, the links and the picture that a step hands back."""

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.errors import TooLarge, Unsupported
from fourfold_tools.model.output import Image
from fourfold_tools.ops import markdown
from fourfold_tools.ops.charset import decode
from fourfold_tools.ops.documents import image, image_type
from fourfold_tools.ops.media import is_html, is_markdown, is_opaque, is_textual, is_vague, media_type
from fourfold_tools.ops.size import size_text

Format = Literal["markdown", "text", "raw"]

_HEAD_BYTES = 8192
_HTML_START = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """What came over the wire: an answer's first bytes, or all of them.

    total_bytes: the length of the whole where it is known. cut: `data` is not all of it.
    """

    data: bytes
    content_type: str
    url: str
    cut: bool = False
    total_bytes: int | None = None

    @property
    def media(self) -> str:
        return media_type(self.content_type)

    def size(self) -> str:
        if self.cut and self.total_bytes is None:
            return f"more than {size_text(len(self.data))}"
        return size_text(self.total_bytes if self.cut and self.total_bytes else len(self.data))


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown of a body; note says what is missing from it or odd about it."""

    text: str
    links: tuple[str, ...] = ()
    image: Image | None = None
    note: str = ""


def page_of(body: Body, form: Format, *, max_image_bytes: int, max_links: int) -> Page:
    """HTML as Markdown, as text or as it is; other text as it is; a picture as an image block.

    Raises:
        Unsupported: neither text nor a picture that the model can see.
        TooLarge: a picture of more than max_image_bytes, or one that was cut.
    """
    media = body.media
    if (media.startswith("image/") or is_vague(media)) and (mime := image_type(body.data)):
        return _picture(body, mime, max_image_bytes)
    if not _is_text(body):
        raise Unsupported(_not_shown(body))
    text = decode(body.data, body.content_type, cut=body.cut)
    if not is_html(media) and not (is_vague(media) and _HTML_START.match(body.data)):
        links = markdown.markdown_links(text, body.url, max_links) if is_markdown(media) else ()
        return Page(text, links, note=_cut_note(body))
    if form == "raw":
        return Page(text, markdown.html_links(text, body.url, max_links), note=_cut_note(body))
    document = markdown.from_html(text, body.url, markdown=form == "markdown", max_links=max_links)
    note = "\n".join(n for n in (document.note, _cut_note(body)) if n)
    return Page(document.text, document.links, note=note)


def _picture(body: Body, mime: str, max_image_bytes: int) -> Page:
    if body.cut or len(body.data) > max_image_bytes:
        raise TooLarge(f"a picture of {body.size()}; pictures are shown whole, up to {size_text(max_image_bytes)}")
    return Page("", image=image(body.data, mime))


def _is_text(body: Body) -> bool:
    """Whether the body is text: its type says so and it holds no NUL, or its first 8 KiB are UTF-8."""
    media = body.media
    if is_opaque(media):
        return False
    head = body.data[:_HEAD_BYTES]
    wide = (
        head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or "charset=utf-16" in body.content_type.lower()
    )
    if b"\0" in head and not wide:
        return False
    if is_textual(media):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return wide
    return not media.startswith("image/")


def _not_shown(body: Body) -> str:
    hint = ", its text with a read step" if body.media == "application/pdf" else ""
    kind = body.media[:100] or "data of no known type"
    size = f" ({body.size()})" if body.data or body.total_bytes else ""
    return f"{kind}{size} is not shown; save it with a bash step (curl -o FILE) and go on from the file{hint}"


def _cut_note(body: Body) -> str:
    if not body.cut:
        return ""
    rest = f" of {body.total_bytes:,}" if body.total_bytes else "; the page goes on"
    return f"… cut at {len(body.data):,} bytes{rest} (max_bytes)"
