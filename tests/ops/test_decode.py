"""Bytes become text with the encoding that fits, and what is no text is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.decode import Text, binary_format, decode, transcode, wide_codec

JAPANESE = "これは日本語のテキストです。ファイルの読み込みを確認します。\nカタカナもあります。\n"
CHINESE = "这是一个中文文本文件,用来测试编码检测。\n第二行包含更多的汉字。\n"
KOREAN = "이것은 한국어 텍스트 파일입니다. 인코딩을 시험합니다.\n"
RUSSIAN = "Это русский текст для проверки кодировки файла.\nВторая строка.\n"
FRENCH = "Le café était fermé à l’époque – naïve façade, ça va où déjà.\n"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_valid_utf8_comes_back_as_it_is_and_without_a_note(text: str) -> None:
    assert decode(text.encode("utf-8")) == Text(text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\rb\n", "a\rb\n"),
        (b"a\r\r\nb", "a\r\nb"),
        ("a\u2028b\x85c\x0cd\n".encode(), "a\u2028b\x85c\x0cd\n"),
        (b"hole\0\0in a log\n", "hole\0\0in a log\n"),
        (b"", ""),
    ],
)
def test_only_crlf_changes(data: bytes, text: str) -> None:
    assert decode(data) == Text(text)


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        ("café\n", "cp1252", "cp1252"),
        (FRENCH, "cp1252", "cp1252"),
        ("x\u0081 é\n", "latin-1", "latin-1"),
        (JAPANESE, "shift_jis", "cp932"),
        (JAPANESE, "euc_jp", "euc_jis_2004"),
        (CHINESE, "gb18030", "gb18030"),
        (KOREAN, "euc_kr", "cp949"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN * 20, "koi8_r", "koi8_r"),
        ("int main() {\n    // " + CHINESE.strip() + "\n    return 0;\n}\n", "gb18030", "gb18030"),
    ],
)
def test_other_encodings_are_recognised_and_named(text: str, codec: str, named: str) -> None:
    assert decode(text.encode(codec)) == Text(text, f"decoded as {named}")


def test_an_encoding_is_guessed_from_the_lines_around_the_first_byte_that_is_not_utf8() -> None:
    text = "plain\n" * 50_000 + CHINESE + "plain\n" * 50_000
    assert decode(text.encode("gb18030")) == Text(text, "decoded as gb18030")


def test_damaged_utf8_stays_utf8_and_shows_the_bytes_that_are_not() -> None:
    data = "größer\n".encode() * 3 + b"bad \xff\xfe \xc3\xa9\n" + "Straße\r\n".encode()
    assert decode(data) == Text(
        "größer\n" * 3 + "bad \\xff\\xfe é\nStraße\n", "decoded as utf-8; lines with invalid bytes, shown as \\xNN: 1"
    )


@pytest.mark.parametrize("data", [bytes(range(1, 256)) * 40, b"\x01\x02\x03\x04\xff" * 100, b"a\0\xff"])
def test_bytes_full_of_control_characters_are_no_text(data: bytes) -> None:
    assert decode(data) is None


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_with_a_mark_is_recognised(codec: str) -> None:
    assert wide_codec(("\ufeff" + JAPANESE).encode(codec)) == codec


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_wide_text_without_a_mark_is_recognised_where_it_is_mostly_latin(codec: str) -> None:
    assert wide_codec(FRENCH.encode(codec)) == codec
    assert wide_codec(("x" * 5000 + "é\n").encode(codec)[:8192]) == codec


@pytest.mark.parametrize(
    "head",
    [b"", b"a", b"plain text\n", b"a\0b", b"abc\0def\0", b"\x01\0\x02\0\x03\0", b"\0" * 64, b"\x7fELF\x02\x01\x01\0"],
)
def test_other_heads_are_not_wide_text(head: bytes) -> None:
    assert wide_codec(head) is None


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")),
    st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
    st.booleans(),
    st.integers(1, 9),
)
def test_transcoding_gives_the_utf8_whatever_the_blocks(text: str, codec: str, mark: bool, size: int) -> None:
    data = (("\ufeff" if mark else "") + text).encode(codec)
    blocks = (data[at : at + size] for at in range(0, len(data), size))
    assert b"".join(transcode(blocks, codec)).decode("utf-8") == text


def test_transcoding_replaces_what_is_cut_off() -> None:
    assert b"".join(transcode(iter([b"a\0b"]), "utf-16-le")).decode("utf-8") == "a\ufffd"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x7fELF\x02\x01\x01\0", "ELF"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"\x1f\x8b\x08\x08abcd", "gzip"),
        (b"SQLite format 3\0", "SQLite"),
        (b"some text\0", "NUL bytes"),
        (b"plain text\n", None),
        (b"BZhang's notes\n", None),
        (b"", None),
    ],
)
def test_a_binary_file_is_named_by_its_first_bytes(head: bytes, name: str | None) -> None:
    assert binary_format(head) == name
