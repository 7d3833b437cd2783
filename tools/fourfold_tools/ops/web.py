"""The web: GET requests through one client, redirects followed by hand, bodies read within a bound."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import httpx2

from fourfold_config.settings import Fetch
from fourfold_tools.errors import Denied, NetworkFailure, Unsupported
from fourfold_tools.ops.robots import MAX_BYTES, Robots
from fourfold_tools.ops.transport import AnswerBody, CheckedBackend, CheckedTransport, Resolve
from fourfold_tools.ops.weburl import keeps_headers, page_url, redirect_url, shown

_REDIRECTS = {301, 302, 303, 307, 308}
_DRAIN_BYTES = 65_536  # a redirect's body up to this is read, which keeps the connection for the next hop


@dataclass(frozen=True, slots=True)
class Answer:
    """What the last hop of a request gave.

    headers: names in lower case. body: without its content coding, whole or, when cut, its first bytes.
    total_bytes: the length of the whole body where the server said it and no coding hides it.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool
    total_bytes: int | None


class Web:
    """One transport for all requests of a process: its connections are kept, cookies and proxies are not used.

    Proxies are left out because they connect by themselves, behind the check of addresses.
    """

    def __init__(
        self,
        settings: Fetch,
        resolve: Resolve | None = None,
        refusal: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """refusal: why a redirect's target is not followed, None where it is."""
        self._max_redirects = settings.max_redirects
        self._refusal = refusal
        backend = CheckedBackend(allow_private=settings.allow_private, resolve=resolve)
        self._transport = CheckedTransport(backend, max_connections=settings.max_connections)
        client = httpx2.AsyncClient(transport=self._transport, trust_env=False)  # knows the usual headers
        self._headers = {**client.headers, "user-agent": f"fourfold/{_version()}"}
        self._robots = Robots(self._robots_txt, settings.cache_s) if settings.robots else None
        self._codings = {c.strip() for c in self._headers["accept-encoding"].split(",")} | {"identity", ""}

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def get(
        self, text: str, headers: Mapping[str, str], limit: Callable[[int, str], int], accept: str = "*/*"
    ) -> Answer:
        """The answer at the end of the redirects; the caller bounds the time.

        headers: the caller's, names in lower case, sent to the first origin only. limit: bytes of a body to read,
        from its status and content type.

        Raises:
            InvalidRequest, Denied, NetworkFailure, Unsupported: not a URL to ask for; an address or redirect that
                is not followed; no answer; a content coding that nobody asked for.
        """
        return await self._get(text, headers, limit, accept, self._robots)

    async def _robots_txt(self, url: str) -> tuple[int, bytes]:
        answer = await self._get(url, {}, lambda status, _: MAX_BYTES if status < 300 else 0, "*/*", None)
        return answer.status, answer.body

    async def _get(
        self,
        text: str,
        headers: Mapping[str, str],
        limit: Callable[[int, str], int],
        accept: str,
        robots: Robots | None,
    ) -> Answer:
        url = page_url(text)
        seen = {url}
        # One hop per turn: ask, then either hand back the answer or go on to a URL that was not seen before.
        while True:
            if robots is not None:
                await robots.check(url)
            async with self._answer(url, {"accept": accept, **headers}) as response:
                if response.status_code not in _REDIRECTS or "location" not in response.headers:
                    return await self._read(response, limit)
                await _drain(response)
            target = redirect_url(url, response.headers["location"])
            if target in seen:
                raise NetworkFailure(f"{shown(text)} redirects in a loop, back to {shown(target)}")
            if len(seen) > self._max_redirects:
                raise NetworkFailure(f"{shown(text)} redirects more than {self._max_redirects} times")
            if refused := self._refusal(str(target)):
                raise Denied(f"{shown(text)} redirects to {shown(target)}: {refused}")
            if not keeps_headers(url, target):
                headers = {}
            url = target
            seen.add(url)

    @asynccontextmanager
    async def _answer(self, url: httpx2.URL, headers: dict[str, str]) -> AsyncGenerator[httpx2.Response]:
        named = {name.title() if name in self._headers else name: v for name, v in (self._headers | headers).items()}
        request = httpx2.Request("GET", url, headers=named)
        response = await self._transport.handle_async_request(request)
        response.request = request
        try:
            yield response
        finally:
            await response.aclose()

    async def _read(self, response: httpx2.Response, limit: Callable[[int, str], int]) -> Answer:
        coding = response.headers.get("content-encoding", "").lower()
        if not {c.strip() for c in coding.split(",")} <= self._codings:
            raise Unsupported(
                f"{shown(response.url)} is sent with the content coding {coding[:40]}, which cannot be read"
            )
        body, cut = await _body(response, limit(response.status_code, response.headers.get("content-type", "")))
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() and not coding else None
        return Answer(str(response.url), response.status_code, dict(response.headers), body, cut, total)


async def _body(response: httpx2.Response, max_bytes: int) -> tuple[bytes, bool]:
    """The first max_bytes of the body, and whether there are more; what is inflated beyond them is thrown away."""
    parts: list[bytes] = []
    size = 0
    try:
        async with aclosing(_parts(response)) as stream:
            async for part in stream:
                parts.append(part)
                size += len(part)
                if size > max_bytes:
                    break
    except httpx2.DecodingError as exc:
        raise NetworkFailure(f"{shown(response.url)}: its compressed body is damaged", retryable=True) from exc
    return b"".join(parts)[:max_bytes], size > max_bytes


def _parts(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """The body without its content coding, in bounded parts; as it comes where it has none."""
    if "content-encoding" in response.headers or not isinstance(response.stream, AnswerBody):
        return response.aiter_bytes()
    return aiter(response.stream)


async def _drain(response: httpx2.Response) -> None:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _DRAIN_BYTES:
        with suppress(NetworkFailure):
            await _body(response, _DRAIN_BYTES)


def _version() -> str:
    try:
        return version("fourfold")
    except PackageNotFoundError:
        return "0"
