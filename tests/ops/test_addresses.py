"""Addresses: what a fetch reaches, in every spelling that a resolver or a router takes."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.addresses import host_address, refusal

# Spelling, and where it got past a guard; "IANA" are rows of the special-purpose registries.
REFUSED = [
    ("127.0.0.1", "modelcontextprotocol/servers#4838"),
    ("10.0.0.1", "jae-jae/fetcher-mcp#37"),
    ("169.254.169.254", "jae-jae/fetcher-mcp#38"),
    ("0.0.0.0", "modelcontextprotocol/servers#4492"),
    ("172.16.0.1", "RFC 1918"),
    ("172.31.255.255", "RFC 1918"),
    ("192.168.1.1", "RFC 1918"),
    ("100.64.0.1", "RFC 6598"),
    ("100.127.255.254", "RFC 6598"),
    ("100.100.100.200", "Alibaba Cloud metadata"),
    ("168.63.129.16", "Azure WireServer"),
    ("192.0.0.192", "Oracle Cloud metadata"),
    ("192.0.0.8", "CVE-2024-4032"),
    ("192.0.2.1", "IANA"),
    ("192.88.99.1", "IANA"),
    ("198.18.0.1", "IANA"),
    ("198.51.100.1", "IANA"),
    ("203.0.113.1", "IANA"),
    ("224.0.0.1", "CVE-2025-8020"),
    ("239.255.255.250", "CVE-2025-8267"),
    ("240.0.0.1", "IANA"),
    ("255.255.255.255", "IANA"),
    # inet_aton's forms
    ("0x7f.1", "CVE-2023-42282"),
    ("127.1", "CVE-2024-29415"),
    ("01200034567", "CVE-2024-29415"),
    ("012.1.2.3", "CVE-2024-29415"),
    ("0177.0.0.1", "CVE-2021-29921"),
    ("0", "CVE-2025-59437"),
    ("017700000001", "CVE-2025-59436"),
    ("2130706433", "decimal"),
    ("0x7f000001", "hexadecimal"),
    ("0xa9.0xfe.0xa9.0xfe", "hexadecimal"),
    ("0xA9FEA9FE", "hexadecimal"),
    ("2852039166", "decimal metadata"),
    ("127.0.0.1.", "librefang/librefang#4019"),
    # IPv6 and what it carries
    ("::1", "loopback"),
    ("::", "unspecified"),
    ("000:0:0000::01", "CVE-2024-29415"),
    ("::fFFf:127.0.0.1", "CVE-2024-29415"),
    ("::ffff:7f00:1", "CVE-2026-43929"),
    ("::ffff:169.254.169.254", "CVE-2024-24790"),
    ("[::ffff:10.0.0.1]", "CVE-2026-33480"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::ffff:0:7f00:1", "rmyndharis/OpenWA#518"),
    ("64:ff9b::7f00:1", "basecamp/fizzy#2988"),
    ("64:ff9b::a9fe:a9fe", "infiniflow/ragflow#19517"),
    ("64:ff9b:1::808:808", "CVE-2024-4032"),
    ("2002:7f00:1::1", "infiniflow/ragflow#19517"),
    ("2002:a9fe:a9fe::", "alex-on-ai/WebReaper#211"),
    ("2001:0:7f00:1::f7f7:f7f7", "Teredo server 127.0.0.1"),
    ("2001:0:808:808::80ff:fffe", "Teredo client 127.0.0.1"),
    ("2606:4700::5efe:10.0.0.1", "ISATAP"),
    ("2606:4700::200:5efe:10.0.0.1", "ISATAP"),
    ("fc00::1", "RFC 4193"),
    ("fd00:ec2::254", "AWS metadata"),
    ("fd20:ce::254", "Google Cloud metadata"),
    ("fd00:42::42", "Scaleway metadata"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local with a zone"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("100::1", "IANA"),
    ("2001:db8::1", "IANA"),
    ("2001:2::1", "IANA"),
    ("3fff::1", "IANA"),
    ("5f00::1", "IANA"),
    ("4000::1", "not assigned"),
]


@pytest.mark.parametrize(("spelling", "source"), REFUSED)
def test_an_address_that_is_not_public_is_refused(spelling: str, source: str) -> None:
    address = host_address(spelling)
    assert address is not None, source
    assert refusal(address), source


@pytest.mark.parametrize(
    "spelling",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.1.1",
        "192.0.1.1",
        "198.17.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "64:ff9b::808:808",
        "134744072",
        "2002:808:808::1",
        "::ffff:8.8.8.8",
        "2001:0:808:808::f7f7:f7f7",
        "2001:4860:4860::8888",
    ],
)
def test_a_public_address_is_reached(spelling: str) -> None:
    address = host_address(spelling)
    assert address is not None
    assert refusal(address) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.20.0.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "0.0.0.0",
        "::",
        "198.18.0.5",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "2002:a00:1::",
    ],
)
def test_allow_private_opens_loopback_and_private_ranges(spelling: str) -> None:
    assert refusal(ip_address(spelling), allow_private=True) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
        "fe80::1",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00::",
        "2002:a9fe:a9fe::",
    ],
)
def test_allow_private_opens_neither_metadata_services_nor_what_is_no_host(spelling: str) -> None:
    assert refusal(ip_address(spelling), allow_private=True)


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "localhost",
        "",
        ".",
        "1.2.3.4.5",
        "256.1.1.1",
        "08.1",
        "1.2.3.256",
        "4294967296",
        "0xg",
        "1..2",
        "-1",
        "1_0",
        "²",
        "x" * 300,
        "1" * 5000,
    ],
)
def test_a_name_is_no_address(name: str) -> None:
    assert host_address(name) is None


CARRIERS: list[Callable[[int], IPv6Address]] = [
    IPv6Address,
    lambda v4: IPv6Address(0xFFFF << 32 | v4),
    lambda v4: IPv6Address(0xFFFF << 48 | v4),
    lambda v4: IPv6Address(0x64FF9B << 96 | v4),
    lambda v4: IPv6Address(0x2002 << 112 | v4 << 80 | 1),
    lambda v4: IPv6Address(0x2001 << 112 | 0x08080808 << 64 | (v4 ^ 0xFFFFFFFF)),
    lambda v4: IPv6Address(0x2001 << 112 | v4 << 64 | (0x08080808 ^ 0xFFFFFFFF)),
    lambda v4: IPv6Address(0x26064700 << 96 | 0x5EFE << 32 | v4),
]


@given(st.ip_addresses(v=4), st.sampled_from(CARRIERS), st.booleans())
def test_an_ipv4_address_is_judged_alike_wherever_it_is_carried(
    plain: IPv4Address, carrier: Callable[[int], IPv6Address], allow_private: bool
) -> None:
    carried = refusal(carrier(int(plain)), allow_private=allow_private)
    assert bool(carried) == bool(refusal(plain, allow_private=allow_private))


@given(st.ip_addresses(v=4), st.integers(1, 4), st.lists(st.sampled_from("dox"), min_size=4, max_size=4))
def test_every_spelling_of_an_ipv4_address_is_that_address(plain: IPv4Address, parts: int, bases: list[str]) -> None:
    bits = int(plain)
    heads = [bits >> (24 - 8 * i) & 255 for i in range(parts - 1)]
    last = bits & ((1 << 8 * (5 - parts)) - 1)
    forms = {"d": "{:d}", "o": "0{:o}", "x": "0x{:x}"}
    spelling = ".".join(forms[base].format(n) for base, n in zip(bases, [*heads, last], strict=False))
    assert host_address(spelling) == plain


@given(st.ip_addresses(v=6))
def test_what_is_refused_with_private_ranges_open_is_refused_without(address: IPv6Address) -> None:
    if refusal(address, allow_private=True):
        assert refusal(address)
