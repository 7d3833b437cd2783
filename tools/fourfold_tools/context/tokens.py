"""A token estimate: what a text will cost the caller's model, without a tokenizer."""

import math
import os
from typing import Literal

Kind = Literal["prose", "code", "data", "hex"]

# ASCII characters per token of current models (claude-opus-4-7 and later). Prose and code: published counts that
# disagree by up to a fifth; JSON, logs, hexadecimal and base64: judgement. A single estimate is good to a quarter.
CHARS_PER_TOKEN: dict[Kind, float] = {"prose": 3.5, "code": 2.7, "data": 2.5, "hex": 1.8}

_PROSE = frozenset({"", ".md", ".markdown", ".rst", ".txt", ".adoc", ".tex", ".org", ".html", ".htm", ".pdf"})
_DATA = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".log", ".lock", ".xml", ".svg", ".ipynb", ".map"})
_HEX = frozenset({".hex", ".b64", ".pem", ".crt", ".key", ".asc", ".sha256"})
_BY_OP: dict[str, Kind] = {"grep": "code", "glob": "data", "bash": "data", "fetch": "prose"}


def estimate(text: str, kind: Kind = "code", more: int = 0) -> int:
    """Tokens of a text and `more` ASCII characters: ASCII by the rate of its kind, every other character one token.

    Never below len / 4.
    """
    if text.isascii():
        return math.ceil((len(text) + more) / CHARS_PER_TOKEN[kind])
    ascii_chars = len(text.encode("ascii", "ignore"))
    return math.ceil((ascii_chars + more) / CHARS_PER_TOKEN[kind]) + len(text) - ascii_chars


def kind_of(op: str, path: str = "") -> Kind:
    """The kind of text an op gives: by the suffix of the file read, else by what the op usually prints."""
    if op != "read":
        return _BY_OP.get(op, "code")
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _HEX:
        return "hex"
    if suffix in _DATA:
        return "data"
    return "prose" if suffix in _PROSE else "code"
