"""Views: reports as resources, as pages and as pictures, and inside hosts that show MCP Apps."""

import base64
import re
from collections.abc import Sequence

import anyio.to_thread
from mcp.types import (
    BlobResourceContents,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
    Tool,
)

from fourfold_server import __version__
from fourfold_server.house import Ctx
from fourfold_tools.runtime import Runtime

EXTENSION = "io.modelcontextprotocol/ui"
MIME = "text/html;profile=mcp-app"
_URI = "ui://fourfold/report"
_SHOWN = frozenset({"inspect", "batch", "plan", "checkpoint"})  # answers that name a run or a plan
_REPORT = re.compile(r"fourfold://(?:runs/(r-[a-z0-9]+)|plans/(p-[a-z0-9]+))/report\.(html|png)")

VIEW = Resource(
    uri=_URI,
    name="report",
    title="Report of a run or a plan",
    description="The page that a host shows beside an answer: chart, critical path, failures, verification.",
    mime_type=MIME,
    _meta={"ui": {"prefersBorder": True}},
)
TEMPLATES = tuple(
    ResourceTemplate(
        uri_template=f"fourfold://{kind}s/{{{kind}}}/report.{ending}",
        name=f"{kind}-report-{ending}",
        title=f"A {kind}'s report as a {what}",
        description=f"What ran side by side in a {kind}, as a {what}.",
        mime_type=mime,
    )
    for kind in ("run", "plan")
    for ending, what, mime in (("html", "page", "text/html"), ("png", "picture", "image/png"))
)


def shows_views(ctx: Ctx) -> bool:
    """Whether the client said that it shows apps of this kind."""
    capabilities = ctx.session.client_capabilities
    settings = (capabilities.extensions if capabilities else None) or {}
    kinds: object = settings.get(EXTENSION, {}).get("mimeTypes")
    return isinstance(kinds, list | tuple) and MIME in kinds


def with_views(tools: Sequence[Tool]) -> list[Tool]:
    """The tools as such a client sees them; others pay nothing for what they cannot show."""
    ui = {"ui": {"resourceUri": _URI}}
    return [
        tool.model_copy(update={"meta": {**(tool.meta or {}), **ui}}) if tool.name in _SHOWN else tool
        for tool in tools
    ]


async def read_report(runtime: Runtime, uri: str) -> ReadResourceResult | None:
    """A report, or the view that shows one; None where the address names neither.

    Raises:
        NotFound: no such run or plan. Unsupported: a picture that cannot be drawn here.
    """
    from fourfold_tools.page.document import html, view  # only where somebody looks: the server starts without them
    from fourfold_tools.report import report

    if uri == _URI:
        text = view(__version__)
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=MIME, text=text)])
    match = _REPORT.fullmatch(uri)
    if match is None:
        return None
    found = await report(runtime, match[1] or match[2])
    if match[3] == "html":
        text = await anyio.to_thread.run_sync(html, found, __version__, limiter=runtime.outputs)
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type="text/html", text=text)])
    from fourfold_tools.page.picture import png

    data = await anyio.to_thread.run_sync(png, found, limiter=runtime.outputs)
    blob = base64.b64encode(data).decode()
    return ReadResourceResult(contents=[BlobResourceContents(uri=uri, mime_type="image/png", blob=blob)])
