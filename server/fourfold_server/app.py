"""The MCP server: requests come in as the SDK hands them over, answers and faults go out in the contract's forms."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from pydantic import BaseModel, ValidationError

from fourfold_config.settings import SettingsError
from fourfold_server import __version__, prompts, resources
from fourfold_server.catalogue import INSTRUCTIONS, TOOLS
from fourfold_server.departure import until_departure
from fourfold_server.house import Ctx, House
from fourfold_server.transport import stdio
from fourfold_server.views import EXTENSION, MIME, shows_views, with_views
from fourfold_tools.batch import batch
from fourfold_tools.caller import Caller, Reply, Report
from fourfold_tools.checkpoint import checkpoint
from fourfold_tools.errors import FourfoldError, told
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.hook import HookRequest, hook
from fourfold_tools.model.faults import brief, faults_of
from fourfold_tools.model.plan_request import CheckpointRequest, PlanRequest
from fourfold_tools.model.request import BatchRequest, InspectRequest
from fourfold_tools.plan import plan
from fourfold_tools.runtime import Runtime
from fourfold_tools.status import StatusRequest, status
from fourfold_tools.store.database import StoreBusy
from fourfold_tools.verify import VerifyRequest, verify

_log = logging.getLogger("fourfold.server")
M = TypeVar("M", bound=BaseModel)


@asynccontextmanager
async def _lifespan(_: Server[House], shared: bool) -> AsyncGenerator[House, None]:
    house = House(shared=shared)
    try:
        yield house
    finally:
        with anyio.CancelScope(shield=True):
            await house.aclose()


async def _list_tools(ctx: Ctx, params: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(tools=with_views(TOOLS) if shows_views(ctx) else list(TOOLS))


async def _call_tool(ctx: Ctx, params: CallToolRequestParams) -> CallToolResult:
    async with until_departure(ctx):
        return await _answer(ctx, params)
    return _refused("the client closed the response")  # nobody hears it


async def _answer(ctx: Ctx, params: CallToolRequestParams) -> CallToolResult:
    handler = _HANDLERS.get(params.name)
    if params.name == "hook" and not ctx.lifespan_context.shared:
        handler = _HOOK
    if handler is None:
        return _refused(f"unknown tool {brief(params.name)}; this server has {', '.join(_HANDLERS)}")
    try:
        return await handler(ctx, params.arguments or {})
    except FourfoldError as exc:
        return _refused(exc.message)
    except SettingsError as exc:
        return _refused(f"settings: {exc}")
    except StoreBusy as exc:
        return _refused(f"{exc}; try again in a moment")
    except Exception as exc:
        _log.exception("tool %s broke", params.name)
        return _refused(f"internal error ({type(exc).__name__}); the server's log on stderr has the details")


async def _inspect(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    return await _run(ctx, _checked(InspectRequest, arguments).as_batch())


async def _batch(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    return await _run(ctx, _checked(BatchRequest, arguments))


async def _run(ctx: Ctx, request: BatchRequest) -> CallToolResult:
    runtime = await ctx.lifespan_context.runtime(ctx)
    return _result(await batch(runtime, request, _caller(ctx, runtime), _report(ctx)))


def _report(ctx: Ctx) -> Report:
    """Progress as the client is told of it."""

    async def report(value: float, total: float, message: str) -> None:
        await ctx.session.report_progress(value, total, message)

    return report


async def _plan(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(PlanRequest, arguments)
    runtime = await ctx.lifespan_context.runtime(ctx)
    return _result(await plan(runtime, request, _caller(ctx, runtime)))


async def _checkpoint(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(CheckpointRequest, arguments)
    runtime = await ctx.lifespan_context.runtime(ctx)
    return _result(await checkpoint(runtime, request, _caller(ctx, runtime)))


async def _status(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(StatusRequest, arguments)
    runtime = await ctx.lifespan_context.runtime(ctx)
    return CallToolResult(content=[_text(await status(runtime, request, _caller(ctx, runtime)))])


async def _handoff(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(HandoffRequest, arguments)
    runtime = await ctx.lifespan_context.runtime(ctx)
    return _result(await handoff(runtime, request, _caller(ctx, runtime)))


async def _verify(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(VerifyRequest, arguments)
    return _result(await verify(await ctx.lifespan_context.runtime(ctx), request, _report(ctx)))


_HANDLERS: dict[str, Callable[[Ctx, Mapping[str, Any]], Awaitable[CallToolResult]]] = {
    "inspect": _inspect,
    "batch": _batch,
    "plan": _plan,
    "checkpoint": _checkpoint,
    "handoff": _handoff,
    "verify": _verify,
    "status": _status,
}


async def _hook(ctx: Ctx, arguments: Mapping[str, Any]) -> CallToolResult:
    request = _checked(HookRequest, arguments)
    return CallToolResult(content=[_text(hook(await ctx.lifespan_context.runtime(ctx), request))])


# Not listed: the plugin's hook calls it, the model does not see it. Where clients share a server nobody may call it:
# one could approve its own steps, or stamp another's calls.
_HOOK = _hook


class _BadArguments(FourfoldError):
    code = "invalid_request"


def _checked(model: type[M], arguments: Mapping[str, Any]) -> M:
    """The arguments as their model.

    Raises:
        _BadArguments: one line per fault, the argument's path first.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as exc:
        raise _BadArguments(told(faults_of(exc, ""))) from exc


def _caller(ctx: Ctx, runtime: Runtime) -> Caller:
    meta: Mapping[str, Any] = dict(ctx.meta) if ctx.meta else {}
    tool_use_id = meta.get("claudecode/toolUseId")
    if not isinstance(tool_use_id, str):
        return Caller()
    return Caller(tool_use_id, runtime.stamps.pop(tool_use_id, None))


def _result(reply: Reply) -> CallToolResult:
    images = [ImageContent(type="image", data=image.data, mime_type=image.mime_type) for image in reply.images]
    if reply.structured is not None:
        return CallToolResult(content=[*map(_text, reply.blocks), *images], structured_content=reply.structured)
    return CallToolResult(content=[*map(_text, reply.blocks), *images])


def _refused(message: str) -> CallToolResult:
    return CallToolResult(content=[_text(message)], is_error=True)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def build(*, shared: bool = False) -> Server[House]:
    """The server with all its handlers. shared: several clients call it."""
    server = Server(
        "fourfold",
        version=__version__,
        title="fourfold",
        instructions=INSTRUCTIONS,
        lifespan=partial(_lifespan, shared=shared),
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="private")},
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=resources.list_resources,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read_resource,
        on_list_prompts=prompts.list_prompts,
        on_get_prompt=prompts.get_prompt,
    )
    server.extensions[EXTENSION] = {"mimeTypes": [MIME]}
    return server


async def serve_stdio() -> None:
    """Serve one client on standard input and output until it leaves or a signal comes."""
    server = build()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_signal, tasks.cancel_scope)
        async with stdio() as (read, write):
            await server.run(read, write, server.create_initialization_options(NotificationOptions()))
        tasks.cancel_scope.cancel()


async def _end_on_signal(scope: anyio.CancelScope) -> None:
    """SIGINT and SIGTERM cancel what runs, which kills every child and writes the run down."""
    import signal

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
