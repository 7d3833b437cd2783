"""Limits that trouble moves: seen through a whole run, each decision told with its reason and kept in the record."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from processes import linux
from runtimes import entries, opened, run

from fourfold_tools.engine.scaling import Change
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio


@contextmanager
def busy_site(refusals: int, status: int) -> Iterator[str]:
    """A site on loopback that answers its first requests with `status` and everything after them well."""
    left = [status] * refusals
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            with lock:
                answer = left.pop() if left else 200
            self.send_response(answer)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def signals(runtime: Runtime, answer: dict[str, object]) -> list[tuple[str, str, str, str]]:
    """The signals of an answer, which are those of the run's record."""
    stored = await runtime.runs.get(str(answer["run"]))
    assert stored.report is not None
    assert stored.report["signals"] == answer["signals"]
    return [(s["kind"], s["level"], s["reason"], s["action"]) for s in stored.report["signals"]]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_host_is_asked_less_at_once_and_then_as_much_as_before(tmp_path: Path, status: int) -> None:
    with busy_site(1, status) as url:
        settings = {"FOURFOLD_FETCH__ALLOW_PRIVATE": "true", "FOURFOLD_LIMITS__NET_PER_HOST": "4"}
        settings |= {"FOURFOLD_RETRY__BASE_S": "0.001"}
        async with opened(tmp_path, **settings) as runtime:
            steps = [{"op": "fetch", "url": f"{url}/{n}"} for n in range(40)]
            reply = await run(runtime, *steps, max_parallel=2)
            assert {entry["state"] for entry in entries(reply).values()} == {"ok"}
            assert reply.structured is not None
            told = [s for s in await signals(runtime, reply.structured) if s[1].startswith("net:")]
            host = url.removeprefix("http://")
            fetches = f"fetches at once from {host}"
            assert told == [
                ("pressure", f"net:{host}", "it answered 429 or 503", f"{fetches} 4 -> 2"),
                ("pressure", f"net:{host}", "its answers are fine again", f"{fetches} 2 -> 4"),
            ]


@linux
async def test_contention_that_repeats_ends_in_one_at_a_time_and_finds_back_in_the_same_run(tmp_path: Path) -> None:
    """What starts programs is killed under two commands; those after them run, one at a time first."""
    async with opened(tmp_path) as runtime:
        kill = {"op": "bash", "command": "kill -9 $PPID; sleep 30"}
        steps = [{**kill, "id": "k1"}, {**kill, "id": "k2", "command": f"{kill['command']}; :", "needs": []}]
        steps += [{"id": f"ok{n}", "op": "bash", "command": f"echo {n} > out{n}"} for n in range(24)]
        reply = await run(runtime, *steps, max_parallel=2)
        states = {name: (entry["state"], entry["code"]) for name, entry in entries(reply).items()}
        assert [states[name] for name in ("k1", "k2")] == [("failed", "contention")] * 2
        assert {state for name, (state, _) in states.items() if name not in {"k1", "k2"}} == {"ok"}
        assert reply.structured is not None
        told = [s for s in await signals(runtime, reply.structured) if s[0] == "degraded"]
        assert told == [
            (
                "degraded",
                "process",
                "steps failed for want of shared things",
                "process steps at once 2 -> 1: one at a time",
            ),
            ("degraded", "process", "steps end well again", "process steps at once 1 -> 2"),
        ]


async def test_what_pressure_decides_during_a_run_is_in_its_answer_and_its_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        runtime.pressure._apply([Change("disk", 4, 2, "before this run")])
        [step] = [{"op": "bash", "command": "while [ ! -e go ]; do sleep 0.01; done"}]

        def press() -> None:
            runtime.pressure._apply([Change("cpu", 3, 2, "tasks waited for a processor 70% of the time")])
            (tmp_path / "work" / "go").touch()

        async with anyio.create_task_group() as tasks:

            async def later() -> None:
                while not runtime.active:
                    await anyio.sleep(0.01)
                press()

            tasks.start_soon(later)
            reply = await run(runtime, step)
        assert reply.structured is not None
        told = await signals(runtime, reply.structured)
        reason = "tasks waited for a processor 70% of the time"
        assert ("pressure", "cpu", reason, "cpu steps at once 3 -> 2") in told
        assert not [s for s in told if s[2] == "before this run"]
