"""Real servers that are killed, ten at once, on a full disk and on damaged files: no finished run is lost."""

import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from runtimes import entries, env_of, opened, run

from fourfold_tools.errors import NotFound

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# Runs batches until it has made as many as it was told; says each run's name, and what was said of the store, once
# the answer is there.
_SERVER = """
import json, sys
from pathlib import Path
import anyio
from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

STEPS = [
    {"op": "bash", "command": "printf %s \\"$1\\"", "args": ["word"]},
    {"op": "bash", "command": "head -c 20000 /dev/zero | tr '\\\\0' x"},
    {"op": "read", "path": "a.txt"},
]

async def main():
    async with Runtime.open([Path(sys.argv[1])]) as runtime:
        for _ in range(int(sys.argv[2])):
            reply = await batch(runtime, BatchRequest.model_validate({"steps": STEPS, "format": "json"}))
            data = reply.structured
            told = [s["reason"] for s in data["signals"] if s["level"] == "store"]
            states = [step["state"] for step in data["steps"]]
            print(json.dumps({"run": data["run"], "states": states, "store": told}), flush=True)

anyio.run(main)
"""


@contextmanager
def server(home: Path, count: int, *, most_file_bytes: int | None = None) -> "Iterator[subprocess.Popen[str]]":
    def limit() -> None:
        if most_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_file_bytes, most_file_bytes))

    (home / "work").mkdir(exist_ok=True)
    (home / "work" / "a.txt").write_text("alpha\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(home / "work"), str(count)],
        stdout=subprocess.PIPE,
        env=env_of(home),
        cwd=home,
        text=True,
        preexec_fn=limit if most_file_bytes else None,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> list[dict[str, object]]:
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout]


@pytest.mark.parametrize("moment", range(6))
async def test_every_run_that_was_answered_before_kill_9_is_in_the_store(tmp_path: Path, moment: int) -> None:
    chance = random.Random(moment)
    answers: list[dict[str, object]] = []
    with server(tmp_path, 500) as process:
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            answers.append(json.loads(process.stdout.readline()))
        for _ in range(chance.randrange(200_000)):
            pass
        process.send_signal(signal.SIGKILL)
        answers += said(process)
    async with opened(tmp_path) as runtime:
        for answer in answers:
            stored = await runtime.runs.get(str(answer["run"]))
            assert stored.state == "done"
            assert [r.state for r in stored.results] == answer["states"]
        assert runtime.database.fault is None


async def test_ten_servers_that_begin_one_store_together_lose_no_run(tmp_path: Path) -> None:
    with ExitStack() as stack:
        started = [stack.enter_context(server(tmp_path, 3)) for _ in range(10)]
        answers = [answer for process in started for answer in said(process)]
    assert len(answers) == 30
    assert all(answer["states"] == ["ok"] * 3 for answer in answers)
    async with opened(tmp_path) as runtime:
        stored = {found.id: found.state for found in await runtime.runs.recent(50)}
    assert stored == {answer["run"]: "done" for answer in answers}


async def test_a_full_disk_costs_history_and_says_so_once(tmp_path: Path) -> None:
    with server(tmp_path, 12, most_file_bytes=300_000) as process:
        answers = said(process)
    assert [answer["states"] for answer in answers] == [["ok"] * 3] * 12
    told = [answer for answer in answers if answer["store"]]
    assert len(told) == 1
    assert "kept in memory only" in str(told[0]["store"])
    before = answers[: answers.index(told[0])]
    assert before
    async with opened(tmp_path) as runtime:
        for answer in before:
            assert (await runtime.runs.get(str(answer["run"]))).state == "done"


def _flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 20, 500))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)


def _cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def _overwrite(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.choice((0, 10, 5_000))))


def _delete(path: Path, chance: random.Random) -> None:
    path.unlink()


@pytest.mark.parametrize("seed", range(24))
async def test_whatever_happened_to_the_files_a_batch_works_and_old_runs_are_read_or_said_to_be_lost(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with opened(tmp_path) as runtime:
        names = [
            str(reply.structured["run"])
            for n in range(4)
            if (reply := await run(runtime, {"op": "bash", "command": f"seq {n} 400"})).structured
        ]
        files = {path.name: path.read_bytes() for path in (tmp_path / "state").glob("fourfold.sqlite*")}
    for name, data in files.items():  # as a kill leaves them, its log not written back
        (tmp_path / "state" / name).write_bytes(data)
    ways: tuple[Callable[[Path, random.Random], None], ...] = (_flip, _cut, _overwrite, _delete)
    victim = tmp_path / "state" / chance.choice(sorted(files))
    chance.choice(ways)(victim, chance)
    async with opened(tmp_path) as runtime:
        reply = await run(runtime, {"id": "x", "op": "bash", "command": "echo good"})
        assert entries(reply)["x"]["output"]["stdout"] == "good\n"
        assert reply.structured is not None
        assert (await runtime.runs.get(reply.structured["run"])).state == "done"
        await runtime.runs.recent(10)
        for name in names:
            with suppress(NotFound):
                assert (await runtime.runs.get(name)).id == name
