"""The official conformance suite against `serve --http`: each scenario of two revisions passes, or does not apply."""

import base64
import json
import re
import subprocess
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from conformance_proxy import conformance_proxy
from http_server import HttpServer
from mcp_client import LEGACY, Place, texts
from scripted_claude import node_program

pytestmark = pytest.mark.node

# The suite asks its own reference server's tools, prompts and resources by name. Where fourfold has the like, the
# proxy exchanges the name, and the suite judges a real answer. A name that stays is refused as unknown, and what the
# suite says of that says nothing: such a scenario does not apply, even where it passes.
_TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "test_simple_text": ("inspect", {"steps": [{"op": "read", "path": "docs/guide.md"}]}),
    "test_image_content": ("inspect", {"steps": [{"op": "read", "path": "dot.png"}]}),
    "test_error_handling": ("inspect", {"steps": [{"op": "bash"}]}),
    "test_tool_with_progress": (
        "batch",
        {"steps": [{"op": "bash", "command": "sleep 0.15", "needs": [f"s{i}"] if i else []} for i in range(4)]},
    ),
}
_PROMPTS = {
    "test_simple_prompt": ("survey", {}),
    "test_prompt_with_arguments": ("analyse", {"path": "testValue1", "focus": "testValue2"}),
}
_LIKE_OURS = {
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-error",
    "tools-call-with-progress",
    "resources-read-text",
    "resources-templates-read",
    "prompts-get-simple",
    "prompts-get-with-args",
}
_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_DO_NOT_APPLY = {
    "no answer here holds audio or whole resources, no resource is binary, no prompt holds more than text": (
        "tools-call-audio tools-call-embedded-resource tools-call-mixed-content resources-read-binary "
        "prompts-get-embedded-resource prompts-get-with-image"
    ),
    "looks for a tool of the reference server in the list": "json-schema-2020-12",
    "no such capability is declared": (
        "completion-complete logging-set-level resources-subscribe resources-unsubscribe"
    ),
    "no tool here asks the client for logs, sampling, elicitation or roots": (
        "tools-call-with-logging tools-call-sampling tools-call-elicitation "
        "elicitation-sep1034-defaults elicitation-sep1330-enums "
        "input-required-result-basic-elicitation input-required-result-basic-sampling "
        "input-required-result-basic-list-roots input-required-result-request-state "
        "input-required-result-multiple-input-requests input-required-result-multi-round "
        "input-required-result-missing-input-response input-required-result-non-tool-request "
        "input-required-result-result-type input-required-result-unsupported-methods "
        "input-required-result-tampered-state input-required-result-capability-check "
        "input-required-result-ignore-extra-params input-required-result-validate-input"
    ),
    "an extension that is not offered": (
        "tasks-lifecycle tasks-capability-negotiation tasks-wire-fields tasks-request-state-removal tasks-mrtr-input "
        "tasks-request-headers tasks-dispatch-and-envelope tasks-status-notifications tasks-required-task-error "
        "tasks-mrtr-composition"
    ),
    "streams are not kept to be resumed: a run is a resource by its id": "server-sse-polling",
    "no tool takes an argument from a header": "http-custom-header-server-validation",
}
APPLY = {
    "2025-11-25": {
        *_LIKE_OURS,
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
    },
    "2026-07-28": {
        *_LIKE_OURS,
        "server-stateless",
        "tools-list",
        "resources-list",
        "prompts-list",
        "sep-2164-resource-not-found",
        "caching",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "http-header-validation",
    },
}
# Single checks of scenarios that apply.
_CHECKS_THAT_DO_NOT_APPLY = {
    "sep-2575-server-rejects-undeclared-capability": "calls the reference server's test_missing_capability",
    "sep-2575-missing-capability-http-400": "calls the reference server's test_missing_capability",
}
_SCENARIO = re.compile(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z")


@pytest.fixture(scope="module")
async def url(server: HttpServer, place: Place) -> AsyncGenerator[str, None]:
    """A server as it ships, behind a proxy that shows the token: the suite cannot send headers."""
    (place.root / "dot.png").write_bytes(base64.b64decode(_DOT))
    async with server.client(LEGACY) as client:
        said = await client.call_tool("batch", {"steps": [{"op": "bash", "command": "echo 123"}]})
    run = texts(said)[0].split()[1]
    resources = {"test://static-text": "fourfold://runs", "test://template/123/data": f"fourfold://runs/{run}/s1"}

    def exchange(method: str, params: dict[str, Any]) -> dict[str, Any]:
        named = {"tools/call": _TOOLS, "prompts/get": _PROMPTS}.get(method, {}).get(params.get("name", ""))
        if named is not None:
            return {**params, "name": named[0], "arguments": named[1]}
        if method == "resources/read":
            return {**params, "uri": resources.get(params["uri"], params["uri"])}
        return params

    with conformance_proxy(server.port, server.token, exchange) as url:
        yield url


@pytest.mark.anyio
async def test_the_reasons_why_scenarios_do_not_apply_hold(server: HttpServer) -> None:
    async with server.client(LEGACY) as client:
        declared = client.server_capabilities
        tools = (await client.list_tools()).tools
    assert declared is not None
    assert declared.completions is None
    assert declared.logging is None
    assert declared.resources is not None
    assert not declared.resources.subscribe
    assert not declared.extensions
    assert "x-mcp-header" not in json.dumps([tool.input_schema for tool in tools])


def checks(url: str, revision: str, folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """What the suite found, scenario by scenario."""
    suite = [node_program("node"), node_program("conformance"), "server", "--url", url]
    done = subprocess.run(
        [*suite, "--requirements", revision, "--output-dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for file in folder.glob("*/checks.json"):
        name = _SCENARIO.fullmatch(file.parent.name)
        assert name, file
        found[name[1]] = json.loads(file.read_text(encoding="utf-8"))
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("revision", sorted(APPLY))
async def test_every_scenario_that_applies_passes_and_each_other_has_its_reason(
    url: str, revision: str, tmp_path: Path
) -> None:
    found = await anyio.to_thread.run_sync(checks, url, revision, tmp_path)
    excused = {name for names in _DO_NOT_APPLY.values() for name in names.split()}
    assert APPLY[revision] <= set(found)
    assert set(found) - excused == APPLY[revision], "a scenario is new: does it apply?"
    for name in sorted(APPLY[revision]):
        failed = {c["id"]: c.get("errorMessage") for c in found[name] if c["status"] in {"FAILURE", "WARNING"}}
        assert set(failed) <= set(_CHECKS_THAT_DO_NOT_APPLY), (name, failed)
        assert sum(c["status"] == "SUCCESS" for c in found[name]) >= 1, name
    schema = [c for rows in found.values() for c in rows if c["id"] == "wire-schema-valid"]
    assert len(schema) >= len(found) // 2
    assert [c for c in schema if c["status"] != "SUCCESS"] == [], "a message is not of the specification's schema"
