"""The official conformance suite against `serve --http`: each scenario of two revisions passes, or does not apply."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from http_server import HttpServer
from mcp_client import LEGACY
from scripted_claude import node_program
from token_proxy import token_proxy

pytestmark = pytest.mark.node

# What the suite asks of its own reference server by name. Such a call is refused here as unknown, so that even where
# the suite is content with that, its content is: nothing was tested.
_FIXTURES = (
    "tools-call-simple-text tools-call-image tools-call-audio tools-call-embedded-resource tools-call-mixed-content "
    "tools-call-error tools-call-with-progress resources-read-text resources-read-binary resources-templates-read "
    "prompts-get-simple prompts-get-with-args prompts-get-embedded-resource prompts-get-with-image "
    "json-schema-2020-12"
)
_DO_NOT_APPLY = {
    "calls tools, prompts or resources of the suite's reference server": _FIXTURES,
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
def url(server: HttpServer) -> Iterator[str]:
    """A server as it ships, behind a proxy that shows the token: the suite cannot send headers."""
    with token_proxy(server.port, server.token) as url:
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


@pytest.mark.parametrize("revision", sorted(APPLY))
def test_every_scenario_that_applies_passes_and_each_other_has_its_reason(
    url: str, revision: str, tmp_path: Path
) -> None:
    found = checks(url, revision, tmp_path)
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
