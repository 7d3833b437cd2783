"""`fourfold deploy` with stand-in agents, on a file of its own."""

import signal
from pathlib import Path

import pytest
from fleet_lab import Lab
from processes import lives, wait_for, wait_gone

from fourfold_tools.fleet.presence import this_worker


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab.below(tmp_path)


def test_a_plan_file_is_carried_out_with_needs_kept_and_failures_repeated(lab: Lab) -> None:
    tasks = [
        lab.task("a", 0.1, says="found it"),
        lab.task("b", 0.1, failures=1, usd=0.25),
        lab.task("c", 0.1, needs=["a", "b"]),
    ]
    ended = lab.deploy(lab.plan(tasks), "--max-agents", "2")
    assert ended.code == 0, ended.err
    assert ended.data["complete"]
    assert ended.data["counts"]["ok"] == 3
    assert ended.data["fleet"] == {
        "spent_usd": 0.5,
        "unknown": [],
        "elsewhere": [],
        "stopped": "",
        "begun_again": [],
    }
    assert sorted(lab.noted("begin")) == [("a", "1"), ("b", "1"), ("b", "2"), ("c", "1")]
    order = [(row[0], row[1], row[2]) for row in lab.log()]
    assert order.index(("end", "b", "2")) < order.index(("begin", "c", "1"))
    assert ended.data["mathver"]["lines"][0].startswith("📊 [L0:Zero] MathVer")


def test_nothing_starts_without_agreement(lab: Lab) -> None:
    plan = str(lab.plan([lab.task("a", 0.0)]))
    process, dry = lab.start("deploy", plan), lab.start("deploy", plan, "--dry-run")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert "nothing was started: say --yes" in err
    out, err = dry.communicate(timeout=60)
    assert dry.returncode == 0, err
    assert out.startswith("1 tasks (0 write) on at most 1 agents")
    assert lab.log() == []


def test_an_interrupt_ends_the_agents_and_the_plan_goes_on_later(lab: Lab) -> None:
    plan = lab.plan([lab.task("a", 60.0, again_s=0.0), lab.task("b", 0.0, needs=["a"])])
    process = lab.start("deploy", str(plan), "--yes", "--json")
    wait_for(lambda: bool(lab.noted("begin")), "an agent")
    agent = int(lab.log()[0][3])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not lives(agent)
    assert lab.noted("end") == []
    name = err.split("fourfold deploy ")[1].split(")")[0]
    ended = lab.deploy(name)
    assert ended.code == 0, ended.err
    assert lab.noted("end") == [("a", "1"), ("b", "1")]


def test_kill_9_takes_the_agents_along_and_only_what_may_be_repeated_begins_again(lab: Lab) -> None:
    tasks = [lab.task(name, 60.0, again_s=0.0) for name in ("again", "mail")]
    process = lab.start("deploy", str(lab.plan(tasks)), "--yes", "--json", "--once", "mail")
    wait_for(lambda: len(lab.noted("begin")) == 2, "both agents")
    agents = [int(row[3]) for row in lab.log()]
    process.kill()
    _, err = process.communicate(timeout=60)
    wait_gone(agents)
    name = err.split("fourfold deploy ")[1].split(")")[0]
    ended = lab.deploy(name)
    assert ended.code == 1
    assert ended.data["fleet"]["unknown"] == ["mail"]
    assert sorted(lab.noted("begin")) == [("again", "1"), ("again", "1"), ("mail", "1")]
    ended = lab.deploy(name, "--retry-unknown")
    assert ended.code == 0, ended.err
    assert [(run["task"], run["run"], run["why"]) for run in ended.data["fleet"]["begun_again"]] == [
        ("again", 1, "lost"),
        ("mail", 1, "unknown"),
    ]
    assert lab.noted("end").count(("mail", "1")) == 1


def test_a_deployment_is_seen_by_watch_and_a_second_deployer_is_refused(lab: Lab) -> None:
    process = lab.start("deploy", str(lab.plan([lab.task("a", 300.0)])), "--yes", "--json")
    wait_for(lambda: bool(lab.noted("begin")), "an agent")
    started = process.stderr
    assert started is not None
    name = started.readline().split("fourfold deploy ")[1].split(")")[0]
    second = lab.start("deploy", name, "--yes", "--json")
    frame = lab.watched()
    (run,) = [run for server in frame["servers"] for run in server["runs"]]
    assert (run["run"], [step["id"] for step in run["running"]]) == (name, ["a"])
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "is being carried out by process" in err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_worker_is_named_after_its_machine_and_process() -> None:
    host, _, process = this_worker().rpartition("/")
    assert host
    assert process.count(":") == 1
