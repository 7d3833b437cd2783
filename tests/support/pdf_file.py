"""A PDF written by hand: one text line per entry, one page per list, nothing but the standard library."""

import zlib
from collections.abc import Sequence


def pdf_file(pages: Sequence[Sequence[str]], *, encrypted: bool = False) -> bytes:
    """The bytes of a PDF whose pages show these lines (ASCII without brackets)."""
    return pdf_of_streams([_operators(lines) for lines in pages], encrypted=encrypted)


def pdf_of_streams(streams: Sequence[bytes], *, encrypted: bool = False) -> bytes:
    """The bytes of a PDF whose pages run these content streams, which are stored compressed."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, stream in enumerate(streams):
        packed = zlib.compress(stream)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        header = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(header + packed + b"\nendstream")
    return _assemble(objects, encrypted)


def _operators(lines: Sequence[str]) -> bytes:
    shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
    return f"BT /F1 12 Tf 72 720 Td {shown}ET".encode() if lines else b""


def _assemble(objects: Sequence[bytes], encrypted: bool) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    lock = ""
    if encrypted:  # a key that no empty password opens
        lock = f" /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >> /ID [<00> <00>]"
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R{lock} >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
