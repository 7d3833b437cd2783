"""The house: the runtime that one server process opens for its client, or for all of its clients over HTTP."""

import hashlib
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
from mcp.server.context import ServerRequestContext
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS

from fourfold_server.log_form import log_to_stderr
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.prune import prune, prune_handoffs

_ROOTS_S = 2.0  # seconds that a client may take to tell its roots


class House:
    """The runtime of one server process, opened by the first call that needs it. Mutable: it opens once.

    shared: several clients call. Then its place is where it was started, whatever a client says of itself, and each
    call gets its own view of the runtime.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self.shared = shared
        self._stack = AsyncExitStack()
        self._lock = anyio.Lock()
        self._runtime: Runtime | None = None

    async def runtime(self, ctx: "Ctx") -> Runtime:
        if self._runtime is None:
            async with self._lock:
                if self._runtime is None:
                    self._runtime = await self._open([Path.cwd()] if self.shared else await _roots(ctx))
        return self._runtime.seen_by(_client(ctx)) if self.shared else self._runtime

    async def _open(self, roots: list[Path]) -> Runtime:
        runtime = await self._stack.enter_async_context(Runtime.open(roots, shared=self.shared))
        log_to_stderr(runtime.settings.log)
        kept = runtime.settings.store
        await prune(runtime.database, runtime.state / "runs", kept.max_age_days, kept.max_bytes)
        prune_handoffs(runtime.state / "handoffs", kept.max_age_days)
        return runtime

    async def aclose(self) -> None:
        await self._stack.aclose()


Ctx = ServerRequestContext[House, Any]


def _client(ctx: Ctx) -> str:
    """The name of a client's session, where the protocol has sessions; "" where calls have nothing in common."""
    if ctx.request is None or ctx.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
        return ""  # a session that nobody opened would be a name of the client's own choice
    session: str = ctx.request.headers.get("mcp-session-id", "")
    return f"session-{hashlib.sha256(session.encode()).hexdigest()[:16]}" if session else ""


async def _roots(ctx: Ctx) -> list[Path]:
    """The client's roots where it can be asked; Claude Code says its project in the environment instead."""
    if os.environ.get("CLAUDE_PROJECT_DIR") or not ctx.session.can_send_request:
        return []
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.roots is None:
        return []
    with anyio.move_on_after(_ROOTS_S):
        listed = await ctx.session.list_roots()  # pyright: ignore[reportDeprecated]  (the handshake era has no other)
        urls = [urlsplit(str(root.uri)) for root in listed.roots]
        return [path for url in urls if url.scheme == "file" and (path := Path(unquote(url.path))).is_dir()]
    return []
