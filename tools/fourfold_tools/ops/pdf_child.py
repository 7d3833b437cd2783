"""The child that takes text out of a PDF: the file on standard input, one JSON object on standard output."""

import json
import sys
from typing import Any, BinaryIO, cast


def extract(stream: BinaryIO, first: int, limit: int | None, max_bytes: int) -> dict[str, object]:
    """Lines `first` (from 1) to `first + limit - 1` of the text, as {"text", "lines", "pages", "pages_read"}.

    Each page is a heading `Page N` and its text, with an empty line between pages. Pages behind the window are
    not read: lines counts up to pages_read. {"error": ...} instead when there is no way in or the window holds
    more than max_bytes.
    """
    from pypdf import PdfReader

    reader = PdfReader(stream)
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "it is encrypted"}
    last = sys.maxsize if limit is None else first + limit - 1
    pages = len(reader.pages)
    kept: list[str] = []
    seen = held = number = letters = 0
    for number in range(1, pages + 1):
        body = _page_text(reader, number)
        letters += len(body)
        lines = [*([""] if number > 1 else []), f"Page {number}", *body.splitlines()]
        part = lines[max(0, first - 1 - seen) : max(0, last - seen)]
        kept += part
        seen += len(lines)
        held += sum(map(len, part))
        if held > max_bytes:
            return {"error": "too large", "pages": pages, "pages_read": number}
        if seen >= last:
            break
    if not letters and number == pages:
        return {"error": f"it holds no text ({pages} pages, perhaps scanned)"}
    return {"text": "".join(f"{line}\n" for line in kept), "lines": seen, "pages": pages, "pages_read": number}


def _page_text(reader: Any, number: int) -> str:
    try:
        text = cast("str", reader.pages[number - 1].extract_text())
    except Exception as exc:  # the border to hostile input: pypdf raises what its many parsers raise
        return f"[page {number} cannot be read: {type(exc).__name__}]"
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _confine(memory_bytes: int, cpu_s: int) -> None:
    """Bound this process by itself, where the platform can: its parent may be gone when it runs wild."""
    try:
        import resource
    except ImportError:  # Windows: the parent's timeout is the only bound
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))


def main(argv: list[str]) -> None:
    """argv: first line, limit (0: none), most bytes of text, bytes of memory, seconds of processor time."""
    first, limit, max_bytes, memory_bytes, cpu_s = map(int, argv)
    _confine(memory_bytes, cpu_s)
    try:
        answer = extract(cast("BinaryIO", sys.stdin.buffer), first, limit or None, max_bytes)
    except Exception as exc:  # the same border: an answer with the reason beats a dead child without one
        answer = {"error": f"it cannot be read as PDF ({type(exc).__name__}: {str(exc)[:200]})"}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode("utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
