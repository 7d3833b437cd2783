"""The URL of a page: what may be asked for, and the one spelling in which it is sent."""

import re
from urllib.parse import urljoin, urlsplit

import httpx2

from fourfold_tools.errors import Denied, InvalidRequest, NetworkFailure
from fourfold_tools.ops.addresses import host_address

_HOST_AND_PORT = re.compile(r"(\[[^\]@]*\]|[^:@]*)(:[^@]*)?")
_MAX_CHARS = 8192
_HOST = re.compile(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]+")


def page_url(text: str) -> httpx2.URL:
    """A URL that a step asks for, without its fragment.

    Raises:
        InvalidRequest: no http or https URL, with user data before the host, or with a port out of range.
    """
    url, fault = _parsed(text.strip())
    if url is None:
        raise InvalidRequest(f"{fault}: {shown(text)}")
    return url


def redirect_url(current: httpx2.URL, location: str) -> httpx2.URL:
    """The URL that an answer of `current` points to.

    Raises:
        Denied: it is none that a step may ask for, or leaves TLS for another host.
        NetworkFailure: the location cannot be read.
    """
    try:
        target = urljoin(str(current), location.strip())
    except ValueError as exc:
        raise NetworkFailure(f"{shown(current)} redirects to something that is no URL") from exc
    url, fault = _parsed(target)
    if url is None:
        raise Denied(f"{shown(current)} redirects to {shown(target)}: {fault}")
    if current.scheme == "https" and url.scheme == "http" and url.host != current.host:
        raise Denied(f"{shown(current)} redirects to {shown(target)}: from https to http on another host")
    return url


def keeps_headers(current: httpx2.URL, target: httpx2.URL) -> bool:
    """Whether the caller's headers go on to the target: the same origin, or its move from port 80 to TLS."""
    if (current.scheme, current.host, current.port) == (target.scheme, target.host, target.port):
        return True
    upgrade = (current.scheme, target.scheme) == ("http", "https") and current.port is target.port is None
    return upgrade and current.host == target.host


def shown(url: httpx2.URL | str) -> str:
    """The URL for a message: without user data, and not longer than a line or two."""
    text = re.sub(r"//[^/?#]*@", "//…@", str(url), count=1)
    return text if len(text) <= 200 else text[:200] + "…"


def _parsed(text: str) -> tuple[httpx2.URL | None, str]:
    """The URL, or None and what is wrong with it."""
    if len(text) > _MAX_CHARS:
        return None, f"a URL of more than {_MAX_CHARS:,} characters"
    try:
        url = httpx2.URL(_canonical(text.partition("#")[0]))
        if not text.startswith(("http://", "https://")):
            url = url.copy_with(fragment=None)  # a second time through: `HTTP://` hides that port 80 is the usual one
    except (httpx2.InvalidURL, ValueError):
        return None, "not a URL"
    if url.scheme not in {"http", "https"}:
        return None, "only http and https"
    if url.userinfo:
        return None, "user and password do not belong in a URL"
    if not _HOST.fullmatch(url.raw_host.decode("ascii")):
        return None, "not a host"
    if url.port is not None and not 1 <= url.port <= 65535:
        return None, "a port is 1 to 65535"
    return url, ""


def _canonical(text: str) -> str:
    """The URL with a host that is an address in the one form of that address: `127.0.0.1`, `[::1]`."""
    parts = urlsplit(text)
    address = host_address(parts.hostname) if parts.hostname else None
    host = _HOST_AND_PORT.fullmatch(parts.netloc)
    if address is None or host is None:
        return text
    name = f"[{address}]" if address.version == 6 else str(address)
    return parts._replace(netloc=name + (host[2] or "")).geturl()
