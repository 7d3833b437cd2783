"""A frame of the live view: fits its screen, keeps what matters, and shows nothing that could act on a terminal."""

from dataclasses import replace

import pytest

from fourfold_server.watch_frame import frame
from fourfold_tools.engine.waiting import Waiting
from fourfold_tools.live.snapshot import LiveRun, RunningStep, Slots, Snapshot, Verifying
from fourfold_tools.store.owner import this_process
from fourfold_tools.store.runs import StoredRun

NOW = 1_000.0


def live_run(name: str = "r-aaaa", running: int = 4, waiting: int = 9, failed: int = 0) -> LiveRun:
    steps = tuple(RunningStep(f"step{i}", "bash", i, 0.5 * i, 1) for i in range(running))
    rows = tuple(Waiting(f"later{i}", "read x.py", "slot disk") for i in range(waiting))
    return LiveRun(name, 40, 10, failed, 9.0, 8, running, waiting, steps, rows)


def server(*runs: LiveRun, at: float = NOW, percent: float | None = 41.0, signals: tuple[str, ...] = ()) -> Snapshot:
    slots = {"cpu": Slots(3, 3, 3), "disk": Slots(2, 4, 8), "process": Slots(1, 16, 16)}
    return Snapshot("77:1", "/home/you/project", at, slots, {"cpu": 0.42, "memory used": 0.5}, percent, signals, runs)


def stored(name: str, state: str = "done", owner: str = "") -> StoredRun:
    report = {"wall_s": 2.5}
    return StoredRun(name, NOW - 60, NOW, state, owner, "/p", "", 5, "{}", report)  # type: ignore[arg-type]


def lines(
    *snapshots: Snapshot, recent: tuple[StoredRun, ...] = (), width: int = 80, height: int | None = 24
) -> list[str]:
    return [line.plain for line in frame(snapshots, recent, NOW, width, height)]


def test_lanes_steps_reasons_limits_pressure_and_context_are_all_told() -> None:
    text = "\n".join(lines(server(live_run(failed=1), signals=("📡 pressure cpu: cpu 42 %: 3 -> 2",))))
    for part in (
        "1 server at work · 1 run in flight",
        "server 77  /home/you/project  context 41 % normal",
        "cpu 3/3 · disk 2/4 of 8",
        "pressure cpu 42 % · memory used 50 %",
        "10/40 · 9.0 s · 4 of 8 lanes · 9 waiting · 1 failed",
        "▶ lane 2  step1  bash  8.5 s",
        "waits   later0  read x.py  slot disk",
        "📡 pressure cpu: cpu 42 %: 3 -> 2",
    ):
        assert part in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (132, 50), (40, 10), (20, 3), (1, 1)])
def test_every_frame_fits_its_screen(width: int, height: int) -> None:
    snapshots = [server(live_run(f"r-{k}", 30, 60)) for k in range(3)]
    shown = frame(snapshots, [stored(f"r-{i}") for i in range(8)], NOW, width, height)
    assert len(shown) <= height
    assert all(line.cell_len <= max(20, width) for line in shown)


def test_on_a_small_screen_every_run_keeps_its_line_and_the_rest_is_counted() -> None:
    shown = lines(server(live_run("r-one"), live_run("r-two")), recent=(stored("r-old"),), height=8)
    assert any("r-one" in line for line in shown)
    assert any("r-two" in line for line in shown)
    assert not any("r-old" in line for line in shown)
    assert shown[-1].endswith("more lines")


def test_without_a_bound_everything_is_shown() -> None:
    shown = lines(server(live_run(running=30, waiting=60)), recent=(stored("r-old"),), height=None)
    assert sum("▶" in line for line in shown) == 30
    assert sum("waits" in line for line in shown) == 60
    assert shown[-1] == "  r-old · done · 5 steps · 2.50 s · " + shown[-1].rpartition(" · ")[2]


def test_a_run_that_is_verified_says_so_and_what_runs_alone() -> None:
    run = replace(live_run(running=0, waiting=0), ended=40, verifying=Verifying(3, 80, "tests", 4.0))
    text = "\n".join(lines(server(run)))
    assert "40/40 · 9.0 s · verifying · 3 of 80 runs alone" in text
    assert "▶ alone   tests  4.0 s" in text
    assert "lanes" not in text
    queued = replace(run, verifying=Verifying(0, 80, "", 2.0))
    assert "· waits   another run is verified  2.0 s" in "\n".join(lines(server(queued)))


def test_a_server_that_falls_silent_says_so() -> None:
    assert any("silent for 12.0 s" in line for line in lines(server(live_run(), at=NOW - 12)))


def test_text_that_would_act_on_the_terminal_is_shown_as_numbers() -> None:
    hostile = RunningStep("x", "bash \x1b[2J\u202e\n", 0, 0.0, 2)
    run = LiveRun("r-x", 1, 0, 0, 1.0, 1, 1, 0, (hostile,), ())
    (line,) = [line for line in lines(server(run)) if "▶" in line]
    assert "bash \\x1b[2J\\x202e\\x0a · try 2" in line


def test_runs_that_ended_are_listed_and_those_that_run_are_not_listed_twice() -> None:
    runs = (stored("r-now", "running", this_process()), stored("r-gone", "running", "999999999:1"), stored("r-old"))
    text = "\n".join(lines(recent=runs))
    assert "r-old · done" in text
    assert "r-gone · crashed" in text
    assert "r-now" not in text
    assert "nothing has been running" in text
