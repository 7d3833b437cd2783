"""A reading: one request for lines of one file, and the form in which that file is shown."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fourfold_config.settings import Read
from fourfold_tools.errors import TooLarge, Unsupported
from fourfold_tools.model.output import ReadOutput
from fourfold_tools.ops.decode import HEAD_BYTES, Text, binary_format, decode, transcode, unify_line_ends, wide_codec
from fourfold_tools.ops.documents import image, image_size, image_type, notebook_text
from fourfold_tools.ops.lines import LineIndex, Window, window_in, window_of
from fourfold_tools.ops.pdf import PdfText
from fourfold_tools.ops.size import size_text

_BLOCK_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
# Bytes in which a file named .pdf may hold other things before its mark, as readers of PDF allow.
_PDF_HEAD_BYTES = 1024

_EMPTY = "<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>"
_BEYOND = (
    "<system-reminder>Warning: the file exists but is shorter than the provided offset ({offset})."
    " The file has {lines} lines.</system-reminder>"
)
_MORE = "more lines follow; total_lines is what was counted so far"

Check = Callable[[], None]  # called between blocks; raises when the work is to end


@dataclass(frozen=True, slots=True)
class Request:
    """Lines of the file `source` (absolute), named `path` by the caller; offset 0 and limit None: not named."""

    path: str
    source: str
    offset: int
    limit: int | None

    @property
    def first(self) -> int:
        return max(1, self.offset)

    @property
    def whole(self) -> bool:
        return self.offset == 0 and self.limit is None


class Reader:
    """Shows files in the client's forms; keeps the line index. Safe to use from many threads."""

    def __init__(self, settings: Read) -> None:
        self._settings = settings
        self._index = LineIndex()

    def plain(self, request: Request, data: bytes) -> ReadOutput | None:
        """What is shown of a file that holds `data` when that is plain UTF-8 text, else None."""
        if b"\0" in data or image_type(data) or is_pdf(request, data) or _is_notebook(request):
            return None
        window = self._cut(request, data)
        try:
            text = _without_mark(request, window).decode("utf-8")
        except UnicodeDecodeError:
            return None
        return _shown(request, window, Text(unify_line_ends(text)), source=request.source)

    def file(self, request: Request, file: io.FileIO, check: Check) -> ReadOutput | None:
        """What is shown of a file that is no PDF; None for a PDF.

        Raises:
            TooLarge: the whole, the window or the picture is larger than settings allow.
            Unsupported: binary.
        """
        size = os.fstat(file.fileno()).st_size
        small = size <= self._settings.max_bytes
        head = file.read(size + 1 if small else HEAD_BYTES)
        if small and len(head) == size and (output := self.plain(request, head)) is not None:
            return output
        head = head[:HEAD_BYTES]
        if is_pdf(request, head):
            return None
        if mime := image_type(head):
            return self._picture(request, file, mime, check)
        if _is_notebook(request) and head:
            return self._notebook(request, file, check) or self._text(
                request, file, size, head, check, note="not a notebook; shown as plain text"
            )
        return self._text(request, file, size, head, check)

    def pdf(self, request: Request, text: PdfText) -> ReadOutput:
        """What is shown of a PDF whose window was taken out."""
        complete = text.pages_read == text.pages
        window = Window(text.text.encode("utf-8"), text.text.count("\n"), text.lines, complete)
        note = "" if complete else f"{text.pages_read} of {text.pages} pages read"
        return _shown(request, window, Text(text.text), note=note, numbered=False)

    def _text(
        self, request: Request, file: io.FileIO, size: int, head: bytes, check: Check, note: str = ""
    ) -> ReadOutput:
        codec = wide_codec(head)
        kind = None if codec else binary_format(head)
        if kind is not None:
            raise _binary(request, kind, size)
        if request.whole:
            self._refuse_whole(size)
        max_bytes, count_bytes = self._settings.max_window_bytes, self._settings.count_bytes
        if codec is not None:
            blocks = transcode(_blocks(file, check), codec)
            window = window_of(blocks, request.first, request.limit, max_bytes=max_bytes, count_bytes=count_bytes)
            text = Text(unify_line_ends(window.data.decode("utf-8")), f"decoded as {codec}")
            return _shown(request, window, text, note=note)
        window = self._index.window(
            file, request.first, request.limit, max_bytes=max_bytes, count_bytes=count_bytes, check=check
        )
        decoded = decode(_without_mark(request, window))
        if decoded is None:
            raise _binary(request, "no known encoding", size)
        return _shown(request, window, decoded, note=note, source=None if decoded.note else request.source)

    def _picture(self, request: Request, file: io.FileIO, mime: str, check: Check) -> ReadOutput:
        data = _all(file, self._settings.max_image_bytes, "Image", "Scale it down first", check)
        pixels = image_size(data, mime)
        words = [
            os.path.basename(request.path),
            *([f"{pixels[0]}x{pixels[1]}"] if pixels else []),
            size_text(len(data)),
        ]
        note = f"[Image: {', '.join(words)}]"
        return ReadOutput(request.path, "", 1, 0, 0, note, numbered=False, image=image(data, mime))

    def _notebook(self, request: Request, file: io.FileIO, check: Check) -> ReadOutput | None:
        data = _all(file, self._settings.max_window_bytes, "Notebook", "Use bash with jq to read part of it", check)
        text = notebook_text(data.removeprefix(_BOM))
        if text is None:
            return None
        shown = text.encode("utf-8")
        if request.whole:
            self._refuse_whole(len(shown))
        window = self._cut(request, shown)
        return _shown(request, window, Text(window.data.decode("utf-8")), numbered=False)

    def _cut(self, request: Request, data: bytes) -> Window:
        if request.whole:
            lines = data.count(b"\n") + (data[-1:] not in {b"", b"\n"})
            return Window(data, lines, lines, complete=True)
        return window_in(data, request.first, request.limit, max_bytes=self._settings.max_window_bytes)

    def _refuse_whole(self, size: int) -> None:
        if size > self._settings.max_bytes:
            allowed = size_text(self._settings.max_bytes)
            raise TooLarge(
                f"File content ({size_text(size)}) exceeds maximum allowed size ({allowed})."
                " Use offset and limit to read part of it, or grep for what you need."
            )


def is_pdf(request: Request, head: bytes) -> bool:
    """Whether a file that begins with `head` is a PDF, by its mark."""
    early = head.startswith(b"%PDF-")
    return early or (request.path.lower().endswith(".pdf") and b"%PDF-" in head[:_PDF_HEAD_BYTES])


def _is_notebook(request: Request) -> bool:
    return request.path.lower().endswith(".ipynb")


def _shown(
    request: Request, window: Window, text: Text, *, note: str = "", numbered: bool = True, source: str | None = None
) -> ReadOutput:
    """The output for a window; an empty one says why it is empty."""
    lines, total = window.line_count, window.known_lines
    notes = [note, text.note, "" if window.complete else _MORE]
    if not text.text:
        empty = lines > 0 or total == 0  # a byte order mark alone counts as a line of bytes, not of text
        notes = [_EMPTY if empty else _BEYOND.format(offset=request.offset, lines=total)]
        lines, total = 0, 0 if empty else total
    joined = "; ".join(filter(None, notes))
    if source is not None and not _sayable(source):
        source = None
    return ReadOutput(request.path, text.text, request.first, lines, total, joined, numbered, source=source)


def _sayable(path: str) -> bool:
    """Whether a path can stand in an answer as it is; a name that is not UTF-8 cannot."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _without_mark(request: Request, window: Window) -> bytes:
    return window.data.removeprefix(_BOM) if request.first == 1 else window.data


def _binary(request: Request, kind: str, size: int) -> Unsupported:
    return Unsupported(
        f"{request.path} is binary ({kind}, {size_text(size)}); read shows text, pictures, PDF text and notebooks."
        " Use bash (file, strings, xxd) to look into it."
    )


def _blocks(file: io.FileIO, check: Check) -> Iterator[bytes]:
    file.seek(0)
    check()
    while block := file.read(_BLOCK_BYTES):
        yield block
        check()


def _all(file: io.FileIO, max_bytes: int, what: str, advice: str, check: Check) -> bytes:
    """A file's bytes, as many as there are while they are read.

    Raises:
        TooLarge: more than max_bytes.
    """
    parts: list[bytes] = []
    held = 0
    for block in _blocks(file, check):
        parts.append(block)
        held += len(block)
        if held > max_bytes:
            size = size_text(max(held, os.fstat(file.fileno()).st_size))
            raise TooLarge(f"{what} ({size}) exceeds maximum allowed size ({size_text(max_bytes)}). {advice}.")
    return b"".join(parts)
