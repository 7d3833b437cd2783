"""Fuzzed calls through the whole server: each is answered in time and in the contract's forms, and nothing stays.

`FOURFOLD_FUZZ_CALLS=20000` makes the whole number; without it a share whose seed is fixed.
"""

import asyncio
import os
import re
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from fuzzed_answers import problems
from fuzzed_calls import call_of, write_tree
from mcp import Client, MCPError
from mcp_client import ERAS, Place, texts
from processes import descendants, linux

from fourfold_server.app import build

pytestmark = [pytest.mark.anyio, pytest.mark.slow, linux]

CALLS = int(os.environ.get("FOURFOLD_FUZZ_CALLS", "700"))
IN_PROCESS = CALLS * 7 // 10
AT_ONCE = 4
# No batch of these may last longer than its deadline; a machine under load takes its time.
BOUNDS = {"FOURFOLD_BASH__TIMEOUT_S": "1", "FOURFOLD_BATCH__DEADLINE_S": "10"}
ANSWER_S = 60.0
MEMORY_BYTES = 8 << 30  # a call that takes more than this ends its process instead of the machine
_ID = re.compile(r"\b([rph])-[a-z0-9]{4,10}\b")
_KIND = {"r": "runs", "p": "plans", "h": "handoffs"}


class Fuzz:
    """Calls by number until there are enough. Mutable: ids that answers named, and what was wrong."""

    def __init__(self, first: int, count: int) -> None:
        self.numbers = iter(range(first, first + count))
        self.known: dict[str, list[str]] = {"runs": [], "plans": [], "handoffs": []}
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()

    async def run(self, client: Client) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(self._work, client)

    async def _work(self, client: Client) -> None:
        for number in self.numbers:
            tool, arguments = call_of(number, self.known, wire=True)
            for problem in await self._call(client, tool, arguments):
                self.wrong.append(f"call {number}, {tool}: {problem}; arguments {str(arguments)[:1000]}")

    async def _call(self, client: Client, tool: str, arguments: Mapping[str, Any]) -> list[str]:
        try:
            with anyio.fail_after(ANSWER_S):
                result = await client.call_tool(tool, dict(arguments))
        except TimeoutError:
            return ["no answer"]
        except MCPError as exc:
            return [f"a protocol error: {exc}"]
        text = "\n".join(texts(result))
        self._learn(text if result.structured_content is None else str(result.structured_content))
        self.ends["refused" if result.is_error else "answered"] += 1
        return problems(text, refused=bool(result.is_error))

    def _learn(self, text: str) -> None:
        for match in _ID.finditer(text[:3000]):
            ids = self.known[_KIND[match[1]]]
            if match[0] not in ids:
                ids.append(match[0])
                del ids[:-20]


@pytest.fixture
def bounded_memory() -> Any:
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if before[1] == resource.RLIM_INFINITY else min(MEMORY_BYTES, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "work", tmp_path / "home")
    place.home.mkdir()
    write_tree(place.root)
    return place


@pytest.mark.usefixtures("bounded_memory")
async def test_fuzzed_calls_in_this_process_leave_no_task_no_child_and_no_open_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = place.env(CLAUDE_PROJECT_DIR=str(place.root), **BOUNDS)
    for name in os.environ.keys() - told.keys():
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place.root)
    fuzz = Fuzz(0, IN_PROCESS)
    tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
    async with Client(build(), mode="auto") as client:
        await fuzz.run(client)
        children = [pid for pid in descendants(os.getpid()) if not _is_helper(pid)]
    print(f"{fuzz.ends}", file=sys.stderr)
    assert not fuzz.wrong, "\n".join(fuzz.wrong[:20])
    assert not children
    assert not [pid for pid in descendants(os.getpid()) if _is_helper(pid)]
    assert len(asyncio.all_tasks()) == tasks
    assert len(os.listdir("/proc/self/fd")) <= files
    assert min(fuzz.ends["refused"], fuzz.ends["answered"]) > IN_PROCESS / 5


@pytest.mark.parametrize("era", ERAS)
async def test_fuzzed_calls_to_a_server_of_its_own_are_answered_and_it_goes_on(place: Place, era: str) -> None:
    count = (CALLS - IN_PROCESS) // len(ERAS)
    fuzz = Fuzz(IN_PROCESS + ERAS.index(era) * count, count)
    async with place.client(era, **BOUNDS) as client:
        await fuzz.run(client)
        [server] = [pid for pid in descendants(os.getpid()) if _is_server(pid)]
        left = [pid for pid in descendants(server) if not _is_helper(pid)]
        assert (await client.call_tool("status", {})).content
    assert not fuzz.wrong, "\n".join(fuzz.wrong[:20])
    assert not left


def _is_helper(pid: int) -> bool:
    return b"spawn_helper" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _is_server(pid: int) -> bool:
    return b"fourfold_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
