"""The fleet measured: makespan against the prediction, what a task costs beside its agent, kill -9, a cut link.

python bench/fleet.py makespan                      40 tasks of 1 to 2 s, one in ten fails once
python bench/fleet.py overhead                      a chain of short tasks: nothing hides what lies between them
python bench/fleet.py kill worker|deployer|postgres [N]     N random moments (20)
python bench/fleet.py cut                           two hosts in network namespaces, link cut for 60 s (needs root)

What the extra costs who does not use it: bench/extra.py.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fleet_lab import Lab, forty, workers  # noqa: E402  (the tests' own support)
from postgres import Postgres, postgres  # noqa: E402
from processes import lives  # noqa: E402

_WORKERS = 3
_CUT_S = 60.0


@contextmanager
def _lab() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="fourfold-fleet-", ignore_cleanup_errors=True) as folder:
        lab = Lab.below(Path(folder))
        lab.repository()
        yield lab


def _name_of(err: str) -> str:
    return err.split("fourfold deploy ")[1].split(")")[0]


def makespan() -> None:
    """Real against predicted, from the first launch to the last end; the plan knows durations and failures.

    Each deployment has a store of its own: what the first has learnt of its agents corrects no prediction.
    """
    for seed in (1, 2, 3):
        with _lab() as lab, postgres() as server:
            plan = lab.plan(forty(lab, seed, 1.0, 2.0), max_agents=8)
            shared = {"FOURFOLD_FLEET__DATABASE": server.url, "FOURFOLD_STATE_DIR": str(lab.root / "other")}
            rows = [("SQLite, one process", lab.deploy(plan))]
            with workers(lab, _WORKERS, FOURFOLD_FLEET__DATABASE=server.url):
                rows.append(("PostgreSQL, 3 workers", lab.deploy(plan, "--only-deploy", **shared)))
            for name, ended in rows:
                p = ended.data["predicted"]
                ratio = p["real_clock_min"] / p["makespan_min"]
                seconds = f"{60 * p['makespan_min']:.2f} s predicted, {60 * p['real_clock_min']:.2f} s real"
                load = os.getloadavg()[0]
                ok = ended.data["counts"]["ok"]
                print(f"seed {seed} · {name}: {seconds}, ratio {ratio:.3f}, {ok} ok, load {load:.1f}", flush=True)


def overhead() -> None:
    """Milliseconds of a task beside what its agent took, end to end, in a chain."""
    length, each_s = 20, 0.1
    with _lab() as lab, postgres() as server:
        tasks = [lab.task(f"t{i}", each_s, needs=[f"t{i - 1}"] if i else []) for i in range(length)]
        shared = {"FOURFOLD_FLEET__DATABASE": server.url}
        with workers(lab, _WORKERS, **shared):
            for name, flags, env in (("SQLite", (), {}), ("PostgreSQL, 3 workers", ("--only-deploy",), shared)):
                for _ in range(3):
                    ended = lab.deploy(lab.plan(tasks), *flags, **env)
                    agents_s = 60 * ended.data["predicted"]["real_sequential_min"]
                    beside_s = 60 * ended.data["predicted"]["real_clock_min"] - agents_s
                    starts_s = agents_s - length * each_s
                    print(
                        f"{name}: {1000 * beside_s / length:.0f} ms a task beside its agent's process "
                        f"({1000 * starts_s / length:.0f} ms of that process are its start)",
                        flush=True,
                    )


def kill(victim: str, count: int) -> None:
    """kill -9 at random moments: what ends, what runs twice, how long a takeover takes."""
    draw = random.Random(victim)
    twice = lost = unknown = 0
    takeovers: list[float] = []
    with _lab() as lab, postgres() as server, ExitStack() as fleet:
        shared = {"FOURFOLD_FLEET__DATABASE": server.url, "FOURFOLD_FLEET__PER_WORKER": "3"}
        shared |= {"FOURFOLD_FLEET__RETURN_S": "2"}  # who is killed does not come back
        running = fleet.enter_context(workers(lab, _WORKERS, far=True, **shared))
        for moment in range(count):
            tasks, once = _random_plan(lab, draw)
            flags = ["--only-deploy", *(flag for name in once for flag in ("--once", name))]
            known = {row[4] for row in lab.log()}
            process = lab.start("deploy", str(lab.plan(tasks, max_agents=6)), "--yes", "--json", *flags, **shared)
            while {row[4] for row in lab.log()} <= known and process.poll() is None:
                time.sleep(0.02)
            time.sleep(draw.uniform(0.0, 4.0))
            killed = time.time()
            _strike(victim, draw, lab, fleet, server, process, running, shared)
            _, err = process.communicate(timeout=300)
            name = _name_of(err)
            ended = lab.deploy(name, "--only-deploy", timeout_s=300, **shared) if process.returncode else None
            begun = [row for row in lab.log() if row[0] == "begin" and row[4] == name]
            twice += sum(max(0, sum(row[1] == task for row in begun) - 1) for task in once)
            took = [float(row[5]) - killed for i, row in enumerate(begun) if _again(begun, i)]
            takeovers += took
            if ended is not None and ended.data["fleet"]["unknown"]:
                unknown += len(ended.data["fleet"]["unknown"])
                ended = lab.deploy(name, "--only-deploy", "--retry-unknown", timeout_s=300, **shared)
            done = ended is None or ended.code == 0
            lost += not done
            print(
                f"{victim} {moment + 1}/{count}: {'all ended' if done else 'NOT ALL ENDED'}, taken over after "
                f"{', '.join(f'{s:.1f}' for s in took) or 'nothing'} s",
                flush=True,
            )
    slowest = max(takeovers, default=0.0)
    print(
        f"{victim}: {count} moments, {lost} plans that did not end, {twice} forbidden repetitions, "
        f"{unknown} unknown, {len(takeovers)} takeovers, slowest {slowest:.1f} s"
    )


def _random_plan(lab: Lab, draw: random.Random) -> tuple[list[dict[str, Any]], list[str]]:
    tasks = [
        lab.task(f"t{i}", round(draw.uniform(0.5, 2.0), 2), needs=[f"t{draw.randrange(i)}"] if i > 5 else [])
        for i in range(16)
    ]
    return tasks, [f"t{i}" for i in draw.sample(range(16), 4)]


def _again(begun: list[list[str]], i: int) -> bool:
    """Whether a beginning is one more of an attempt that had begun."""
    return any(row[1:3] == begun[i][1:3] for row in begun[:i])


def _strike(
    victim: str,
    draw: random.Random,
    lab: Lab,
    fleet: ExitStack,
    server: Postgres,
    deployer: "subprocess.Popen[str]",
    running: list["subprocess.Popen[str]"],
    shared: dict[str, str],
) -> None:
    if victim == "deployer":
        deployer.kill()
    elif victim == "postgres":
        server.kill()
        time.sleep(draw.uniform(0.0, 3.0))
        server.start()
    else:
        place = draw.randrange(len(running))
        running[place].kill()
        running[place].communicate(timeout=60)
        running[place] = fleet.enter_context(workers(lab, 1, far=True, **shared))[0]


def cut() -> None:
    """Two hosts, the deployer, the database and a worker on one, a worker on the other; the link is cut."""
    with ExitStack() as stack:
        lab, server = stack.enter_context(_lab()), stack.enter_context(postgres())
        server.stop()
        for command in _NETWORK:
            subprocess.run(command.split(), check=True)
        stack.callback(lambda: subprocess.run(["ip", "netns", "del", "fourfold-far"], check=False))
        server.open_to("10.77.0.0/24")
        server.start("127.0.0.1,10.77.0.1")
        far_url = server.url.replace("127.0.0.1", "10.77.0.1")
        near = {"FOURFOLD_FLEET__DATABASE": server.url, "FOURFOLD_FLEET__PER_WORKER": "2"}
        far = {**near, "FOURFOLD_FLEET__DATABASE": far_url}
        inside = ("ip", "netns", "exec", "fourfold-far")
        stack.enter_context(workers(lab, 1, far=True, **near))
        stack.enter_context(workers(lab, 1, far=True, inside=inside, **far))
        tasks = [lab.task(f"t{i}", 4.0) for i in range(12)]
        tasks += [lab.task(f"o{i}", 25.0) for i in range(2)]
        flags = ["--only-deploy", "--once", "o0", "--once", "o1"]
        process = lab.start("deploy", str(lab.plan(tasks, max_agents=4)), "--yes", "--json", *flags, **near)
        beside = stack.enter_context(_overlaps(lab))
        while len(lab.noted("begin")) < 4:
            time.sleep(0.05)
        time.sleep(1.0)
        subprocess.run(["ip", "link", "set", "fourfold-near", "down"], check=True)
        began = time.time()
        time.sleep(_CUT_S)
        subprocess.run(["ip", "link", "set", "fourfold-near", "up"], check=True)
        out, err = process.communicate(timeout=300)
        print(f"cut {time.time() - began:.0f} s ago for {_CUT_S:g} s; deploy ended with {process.returncode}")
        if process.returncode:
            print(err[-600:])
            ended = lab.deploy(_name_of(err), "--only-deploy", timeout_s=300, **near)
            print(f"gone on: {ended.code}, {ended.data.get('fleet')}")
        _tell_cut(lab, out, beside)


@contextmanager
def _overlaps(lab: Lab) -> Iterator[set[str]]:
    """The tasks of which two agents were seen alive at one moment, looked at every 50 ms."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            begun = [row for row in lab.log() if row[0] == "begin"]
            for task in {row[1] for row in begun}:
                if sum(lives(int(row[3])) for row in begun if row[1] == task) > 1:
                    found.add(task)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield found
    finally:
        over.set()
        watching.join()


def _tell_cut(lab: Lab, out: str, beside: set[str]) -> None:
    begun, ended = lab.noted("begin"), lab.noted("end")
    both = {mark for mark in ended if ended.count(mark) > 1}
    again = {mark for mark in begun if begun.count(mark) > 1}
    once = {mark: begun.count(mark) for mark in begun if mark[0].startswith("o")}
    print(f"{len(set(ended))} of 14 ended; begun again: {sorted(again)}")
    print(f"ended twice: {sorted(both)}; tasks that may not be repeated, begun so often: {once}")
    print(f"two agents of one task at one moment: {sorted(beside) or 'never'}")
    for run in json.loads(out)["fleet"]["begun_again"] if out.strip() else []:
        print(f"  run in vain: {run['task']} attempt {run['attempt']}: {run['why']} after {run['seconds']:.1f} s")


_NETWORK = (
    "ip netns add fourfold-far",
    "ip link add fourfold-near type veth peer name fourfold-away netns fourfold-far",
    "ip addr add 10.77.0.1/24 dev fourfold-near",
    "ip link set fourfold-near up",
    "ip -n fourfold-far addr add 10.77.0.2/24 dev fourfold-away",
    "ip -n fourfold-far link set fourfold-away up",
    "ip -n fourfold-far link set lo up",
)


def main() -> int:
    what, *rest = sys.argv[1:] or ["help"]
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    if what == "makespan":
        makespan()
    elif what == "overhead":
        overhead()
    elif what == "kill" and rest and rest[0] in {"worker", "deployer", "postgres"}:
        kill(rest[0], int(rest[1]) if len(rest) > 1 else 20)
    elif what == "cut":
        cut()
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
