"""The house: the runtime that one server process opens for its client, when the first call needs it."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
from mcp.server.context import ServerRequestContext

from fourfold_tools.runtime import Runtime
from fourfold_tools.store.prune import prune

_ROOTS_S = 2.0  # seconds that a client may take to tell its roots


class House:
    """The runtime of one server process, opened by the first call that needs it. Mutable: it opens once."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._lock = anyio.Lock()
        self._runtime: Runtime | None = None

    async def runtime(self, ctx: "Ctx") -> Runtime:
        if self._runtime is None:
            async with self._lock:
                if self._runtime is None:
                    self._runtime = await self._open(await _roots(ctx))
        return self._runtime

    async def _open(self, roots: list[Path]) -> Runtime:
        runtime = await self._stack.enter_async_context(Runtime.open(roots=roots))
        kept = runtime.settings.store
        await prune(runtime.database, runtime.state / "runs", kept.max_age_days, kept.max_bytes)
        return runtime

    async def aclose(self) -> None:
        await self._stack.aclose()


Ctx = ServerRequestContext[House, Any]


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
