"""The charset of a body: what the bytes, the header or the page itself say it is, else UTF-8, else Windows-1252."""

import codecs
import re

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_META = re.compile(
    rb"<meta[^<>]{1,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})|<\?xml[^<>]{1,80}?encoding\s*=\s*[\"']([\w.:-]{1,40})",
    re.IGNORECASE,
)
_HEAD_BYTES = 4096
_WINDOW_BYTES = 65_536

# Python's name of a codec -> the codec that browsers use for that label (WHATWG Encoding). Nothing else is
# decoded: some of Python's codecs are no charsets, and some are quadratic.
_WEB = {
    **{name: name for name in ("utf-8", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6")},
    **{name: name for name in ("iso8859-7", "iso8859-8", "iso8859-10", "iso8859-13", "iso8859-14", "iso8859-15")},
    **{name: name for name in ("iso8859-16", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp866", "cp874")},
    **{f"cp{n}": f"cp{n}" for n in range(1250, 1259)},
    **{name: name for name in ("big5", "euc_jp", "iso2022_jp", "gb18030", "utf-16-le", "utf-16-be")},
    "utf-16": "utf-16-le",
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "cp932": "cp932",
    "euc_kr": "cp949",
    "cp949": "cp949",
}
# Labels of the web that Python does not know.
_LABELS = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-gbk": "gb18030",
    "big5-hkscs": "big5",
    "windows-874": "cp874",
}
_UTF8_LEADS = bytes(range(0xC2, 0xF5))


def decode(body: bytes, content_type: str, *, cut: bool = False) -> str:
    """The text of a body, without a byte order mark.

    A mark wins over the header (as in browsers: the bytes are there, the header may be a default of the server),
    the header over the page's own `<meta charset>` or `<?xml encoding>`. cut: a character that the end of the body
    splits is left out.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return _lenient(body[len(mark) :], name, cut=cut)
    declared = _declared(body, content_type)
    if declared and declared != "utf-8":
        return _lenient(body, declared, cut=cut)
    return _utf8_or_windows(body, cut=cut)


def _declared(body: bytes, content_type: str) -> str | None:
    header = _HEADER.search(content_type)
    if header and (codec := _codec(header[1])):
        return codec
    meta = _META.search(body[:_HEAD_BYTES])
    codec = _codec((meta[1] or meta[2]).decode("ascii", "replace")) if meta else None
    # A page whose declaration can be read as ASCII is not in UTF-16.
    return "utf-8" if codec and codec.startswith("utf-16") else codec


def _codec(label: str) -> str | None:
    try:
        return _LABELS.get(label.lower()) or _WEB.get(codecs.lookup(label).name)
    except (LookupError, ValueError):
        return None


def _utf8_or_windows(body: bytes, *, cut: bool) -> str:
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(body, not cut)
    except UnicodeDecodeError:
        text = _lenient(body, "utf-8", cut=cut)
    # UTF-8 with a few broken characters, or another charset: in the latter hardly any lead byte starts a character.
    leads = len(body) - len(body.translate(None, _UTF8_LEADS))
    return text if text.count("\ufffd") * 2 < leads else _lenient(body, "cp1252", cut=cut)


def _lenient(body: bytes, codec: str, *, cut: bool) -> str:
    """The text with U+FFFD for what cannot be read.

    Strict first: a whole text with replacements is decoded fifty times slower, and without a pause for other
    threads; so the second attempt goes by windows.
    """
    strict = codecs.getincrementaldecoder(codec)()
    try:
        return strict.decode(body, not cut)
    except UnicodeDecodeError:
        lenient = codecs.getincrementaldecoder(codec)("replace")
    parts = [lenient.decode(body[i : i + _WINDOW_BYTES]) for i in range(0, len(body), _WINDOW_BYTES)]
    return "".join([*parts, lenient.decode(b"", not cut)])
