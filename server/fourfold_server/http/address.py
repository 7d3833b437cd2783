"""An address: where the server listens, and by which names a client may call it."""

import ipaddress
import os
import socket
from dataclasses import dataclass

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class BadAddress(Exception):
    """What stands after --http is no HOST:PORT, or cannot be listened on; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 asks the system for a free one. An IPv6 host stands without its brackets."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or _is(self.host, "is_loopback")

    @property
    def wildcard(self) -> bool:
        """Whether it listens on every address of the machine, so that it has no name of its own."""
        return _is(self.host, "is_unspecified")

    @property
    def name(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url(self) -> str:
        """Where a client on this machine finds the server."""
        return f"http://{'127.0.0.1' if self.wildcard else self.name}:{self.port}/mcp"

    def names(self, more: tuple[str, ...]) -> frozenset[str]:
        """The names that a Host header may hold: this machine's own for itself, the host, and `more`."""
        own = () if self.wildcard else (self.name,)
        return frozenset(name.lower() for name in (*_LOOPBACK_NAMES, *own, *more))


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `[V6]:PORT`, `:PORT` or `PORT`; without a host it is loopback.

    Raises:
        BadAddress: no such form, or a port that does not exist.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in host and "[" not in text):
        raise BadAddress(f"expected HOST:PORT, for example 127.0.0.1:8123 or [::1]:8123, got {text!r}")
    return Address(host, int(port))


def listen(address: Address, backlog: int) -> tuple[socket.socket, Address]:
    """A listening socket, and the address with the port that it really has.

    Raises:
        BadAddress: the host has no address, or the port is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = min(found, key=lambda row: row[0] != socket.AF_INET)
        listening = socket.create_server((str(where[0]), int(where[1])), family=family, backlog=backlog)
    except OSError as exc:
        reason = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
        raise BadAddress(f"cannot listen on {address.name}:{address.port}: {reason}; say another HOST:PORT") from exc
    return listening, Address(address.host, int(listening.getsockname()[1]))


def _is(host: str, quality: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), quality))
    except ValueError:
        return False
