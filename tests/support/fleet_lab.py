"""A fleet on this machine: stand-in agents whose course is drawn from a seed, and `fourfold` as processes."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fourfold_tools.context.usage import Usage
from fourfold_tools.fleet.course import Deployed
from fourfold_tools.fleet.deployer import Deployer
from fourfold_tools.fleet.limits import Limits
from fourfold_tools.fleet.site import home_of, site
from fourfold_tools.model.plan_request import PlanRequest
from fourfold_tools.plan import begin
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.steps import take_step

# Sleeps as long as the task's prompt says, notes in a file when it begins and ends, and fails where it says so. An
# attempt that is ended from outside has a beginning and no end.
_AGENT = """
import json, os, re, sys, time
prompt = sys.stdin.read()
found = re.search(r"COURSE (\\{.*\\})", prompt)
course = json.loads(found[1]) if found else {"seconds": 0}
if not found:  # a merge task of the planner
    names = re.search(r"Each of the tasks (.*?) worked", prompt)[1].split(", ")
    course["run"] = " && ".join(f"git merge -q --no-edit fourfold/{name}" for name in names)
mark = f"{os.environ['FOURFOLD_TASK']} {os.environ['FOURFOLD_ATTEMPT']} {os.getpid()} {os.environ['FOURFOLD_PLAN']}"
def note(what):
    log = os.open(os.path.join(os.path.dirname(__file__), "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, f"{what} {mark} {time.time():.3f}\\n".encode())
    os.close(log)
again = False
try:
    with open(os.path.join(os.path.dirname(__file__), "log")) as log:
        again = any(line.startswith(f"begin {' '.join(mark.split()[:2])} ") for line in log)
except FileNotFoundError:
    pass
note("begin")
time.sleep(course.get("again_s", 0.0) if again and "again_s" in course else course["seconds"])
for path, text in course.get("files", {}).items():
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
if "run" in course:
    import subprocess
    subprocess.run(course["run"], shell=True, check=True, stdout=subprocess.DEVNULL)
note("end")
state = "failed" if int(os.environ["FOURFOLD_ATTEMPT"]) <= course.get("failures", 0) else "ok"
answer = {"state": state, "summary": course.get("says", "done"), "cost_usd": course.get("usd", 0.0)}
if course.get("limited") and not os.path.exists(course["limited"]):
    open(course["limited"], "w").close()
    answer = {"state": "failed", "summary": "too many requests", "retry_after_s": course["retry_after_s"]}
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Lab:
    """A project in `work`, state and log beside it."""

    root: Path

    @classmethod
    def below(cls, root: Path) -> "Lab":
        (root / "work").mkdir(parents=True)
        (root / "agent.py").write_text(_AGENT, encoding="utf-8")
        return cls(root)

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def program(self) -> tuple[str, ...]:
        """The stand-in, by a Python that starts fast."""
        return (sys.executable, "-I", "-S", str(self.root / "agent.py"))

    def task(self, name: str, seconds: float, **course: Any) -> dict[str, Any]:
        """A task whose agent takes so long; keys of the plan's own task stand in `course` too."""
        keys = ("needs", "reads", "writes", "minutes")
        mine = {key: course.pop(key) for key in keys if key in course}
        told = json.dumps({"seconds": seconds, **course})
        return {
            "id": name,
            "title": f"task {name}",
            "prompt": f"COURSE {told}",
            "minutes": max(seconds, 0.01) / 60,
            **mine,
        }

    def repository(self, **files: str) -> None:
        """Make the project a git repository with these files committed."""
        for name, text in {"README": "a project\n", **files}.items():
            (self.work / name).write_text(text, encoding="utf-8")
        self.git("init", "-q", "-b", "main")
        for key in ("user.name", "user.email"):
            self.git("config", key, "tester@localhost")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "begin")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.work, env=self.env(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def plan(self, tasks: Sequence[Mapping[str, Any]], **more: Any) -> Path:
        file = self.root / "plan.json"
        file.write_text(json.dumps({"goal": "stand in", "tasks": list(tasks), **more}), encoding="utf-8")
        return file

    def env(self, **more: str) -> dict[str, str]:
        path = os.environ.get("PYTHONPATH")
        return {
            **({"PYTHONPATH": path} if path else {}),
            "HOME": str(self.root),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FOURFOLD_STATE_DIR": str(self.root / "state"),
            "FOURFOLD_CONFIG": str(self.root / "fourfold.toml"),
            **more,
        }

    def start(self, *arguments: str, before: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
        """`fourfold …` in the project, with the stand-in as its agents."""
        more = {"FOURFOLD_FLEET__COMMAND": json.dumps(self.program), **env}
        return subprocess.Popen(
            [*before, sys.executable, "-m", "fourfold_server", *arguments],
            cwd=self.work,
            env=self.env(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def watched(self) -> dict[str, Any]:
        """What `fourfold watch` shows at this moment."""
        out, _ = self.start("watch", "--json").communicate(timeout=60)
        frame: dict[str, Any] = json.loads(out)
        return frame

    def deploy(self, what: Path | str, *flags: str, timeout_s: float = 120.0, **env: str) -> "Ended":
        """`fourfold deploy --yes --json`, to its end."""
        return ended(self.start("deploy", str(what), "--yes", "--json", *flags, **env), timeout_s)

    async def carry_out(self, tasks: Sequence[Mapping[str, Any]], plan: str = "", **more: Any) -> Deployed:
        """A deployment in this process; `plan` goes on with one. FOURFOLD_… variables and limits stand in `more`."""
        env = self.env(**{name: more.pop(name) for name in list(more) if name.startswith("FOURFOLD_")})
        limits = {"max_usd": 20.0, "task_usd": 2.0, "max_minutes": None, "max_agents": 8}
        asked = {"shared": more.pop("shared", "sequence"), "tasks": list(tasks)}
        limits |= {name: more.pop(name) for name in list(more) if name in limits}
        async with Runtime.open([self.work], env) as runtime:
            name = plan or await begin(runtime, PlanRequest.model_validate(asked), Usage())
            async with site(runtime, limits["max_agents"], self.program, plan=name) as store:
                home = await home_of(runtime, store, name)
                return await Deployer(runtime, store, name, home, Limits(**limits), **more).run()

    async def launched_elsewhere(self, tasks: Sequence[Mapping[str, Any]], first: str) -> str:
        """A stored plan of which a conversation has launched one task."""
        async with Runtime.open([self.work], self.env()) as runtime:
            name = await begin(runtime, PlanRequest.model_validate({"tasks": list(tasks)}), Usage())
            step = await take_step(runtime, name, Usage(), most=1)
            assert [step.plan.graph.ids[launch.task] for launch in step.launches] == [first]
            return name

    def only_plan(self) -> str:
        """The id of the only plan that was deployed here."""
        (file,) = (self.root / "state" / "fleet").glob("*.sqlite")
        return file.stem

    def log(self) -> list[list[str]]:
        """Lines of the agents: what, task, attempt, pid, plan, seconds of the epoch."""
        try:
            text = (self.root / "log").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [line.split() for line in text.rpartition("\n")[0].splitlines()]  # the last may be half written

    def noted(self, what: str) -> list[tuple[str, str]]:
        return [(row[1], row[2]) for row in self.log() if row[0] == what]


@contextmanager
def workers(
    lab: Lab, count: int, *, far: bool = False, inside: Sequence[str] = (), **env: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """So many `fourfold worker` processes; far: each on what looks like a machine of its own."""
    apart = [*inside, "unshare", "--uts", "--map-root-user", "sh", "-c", 'hostname "$0" && exec "$@"'] if far else []
    started: list[subprocess.Popen[str]] = []
    try:
        for _ in range(count):
            state = tempfile.mkdtemp(prefix="worker-", dir=lab.root)
            name = [f"far{state.encode().hex()[-12:]}"] if far else []
            started.append(lab.start("worker", before=[*apart, *name], FOURFOLD_STATE_DIR=state, **env))
        for process in started:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert "agents at once" in line, line
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.communicate(timeout=60)


@dataclass(frozen=True)
class Ended:
    code: int
    data: dict[str, Any]
    err: str

    @property
    def plan(self) -> str:
        return str(self.data["plan"])


def ended(deploying: "subprocess.Popen[str]", timeout_s: float = 120.0) -> Ended:
    """How `fourfold deploy --json` ends."""
    out, err = deploying.communicate(timeout=timeout_s)
    return Ended(deploying.returncode, json.loads(out) if out.strip() else {}, err)


def forty(lab: Lab, seed: int, least_s: float, most_s: float) -> list[dict[str, Any]]:
    """40 tasks with random needs and durations, of which one in ten fails at its first attempt."""
    draw = random.Random(seed)
    tasks: list[dict[str, Any]] = []
    unlucky = set(draw.sample(range(40), 4))
    for i in range(40):
        needs = [f"t{j}" for j in draw.sample(range(i), k=min(i, draw.choice((0, 0, 1, 2))))]
        seconds, failures = round(draw.uniform(least_s, most_s), 3), int(i in unlucky)
        course = {"failures": failures, "says": f"result {i}", "usd": 0.01}
        minutes = seconds * (1 + failures) / 60  # the plan knows how often each will have to run
        tasks.append(lab.task(f"t{i}", seconds, minutes=minutes, needs=needs, **course))
    return tasks
