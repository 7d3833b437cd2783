"""fourfold over HTTP, called by the SDK's own clients in both protocol eras: several at once, each on its own."""

import json
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
import twelve_steps
from http_server import HttpServer, http_server
from mcp import Client
from mcp_client import ERAS, LEGACY, MODERN, Place, resource, texts
from processes import carrying, descendants, linux, wait_for, wait_gone

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def logged(place: Place) -> Generator[HttpServer, None, None]:
    with http_server(place, FOURFOLD_LOG__LEVEL="info", FOURFOLD_LOG__JSON_LINES="true") as running:
        assert all(json.loads(line)["logger"] == "fourfold.http" for line in running.said)
        yield running


SLEEPERS = {
    "plain": 'touch "$1"; exec sleep 1000',
    "child": '(touch "$1"; exec sleep 1000) & wait',
    "detached": 'setsid sh -c \'touch "$1"; exec sleep 1000\' sh "$1" & wait',
}
MANY = 1_000


def sleepers(folder: Path) -> dict[str, Any]:
    """Steps that never end, each of which says that it runs."""
    folder.mkdir()
    steps = [
        {"id": name, "op": "bash", "command": command, "args": [str(folder / name)]}
        for name, command in SLEEPERS.items()
    ]
    return {"steps": [{"id": "first", "op": "read", "path": "docs/intro.md"}, *steps], "deadline_s": 900}


async def all_there(folder: Path, names: Any = tuple(SLEEPERS)) -> None:
    with anyio.fail_after(30):
        while not all((folder / name).exists() for name in names):
            await anyio.sleep(0.01)


async def newest_run(client: Client, state: str) -> dict[str, Any]:
    """The newest run, once it is in this state."""
    with anyio.fail_after(30):
        while True:
            [newest, *_] = json.loads(await resource(client, "fourfold://runs"))
            if newest["state"] == state:
                run: dict[str, Any] = json.loads(await resource(client, newest["uri"]))
                return run
            await anyio.sleep(0.02)


@pytest.mark.parametrize("era", ERAS)
async def test_a_batch_answers_over_http_as_over_stdio(server: HttpServer, era: str) -> None:
    async with server.client(era) as client:
        assert client.protocol_version == ("2025-11-25" if era == LEGACY else MODERN)
        with twelve_steps.web_page() as url:
            result = await client.call_tool("batch", twelve_steps.request(url))
        twelve_steps.check_text(texts(result), url)


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives_while_the_batch_still_runs(server: HttpServer, place: Place, era: str) -> None:
    """The second step ends only after the client has heard of the first one's end."""
    heard: list[tuple[float, float | None, str | None]] = []
    gate = place.root / f"heard-{era}"

    async def hear(value: float, total: float | None, message: str | None) -> None:
        heard.append((value, total, message))
        gate.touch()

    steps = [
        {"id": "one", "op": "bash", "command": "echo 1"},
        {"id": "two", "op": "bash", "command": 'until [ -e "$1" ]; do sleep 0.01; done', "args": [str(gate)]},
    ]
    async with server.client(era) as client:
        result = await client.call_tool("batch", {"steps": steps}, progress_callback=hear)
    assert "2 steps: 2 ok" in texts(result)[0]
    assert heard[0][1] == 2
    assert heard[0][2]
    assert heard[0][2].startswith("1/2 steps · two running ")
    assert [value for value, _, _ in heard] == sorted(value for value, _, _ in heard)


@linux
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_ends_its_commands_and_keeps_what_had_finished(
    server: HttpServer, place: Place, era: str
) -> None:
    folder = place.root / f"cancelled-{era}"
    async with server.client(era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "batch", sleepers(folder))
            await all_there(folder)
            commands = carrying(place.mark)
            assert len(commands) >= len(SLEEPERS)
            tasks.cancel_scope.cancel()
        run = await newest_run(client, "cancelled")
    wait_gone(commands)
    states = {step["id"]: step["state"] for step in run["steps"]}
    assert states == {"first": "ok", **dict.fromkeys(SLEEPERS, "cancelled")}


@linux
@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_a_client_whose_connection_breaks_leaves_no_command_behind(
    server: HttpServer, place: Place, era: str
) -> None:
    folder = place.root / f"broken-{era}"
    with server.connection() as raw:
        raw.write(raw.call(era, "batch", sleepers(folder)))
        await all_there(folder)
        commands = carrying(place.mark)
        assert len(commands) >= len(SLEEPERS)
    wait_gone(commands)
    async with server.client("auto") as client:
        run = await newest_run(client, "cancelled")
    assert {step["id"]: step["state"] for step in run["steps"]}["first"] == "ok"


@linux
async def test_a_session_that_its_client_ends_takes_its_calls_with_it(server: HttpServer, place: Place) -> None:
    folder = place.root / "deleted"
    with server.connection() as raw:
        request = raw.call(LEGACY, "batch", sleepers(folder))
        session = request.partition(b"mcp-session-id: ")[2].partition(b"\r\n")[0].decode()
        raw.write(request)
        await all_there(folder)
        commands = carrying(place.mark)
        assert server.ask(method="DELETE", mcp_session_id=session).status == 200
        wait_gone(commands)
    assert server.ask(body=b'{"jsonrpc":"2.0","id":2,"method":"ping"}', mcp_session_id=session).status == 404


async def test_a_client_with_a_thousand_steps_does_not_starve_another(server: HttpServer, place: Place) -> None:
    """While the small batch runs, the big one, which was there first, ends no more than a part of its steps."""
    folder = place.root / "many"
    folder.mkdir()
    command = 'sleep 0.01; : > "$1"'
    big = [{"op": "bash", "command": command, "args": [str(folder / str(i))]} for i in range(MANY)]
    small = [{"op": "bash", "command": f"echo {i}", "needs": [f"s{i}"] if i else []} for i in range(3)]

    def ended() -> int:
        return sum(1 for _ in folder.iterdir())

    async def run_big(client: Client) -> None:
        result = await client.call_tool("batch", {"steps": big, "max_tokens": 1000, "max_parallel": 64})
        assert f"{MANY} steps: {MANY} ok" in texts(result)[0]

    async with server.client(LEGACY) as first, server.client("auto") as second, anyio.create_task_group() as tasks:
        tasks.start_soon(run_big, first)
        with anyio.fail_after(30):
            while ended() < 50:
                await anyio.sleep(0.01)
        before = ended()
        result = await second.call_tool("batch", {"steps": small})
        during = ended() - before
    assert "3 steps: 3 ok" in texts(result)[0]
    assert during < MANY / 2, "the small batch waited for the big one"


@linux
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_every_clients_commands_and_writes_their_runs_down(
    tmp_path: Path, ending: signal.Signals
) -> None:
    place = Place.below(tmp_path)
    twelve_steps.write_tree(place.root)
    with http_server(place) as server, server.connection() as one, server.connection() as two:
        listening = one.session()
        with server.connection() as stream:
            stream.write(stream.request(method="GET", mcp_session_id=listening, content_type=""))
            one.write(one.call(LEGACY, "batch", sleepers(place.root / "one")))
            two.write(two.call(MODERN, "batch", sleepers(place.root / "two")))
            await all_there(place.root / "one")
            await all_there(place.root / "two")
            started = [*carrying(place.mark), *descendants(server.process.pid)]
            assert len(started) >= 2 * len(SLEEPERS)
            assert server.end(ending) == (130 if ending == signal.SIGINT else 0)
            assert stream.ended()
        wait_gone(started)
        assert carrying(place.mark) == []
        assert not [line for line in server.said if "Traceback" in line or "ERROR" in line]
    with http_server(place) as server:
        async with server.client("auto") as client:
            rows = json.loads(await resource(client, "fourfold://runs"))
    assert [row["state"] for row in rows] == ["cancelled", "cancelled"]


@linux
async def test_a_killed_server_leaves_no_command_behind(tmp_path: Path) -> None:
    place = Place.below(tmp_path)
    twelve_steps.write_tree(place.root)
    with http_server(place) as server, server.connection() as raw:
        raw.write(raw.call(MODERN, "batch", sleepers(place.root / "killed")))
        await all_there(place.root / "killed")
        started = [*carrying(place.mark), *descendants(server.process.pid)]
        server.process.kill()
        wait_gone(started)
        wait_for(lambda: carrying(place.mark) == [], "the end of every command")


@pytest.mark.parametrize("era", ERAS)
async def test_the_log_of_a_server_is_json_lines_with_run_and_step_ids_where_settings_say_so(
    logged: HttpServer, era: str
) -> None:
    logged.said.clear()
    assert logged.ask(authorization="").status == 401
    async with logged.client(era) as client:
        result = await client.call_tool("batch", {"steps": [{"id": "one", "op": "bash", "command": "exit 3"}]})
        refused = await client.call_tool("batch", {"steps": []})
        assert refused.is_error
    run = texts(result)[0].split()[1]
    wait_for(lambda: any(f"run {run} done" in line for line in logged.said), "the end of the run in the log")
    lines = [json.loads(line) for line in logged.said]
    [step] = [line for line in lines if line.get("step")]
    assert (step["run"], step["step"], step["op"], step["state"], step["code"]) == (
        run,
        "one",
        "bash",
        "failed",
        "exit_status",
    )
    assert [line["message"] for line in lines if line["logger"] == "fourfold.http"] == [
        "refused 401 to 127.0.0.1: the header Authorization: Bearer TOKEN is required"
    ]
    assert {line["logger"] for line in lines} == {"fourfold.http", "fourfold.run"}
