"""The prompts: ready-made batches that an agent can send as they are."""

import json
import re

import pytest
from mcp import Client, MCPError
from mcp.types import TextContent
from mcp_client import texts

from fourfold_tools.model.request import BatchRequest, InspectRequest

pytestmark = pytest.mark.anyio

PROMPTS = {
    "survey": {"path": "src"},
    "validate": {"folders": "src, docs", "glob": "*.md", "command": "true"},
    "analyse": {"path": "src", "focus": "speed"},
    "research": {"term": "main"},
}


async def test_the_prompts_of_the_usual_patterns_are_listed_with_their_arguments(client: Client) -> None:
    prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    assert set(prompts) == set(PROMPTS)
    required = {name: [a.name for a in p.arguments or [] if a.required] for name, p in prompts.items()}
    assert required == {"survey": [], "validate": ["folders"], "analyse": [], "research": ["term"]}


@pytest.mark.parametrize("name", PROMPTS)
async def test_a_prompt_holds_a_call_that_works_as_it_stands(client: Client, name: str) -> None:
    [message] = (await client.get_prompt(name, PROMPTS[name])).messages
    assert isinstance(message.content, TextContent)
    head, _, rest = message.content.text.partition("\n\n")
    tool = re.fullmatch(r"Call `(inspect|batch)` of fourfold with:", head)
    assert tool
    arguments, _ = json.JSONDecoder().raw_decode(rest)
    (InspectRequest if tool[1] == "inspect" else BatchRequest).model_validate(arguments)
    result = await client.call_tool(tool[1], arguments)
    assert not result.is_error
    problems = texts(result)[0].split("\n")[1]
    assert problems.startswith("── ") or problems == "failed: history exit_status", "a fresh folder has no history"


async def test_a_prompt_with_wrong_arguments_is_refused_in_a_line_for_each_fault(client: Client) -> None:
    with pytest.raises(MCPError) as refusal:
        await client.get_prompt("validate", {"colour": "red"})
    assert refusal.value.error.code == -32602
    assert refusal.value.error.message.split("\n") == ["folders: required, but missing", "colour: unknown argument"]
    with pytest.raises(MCPError, match="unknown prompt 'dance'"):
        await client.get_prompt("dance", {})
