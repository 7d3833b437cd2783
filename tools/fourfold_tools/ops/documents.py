"""Documents that are not plain lines: notebooks as the client shows them, and pictures."""

import base64
import json
import re
from typing import Any, cast

from fourfold_tools.model.output import Image
from fourfold_tools.ops.size import size_text

Json = dict[str, Any]

# Characters of a cell's outputs above which they are named, not shown (Claude Code's own bound).
_MAX_OUTPUT_CHARS = 10_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def notebook_text(data: bytes) -> str | None:
    """The cells of a Jupyter notebook as `<cell id="ID">source</cell id="ID">`, each with its outputs as text.

    Cells without an id count as `cell-0`, `cell-1` ...; kinds other than code and languages other than Python
    stand as tags before the source. None when the data is no notebook.
    """
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        return None
    cells = _items(notebook, "cells")
    if cells is None:
        return None
    language = str(_at(notebook, "metadata", "language_info", "name") or "python")
    parts = [part for index, cell in enumerate(cells) for part in _cell(cell, index, language)]
    text = "\n".join(parts).replace("\r\n", "\n")
    return text.encode("utf-8", "replace").decode("utf-8")  # JSON can name half a surrogate pair


def _cell(cell: Json, index: int, language: str) -> list[str]:
    name, kind = str(cell.get("id") or f"cell-{index}"), str(cell.get("cell_type", "code"))
    tag = f"<cell_type>{kind}</cell_type>" if kind != "code" else ""
    if kind == "code" and language != "python":
        tag = f"<language>{language}</language>"
    source = f'<cell id="{name}">{tag}{_joined(cell.get("source"))}</cell id="{name}">'
    outputs = [text for output in _items(cell, "outputs") or [] if (text := _output(output))]
    if sum(map(len, outputs)) > _MAX_OUTPUT_CHARS:
        outputs = [
            f"Outputs are too large to include. Use Bash with: cat <notebook_path> | jq '.cells[{index}].outputs'"
        ]
    return [source, *(f"\n{text}" for text in outputs)]


def _output(output: Json) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _plain(output.get("text"))
    if kind == "error":
        trace = "\n".join(map(str, _list(output.get("traceback"))))
        return _plain(f"{output.get('ename')}: {output.get('evalue')}\n{trace}")
    texts = [_plain(_at(output, "data", "text/plain"))]
    data = _at(output, "data")
    for mime, value in cast("Json", data).items() if isinstance(data, dict) else ():
        if mime.startswith("image/") and mime != "image/svg+xml":
            texts.append(f"[{mime} output, {size_text(len(_joined(value)) * 3 // 4)}]")
    return "\n".join(filter(None, texts))


def _plain(value: object) -> str:
    return _ANSI.sub("", _joined(value)).rstrip("\n")


def _joined(value: object) -> str:
    """A notebook's multi-line string: one string, or a list of them."""
    return value if isinstance(value, str) else "".join(map(str, _list(value)))


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _items(value: object, key: str) -> list[Json] | None:
    """The objects in a list that stands under `key`; None when there is no list."""
    items = _at(value, key)
    if not isinstance(items, list):
        return None
    return [cast("Json", item) for item in cast("list[object]", items) if isinstance(item, dict)]


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = cast("Json", value).get(key) if isinstance(value, dict) else None
    return value


def image_type(head: bytes) -> str | None:
    """The media type of a picture that the model can see, by the first bytes of its file (12 are enough)."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def image(data: bytes, mime: str) -> Image:
    return Image(base64.b64encode(data).decode("ascii"), mime)


def image_size(data: bytes, mime: str) -> tuple[int, int] | None:
    """Width and height in pixels, from the header; None when it does not say."""
    reader = {"image/png": _png_size, "image/gif": _gif_size, "image/webp": _webp_size, "image/jpeg": _jpeg_size}
    try:
        return reader[mime](data)
    except IndexError:
        return None


def _png_size(data: bytes) -> tuple[int, int] | None:
    return (_big(data, 16, 4), _big(data, 20, 4)) if data[12:16] == b"IHDR" else None


def _gif_size(data: bytes) -> tuple[int, int] | None:
    return _little(data, 6, 2), _little(data, 8, 2)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk the segments (marker, length, body) to the first start of frame: C0-CF without C4, C8, CC."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return _big(data, at + 7, 2), _big(data, at + 5, 2)
        else:
            at += 2 + max(2, _big(data, at + 2, 2))
    return None


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "little")


def _exactly(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) != size:
        raise IndexError
    return part
