"""fourfold over stdio, called by the SDK's own client in both protocol eras."""

import json
import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
import twelve_steps
from mcp import Client, MCPError
from mcp.types import CallToolResult
from mcp_client import LEGACY, Place, resource, texts

pytestmark = pytest.mark.anyio

GATE = 'touch "$1.waits"; until [ -e "$1" ]; do sleep 0.01; done'


async def refused(client: Client, tool: str, arguments: dict[str, Any]) -> list[str]:
    """The fault lines of a refused call, which hold nothing else."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error is True
    assert result.structured_content is None
    [block] = texts(result)
    return block.split("\n")


async def appears(path: Path) -> None:
    with anyio.fail_after(20):
        while not path.exists():
            await anyio.sleep(0.01)


async def test_both_eras_are_really_spoken(client: Client, request: pytest.FixtureRequest) -> None:
    era = request.node.callspec.params["client"]
    assert client.protocol_version == ("2025-11-25" if era == LEGACY else "2026-07-28")
    assert client.instructions
    assert client.server_info is not None
    assert client.server_info.name == "fourfold"


async def test_a_batch_of_twelve_steps_answers_in_the_text_form_of_the_contract(client: Client) -> None:
    with twelve_steps.web_page() as url:
        result = await client.call_tool("batch", twelve_steps.request(url))
    assert not result.is_error, "a failed step is a result, not an error of the call"
    assert result.structured_content is None, "Claude Code would show it instead of the text"
    twelve_steps.check_text(texts(result), url)


async def test_a_batch_of_twelve_steps_answers_in_the_json_form_of_the_contract(client: Client) -> None:
    with twelve_steps.web_page() as url:
        result = await client.call_tool("batch", {**twelve_steps.request(url), "format": "json"})
    assert not result.is_error
    assert result.structured_content is not None
    assert texts(result) == []
    twelve_steps.check_json(result.structured_content, url)


@pytest.mark.parametrize(
    "step",
    [
        {"op": "read", "path": "src/app.py"},
        {"op": "grep", "pattern": "def main"},
        {"op": "glob", "pattern": "*.py"},
        {"op": "bash", "command": "cat src/app.py"},
    ],
    ids=lambda step: step["op"],
)
async def test_a_step_that_only_reads_runs_once_however_often_it_is_said(
    client: Client, step: dict[str, Any]
) -> None:
    result = await client.call_tool("batch", {"steps": [step, step, {**step, "id": "third"}]})
    sections = texts(result)[0].split("\n── ")[1:]
    assert [part.partition("\n")[2] for part in sections[1:]] == ["(same as s1)"] * 2


async def test_a_run_can_be_read_whole_as_a_resource(client: Client) -> None:
    with twelve_steps.web_page() as url:
        result = await client.call_tool("batch", twelve_steps.request(url))
        run = twelve_steps.check_text(texts(result), url)
    data = json.loads(await resource(client, f"fourfold://runs/{run}"))
    assert data["run"] == run
    twelve_steps.check_json(data, url)
    listed = json.loads(await resource(client, "fourfold://runs"))
    assert listed[0]["run"] == run
    assert listed[0]["state"] == "done"
    assert listed[0]["steps"] == 12


async def test_a_steps_whole_output_is_a_resource_even_where_the_answer_cut_it(client: Client, place: Place) -> None:
    steps = [{"id": "many", "op": "bash", "command": "seq 1 20000"}]
    result = await client.call_tool("batch", {"steps": steps, "max_tokens": 1000})
    whole = "\n".join(map(str, range(1, 20_001)))
    head = texts(result)[0].split("\n")
    run = head[0].split()[1]
    assert (await resource(client, f"fourfold://runs/{run}/many")).rstrip("\n") == whole
    cut = re.fullmatch(r"… ([\d,]+) of 20,000 lines shown; all of it: (/\S+)", head[-1])
    assert cut, head[-1]
    assert Path(cut[2]) == place.state / "runs" / run / "many.txt"
    assert Path(cut[2]).read_text(encoding="utf-8").rstrip("\n") == whole
    shown = [line for line in head[2:-1] if line != "…"]
    assert len(shown) == int(cut[1].replace(",", ""))
    assert shown[0] == "1"
    assert shown[-1] == "20000"


@pytest.mark.parametrize("uri", ["fourfold://runs/r-none", "fourfold://runs/r-none/s1", "fourfold://walks"])
async def test_a_resource_that_is_not_there_is_refused_by_its_name(client: Client, uri: str) -> None:
    with pytest.raises(MCPError, match=re.escape(uri.removeprefix("fourfold://").split("/")[-1][:6])) as refusal:
        await client.read_resource(uri, cache_mode="bypass")
    assert refusal.value.error.code == -32602
    assert "\n" not in refusal.value.error.message


async def test_the_resources_and_their_templates_are_listed(client: Client) -> None:
    listed = (await client.list_resources()).resources
    assert [str(r.uri) for r in listed] == ["fourfold://runs", "fourfold://plans"]
    templates = (await client.list_resource_templates()).resource_templates
    assert [t.uri_template for t in templates] == [
        "fourfold://runs/{run}",
        "fourfold://runs/{run}/{step}",
        "fourfold://plans/{plan}",
        "fourfold://runs/{run}/report.html",
        "fourfold://runs/{run}/report.png",
        "fourfold://plans/{plan}/report.html",
        "fourfold://plans/{plan}/report.png",
    ]


async def test_progress_rises_with_each_step_and_says_what_runs(client: Client, tmp_path: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []
    gates = [tmp_path / f"gate{i}" for i in range(3)]

    async def progress(value: float, total: float | None, message: str | None) -> None:
        told.append((value, total, message))

    async def open_gates() -> None:
        for done, gate in enumerate(gates):
            await appears(Path(f"{gate}.waits"))
            with anyio.fail_after(20):
                while done and (not told or told[-1][0] < done):
                    await anyio.sleep(0.01)
            gate.touch()

    steps = [{"id": f"wait{i}", "op": "bash", "command": GATE, "args": [str(g)]} for i, g in enumerate(gates)]
    steps = [step | ({"needs": [f"wait{i - 1}"]} if i else {}) for i, step in enumerate(steps)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(open_gates)
        result = await client.call_tool("batch", {"steps": steps}, progress_callback=progress)
    assert not result.is_error
    values = [value for value, _, _ in told]
    assert len(values) >= 2
    assert all(a < b for a, b in pairwise(values)), values
    assert all(total == 3 for _, total, _ in told)
    assert all(value <= 3 for value in values)
    for value, _, message in told:
        assert re.fullmatch(rf"{math.floor(value)}/3 steps( · wait\d running [\d.<]+ m?s)?", message or ""), message


async def test_a_fault_of_any_kind_has_a_line_of_its_own(client: Client) -> None:
    steps: list[Any] = [
        {"op": "read"},
        {"op": "grep", "pattern": 3},
        {"op": "glob", "pattern": "*", "bogus": 1},
        {"op": "dance"},
        {"op": "bash", "command": "true", "timeout_s": -1},
        {"op": "fetch", "url": "http://a", "max_bytes": 0},
        "read",
        {"path": "a"},
    ]
    lines = await refused(client, "batch", {"steps": steps, "max_tokens": "many", "surprise": True})
    assert sorted(lines) == [
        "max_tokens: expected an integer, got 'many' (string)",
        "steps[0].path: required, but missing",
        "steps[1].pattern: expected a string, a list of strings or a reference, got 3 (integer)",
        "steps[2].bogus: unknown argument",
        "steps[3]: unknown op 'dance' (string); expected read, grep, glob, bash, fetch",
        "steps[4].timeout_s: expected more than 0, got -1 (integer)",
        "steps[5].max_bytes: expected at least 1, got 0 (integer)",
        "steps[6]: expected an object, got 'read' (string)",
        "steps[7]: needs `op`",
        "surprise: unknown argument",
    ]


CYCLE = [
    {"id": "a", "op": "glob", "pattern": "*", "needs": ["b"]},
    {"id": "b", "op": "read", "path": {"from": "a", "field": "paths"}},
]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": CYCLE}, [r"cycle", r"\ba\b.*\bb\b", r"needs", r"paths"]),
        ({"steps": [{"op": "glob", "pattern": "*", "needs": ["ghost"]}]}, [r"ghost"]),
        ({"steps": [{"id": "x", "op": "glob", "pattern": "*"}] * 2}, [r"\bx\b"]),
        (
            {
                "steps": [
                    {"id": "x", "op": "glob", "pattern": "*"},
                    {"op": "read", "path": {"from": "x", "field": "ears"}},
                ]
            },
            [r"ears", r"paths"],
        ),
        ({"steps": []}, [r"steps: must not be empty"]),
        ({}, [r"steps"]),
        ({"steps": [{"op": "glob", "pattern": "*"}], "max_tokens": 10}, [r"max_tokens: .*400"]),
        ({"resume": "r-none"}, [r"r-none"]),
    ],
    ids=["cycle", "unknown id", "duplicate id", "unknown field", "no steps", "nothing", "tiny budget", "unknown run"],
)
async def test_what_cannot_run_is_refused_before_anything_runs(
    client: Client, arguments: dict[str, Any], words: list[str]
) -> None:
    before = await resource(client, "fourfold://runs")
    text = "\n".join(await refused(client, "batch", arguments))
    for word in words:
        assert re.search(word, text, re.DOTALL), f"{word} is not in {text!r}"
    assert "pydantic" not in text
    assert "Traceback" not in text
    assert await resource(client, "fourfold://runs") == before


async def test_an_unknown_tool_is_refused_with_the_names_there_are(client: Client) -> None:
    [line] = await refused(client, "dance", {})
    assert line.startswith("unknown tool 'dance'; this server has inspect, batch, ")


@pytest.mark.parametrize("tool", ["inspect", "batch", "handoff", "status"])
async def test_every_tool_refuses_an_argument_that_it_does_not_know(client: Client, tool: str) -> None:
    assert "surprise: unknown argument" in await refused(client, tool, {"surprise": 1})


async def test_the_server_answers_a_ping_where_the_era_has_one(
    client: Client, request: pytest.FixtureRequest
) -> None:
    if request.node.callspec.params["client"] == LEGACY:
        await client.session.send_ping()
    else:
        with pytest.raises(MCPError) as refusal:
            await client.session.send_ping()
        assert refusal.value.error.code == -32601


async def test_two_calls_run_at_the_same_time(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    answers: list[CallToolResult] = []

    async def slow() -> None:
        steps = [{"op": "bash", "command": GATE, "args": [str(gate)], "timeout_s": 60}]
        answers.append(await client.call_tool("batch", {"steps": steps}))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow)
        await appears(Path(f"{gate}.waits"))
        quick = await client.call_tool("inspect", {"steps": [{"op": "glob", "pattern": "*.md"}]})
        assert answers == [], "the first call still waits for the gate"
        assert "docs/guide.md" in texts(quick)[0]
        gate.touch()
    assert texts(answers[0])[0].split("\n")[0].count("1 ok") == 1
