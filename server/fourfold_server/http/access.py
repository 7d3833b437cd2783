"""Access: whether a request is let in, judged by its headers alone, before anything of its body is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fourfold_server.http.token import Token

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::\d{1,5})?")
_ONCE = (b"host", b"origin", b"authorization", b"content-length", b"transfer-encoding", b"mcp-session-id")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a request that is not let in; the connection ends with it."""

    status: int
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in. names: in lower case, without port. origins: of pages that may call, beside the server's own."""

    names: frozenset[str]
    origins: frozenset[str]
    token: Token

    def refusal(self, headers: Headers) -> Refusal | None:
        """Why a request is not let in. Cases, in this order, so that a page in a browser never gets to the token:

        1. a header twice, or two lengths of one body: proxies and servers would disagree about it;
        2. a Host that is none of the server's names: a name that was made to point here (DNS rebinding);
        3. an Origin: a page in a browser calls; only the server's own and those of the settings may;
        4. no token, or another.
        """
        found = {name: value for name, value in headers if name in _ONCE}
        if sum(name in _ONCE for name, _ in headers) > len(found):
            return Refusal(400, "a header that must stand once stands twice")
        if b"content-length" in found and b"transfer-encoding" in found:
            return Refusal(400, "content-length and transfer-encoding exclude each other")
        host = found.get(b"host", b"").decode("latin-1").lower()
        if not (match := _HOST.fullmatch(host)) or match[1] not in self.names:
            return Refusal(421, "this server has no such name; settings can add one (http.hosts)")
        origin = found.get(b"origin", b"").decode("latin-1")
        if b"origin" in found and origin.lower() != f"http://{host}" and origin not in self.origins:
            return Refusal(403, "pages of this origin may not call; settings can allow one (http.origins)")
        return self._unauthorised(found.get(b"authorization"))

    def _unauthorised(self, given: bytes | None) -> Refusal | None:
        scheme, _, token = (given or b"").partition(b" ")
        if scheme.lower() == b"bearer" and self.token.matches(token.strip()):
            return None
        fault = b', error="invalid_token"' if given else b""
        return Refusal(
            401,
            "the header Authorization: Bearer TOKEN is required",
            ((b"www-authenticate", b'Bearer realm="fourfold"' + fault),),
        )
