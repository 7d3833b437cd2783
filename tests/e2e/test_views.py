"""Reports over MCP in both eras: pages and pictures as resources, and the view of hosts that show MCP Apps."""

import base64
import sys

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.extension import advertise
from mcp.types import BlobResourceContents, TextResourceContents
from mcp_client import ERAS, SERVE, Place, resource

from fourfold_server.views import EXTENSION, MIME

pytestmark = pytest.mark.anyio
STEPS = {"steps": [{"id": "a", "op": "bash", "command": "echo x"}, {"id": "b", "op": "bash", "command": "exit 3"}]}


async def ran(client: Client) -> str:
    done = await client.call_tool("batch", {**STEPS, "format": "json"})
    assert done.structured_content is not None
    return str(done.structured_content["run"])


async def test_a_run_is_there_as_a_page_and_as_a_picture(client: Client) -> None:
    run = await ran(client)
    page = await resource(client, f"fourfold://runs/{run}/report.html")
    assert page.startswith("<!doctype html>")
    assert f"run {run} · fourfold" in page
    (picture,) = (await client.read_resource(f"fourfold://runs/{run}/report.png")).contents
    assert isinstance(picture, BlobResourceContents)
    assert base64.b64decode(picture.blob).startswith(b"\x89PNG")
    assert picture.mime_type == "image/png"


async def test_a_plan_is_there_as_a_page(client: Client) -> None:
    tasks = [{"id": "a", "title": "A"}, {"id": "b", "title": "B", "needs": ["a"]}]
    made = await client.call_tool("plan", {"tasks": tasks})
    assert made.structured_content is not None
    page = await resource(client, f"fourfold://plans/{made.structured_content['plan']}/report.html")
    assert "As planned" in page


async def test_a_report_of_nothing_is_refused_as_a_bad_address(client: Client) -> None:
    with pytest.raises(MCPError, match="no run 'r-none'"):
        await client.read_resource("fourfold://runs/r-none/report.html")


async def test_a_client_that_shows_no_apps_pays_nothing_for_them(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert all("ui" not in (tool.meta or {}) for tool in tools)
    assert all(not str(r.uri).startswith("ui:") for r in (await client.list_resources()).resources)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_host_that_shows_apps_is_told_where_the_view_is(place: Place, mode: str) -> None:
    started = StdioServerParameters(command=sys.executable, args=SERVE, env=place.env(), cwd=place.root)
    told = advertise(EXTENSION, {"mimeTypes": [MIME]})
    async with Client(started, mode=mode, extensions=[told]) as host:
        shown = {t.name for t in (await host.list_tools()).tools if (t.meta or {}).get("ui")}
        listed = [r for r in (await host.list_resources()).resources if str(r.uri).startswith("ui:")]
        (view,) = (await host.read_resource(str(listed[0].uri))).contents
    assert shown == {"inspect", "batch", "plan", "checkpoint"}
    assert isinstance(view, TextResourceContents)
    assert view.mime_type == MIME
    assert "ui/initialize" in view.text
