"""A fleet of several processes on PostgreSQL."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from cut_link import link_to
from fleet_lab import Ended, Lab, ended, forty, workers
from postgres import Postgres, postgres
from processes import lives, wait_for

from fourfold_tools.fleet.journal import Journal
from fourfold_tools.fleet.store import Store, url_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab.below(tmp_path)
    lab.repository()
    return lab


def _summaries(found: Ended) -> dict[str, Any]:
    assert found.code == 0, found.err
    return {row["id"]: (row["state"], row["summary"], row["attempts"]) for row in found.data["tasks"]}


def test_forty_tasks_end_the_same_on_sqlite_and_on_postgresql_with_three_workers(lab: Lab, server: Postgres) -> None:
    plan = lab.plan(forty(lab, seed=1, least_s=0.05, most_s=0.3), max_agents=8)
    by_itself = lab.start("deploy", str(plan), "--yes", "--json")
    shared = {"FOURFOLD_FLEET__DATABASE": server.url}
    with workers(lab, 3, **shared):
        fleet = lab.deploy(plan, "--only-deploy", **shared)
    alone = ended(by_itself)
    assert _summaries(fleet) == _summaries(alone)
    assert fleet.data["fleet"]["spent_usd"] == alone.data["fleet"]["spent_usd"] == 0.44


async def _woken_by(store: Store, other: Store) -> bool:
    """Whether an end that is written through one store wakes who waits at the other."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.bell.listen)
        with anyio.fail_after(30):
            while not store.bell.heard:
                await store.bell.wait(0.05)
            await store.bell.wait(0.0)
            await anyio.to_thread.run_sync(Journal(other).end, "p-none/t/1", 1, "cancelled")
            await store.bell.wait(60)
        tasks.cancel_scope.cancel()
    return True


def test_the_end_of_an_attempt_wakes_the_deployer_in_another_process(server: Postgres, tmp_path: Path) -> None:
    stores = [Store(url_of(server.url, tmp_path), 5.0) for _ in range(2)]
    stores[0].prepare()
    assert anyio.run(_woken_by, *stores)
    for store in stores:
        store.close()


def test_work_done_on_another_machine_comes_back_as_merged_commits(lab: Lab, server: Postgres) -> None:
    tasks = [
        lab.task("api", 0.0, writes=["out/api.md"], files={"out/api.md": "the api"}),
        lab.task("sum", 0.0, writes=["sum.md"], reads=["out/*.md"], run="cat out/api.md > sum.md"),
        lab.task("look", 0.0, reads=["sum.md"], run="test \"$(cat sum.md)\" = 'the api'"),
    ]
    shared = {"FOURFOLD_FLEET__DATABASE": server.url}
    with workers(lab, 1, far=True, **shared):
        ended = lab.deploy(lab.plan(tasks), "--only-deploy", **shared)
    assert ended.code == 0, ended.err
    assert (lab.work / "sum.md").read_text(encoding="utf-8") == "the api"
    assert len(lab.git("log", "--merges", "--format=%s").splitlines()) == 2
    assert lab.git("for-each-ref", "refs/fourfold", "refs/heads/fourfold") == ""


def test_a_worker_that_is_cut_off_ends_its_agents_before_another_begins_them(lab: Lab, server: Postgres) -> None:
    quick = {"BEAT_S": "0.2", "LOOK_S": "0.1", "FENCE_S": "1.0", "GRACE_S": "0.3", "DEAD_S": "2.5", "PER_WORKER": "1"}
    env = {f"FOURFOLD_FLEET__{name}": value for name, value in quick.items()}
    near = {**env, "FOURFOLD_FLEET__DATABASE": server.url}
    with link_to(server.port) as link, ExitStack() as fleet:
        cut = {**env, "FOURFOLD_FLEET__DATABASE": server.url.replace(str(server.port), str(link.port))}
        fleet.enter_context(workers(lab, 1, far=True, **cut))
        plan = lab.plan([lab.task("t", 600.0, again_s=0.0)])
        process = lab.start("deploy", str(plan), "--yes", "--json", "--only-deploy", **near)
        wait_for(lambda: len(lab.noted("begin")) == 1, "the agent of the worker that is cut off", 60)
        fleet.enter_context(workers(lab, 1, far=True, **near))
        link.cut()
        agent = int(lab.log()[0][3])
        wait_for(lambda: not lives(agent), "the end of that agent", 60)
        gone = time.time()
        out, err = process.communicate(timeout=60)
        link.mend()
    assert process.returncode == 0, err
    first, second, last = lab.log()
    assert (first[0], second[0], last[0]) == ("begin", "begin", "end")
    assert gone < float(second[5])
    assert [(run["run"], run["why"]) for run in json.loads(out)["fleet"]["begun_again"]] == [(1, "lost")]


def test_a_worker_that_is_cut_off_leaves_all_the_same(lab: Lab, server: Postgres) -> None:
    quick = {"BEAT_S": "0.2", "LOOK_S": "0.1", "FENCE_S": "1.0", "GRACE_S": "0.3", "DEAD_S": "2.5"}
    env = {f"FOURFOLD_FLEET__{name}": value for name, value in quick.items()}
    with link_to(server.port) as link:
        cut = {**env, "FOURFOLD_FLEET__DATABASE": server.url.replace(str(server.port), str(link.port))}
        with workers(lab, 1, **cut) as [worker]:
            link.cut()
            worker.send_signal(signal.SIGTERM)
            _, err = worker.communicate(timeout=60)
    assert (worker.returncode, "left without a word to it" in err) == (1, True), err


def test_kill_9_of_any_process_loses_nothing_and_repeats_nothing_that_may_not_be(lab: Lab, server: Postgres) -> None:
    shared = {"FOURFOLD_FLEET__DATABASE": server.url, "FOURFOLD_FLEET__PER_WORKER": "2"}
    with workers(lab, 2, **shared) as running:
        for victim in ("deployer", "postgres", "worker"):
            _kill(victim, lab, server, running, shared)


def _kill(
    victim: str, lab: Lab, server: Postgres, running: "list[subprocess.Popen[str]]", shared: dict[str, str]
) -> None:
    """A deployment of 12 tasks of which 2 must not be repeated; the victim is killed after three have ended."""
    draw = random.Random(victim)
    tasks = [
        lab.task(f"t{i}", round(draw.uniform(0.2, 0.8), 2), needs=[f"t{i - 4}"] if i > 3 else []) for i in range(12)
    ]
    once, flags = ["t1", "t6"], ["--once", "t1", "--once", "t6"]
    process = lab.start("deploy", str(lab.plan(tasks)), "--yes", "--json", "--only-deploy", *flags, **shared)
    assert process.stderr is not None
    name = process.stderr.readline().split("fourfold deploy ")[1].split(")")[0]

    def noted(what: str) -> list[tuple[str, str]]:
        return [(row[1], row[2]) for row in lab.log() if row[0] == what and row[4] == name]

    wait_for(lambda: len(noted("end")) >= 3, "the first ends", 60)
    if victim == "worker":
        running[0].kill()
    elif victim == "postgres":
        server.kill()
        server.start()
    else:
        process.kill()
    process.communicate(timeout=120)
    gone_on = lab.deploy(name, "--only-deploy", "--retry-unknown", **shared) if process.returncode else None
    if gone_on is None:
        assert all(noted("begin").count((task, "1")) == 1 for task in once), victim
    else:
        assert gone_on.code == 0, gone_on.err
    assert {task for task, _ in noted("end")} == {task["id"] for task in tasks}, victim
