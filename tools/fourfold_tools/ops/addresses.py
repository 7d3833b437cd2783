"""Addresses that a fetch may reach: public ones, private ones when settings say so, metadata services never."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
_Table = tuple[tuple[IPv4Network | IPv6Network, str, bool], ...]

# Names of metadata services; their addresses are refused as well, this only saves the lookup.
METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data"})


def _table(*rows: tuple[str, str, bool]) -> _Table:
    return tuple((IPv6Network(r) if ":" in r else IPv4Network(r), kind, opens) for r, kind, opens in rows)


# (range, kind, whether allow_private opens it); the first match counts. Source: the IANA registries of IPv4 and
# IPv6 special-purpose addresses and the address plans of the clouds. Kept here, because what `ipaddress` calls
# private differs between patch releases of Python (CVE-2024-4032).
_V4 = _table(
    ("100.100.100.200/32", "metadata service", False),  # Alibaba Cloud
    ("168.63.129.16/32", "metadata service", False),  # Azure, a public address by its number
    ("0.0.0.0/8", "unspecified", True),
    ("10.0.0.0/8", "private", True),
    ("100.64.0.0/10", "carrier-grade NAT", True),
    ("127.0.0.0/8", "loopback", True),
    ("169.254.0.0/16", "link-local", False),  # 169.254.169.254 and the other metadata services live here
    ("172.16.0.0/12", "private", True),
    ("192.0.0.0/24", "reserved", False),  # 192.0.0.192: Oracle Cloud's metadata
    ("192.0.2.0/24", "documentation", False),
    ("192.88.99.0/24", "reserved", False),
    ("192.168.0.0/16", "private", True),
    ("198.18.0.0/15", "benchmarking", True),  # local proxies hand these out as stand-ins
    ("198.51.100.0/24", "documentation", False),
    ("203.0.113.0/24", "documentation", False),
    ("224.0.0.0/4", "multicast", False),
    ("240.0.0.0/4", "reserved", False),
)
_V6 = _table(
    ("fd00:ec2::/32", "metadata service", False),  # AWS: ::254 instance, ::23 pod identity
    ("fd20:ce::254/128", "metadata service", False),  # Google Cloud
    ("fd00:42::42/128", "metadata service", False),  # Scaleway
    ("::/128", "unspecified", True),
    ("::1/128", "loopback", True),
    ("64:ff9b:1::/48", "local NAT64", True),
    ("fc00::/7", "private", True),
    ("fec0::/10", "site-local", True),
    ("fe80::/10", "link-local", False),
    ("ff00::/8", "multicast", False),
    ("2001::/23", "reserved", False),
    ("2001:db8::/32", "documentation", False),
    ("3fff::/20", "documentation", False),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")

# Prefixes whose last 32 bits are an IPv4 address: compatible, mapped, translated (RFC 2765), NAT64 (RFC 6052).
_TAIL = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}


def refusal(address: Address, *, allow_private: bool = False) -> str | None:
    """Why the address is not reached, in a word or two, or None.

    allow_private opens loopback, private, unspecified, carrier-grade, benchmarking and site-local ranges; it does
    not open link-local ranges, metadata services, multicast, documentation and reserved ranges. An IPv6 address
    that carries IPv4 ones (mapped, compatible, translated, 6to4, Teredo, ISATAP, NAT64) is judged by these.
    """
    for part in _carried(address):
        kind, opens = _kind(part)
        if kind and not (opens and allow_private):
            return kind
    return None


def host_address(host: str) -> Address | None:
    """The address that a host is, when it is not a name.

    Takes what resolvers take: dotted and IPv6 forms (with brackets and a zone), and the forms of inet_aton with
    one to four decimal, octal (`0177.0.0.1`) or hexadecimal (`0x7f.1`) parts.
    """
    host = host.strip("[]").rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        return _inet_aton(host)


def _inet_aton(host: str) -> IPv4Address | None:
    numbers = [_number(part) for part in host.split(".")]
    *heads, last = numbers
    if len(numbers) > 4 or any(n is None or n > 255 for n in heads):
        return None
    free_bits = 8 * (4 - len(heads))
    if last is None or last >> free_bits:
        return None
    high = sum((n or 0) << (24 - 8 * i) for i, n in enumerate(heads))
    return IPv4Address(high + last)


def _number(text: str) -> int | None:
    """A part as C's strtoul reads it: `0x` is hexadecimal, a leading `0` octal."""
    if not (text.isascii() and text.isalnum() and text[0].isdigit()) or len(text) > 40:
        return None
    try:
        if text[:2].lower() == "0x":
            return int(text[2:] or "0", 16)
        return int(text, 8 if text[0] == "0" else 10)
    except ValueError:
        return None


def _carried(address: Address) -> tuple[Address, ...]:
    """The addresses that decide: those inside the address, and itself where it stands for a place of its own."""
    if isinstance(address, IPv4Address):
        return (address,)
    bits = int(address)
    if bits > 1 and any(address in net for net in _TAIL):
        return (_v4(bits),)
    if address in _SIX_TO_FOUR:
        return (_v4(bits >> 80),)
    if address in _TEREDO:
        return (_v4(bits >> 64), _v4(~bits))
    if address in _LOCAL_NAT64:
        # The operator chooses where the IPv4 address stands (RFC 6052, 2.2); bits 64 to 71 are skipped.
        joined = (bits >> 8 & ~(2**56 - 1)) | bits & (2**56 - 1)
        return (address, _v4(bits), *(_v4(joined >> shift) for shift in (40, 32, 24)))
    if bits >> 32 & 0xFFFF_FFFF in _ISATAP:
        return (address, _v4(bits))
    return (address,)


def _v4(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFF_FFFF)


def _kind(address: Address) -> tuple[str, bool]:
    """The kind of a range that is not public, and whether allow_private opens it; ("", True) for public ones."""
    for network, kind, opens in _V4 if isinstance(address, IPv4Address) else _V6:
        if address in network:
            return kind, opens
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "reserved", False
    return "", True
