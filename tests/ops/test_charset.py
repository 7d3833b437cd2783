"""Charsets: what is declared, what is there, and what is done when the two differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.charset import decode

GERMAN = "Grüße aus Köln, 20 €"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param(GERMAN.encode("cp1252"), "text/html; charset=windows-1252", GERMAN, id="header"),
        pytest.param(
            GERMAN.encode("cp1252"), 'text/html; Charset="ISO-8859-1"', GERMAN, id="latin-1 is windows-1252"
        ),
        pytest.param("日本".encode("shift_jis"), "text/plain;charset=Shift_JIS", "日本", id="shift_jis"),
        pytest.param("中文".encode("gb18030"), "text/plain; charset=gb2312", "中文", id="gb2312 is gb18030"),
        pytest.param(
            b"\xef\xbb\xbf" + GERMAN.encode(), "text/html; charset=iso-8859-1", GERMAN, id="mark over header"
        ),
        pytest.param("\ufeffé".encode("utf-16-le"), "text/plain", "é", id="utf-16 mark"),
        pytest.param("é".encode("utf-16-le"), "text/plain; charset=utf-16", "é", id="utf-16 header"),
        pytest.param(
            b"<html><meta charset='windows-1251'>" + "Привет".encode("cp1251"),
            "text/html",
            "<html><meta charset='windows-1251'>Привет",
            id="meta",
        ),
        pytest.param(
            b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">' + "Мир".encode("koi8-r"),
            "text/html",
            '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">Мир',
            id="meta http-equiv",
        ),
        pytest.param(
            b'<?xml version="1.0" encoding="iso-8859-2"?>' + "Łódź".encode("iso8859-2"),
            "application/xml",
            '<?xml version="1.0" encoding="iso-8859-2"?>Łódź',
            id="xml",
        ),
        pytest.param(
            b'<meta charset="shift_jis">' + GERMAN.encode(),
            "text/html; charset=utf-8",
            f'<meta charset="shift_jis">{GERMAN}',
            id="header over meta",
        ),
        pytest.param(
            f'<meta charset="utf-16">{GERMAN}'.encode(),
            "text/html",
            f'<meta charset="utf-16">{GERMAN}',
            id="meta utf-16",
        ),
        pytest.param(GERMAN.encode(), "text/plain", GERMAN, id="nothing said: utf-8"),
        pytest.param(GERMAN.encode("cp1252"), "text/plain", GERMAN, id="nothing said: windows-1252"),
        pytest.param(GERMAN.encode("cp1252"), "text/plain; charset=utf-8", GERMAN, id="said utf-8, is windows-1252"),
        pytest.param(GERMAN.encode(), "text/plain; charset=no-such-thing", GERMAN, id="unknown label"),
        pytest.param(b"6162", "text/plain; charset=hex", "6162", id="a codec that is no charset"),
        pytest.param(b"a+AGI-", "text/plain; charset=utf-7", "a+AGI-", id="a charset that browsers refuse"),
        pytest.param(b"", "", "", id="empty"),
    ],
)
def test_the_text_is_read_in_its_charset(body: bytes, content_type: str, text: str) -> None:
    assert decode(body, content_type) == text


def test_a_few_broken_bytes_do_not_turn_the_page_into_another_charset() -> None:
    body = "日本語のページ".encode() * 100 + b"\xff" + "続き".encode()
    text = decode(body, "text/html; charset=utf-8")
    assert text == "日本語のページ" * 100 + "\ufffd続き"


def test_a_character_split_by_the_cut_is_left_out() -> None:
    body = "aé".encode()[:-1]
    assert decode(body, "text/plain; charset=utf-8", cut=True) == "a"
    assert decode("日本".encode("shift_jis")[:-1], "text/plain; charset=shift_jis", cut=True) == "日"


def test_broken_characters_are_found_across_windows() -> None:
    body = ("é" * 40_000).encode() + b"\xff" + ("é" * 40_000).encode()
    assert decode(body, "text/plain; charset=utf-8") == "é" * 40_000 + "\ufffd" + "é" * 40_000


@given(st.text(), st.sampled_from(["text/plain", "text/html; charset=utf-8"]))
def test_utf_8_comes_back_as_it_was(text: str, content_type: str) -> None:
    if not text.startswith("\ufeff"):
        assert decode(text.encode(), content_type) == text


@given(
    st.binary(max_size=300), st.sampled_from(["", "a/b; charset=utf-8", "a/b; charset=big5", "a/b;charset=utf-16"])
)
def test_any_bytes_are_some_text(body: bytes, content_type: str) -> None:
    assert isinstance(decode(body, content_type, cut=True), str)
