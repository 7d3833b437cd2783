"""fourfold as the MCP Inspector's command line sees it, in both protocol eras."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import twelve_steps
from mcp_client import SERVE, Place
from scripted_claude import node_program

pytestmark = pytest.mark.node

OK, TOOL_ERROR, PROTOCOL_ERROR = 0, 5, 1  # the Inspector's exit codes
_INSPECTOR_S = 120.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("inspector"))
    twelve_steps.write_tree(place.root)
    return place


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    era: str = request.param
    return era


def inspect(place: Place, era: str, method: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """One call of the Inspector's command line, which starts a server of its own."""
    program = node_program("mcp-inspector")
    variables = {"FOURFOLD_STATE_DIR": str(place.state), "FOURFOLD_FETCH__ALLOW_PRIVATE": "true"}
    for_server = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    shown = () if "--strict" in arguments else ("-q", "--format", "json")
    asked = ("--protocol-era", era, "--method", method, *arguments, *shown)
    return subprocess.run(
        [program, "--cli", *for_server, sys.executable, *SERVE, *asked],
        cwd=place.root,
        env=place.env(MCP_CATALOG_PATH=str(place.home / "catalog.json")),
        capture_output=True,
        text=True,
        timeout=_INSPECTOR_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def result_of(done: "subprocess.CompletedProcess[str]", code: int = OK) -> dict[str, Any]:
    assert done.returncode == code, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result


def blocks_of(result: dict[str, Any]) -> list[str]:
    return [block["text"] for block in result["content"]]


def call(place: Place, era: str, tool: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return inspect(place, era, "tools/call", "--tool-name", tool, *arguments)


def test_the_tools_are_listed(place: Place) -> None:
    tools = result_of(inspect(place, "modern", "tools/list"))["tools"]
    assert {"inspect", "batch", "handoff", "status"} <= {tool["name"] for tool in tools}


def test_the_schemas_pass_the_strict_check_for_portability(place: Place, era: str) -> None:
    done = inspect(place, era, "tools/list", "--strict")
    assert done.returncode == OK, done.stdout + done.stderr


def test_a_batch_of_twelve_steps_is_called_with_its_arguments_as_one_json_text(place: Place, era: str) -> None:
    with twelve_steps.web_page() as url:
        given = json.dumps(twelve_steps.request(url))
        result = result_of(call(place, era, "batch", "--tool-args-json", given))
    run = twelve_steps.check_text(blocks_of(result), url)
    # The run that one server stored is read through the next ones.
    [part] = result_of(inspect(place, era, "resources/read", "--uri", f"fourfold://runs/{run}"))["contents"]
    assert twelve_steps.check_json(json.loads(part["text"]), url) == run
    [part] = result_of(inspect(place, era, "resources/read", "--uri", f"fourfold://runs/{run}/kinds.1"))["contents"]
    assert part["text"] == "src/core.py:4:class Worker:"
    assert part["mimeType"] == "text/plain"


def test_a_batch_is_called_with_nested_arguments_one_by_one(place: Place, era: str) -> None:
    steps = [
        {"id": "hits", "op": "grep", "pattern": "def main", "mode": "files"},
        {"id": "heads", "op": "read", "path": {"from": "hits", "field": "paths", "each": True}, "limit": 1},
    ]
    pairs: Sequence[str] = ("--tool-arg", f"steps={json.dumps(steps)}", "max_tokens=2000", "format=json")
    data = result_of(call(place, era, "inspect", *pairs))["structuredContent"]
    assert [step["id"] for step in data["steps"]] == ["hits", "heads.1", "heads.2"]
    assert data["steps"][1]["output"]["text"].strip() == '"""A tool."""'


def test_a_refused_call_leaves_with_the_code_of_a_tool_error(place: Place) -> None:
    done = call(place, "legacy", "batch", "--tool-args-json", '{"steps": [{"op": "read"}], "colour": "red"}')
    assert done.returncode == TOOL_ERROR
    assert "steps[0].path: required, but missing" in done.stdout + done.stderr
    assert "colour: unknown argument" in done.stdout + done.stderr


def test_templates_and_prompts_are_listed_and_read(place: Place) -> None:
    era = "legacy"
    templates = result_of(inspect(place, era, "resources/templates/list"))["resourceTemplates"]
    uris = {template["uriTemplate"] for template in templates}
    reports = {
        f"fourfold://{kind}/report.{form}" for kind in ("runs/{run}", "plans/{plan}") for form in ("html", "png")
    }
    assert uris == {"fourfold://runs/{run}", "fourfold://runs/{run}/{step}", "fourfold://plans/{plan}", *reports}
    prompts = result_of(inspect(place, era, "prompts/list"))["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["survey", "validate", "analyse", "research"]
    arguments = ("--prompt-name", "validate", "--prompt-args", "folders=src,docs", "glob=*.md")
    [message] = result_of(inspect(place, era, "prompts/get", *arguments))["messages"]
    assert message["content"]["text"].startswith("Call `batch` of fourfold with:\n\n{")
    assert '"**/*.md"' in message["content"]["text"]


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("resources/read", ["--uri", "fourfold://runs/r-none"], "r-none"),
        ("prompts/get", ["--prompt-name", "validate"], "folders: required, but missing"),
    ],
)
def test_what_is_not_there_leaves_with_the_code_of_a_protocol_error(
    place: Place, method: str, arguments: list[str], words: str
) -> None:
    done = inspect(place, "modern", method, *arguments)
    assert done.returncode == PROTOCOL_ERROR
    assert words in done.stderr
