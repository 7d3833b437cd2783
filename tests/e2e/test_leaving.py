"""Leaving: a cancelled call, a client that goes, a server that is killed; nothing that was started lives on."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
import twelve_steps
from mcp import Client
from mcp_client import ERAS, LEGACY, MODERN, Place, Wire, resource, wire
from processes import carrying, descendants, linux, lives, wait_for, wait_gone

pytestmark = linux

# Three ways to stay behind; each says that it runs, and then sleeps for longer than any test.
SLEEPERS = {
    "plain": 'touch "$1"; exec sleep 1000',
    "child": '(touch "$1"; exec sleep 1000) & wait',
    "detached": 'setsid sh -c \'touch "$1"; exec sleep 1000\' sh "$1" & wait',
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.below(tmp_path)
    twelve_steps.write_tree(place.root)
    return place


def sleepers(place: Place) -> dict[str, Any]:
    """One step that ends well, then three that never end, then one that must wait for them."""
    steps: list[dict[str, Any]] = [{"id": "first", "op": "read", "path": "docs/intro.md"}]
    steps += [
        {"id": name, "op": "bash", "command": command, "args": [str(place.root / name)], "needs": ["first"]}
        for name, command in SLEEPERS.items()
    ]
    steps.append({"id": "last", "op": "read", "path": "docs/intro.md", "needs": list(SLEEPERS)})
    return {"steps": steps, "deadline_s": 900}


def all_sleep(place: Place) -> bool:
    return all((place.root / name).exists() for name in SLEEPERS)


def started_by(line: Wire, place: Place) -> list[int]:
    """Every process that a server started and that its commands started, whatever they did to get away."""
    commands, all_of_it = set(carrying(place.mark)), descendants(line.process.pid)
    assert len(commands) >= len(SLEEPERS)
    assert set(all_of_it) - commands, "the helper, which starts the commands"
    return sorted({*all_of_it, *commands})


async def cancelled_run(client: Client) -> dict[str, Any]:
    """The newest run once it is written down."""
    with anyio.fail_after(20):
        while True:
            [newest, *_] = json.loads(await resource(client, "fourfold://runs"))
            if newest["state"] != "running":
                assert newest["state"] == "cancelled"
                run: dict[str, Any] = json.loads(await resource(client, newest["uri"]))
                return run
            await anyio.sleep(0.02)


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_ends_its_commands_and_keeps_what_had_finished(place: Place, era: str) -> None:
    async with place.client(era) as client:
        await client.call_tool("inspect", {"steps": [{"op": "glob", "pattern": "*"}]})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "batch", sleepers(place))
            with anyio.fail_after(20):
                while not all_sleep(place):
                    await anyio.sleep(0.01)
            commands = carrying(place.mark)
            assert len(commands) >= len(SLEEPERS)
            tasks.cancel_scope.cancel()
        run = await cancelled_run(client)
        wait_gone(commands)
        assert carrying(place.mark) == []
        states = {step["id"]: step["state"] for step in run["steps"]}
        assert states == {"first": "ok", **dict.fromkeys(SLEEPERS, "cancelled"), "last": "skipped"}
        assert run["steps"][0]["output"]["text"] == twelve_steps.TREE["docs/intro.md"]
        after = await client.call_tool("inspect", {"steps": [{"op": "glob", "pattern": "*.md"}]})
        assert not after.is_error


@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_a_server_whose_client_leaves_ends_with_all_that_it_started(place: Place, era: str) -> None:
    with wire(place, era) as line:
        line.send("tools/call", {"name": "batch", "arguments": sleepers(place)})
        wait_for(lambda: all_sleep(place), "three sleeping commands")
        started = started_by(line, place)
        assert line.leave() == 0
        wait_gone(started)
        assert carrying(place.mark) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_all_that_it_started(place: Place, ending: signal.Signals) -> None:
    with wire(place) as line:
        line.send("tools/call", {"name": "batch", "arguments": sleepers(place)})
        wait_for(lambda: all_sleep(place), "three sleeping commands")
        started = started_by(line, place)
        line.process.send_signal(ending)
        line.process.wait(timeout=20)
        wait_gone(started)
        assert carrying(place.mark) == []
    with wire(place) as line:
        state = json.loads(line.ask("resources/read", {"uri": "fourfold://runs"})["contents"][0]["text"])[0]["state"]
    assert state == "cancelled"


def test_a_server_that_is_killed_leaves_no_process_and_a_run_that_can_be_resumed(place: Place) -> None:
    with wire(place) as line:
        line.send("tools/call", {"name": "batch", "arguments": sleepers(place)})
        wait_for(lambda: all_sleep(place), "three sleeping commands")
        started = started_by(line, place)
        os.kill(line.process.pid, signal.SIGKILL)
        line.process.wait(timeout=20)
        wait_gone(started)
        assert carrying(place.mark) == []
    with wire(place) as line:
        [row] = json.loads(line.ask("resources/read", {"uri": "fourfold://runs"})["contents"][0]["text"])
        assert row["state"] == "crashed"
        run = json.loads(line.ask("resources/read", {"uri": row["uri"]})["contents"][0]["text"])
        states = {step["id"]: step["state"] for step in run["steps"]}
        assert states == {"first": "ok", **dict.fromkeys(SLEEPERS, "unknown"), "last": "not_started"}
        resumed = line.ask("tools/call", {"name": "batch", "arguments": {"resume": row["run"]}})
        head, problems = resumed["content"][0]["text"].split("\n")[:2]
        assert head.startswith(f"run {row['run']} · 5 steps: 1 ok, 3 unknown, 1 skipped · ")
        assert problems == f"unknown: {', '.join(SLEEPERS)} · skipped: last (plain)"


def test_nothing_but_messages_comes_out_of_the_wire(place: Place) -> None:
    with wire(place) as line:
        steps = [{"op": "bash", "command": "echo loud; echo louder >&2; cat > /dev/null"}] * 3
        line.ask("tools/call", {"name": "batch", "arguments": {"steps": steps}})
        assert all(json.loads(said)["jsonrpc"] == "2.0" for said in line.said)
        assert line.leave() == 0
        assert not lives(line.process.pid)
