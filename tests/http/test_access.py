"""Who is let in, by the headers of a request alone."""

import pytest

from fourfold_config.settings import SettingsError
from fourfold_server.http.access import Access
from fourfold_server.http.token import Token, settled_token

TOKEN = b"0123456789abcdef"
ACCESS = Access(
    frozenset({"127.0.0.1", "localhost", "[::1]", "build.example"}),
    frozenset({"https://app.example"}),
    Token(TOKEN.decode()),
)
GOOD = {b"host": b"127.0.0.1:8123", b"authorization": b"Bearer " + TOKEN}


def status(*more: tuple[bytes, bytes], **changed: bytes) -> int:
    """The status that good headers get when they are changed, 200 where they are let in."""
    headers = {**GOOD, **{name.replace("_", "-").encode(): value for name, value in changed.items()}}
    refusal = ACCESS.refusal([*((name, value) for name, value in headers.items() if value), *more])
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8123", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:99", "build.example"]
)
def test_a_name_of_the_server_is_let_in_at_any_port(host: str) -> None:
    assert status(host=host.encode()) == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8123",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8123",
        "localhost:8123.evil.example",
        "localhost:80@evil.example",
        "evil.example@localhost",
        "localhost.",
        "localhost:",
        "localhost:999999",
        "127.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "::1",
        "[::1",
        "0.0.0.0:8123",
        "169.254.169.254",
        "localhost, evil.example",
        "localhost\tevil",
    ],
)
def test_another_name_is_refused_because_it_was_made_to_point_here(host: str) -> None:
    assert status(host=host.encode()) == 421


def test_the_servers_own_origin_and_those_of_the_settings_are_let_in() -> None:
    assert status(origin=b"http://127.0.0.1:8123") == 200
    assert status(origin=b"https://app.example") == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "https://127.0.0.1:8123",
        "http://localhost:8123",
        "http://127.0.0.1:8123.evil.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "http://app.example",
        "chrome-extension://abcdef",
        "file://",
    ],
)
def test_a_page_of_another_origin_is_refused_also_of_another_port_on_this_machine(origin: str) -> None:
    assert status(origin=origin.encode()) == 403


def test_an_empty_origin_is_no_missing_one() -> None:
    assert status((b"origin", b"")) == 403


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer 0123456789abcde",
        b"Bearer 0123456789abcdef0",
        b"Bearer 0123456789ABCDEF",
        b"Basic 0123456789abcdef",
        b"0123456789abcdef",
        b"Bearer 0123456789abcdef, Bearer x",
        b"Bearer \xff\xfe",
    ],
)
def test_nobody_without_the_token_is_let_in(given: bytes) -> None:
    assert status(authorization=given) == 401


def test_a_401_says_how_to_come_in_and_whether_a_token_was_wrong() -> None:
    none = ACCESS.refusal([(b"host", b"localhost")])
    wrong = ACCESS.refusal([(b"host", b"localhost"), (b"authorization", b"Bearer no")])
    assert none is not None
    assert wrong is not None
    assert none.headers == ((b"www-authenticate", b'Bearer realm="fourfold"'),)
    assert wrong.headers == ((b"www-authenticate", b'Bearer realm="fourfold", error="invalid_token"'),)


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert status(authorization=b"bearer " + TOKEN) == 200


@pytest.mark.parametrize(
    "twice",
    [
        (b"host", b"localhost"),
        (b"origin", b"https://app.example"),
        (b"authorization", b"Bearer " + TOKEN),
        (b"content-length", b"1"),
        (b"mcp-session-id", b"b"),
    ],
)
def test_a_header_that_decides_stands_once(twice: tuple[bytes, bytes]) -> None:
    headers = [
        *GOOD.items(),
        (b"content-length", b"0"),
        (b"origin", b"https://app.example"),
        (b"mcp-session-id", b"a"),
    ]
    refusal = ACCESS.refusal([*headers, twice])
    assert refusal is not None
    assert refusal.status == 400


def test_two_ways_to_say_the_length_of_a_body_are_one_too_many() -> None:
    assert status(content_length=b"3", transfer_encoding=b"chunked") == 400


def test_a_page_that_calls_without_the_token_hears_of_its_origin_first() -> None:
    assert status(origin=b"http://evil.example", authorization=b"") == 403


def test_a_token_is_made_where_none_is_given_and_never_the_same() -> None:
    (first, made), (second, _) = settled_token(""), settled_token("")
    assert made
    assert first != second
    assert len(first) >= 40


def test_a_given_token_is_taken_as_it_is() -> None:
    assert settled_token("0123456789abcdef") == ("0123456789abcdef", False)


@pytest.mark.parametrize(
    "given", ["short", "0123456789abcde", "with a space in it", "with-an-ümlaut-in-it", "x" * 16 + "\n"]
)
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused_without_being_repeated(given: str) -> None:
    with pytest.raises(SettingsError, match=r"http\.token") as refusal:
        settled_token(given)
    assert given not in str(refusal.value)
