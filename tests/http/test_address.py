"""Where the server listens, and which names are its own."""

import socket

import pytest

from fourfold_server.http.address import Address, BadAddress, listen, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8123", "127.0.0.1", 8123),
        ("8123", "127.0.0.1", 8123),
        (":8123", "127.0.0.1", 8123),
        ("[::1]:0", "::1", 0),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("build.example:65535", "build.example", 65535),
    ],
)
def test_an_address_is_a_host_and_a_port_and_loopback_where_no_host_is_said(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "::1:80", "h:65536", "h:-1", "h:８１", "h:80/x"])
def test_what_is_no_address_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadAddress, match=r"expected HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("localhost", True, False),
        ("::1", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.168.1.5", False, False),
        ("build.example", False, False),
    ],
)
def test_it_is_known_who_can_reach_a_host(host: str, loopback: bool, wildcard: bool) -> None:
    address = Address(host, 80)
    assert (address.loopback, address.wildcard) == (loopback, wildcard)


def test_a_server_on_every_address_has_only_the_names_of_loopback_and_those_it_is_given() -> None:
    assert Address("0.0.0.0", 80).names(("Build.Example",)) == {"127.0.0.1", "localhost", "[::1]", "build.example"}
    assert Address("::", 80).names(()) == {"127.0.0.1", "localhost", "[::1]"}
    assert "192.168.1.5" in Address("192.168.1.5", 80).names(())
    assert "[fe80::1]" in Address("fe80::1", 80).names(())


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"^cannot listen on 127\.0\.0\.1:{port}: Address already in use; say another HOST:PORT$"
        with pytest.raises(BadAddress, match=said):
            listen(Address("127.0.0.1", port), 8)


def test_port_0_becomes_the_port_that_the_system_gave() -> None:
    listening, address = listen(parse_address("0"), 8)
    with listening:
        assert address.port == listening.getsockname()[1] > 0
