"""The plugin's hook: whose call it is, and when the client should ask."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fourfold_tools.batch import batch
from fourfold_tools.caller import Caller
from fourfold_tools.context.usage import Stamp
from fourfold_tools.hook import HookRequest, hook
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio
BATCH = "mcp__plugin_fourfold_fourfold__batch"


@asynccontextmanager
async def runtime_in(tmp_path: Path, rules: Mapping[str, list[str]] | None = None) -> AsyncGenerator[Runtime, None]:
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / "a.txt").write_text("hello\n", encoding="utf-8")
    settings = json.dumps({"permissions": dict(rules or {})})
    (project / ".claude" / "settings.json").write_text(settings, encoding="utf-8")
    env = {"HOME": str(tmp_path), "FOURFOLD_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    async with Runtime.open([project], env) as runtime:
        yield runtime


def decision(runtime: Runtime, steps: list[dict[str, Any]], tool: str = BATCH, **more: str) -> dict[str, str]:
    request = HookRequest(tool_name=tool, tool_input=json.dumps({"steps": steps}), tool_use_id="toolu_1", **more)
    return json.loads(hook(runtime, request))["hookSpecificOutput"]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"op": "read", "path": "a.txt"}, "allow"),
        ({"op": "grep", "pattern": "x"}, "allow"),
        ({"op": "bash", "command": "cat a.txt | wc -l"}, "allow"),
        ({"op": "bash", "command": "touch b.txt"}, "ask"),
        ({"op": "bash", "command": "./build.sh"}, "ask"),
        ({"op": "bash", "command": 'cat "$1"', "args": {"from": "s1", "field": "paths"}}, "ask"),
        ({"op": "fetch", "url": "https://example.com/"}, "ask"),
    ],
)
async def test_it_asks_where_the_clients_own_tool_would(tmp_path: Path, step: dict[str, Any], expected: str) -> None:
    async with runtime_in(tmp_path) as runtime:
        steps = [{"op": "glob", "pattern": "*"}, step]
        assert decision(runtime, steps)["permissionDecision"] == expected


async def test_an_allow_rule_spares_the_question_and_an_ask_rule_makes_it(tmp_path: Path) -> None:
    rules = {"allow": ["Bash(touch:*)", "WebFetch(domain:example.com)"], "ask": ["Bash(cat:*)"]}
    async with runtime_in(tmp_path, rules) as runtime:
        allowed = [{"op": "bash", "command": "touch b.txt"}, {"op": "fetch", "url": "https://example.com/"}]
        assert decision(runtime, allowed)["permissionDecision"] == "allow"
        asked = decision(runtime, [{"id": "look", "op": "bash", "command": "cat a.txt"}])
        assert asked["permissionDecision"] == "ask"
        assert "look: a rule asks before cat a.txt" in asked["permissionDecisionReason"]


async def test_what_is_denied_needs_no_question_because_it_never_runs(tmp_path: Path) -> None:
    async with runtime_in(tmp_path, {"deny": ["Bash(rm:*)"]}) as runtime:
        assert decision(runtime, [{"op": "bash", "command": "rm a.txt"}])["permissionDecision"] == "allow"
        reply = await batch(runtime, BatchRequest.model_validate({"steps": [{"op": "bash", "command": "rm a.txt"}]}))
        assert "denied by Bash(rm:*)" in reply.blocks[0]
        assert Path(runtime.workspace.cwd, "a.txt").exists()


@pytest.mark.parametrize("mode", ["bypassPermissions", "plan"])
async def test_in_the_modes_that_decide_by_themselves_it_says_nothing(tmp_path: Path, mode: str) -> None:
    async with runtime_in(tmp_path) as runtime:
        told = decision(runtime, [{"op": "bash", "command": "touch b"}], permission_mode=mode)
        assert "permissionDecision" not in told


async def test_tools_that_only_read_are_allowed_and_a_broken_request_is_left_to_the_server(tmp_path: Path) -> None:
    async with runtime_in(tmp_path) as runtime:
        assert decision(runtime, [], tool="mcp__plugin_fourfold_fourfold__status")["permissionDecision"] == "allow"
        assert decision(runtime, [{"op": "nope"}])["permissionDecision"] == "allow"


async def test_a_step_that_the_user_approved_runs_where_a_rule_asks_and_others_do_not(tmp_path: Path) -> None:
    request = BatchRequest.model_validate({"steps": [{"id": "look", "op": "bash", "command": "cat a.txt"}]})
    async with runtime_in(tmp_path, {"ask": ["Bash(cat:*)"]}) as runtime:
        alone = await batch(runtime, request)
        assert "look denied" in alone.blocks[0]
        assert "use the client's own Bash tool" in alone.blocks[0]
        transcript = tmp_path / "none.jsonl"
        approved = await batch(runtime, request, Caller("toolu_1", Stamp(str(transcript))))
        assert "hello" in approved.blocks[0]


async def test_a_step_whose_arguments_the_user_could_not_see_is_not_approved(tmp_path: Path) -> None:
    steps = [
        {"id": "g", "op": "glob", "pattern": "*.txt"},
        {"id": "look", "op": "bash", "command": 'cat "$1"', "args": {"from": "g", "field": "paths"}},
    ]
    async with runtime_in(tmp_path, {"ask": ["Bash(cat:*)"]}) as runtime:
        caller = Caller("toolu_1", Stamp(str(tmp_path / "none.jsonl")))
        reply = await batch(runtime, BatchRequest.model_validate({"steps": steps}), caller)
        assert "look denied" in reply.blocks[0]


async def test_stamps_are_kept_by_call_and_bounded(tmp_path: Path) -> None:
    async with runtime_in(tmp_path) as runtime:
        for i in range(400):
            hook(runtime, HookRequest(tool_use_id=f"t{i}", transcript_path="/x.jsonl", agent_id="a" if i % 2 else ""))
        assert len(runtime.stamps) == 256
        assert runtime.stamps["t399"] == Stamp("/x.jsonl", "a")
        assert runtime.stamps["t398"] == Stamp("/x.jsonl", None)
        assert "t0" not in runtime.stamps


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("touch b.txt", "allow"),
        ("mkdir -p sub/deep && cp a.txt sub/deep/b.txt", "allow"),
        ("cat a.txt && rm -rf sub", "allow"),
        ("sed -i s/h/j/ a.txt", "allow"),
        ("touch ../outside.txt", "ask"),
        ("rm -rf .git", "ask"),
        ("cp a.txt .claude/settings.json", "ask"),
        ("echo x > b.txt", "ask"),
        ("chmod +x a.txt", "ask"),
        ("npm install", "ask"),
        ("touch $NAME", "ask"),
        ("rm -rf link-out/x", "ask"),
    ],
)
async def test_where_edits_are_accepted_it_asks_no_more_than_the_client(
    tmp_path: Path, command: str, expected: str
) -> None:
    async with runtime_in(tmp_path) as runtime:
        (tmp_path / "project" / "link-out").symlink_to("..")
        step = {"op": "bash", "command": command}
        assert decision(runtime, [step], permission_mode="acceptEdits")["permissionDecision"] == expected
        assert decision(runtime, [step])["permissionDecision"] == "ask"
