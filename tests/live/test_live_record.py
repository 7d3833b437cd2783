"""The live record: written for runs that last, read by others, never in a run's way, nothing left of the dead."""

import os
import re
import subprocess
import sys
from pathlib import Path

import anyio
import engine_fakes as fakes
import pytest
from engine_fakes import limiter, scheduler
from runtimes import opened, run

from fourfold_tools.context.pressure import Pressure, Stall
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.live.again import Again
from fourfold_tools.live.record import LiveRecord, read_live
from fourfold_tools.live.snapshot import Slots, Snapshot, Verifying, freeze, thaw
from fourfold_tools.status import StatusRequest, status

pytestmark = pytest.mark.anyio
CALM = Pressure("host", cpu=Stall(0.25, 0.0, 0), memory_available=0.75)
SIGNALS = [Signal("pressure", "cpu", "cpu 40 %", "cpu steps at once 4 -> 2")]


def lasting(elapsed_s: float, *commands: str, width: int = 1) -> Scheduler:
    """A run that has not begun and whose clock stands at `elapsed_s`."""
    made = scheduler(fakes.work_of([fakes.bash(c) for c in commands], op=fakes.FakeOp(read_only=False), width=width))
    made._clock, made._start = (lambda: elapsed_s), 0.0
    return made


async def test_nothing_is_written_for_a_run_of_less_than_a_second(tmp_path: Path) -> None:
    record = LiveRecord(tmp_path / "live", "/p", limiter(), {"r-a": lasting(0.99, "ok")}, {})
    await record.look(CALM, [])
    record.runs_ended()
    assert not (tmp_path / "live").exists()


async def test_others_read_what_runs_what_waits_and_why(tmp_path: Path) -> None:
    run, slots = lasting(2.5, "hold a", "ok", "ok"), limiter(4)
    record = LiveRecord(tmp_path / "live", "/p", slots, {"r-a": run}, {})
    record.percent = lambda: 71.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run.run)
        await anyio.wait_all_tasks_blocked()
        await record.look(CALM, SIGNALS)
        (seen,) = read_live(tmp_path / "live")
        tasks.cancel_scope.cancel()
    (told,) = seen.runs
    assert (told.run, told.step_count, told.ended, told.running_count, told.waiting_count) == ("r-a", 3, 0, 1, 2)
    assert [(s.id, s.lane, s.attempt) for s in told.running] == [("s1", 0, 1)]
    assert [(w.id, w.reason) for w in told.waiting] == [("s2", "width"), ("s3", "width")]
    assert (seen.pid, seen.cwd, seen.context_percent, seen.level) == (str(os.getpid()), "/p", 71.0, "limited")
    assert seen.pressure == {"cpu": 0.25, "memory used": 0.25}
    assert seen.slots["process"] == Slots(0, 4, 4)
    assert seen.signals == ("📡 pressure cpu: cpu 40 %: cpu steps at once 4 -> 2",)


async def test_the_record_goes_with_the_last_run_and_not_before(tmp_path: Path) -> None:
    active = {"r-a": lasting(2.0, "ok"), "r-b": lasting(0.1, "ok")}
    record = LiveRecord(tmp_path / "live", "/p", limiter(), active, {})
    await record.look(CALM, [])
    del active["r-a"]
    record.runs_ended()
    assert len(read_live(tmp_path / "live")) == 1
    del active["r-b"]
    record.runs_ended()
    assert list((tmp_path / "live").iterdir()) == []


async def test_what_a_killed_server_left_is_passed_over_and_swept(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = folder / f"{dead.pid}-1-1.json"
    left.write_bytes(freeze(Snapshot(f"{dead.pid}:1", "/p", 1.0, {}, {}, None, (), ())))
    (folder / f"{dead.pid}-1-2.new").write_bytes(b"{")
    assert read_live(folder) == []
    await LiveRecord(folder, "/p", limiter(), {"r-a": lasting(2.0, "ok")}, {}).look(CALM, [])
    assert [path.name.partition("-")[0] for path in folder.iterdir()] == [str(os.getpid())]


async def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"{os.getpid()}-1-1.json").write_bytes(b'{"owner": 7}')
    (tmp_path / f"{os.getpid()}-1-2.json").write_bytes(b"\xff")
    assert read_live(tmp_path) == []
    assert read_live(tmp_path / "nowhere") == []


async def test_a_disk_that_refuses_ends_the_record_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    record = LiveRecord(tmp_path / "file" / "live", "/p", limiter(), {"r-a": lasting(2.0, "ok")}, {})
    await record.look(CALM, [])
    record.runs_ended()
    assert read_live(tmp_path / "file" / "live") == []


async def test_a_real_run_is_seen_while_it_lasts_and_gone_after(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime, anyio.create_task_group() as tasks:
        gate = tmp_path / "gate"
        wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
        tasks.start_soon(lambda: run(runtime, {"id": "w", "op": "bash", "command": wait}))
        with anyio.fail_after(30):
            while not (seen := read_live(runtime.state / "live")):
                await anyio.sleep(0.05)
        gate.touch()
    assert [step.id for step in seen[0].runs[0].running] == ["w"]
    assert read_live(tmp_path / "state" / "live") == []


async def test_a_stored_run_that_is_verified_is_seen_with_the_step_that_runs_alone(tmp_path: Path) -> None:
    now = [10.0]
    again = Again(4, 8, clock=lambda: now[0])
    record = LiveRecord(tmp_path / "live", "/p", limiter(), {}, {"r-v": again})
    await record.look(CALM, [])
    assert read_live(tmp_path / "live") == []  # it has lasted no second yet
    with again.alone("s1"):
        now[0] = 12.0
    with again.alone("s2"):
        now[0] = 15.0
        await record.look(CALM, [])
    ((told,),) = [seen.runs for seen in read_live(tmp_path / "live")]
    assert (told.run, told.ended, told.step_count, told.elapsed_s) == ("r-v", 4, 4, 5.0)
    assert told.verifying == Verifying(done=1, count=8, step="s2", took_s=3.0)


async def test_a_verification_is_seen_while_it_lasts_and_renewed(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    # Beside others it ends at once; alone, the second time, it holds until the test has seen it twice.
    held = f'[ -e "$ONCE" ] && while [ ! -e {gate} ]; do sleep 0.05; done; touch "$ONCE"'
    step = {"id": "w", "op": "bash", "command": held, "idempotent": True, "env": {"ONCE": str(tmp_path / "once")}}
    other = {"id": "o", "op": "bash", "command": "true", "idempotent": True}
    folder, moments = tmp_path / "state" / "live", set[float]()
    async with opened(tmp_path) as runtime, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: run(runtime, step, other, verify="full"))
        with anyio.fail_after(30):
            while len(moments) < 2:
                seen = read_live(folder)
                moments |= {s.at for s in seen if s.runs[0].verifying}
                await anyio.sleep(0.05)
        told = await status(runtime, StatusRequest())
        gate.touch()
    assert seen[0].runs[0].verifying is not None
    assert seen[0].runs[0].verifying.step == "w"
    assert re.search(r"in flight: r-\w+ · verifying · \d of 4 runs alone · w running", told)
    assert list(folder.iterdir()) == []


def test_a_snapshot_comes_back_as_it_was() -> None:
    made = Snapshot("1:2", "/p", 3.5, {"cpu": Slots(1, 2, 3)}, {"io": 0.5}, 12.5, ("x",), ())
    assert thaw(freeze(made)) == made
