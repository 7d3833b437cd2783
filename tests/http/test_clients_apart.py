"""Clients of one server that have nothing to do with each other: no context, run or path of one is another's."""

import json
import shutil
from collections.abc import Generator
from typing import Any

import pytest
from claude_home import Home, Transcript
from http_server import HttpServer, http_server
from mcp import Client
from mcp.types import CallToolResult
from mcp_client import ERAS, LEGACY, MODERN, Place, texts

pytestmark = pytest.mark.anyio

LOOK = {"steps": [{"op": "glob", "pattern": "*.md"}]}
WINDOW = 1_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("apart"))
    (place.root / "note.md").write_text("note\n", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def server(place: Place) -> Generator[HttpServer, None, None]:
    """A server that was started out of a conversation, as the environment says: it is none of the clients'."""
    owner = {"CLAUDE_CODE_SESSION_ID": "owner", "CLAUDE_CODE_ENTRYPOINT": "cli", "CLAUDE_PROJECT_DIR": "/"}
    with http_server(place, **owner) as running:
        yield running


@pytest.fixture
def home(place: Place) -> Home:
    """The clients' home, with no conversation in it yet."""
    home = Home(place.home, place.root)
    shutil.rmtree(home.project, ignore_errors=True)
    return home


async def called(client: Client, tool: str, arguments: dict[str, Any], tool_use: str | None = None) -> CallToolResult:
    meta = {"claudecode/toolUseId": tool_use} if tool_use else None
    return await client.call_tool(tool, arguments, meta=meta)


def at(home: Home, session: str, percent: float, tool_use: str) -> None:
    """A conversation that is so full, and has called a tool."""
    home.session(session).prompt(f"the goal of {session}").request().reply(round(WINDOW * percent / 100), tool_use)


@pytest.mark.parametrize("waiting", ["owner", "other"])
@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_names_no_conversation_has_none_whoever_started_the_server(
    home: Home, server: HttpServer, era: str, waiting: str
) -> None:
    """The one conversation that waits for an answer here would be taken for the caller's over stdio."""
    at(home, waiting, 80, "toolu_known")
    Transcript(home.project / f"{waiting}.jsonl", waiting).result("toolu_known").request()
    async with server.client(era) as client:
        for tool_use in (None, "toolu_of_nobody"):
            result = await called(client, "inspect", LOOK, tool_use)
            head = texts(result)[0].split("\n")[0]
            assert head.endswith("context unknown"), head


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_names_its_tool_use_has_its_own_conversations_level_and_no_other(
    home: Home, server: HttpServer, era: str
) -> None:
    """An empty conversation calls first: what a server remembers of one client would let the full one start."""
    at(home, f"empty-{era}", 10, "toolu_empty")
    at(home, f"full-{era}", 97, "toolu_full")  # a level is announced once, and the server lives on
    async with server.client(era) as first, server.client(era) as second:
        told = texts(await called(first, "inspect", LOOK, "toolu_empty"))
        assert told[0].split("\n")[0].endswith("context 10 % (transcript)")
        [line, signal] = texts(await called(second, "inspect", LOOK, "toolu_full"))
        assert line.startswith("context: context 97 % (transcript): no new work above 95 %; handoff h-")
        assert signal.startswith("📡 handoff")
        again = texts(await called(first, "inspect", LOOK, "toolu_empty"))
        assert again[0].split("\n")[0].endswith("context 10 % (transcript)")
        assert not any(text.startswith("📡") for text in again)


async def test_a_handoff_holds_the_runs_of_its_own_session(server: HttpServer) -> None:
    async with server.client(LEGACY) as first, server.client(LEGACY) as second:
        run = texts(await called(first, "inspect", LOOK))[0].split()[1]
        other = texts(await called(second, "inspect", LOOK))[0].split()[1]
        mine = (await called(first, "handoff", {"action": "write"})).structured_content
        theirs = (await called(second, "handoff", {"action": "write"})).structured_content
    assert mine is not None
    assert theirs is not None
    assert (mine["runs"], theirs["runs"]) == ([run], [other])
    assert mine["conversation"] != theirs["conversation"]


async def test_a_client_that_cannot_be_told_from_others_gets_no_ones_runs_in_its_handoff(server: HttpServer) -> None:
    async with server.client(MODERN) as client:
        await called(client, "inspect", LOOK)
        written = (await called(client, "handoff", {"action": "write"})).structured_content
    assert written is not None
    assert (written["runs"], written["plans"], written["goal"]) == ([], [], "")


async def test_a_client_cannot_take_another_sessions_name_where_there_are_no_sessions(server: HttpServer) -> None:
    async with server.client(LEGACY) as first:
        await called(first, "inspect", LOOK)
        with server.connection() as raw:
            more = f"\r\nmcp-session-id: {raw.session()}\r\nconnection: close\r\n\r\n".encode()
            raw.write(raw.call(MODERN, "handoff", {"action": "write"}).replace(b"\r\n\r\n", more, 1))
            answer = raw.answer()
    assert answer.status == 200
    assert '"runs":[]' in answer.body.replace(" ", "")
    assert '"conversation":"call-' in answer.body.replace(" ", "")


async def test_two_sessions_do_not_launch_tasks_that_write_the_same_file(server: HttpServer) -> None:
    def plan(task: str) -> dict[str, Any]:
        return {"goal": task, "tasks": [{"id": task, "title": "Write it", "writes": ["out.md"], "minutes": 5}]}

    async with server.client(LEGACY) as first, server.client(LEGACY) as second:
        one = (await called(first, "plan", plan("a"))).structured_content
        two = (await called(second, "plan", plan("b"))).structured_content
    assert one is not None
    assert two is not None
    assert len(one["launch"]) == 1
    assert two["launch"] == [], "the other session's task holds the file"


@pytest.mark.parametrize("era", ERAS)
async def test_no_client_can_stamp_a_call_or_approve_its_own_steps(home: Home, server: HttpServer, era: str) -> None:
    rules = home.cwd / ".claude" / "settings.json"
    rules.parent.mkdir(exist_ok=True)
    rules.write_text(json.dumps({"permissions": {"ask": ["Bash(touch:*)"]}}), encoding="utf-8")
    at(home, "full", 97, "toolu_full")
    path = str(home.project / "full.jsonl")
    steps = {"steps": [{"op": "bash", "command": "touch made"}]}
    async with server.client(era) as client:
        stamp = {"tool_use_id": "toolu_x", "transcript_path": path, "permission_mode": "default"}
        refused = await called(client, "hook", stamp)
        assert refused.is_error
        assert texts(refused)[0].startswith("unknown tool 'hook'")
        result = texts(await called(client, "batch", steps, "toolu_x"))
    assert "failed: s1 denied" in result[0]
    assert not (home.cwd / "made").exists()


async def test_the_place_of_all_clients_is_where_the_server_was_started(place: Place, server: HttpServer) -> None:
    """Neither what a client says of its roots nor the server's own environment moves it."""
    async with server.client(LEGACY) as client:
        result = await called(
            client, "batch", {"steps": [{"op": "bash", "command": "pwd"}, {"op": "read", "path": "/etc/passwd"}]}
        )
    assert f"\n{place.root.resolve()}\n" in texts(result)[0]
    assert "failed: s2 denied" in texts(result)[0]
