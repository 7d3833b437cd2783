"""URLs: how they are spelled when they are sent, where a redirect may lead, and what goes with it."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.errors import Denied, InvalidRequest, NetworkFailure
from fourfold_tools.ops.weburl import keeps_headers, page_url, redirect_url, shown


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (" HTTPS://Example.COM:443/a?b=c#part ", "https://example.com/a?b=c"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://0x7f.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://010.1.1.1./x?y", "http://8.1.1.1/x?y"),
        ("http://[2606:4700:0:0::ABCD]:81/", "http://[2606:4700::abcd]:81/"),
        ("http://[2606:4700::1111]", "http://[2606:4700::1111]"),
        ("http://example.com:65535/", "http://example.com:65535/"),
    ],
)
def test_a_url_has_one_spelling(text: str, sent: str) -> None:
    assert str(page_url(text)) == sent


@given(
    st.sampled_from(["http://", "https://", "HTTP://", "Https://"]),
    st.sampled_from(["h", "H.example", "h:80", "h:443", "h:8080", "b\u00fccher.example"]),
    st.text("/a.?&=#%2+;:@\u00e9 ", max_size=12),
)
def test_a_url_is_spelled_as_its_parser_spells_it_without_the_fragment(scheme: str, host: str, rest: str) -> None:
    text = f"{scheme}{host}/{rest}".strip()
    assert str(page_url(text)) == str(httpx2.URL(text).copy_with(fragment=None))


@pytest.mark.parametrize(
    "text",
    [
        "http://a@b/",
        "http://:@b/",
        "http://1.1.1.1 @127.0.0.1/",
        "http://a\\@127.0.0.1/",
        "http://a%00.b/",
        "//x/",
        "",
    ],
)
def test_a_url_that_parsers_read_differently_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        page_url(text)


@pytest.mark.parametrize(
    ("current", "location", "target"),
    [
        ("https://a.example/x/y", "z", "https://a.example/x/z"),
        ("https://a.example/x/y", "//b.example/", "https://b.example/"),
        ("http://a.example/", "https://b.example/", "https://b.example/"),
        ("https://a.example/", "http://a.example/plain", "http://a.example/plain"),
        ("https://a.example/", "?q=1#part", "https://a.example/?q=1"),
    ],
)
def test_a_redirect_leads_to_its_location(current: str, location: str, target: str) -> None:
    assert str(redirect_url(httpx2.URL(current), location)) == target


@pytest.mark.parametrize(
    "location", ["http://b.example/", "ftp://a.example/", "https://u:p@a.example/", "data:text/html,x"]
)
def test_a_redirect_leaves_neither_http_nor_tls_for_another_host(location: str) -> None:
    with pytest.raises(Denied, match=r"^https://a\.example/ redirects to "):
        redirect_url(httpx2.URL("https://a.example/"), location)


def test_a_location_that_cannot_be_read_is_a_failure_of_the_server() -> None:
    with pytest.raises(NetworkFailure):
        redirect_url(httpx2.URL("https://a.example/"), "https://[::1/")


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("http://a.example/other", True),
        ("https://a.example/", True),
        ("http://a.example:8080/", False),
        ("https://a.example:8443/", False),
        ("http://b.example/", False),
        ("http://sub.a.example/", False),
        ("https://b.example/", False),
    ],
)
def test_headers_stay_with_their_origin_and_its_move_to_tls(target: str, kept: bool) -> None:
    assert keeps_headers(httpx2.URL("http://a.example/"), httpx2.URL(target)) is kept


def test_headers_do_not_leave_tls() -> None:
    assert not keeps_headers(httpx2.URL("https://a.example/"), httpx2.URL("http://a.example/"))


def test_a_url_in_a_message_is_short_and_without_password() -> None:
    assert shown("https://user:secret@a.example/x") == "https://…@a.example/x"
    assert len(shown("https://a.example/" + "x" * 5000)) == 201
