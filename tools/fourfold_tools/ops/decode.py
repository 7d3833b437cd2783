"""Text from bytes: what a file's first bytes say about it, and its lines decoded with an encoding that fits."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Bytes at the start of a file that decide whether it is text (git and ripgrep look about as far).
HEAD_BYTES = 8192
# Bytes that stand for a whole window when an encoding is guessed, and how far off they may lie on each side.
_SAMPLE_BYTES, _NEAR_BYTES = 65_536, 524_288

_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORMATS = (
    (b"\x7fELF", "ELF"),
    (b"MZ\x90", "Windows program"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Java class or Mach-O"),
    (b"\0asm", "WebAssembly"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh91AY&SY", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x89HDF", "HDF5"),
    (b"\0\0\x01\0", "icon"),
    (b"OggS\0", "Ogg"),
)
# Encodings whose lines do not end in one byte 10, or that hide text in ASCII: never a guess.
_NOT_BY_LINES = ["utf_7", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"]
# Control characters that text does not hold; tab, line ends, form feed, backspace and escape (colours) it may.
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\b\x1b"))) + b"\x7f"


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded lines with `\\n` ends; note names the encoding where the bytes were not plain UTF-8."""

    text: str
    note: str = ""


def wide_codec(head: bytes) -> str | None:
    """The UTF-16 or UTF-32 codec of a file that begins with `head`, by its mark or by where its zeros stand."""
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    if len(head) < 4 or len(head) % 2:
        return None
    for codec, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if high.count(0) * 10 >= len(high) * 7 and head.count(0) == high.count(0) and _is_wide_text(head, codec):
            return codec
    return None


def _is_wide_text(head: bytes, codec: str) -> bool:
    text = codecs.getincrementaldecoder(codec)("replace").decode(head)
    return "\ufffd" not in text and not _control_count(text.encode("utf-8"))


def binary_format(head: bytes) -> str | None:
    """What a file that begins with `head` is, in a word or two, when it is neither text nor wide text."""
    for mark, name in _FORMATS:
        if head.startswith(mark):
            return name
    return "NUL bytes" if b"\0" in head else None


def transcode(blocks: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """UTF-8 of a text in a wide encoding, block by block, without its byte order mark."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    started = False
    for block in blocks:
        text = decoder.decode(block)
        if text and not started:
            text, started = text.removeprefix("\ufeff"), True
        yield text.encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def decode(data: bytes) -> Text | None:
    """Whole lines of an encoding that extends ASCII; None when they are no text.

    UTF-8 where it is valid, else UTF-8 with damaged bytes as `\\xNN`, else a guess that the note names.
    """
    try:
        return Text(unify_line_ends(data.decode("utf-8")))
    except UnicodeDecodeError as exc:
        sample = _sample(data, exc.start)
    if b"\0" in data or _control_count(sample) * 50 > len(sample):
        return None
    if _is_mostly_utf8(sample):
        return _damaged(data)
    codec = "cp1252" if _is_western(sample) else _guess(sample)
    for name in (codec, "cp1252", "latin-1"):
        try:
            return Text(unify_line_ends(data.decode(name)), f"decoded as {name}")
        except UnicodeDecodeError:
            continue
    return None


def unify_line_ends(text: str) -> str:
    """CRLF becomes LF, as the client shows it; a lone CR stays, it ends no line."""
    return text.replace("\r\n", "\n") if "\r" in text else text


def _sample(data: bytes, at: int) -> bytes:
    """Lines near byte `at` that hold more than ASCII, from both sides; a part of them where one line is longer."""
    line = data.rfind(b"\n", 0, at) + 1
    low = data.find(b"\n", max(0, line - _NEAR_BYTES), line) + 1 if line > _NEAR_BYTES else 0
    half = _SAMPLE_BYTES // 2
    before, after = _beyond_ascii(data[low:line]), _beyond_ascii(data[line : line + _NEAR_BYTES])
    if len(before) > half:
        before = before[before.find(b"\n", len(before) - half) + 1 :]
    if len(after) > half:
        after = after[: after.rfind(b"\n", 0, half) + 1 or half]
    return before + after


def _beyond_ascii(data: bytes) -> bytes:
    return b"".join(line + b"\n" for line in data.split(b"\n") if not line.isascii())


def _control_count(data: bytes) -> int:
    return len(data) - len(data.translate(None, _CONTROLS))


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether more characters are valid multi-byte UTF-8 than bytes are invalid; chance gives the reverse."""
    text = sample.decode("utf-8", "surrogateescape")
    bad = len(re.findall("[\udc80-\udcff]", text))
    return len(re.findall("[^\0-\x7f\udc80-\udcff]", text)) > bad


def _damaged(data: bytes) -> Text:
    # Line by line, because replacing handlers are 20 times slower than strict decoding and few lines need them.
    lines: list[str] = []
    bad = 0
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("utf-8", "backslashreplace"))
            bad += 1
    return Text(
        unify_line_ends("\n".join(lines)), f"decoded as utf-8; lines with invalid bytes, shown as \\xNN: {bad}"
    )


def _is_western(sample: bytes) -> bool:
    """Whether most bytes above ASCII stand alone, as accented letters do; other scripts fill whole words."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    return 2 * sum(len(run) == 1 for run in runs) >= sum(map(len, runs))


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # 30 ms that only such files cost

    best = from_bytes(sample, cp_exclusion=_NOT_BY_LINES).best()
    return best.encoding if best is not None else "cp1252"
