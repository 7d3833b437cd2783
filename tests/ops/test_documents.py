"""Notebooks, pictures and PDF become what the client shows."""

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from pdf_file import pdf_file, pdf_of_streams

from fourfold_tools.errors import Contention, TooLarge, Unsupported
from fourfold_tools.ops import pdf_child
from fourfold_tools.ops.documents import image_size, image_type, notebook_text
from fourfold_tools.ops.pdf import PdfText, pdf_text

GIB = 1 << 30
MIB = 1 << 20


def notebook(*cells: dict[str, object], **metadata: object) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def code(source: str | list[str], *outputs: dict[str, object], **more: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), **more}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (notebook(code("print(1)", id="c1")), '<cell id="c1">print(1)</cell id="c1">'),
        (notebook(code(["a = 1\n", "a"])), '<cell id="cell-0">a = 1\na</cell id="cell-0">'),
        (
            notebook({"cell_type": "markdown", "source": "# Title", "id": "m"}, code("x", id="c")),
            '<cell id="m"><cell_type>markdown</cell_type># Title</cell id="m">\n<cell id="c">x</cell id="c">',
        ),
        (
            notebook(code("x", id="c"), language_info={"name": "julia"}),
            '<cell id="c"><language>julia</language>x</cell id="c">',
        ),
        (
            notebook(
                code("p", {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}, id="c"),
                code("q", id="d"),
            ),
            '<cell id="c">p</cell id="c">\n\n1\n2\n<cell id="d">q</cell id="d">',
        ),
        (
            notebook(
                code("p", {"output_type": "execute_result", "data": {"text/plain": "42", "text/html": "<b>"}}, id="c")
            ),
            '<cell id="c">p</cell id="c">\n\n42',
        ),
        (
            notebook(
                code(
                    "p",
                    {"output_type": "display_data", "data": {"text/plain": "<Figure>", "image/png": "A" * 4096}},
                    id="c",
                )
            ),
            '<cell id="c">p</cell id="c">\n\n<Figure>\n[image/png output, 3KB]',
        ),
        (
            notebook(
                code(
                    "1/0",
                    {
                        "output_type": "error",
                        "ename": "E",
                        "evalue": "v",
                        "traceback": ["\x1b[0;31mE\x1b[0m", "at 1"],
                    },
                    id="c",
                )
            ),
            '<cell id="c">1/0</cell id="c">\n\nE: v\nE\nat 1',
        ),
        (
            notebook(code("p"), code("q", {"output_type": "stream", "text": "y" * 10_001}, id="d")),
            '<cell id="cell-0">p</cell id="cell-0">\n<cell id="d">q</cell id="d">\n\n'
            "Outputs are too large to include. Use Bash with: cat <notebook_path> | jq '.cells[1].outputs'",
        ),
        (b'{"cells": [{"source": "half \\ud800", "id": "c"}]}', '<cell id="c">half ?</cell id="c">'),
        (notebook(), ""),
    ],
)
def test_a_notebook_is_shown_cell_by_cell(data: bytes, text: str) -> None:
    assert notebook_text(data) == text


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b'{"cells": 1}', b"null", b"\xff\xfe", b"[" * 100_000],
    ids=lambda d: str(d[:12]),
)
def test_other_data_is_no_notebook(data: bytes) -> None:
    assert notebook_text(data) is None


def test_a_notebook_with_things_of_the_wrong_kind_is_shown_as_far_as_it_goes() -> None:
    data = b'{"cells": [1, {"cell_type": "code", "source": 3, "outputs": [7, {"output_type": 1, "data": []}]}]}'
    assert notebook_text(data) == '<cell id="cell-0"></cell id="cell-0">'


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
GIF = b"GIF89a" + struct.pack("<HH", 31, 7) + b"\0\0\0;"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + b"\xff\xff\xc4\x00\x03\0\xff\xc2\x00\x11\x08"
    + struct.pack(">HH", 300, 200) + b"\x03" + b"\0" * 9
)  # fmt: skip
WEBP_VP8 = b"RIFF\x20\0\0\0WEBPVP8 \x10\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 320, 240 | 0x4000)
WEBP_VP8L = b"RIFF\x20\0\0\0WEBPVP8L\x10\0\0\0\x2f" + struct.pack("<I", (99 - 1) | (33 - 1) << 14)
WEBP_VP8X = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (1919).to_bytes(3, "little") + (1079).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "mime", "size"),
    [
        (PNG, "image/png", (640, 480)),
        (GIF, "image/gif", (31, 7)),
        (JPEG, "image/jpeg", (200, 300)),
        (WEBP_VP8, "image/webp", (320, 240)),
        (WEBP_VP8L, "image/webp", (99, 33)),
        (WEBP_VP8X, "image/webp", (1920, 1080)),
    ],
)
def test_a_picture_is_known_by_its_bytes_and_cut_ones_have_no_size(
    data: bytes, mime: str, size: tuple[int, int]
) -> None:
    assert image_type(data) == mime
    assert image_size(data, mime) == size
    for end in range(len(data)):
        assert image_size(data[:end], mime) in {size, None}


@pytest.mark.parametrize(
    "data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"BM6\0", b"RIFF1234WAVE", b"\x89PNX"]
)
def test_other_data_is_no_picture(data: bytes) -> None:
    assert image_type(data) is None


def extracted(data: bytes, first: int = 1, limit: int | None = None, max_bytes: int = MIB) -> dict[str, object]:
    return pdf_child.extract(io.BytesIO(data), first, limit, max_bytes)


TWO_PAGES = pdf_file([["alpha", "beta"], ["gamma"]])
TWO_PAGES_TEXT = "Page 1\nalpha\nbeta\n\nPage 2\ngamma\n"


def test_pdf_text_stands_under_a_heading_for_each_page() -> None:
    assert extracted(TWO_PAGES) == {"text": TWO_PAGES_TEXT, "lines": 6, "pages": 2, "pages_read": 2}


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize("limit", [None, 1, 2, 5])
def test_a_window_of_pdf_text_equals_a_slice_of_its_lines(first: int, limit: int | None) -> None:
    lines = TWO_PAGES_TEXT.splitlines(keepends=True)
    assert extracted(TWO_PAGES, first, limit)["text"] == "".join(lines[first - 1 : limit and first - 1 + limit])


def test_pages_behind_the_window_are_not_read() -> None:
    assert extracted(TWO_PAGES, 2, 1) == {"text": "alpha\n", "lines": 3, "pages": 2, "pages_read": 1}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (pdf_file([[], []]), "it holds no text (2 pages, perhaps scanned)"),
        (pdf_file([["secret"]], encrypted=True), "it is encrypted"),
    ],
)
def test_pdf_that_gives_no_text_says_why(data: bytes, error: str) -> None:
    assert extracted(data) == {"error": error}


async def from_child(
    path: Path,
    data: bytes,
    *,
    first: int = 1,
    limit: int | None = None,
    max_bytes: int = MIB,
    memory_bytes: int = GIB,
) -> PdfText:
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return await pdf_text(fd, first, limit, max_bytes=max_bytes, memory_bytes=memory_bytes, cpu_s=20)
    finally:
        os.close(fd)


@pytest.mark.anyio
async def test_the_child_gives_the_text(tmp_path: Path) -> None:
    assert await from_child(tmp_path / "a.pdf", TWO_PAGES) == PdfText(TWO_PAGES_TEXT, 6, 2, 2)


@pytest.mark.anyio
@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"%PDF-1.4\n" + bytes(range(256)) * 20, TWO_PAGES[:-300], b""])
async def test_a_broken_pdf_is_unsupported_with_the_reason(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unsupported, match=r"the PDF cannot be read: it cannot be read as PDF \(\w+: .+\)"):
        await from_child(tmp_path / "a.pdf", data)


@pytest.mark.anyio
async def test_text_beyond_the_bound_is_refused_with_the_way_to_ask_for_less(tmp_path: Path) -> None:
    data = pdf_file([["x" * 40] * 40] * 3)
    with pytest.raises(TooLarge, match=r"The text of 2 of 3 pages already exceeds 2\.9KB\. Use offset"):
        await from_child(tmp_path / "a.pdf", data, max_bytes=3000)


@pytest.mark.anyio
async def test_a_child_out_of_memory_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="the PDF cannot be read: "):
        await from_child(tmp_path / "a.pdf", TWO_PAGES, memory_bytes=16 * MIB)


@pytest.mark.anyio
async def test_a_child_that_cannot_start_is_contention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fourfold_tools.ops.pdf.sys.executable", str(tmp_path / "absent"))
    with pytest.raises(Contention, match="no child process for the PDF: No such file"):
        await from_child(tmp_path / "a.pdf", TWO_PAGES)


@pytest.mark.anyio
async def test_cancelling_kills_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = pdf_of_streams([b"BT /F1 12 Tf (a) Tj ET\n" * 2_000_000])
    started = anyio.Event()
    children: list[Process] = []

    async def spy(*args: Any, **kwargs: Any) -> Process:
        children.append(await open_process(*args, **kwargs))
        started.set()
        return children[0]

    open_process = anyio.open_process
    monkeypatch.setattr("fourfold_tools.ops.pdf.anyio.open_process", spy)
    async with anyio.create_task_group() as group:
        group.start_soon(from_child, tmp_path / "a.pdf", endless)
        await started.wait()
        group.cancel_scope.cancel()
    assert children[0].returncode == -9
    with pytest.raises(ProcessLookupError):
        os.kill(children[0].pid, 0)
