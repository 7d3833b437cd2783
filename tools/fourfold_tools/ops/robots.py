"""Robots: what sites ask automatic visitors to leave alone (RFC 9309), for users who want that respected."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio.to_thread
import httpx2

from fourfold_tools.errors import Denied, FourfoldError, NetworkFailure
from fourfold_tools.ops.page_cache import Loaded, PageCache
from fourfold_tools.ops.weburl import shown

if TYPE_CHECKING:
    from protego import Protego

NAME = "fourfold"  # the product token that sites can address
MAX_BYTES = 524_288  # of a robots.txt; the standard asks for 500 KiB at least
_CACHE_BYTES = 8_388_608  # of the texts behind the rules that are kept
_PATH = "/robots.txt"

# The status and the text of a page.
Get = Callable[[str], Awaitable[tuple[int, bytes]]]


class Robots:
    """Asks each site once for its rules and keeps them for a while. Mutable: the rules kept, by origin."""

    def __init__(self, get: Get, cache_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """get: asks for one page by the rules of every fetch, redirects and addresses included, but not by these."""
        self._get = get
        self._kept: PageCache[Protego | FourfoldError | None] = PageCache(cache_s, _CACHE_BYTES, clock)

    async def check(self, url: httpx2.URL) -> None:
        """
        Raises:
            Denied: the site asks not to read this page.
            NetworkFailure: it could not be asked; until it can be, everything counts as closed (RFC 9309, 2.3.1.4).
        """
        if url.path == _PATH:
            return
        origin = url.copy_with(path=_PATH, query=None, fragment=None)
        rules, _ = await self._kept.get(str(origin), lambda: self._load(str(origin)))
        if isinstance(rules, FourfoldError):
            raise rules
        if rules is not None and not rules.can_fetch(str(url), NAME):
            raise Denied(f"{shown(url)} is closed to automatic visitors by {shown(origin)} (setting fetch.robots)")

    async def _load(self, url: str) -> "Loaded[Protego | FourfoldError | None]":
        """The rules; None where there are none, an error where the site did not say."""
        try:
            status, text = await self._get(url)
        except NetworkFailure as exc:
            return Loaded(_unsaid(url, exc.message), None)
        except FourfoldError as exc:  # the page itself would be refused for the same reason, in better words
            return Loaded(exc, None)
        if 400 <= status < 500:
            return Loaded(None, 1)
        if not 200 <= status < 300:
            return Loaded(_unsaid(url, f"HTTP {status}"), None)
        return Loaded(await anyio.to_thread.run_sync(_parsed, text, abandon_on_cancel=True), len(text) + 1)


def _parsed(text: bytes) -> "Protego":
    from protego import Protego

    return Protego.parse(text.decode("utf-8", "replace"))


def _unsaid(url: str, why: str) -> NetworkFailure:
    return NetworkFailure(
        f"{url} could not be read ({why}), so its site counts as closed (setting fetch.robots)", retryable=True
    )
