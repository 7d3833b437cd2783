"""A departure: the client of a call has closed its response, so nobody can hear the answer, and the call ends."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext

DEPARTED = "fourfold.departed"  # the key of a request's scope that holds its event


@asynccontextmanager
async def until_departure(ctx: ServerRequestContext[Any, Any]) -> AsyncGenerator[None, None]:
    """What runs inside is cancelled when the client closes the response; over stdio it never does."""
    departed = ctx.request.scope.get(DEPARTED) if ctx.request is not None else None
    if departed is None:
        yield
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_after, departed, tasks.cancel_scope)
        yield
        tasks.cancel_scope.cancel()


async def _cancel_after(departed: anyio.Event, scope: anyio.CancelScope) -> None:
    await departed.wait()
    scope.cancel()
