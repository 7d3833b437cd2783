"""The fetch op: pages of the web as Markdown, text or as they are, from checked addresses, cached for minutes."""

import hashlib
import re
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit

import anyio
import anyio.to_thread

from fourfold_config.settings import Fetch
from fourfold_tools.errors import FourfoldError, InvalidRequest, Unsupported
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import FetchOutput, Image
from fourfold_tools.model.request import AnyStep, FetchStep
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, ResourceClass, literal
from fourfold_tools.ops.media import is_opaque, is_plain, media_type
from fourfold_tools.ops.page_cache import Loaded, PageCache

# httpx2, the HTML parser and the converter are imported with the first fetch: most batches never fetch.
if TYPE_CHECKING:
    from fourfold_tools.ops.page import Format, Page
    from fourfold_tools.ops.transport import Resolve
    from fourfold_tools.ops.web import Answer, Web

_CONVERTERS = 2  # threads; parser and converter release the GIL, more threads only take memory
_INLINE_BYTES = 32_768  # of text that is shown as it comes: less work on the event loop than a thread to start it in
_ERROR_BYTES = 65_536  # of the body of an error page, and characters of it that are shown
_ERROR_CHARS = 2_000
_RETRYABLE = {408, 425, 429}
_ACCEPT = "text/markdown, text/html;q=0.9, */*;q=0.8"

# Set by the connection itself; a caller's value would break the framing or name another host than the checked one.
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "proxy-connection", "keep-alive"} | {
    "upgrade",
    "te",
    "trailer",
    "expect",
}
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class _Request:
    """A step's arguments, checked: header names in lower case, max_bytes no more than settings allow."""

    url: str
    form: "Format"
    headers: Mapping[str, str]
    max_bytes: int

    def key(self) -> Hashable:
        headers = "\n".join(f"{name}:{value}" for name, value in sorted(self.headers.items()))
        return urldefrag(self.url).url, self.form, self.max_bytes, hashlib.sha256(headers.encode()).digest()

    def secret(self) -> bool:
        return not _SECRET_HEADERS.isdisjoint(self.headers)


class FetchOp:
    """GET requests through one client for the whole process.

    Mutable: the client, opened with the first fetch, and the cache.
    """

    resource: ResourceClass = "net"
    group_size = 1

    def __init__(
        self,
        settings: Fetch,
        clock: Callable[[], float] = time.monotonic,
        resolve: "Resolve | None" = None,
        refusal: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """refusal: why a redirect's target is not followed, None where it is (the user's permission rules)."""
        self._settings = settings
        self._resolve = resolve
        self._refusal = refusal
        self._web: Web | None = None
        self._cache: PageCache[FetchOutput | Failure] = PageCache(settings.cache_s, settings.cache_bytes, clock)
        self._converters = anyio.CapacityLimiter(_CONVERTERS)

    def group_key(self, call: Call) -> Hashable | None:
        return None

    def effects(self, step: AnyStep) -> Effects:
        return Effects(read_only=True, hosts=frozenset(filter(None, map(_host, _urls(step)))))

    def host(self, step: AnyStep) -> str | None:
        urls = _urls(step)
        return _host(urls[0]) if len(urls) == 1 else None

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        return [Outcome(await self._fetch(call)) for call in calls]

    async def aclose(self) -> None:
        """Close all connections; a later fetch would open new ones."""
        web, self._web = self._web, None
        if web is not None:
            await web.aclose()

    async def _fetch(self, call: Call) -> FetchOutput | Failure:
        with anyio.move_on_after(call.timeout_s):
            try:
                return await self._cached(_request(call.step, self._settings), fresh=call.fresh)
            except FourfoldError as exc:
                return Failure.of(exc)
        return Failure("timed_out", f"timed out after {call.timeout_s:g} s")

    async def _cached(self, request: _Request, *, fresh: bool) -> FetchOutput | Failure:
        load = partial(self._load, request)
        if fresh or request.secret():
            return (await load()).value
        value, hit = await self._cache.get(request.key(), load)
        return replace(value, cache="hit") if hit and isinstance(value, FetchOutput) else value

    async def _load(self, request: _Request) -> Loaded[FetchOutput | Failure]:
        """The page from the web. A failure is a value here: whoever waits for the same page shares it."""
        accept = _ACCEPT if request.form == "markdown" else "*/*"
        try:
            answer = await self._open().get(request.url, request.headers, partial(_limit, request), accept)
            if not 200 <= answer.status < 300:
                return Loaded(await self._refused(answer, request), None)
            page = await self._page(answer, request.form)
        except FourfoldError as exc:
            return Loaded(Failure.of(exc), None)
        output = _output(answer, page.text, page.links, page.image, page.note)
        keep = answer.status == 200 and "no-store" not in answer.headers.get("cache-control", "").lower()
        return Loaded(output, _size(output) if keep else None)

    async def _refused(self, answer: "Answer", request: _Request) -> Failure:
        """The failure of an answer that is no page, with the start of what the server says about it."""
        text = ""
        with suppress(FourfoldError):
            text = (await self._page(answer, request.form)).text.strip()
        note = f"… cut at {_ERROR_CHARS:,} characters" if len(text) > _ERROR_CHARS else ""
        return Failure(
            "network",
            f"HTTP {answer.status} {_phrase(answer.status)}: {answer.url[:200]}",
            _output(answer, text[:_ERROR_CHARS], note=note),
            retryable=answer.status in _RETRYABLE or answer.status >= 500,
            retry_after_s=retry_after_s(answer.headers, time.time()),
            busy=answer.status in {429, 503},
        )

    async def _page(self, answer: "Answer", form: "Format") -> "Page":
        if len(answer.body) <= _INLINE_BYTES and is_plain(media_type(answer.headers.get("content-type", ""))):
            return _convert(answer, form, self._settings)
        return await anyio.to_thread.run_sync(
            _convert, answer, form, self._settings, abandon_on_cancel=True, limiter=self._converters
        )

    def _open(self) -> "Web":
        if self._web is None:
            from fourfold_tools.ops.web import Web

            self._web = Web(self._settings, self._resolve, self._refusal)
        return self._web


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait: `Retry-After` as a number, or as a date against its own `Date` or `now`."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = _timestamp(text)
    if until is None:
        return None
    return max(0.0, until - (_timestamp(headers.get("date", "")) or now))


def _timestamp(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _request(step: AnyStep, settings: Fetch) -> _Request:
    """
    Raises:
        InvalidRequest: a header that is not the caller's to set, or not a header at all.
    """
    if not isinstance(step, FetchStep):
        raise Unsupported(f"not a fetch step: {step.op}")
    max_bytes = min(step.max_bytes or settings.max_bytes, settings.max_bytes)
    headers = {name.strip().lower(): value.strip() for name, value in (step.headers or {}).items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise InvalidRequest(f"headers: {name!r} needs a plain name and a value of one line in ASCII")
        if name in _OWN_HEADERS:
            raise InvalidRequest(f"headers: {name} is set by the connection, not by the caller")
    return _Request(literal(step.url), step.format, headers, max_bytes)


def _limit(request: _Request, status: int, content_type: str) -> int:
    """Bytes of a body that are worth reading."""
    if is_opaque(media_type(content_type)):
        return 0
    return request.max_bytes if 200 <= status < 300 else _ERROR_BYTES


def _convert(answer: "Answer", form: "Format", settings: Fetch) -> "Page":
    from fourfold_tools.ops.page import Body, page_of

    body = Body(answer.body, answer.headers.get("content-type", ""), answer.url, answer.cut, answer.total_bytes)
    return page_of(body, form, max_image_bytes=settings.max_image_bytes, max_links=settings.max_links)


def _output(
    answer: "Answer", text: str, links: tuple[str, ...] = (), image: Image | None = None, note: str = ""
) -> FetchOutput:
    content_type = answer.headers.get("content-type", "")[:200]
    return FetchOutput(answer.url, answer.status, content_type, text, "miss", links, image, note)


def _size(output: FetchOutput) -> int:
    """Bytes that an output takes in memory, nearly."""
    picture = len(output.image.data) if output.image else 0
    return sys.getsizeof(output.text) + sum(map(sys.getsizeof, output.links)) + picture + 1024


def _urls(step: AnyStep) -> list[str]:
    """The URLs that a step names; those of a reference are not known yet."""
    if not isinstance(step, FetchStep):
        return []
    if isinstance(step.url, str):
        return [step.url]
    return list(step.url) if isinstance(step.url, list) else []


def _host(url: str) -> str | None:
    """`host:port` in lower case."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or not port:
        return None
    return f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"


def _phrase(status: int) -> str:
    """The standard's words for a status; a server's own may be anything."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"
