"""A simulated machine with noise and bursts that runs tasks side by side and alone, for MathVer's simulation."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from fourfold_tools.mathver.records import Load, Pair, RunRecord, StepRecord
from fourfold_tools.mathver.sampling import choose, stratum


@dataclass(frozen=True)
class Task:
    """A simulated step: processor and waiting seconds alone, what it needs, how its result behaves."""

    id: str
    cpu_s: float
    wait_s: float
    op: str = "bash"
    deps: tuple[str, ...] = ()
    repeatable: bool = True
    degrades: bool = False
    flaky: bool = False

    @property
    def alone_s(self) -> float:
        return self.cpu_s + self.wait_s

    @property
    def computing(self) -> float:
        return self.cpu_s / self.alone_s

    def result(self, rng: random.Random) -> str:
        """The hash of a right result; another one each time where the task is nondeterministic."""
        return f"{self.id} {rng.random()}" if self.flaky else self.id


@dataclass(frozen=True)
class Weather:
    """Noise of each run of a step (sigma of its logarithm; now and then a spike) and bursts of a busy machine."""

    sigma: float
    spike_share: float = 0.0
    spike_factor: float = 1.0
    burst_factor: float = 1.0
    burst_duty: float = 0.0
    burst_s: float = 1.0

    def noise(self, rng: random.Random) -> float:
        spike = self.spike_factor if rng.random() < self.spike_share else 1.0
        return rng.lognormvariate(-(self.sigma**2) / 2, self.sigma) * spike

    @property
    def mean(self) -> float:
        """Expected seconds per second of work."""
        spikes = 1 + self.spike_share * (self.spike_factor - 1)
        return spikes / (1 - self.burst_duty + self.burst_duty / self.burst_factor)


@dataclass(frozen=True)
class Workload:
    """Tasks and the machine they run on; budget_s and runs decide the sample.

    penalty: extra work per neighbour, for work that one lock serialises.
    """

    tasks: Sequence[Task]
    cores: float
    width: int
    weather: Weather
    budget_share: float = inf
    runs: int = 1
    penalty: float = 0.0


@dataclass
class Clock:
    """Time and the bursts along it; mutable."""

    weather: Weather
    rng: random.Random
    now: float = 0.0
    busy: bool = False
    left_s: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.busy = self.rng.random() < self.weather.burst_duty
        self.left_s = self._length()

    def _length(self) -> float:
        duty, mean = self.weather.burst_duty, self.weather.burst_s
        if duty == 0:
            return inf
        return self.rng.expovariate(1 / (mean if self.busy else mean * (1 - duty) / duty))

    @property
    def speed(self) -> float:
        return 1 / self.weather.burst_factor if self.busy else 1.0

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.left_s -= seconds
        if self.left_s <= 1e-12:
            self.busy = not self.busy
            self.left_s = self._length()


def rates(tasks: Sequence[Task], cores: float, penalty: float) -> list[float]:
    """How fast each running task gets on when the processors are shared fairly; 1 is its speed alone."""
    slower = 1 + penalty * (len(tasks) - 1)
    if sum(t.computing for t in tasks) * slower <= cores:
        return [1 / slower] * len(tasks)

    def used(share: float) -> float:
        return sum(t.computing / (1 - t.computing + t.computing / share) for t in tasks)

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if used(middle) < cores else (low, middle)
    return [1 / (1 - t.computing + t.computing / low) / slower for t in tasks]


@dataclass(frozen=True)
class Executed:
    """One execution of a task: when it started, how long it took, how many processor seconds."""

    start_s: float
    seconds: float
    cpu_s: float


def run(load: Workload, clock: Clock, rng: random.Random) -> tuple[dict[str, Executed], float]:
    """Greedy list scheduling on `width` lanes, and the wall time."""
    waiting = list(load.tasks)
    left: dict[str, float] = {}
    started: dict[str, float] = {}
    cpu: dict[str, float] = {}
    ended: dict[str, Executed] = {}
    by_id = {t.id: t for t in load.tasks}
    begin = clock.now
    # start what may start; let time pass to the next end or change of weather; collect what ended
    while len(ended) < len(load.tasks):
        for task in list(waiting):
            if len(left) < load.width and all(d in ended for d in task.deps):
                waiting.remove(task)
                noise = load.weather.noise(rng)
                left[task.id], started[task.id] = task.alone_s * noise, clock.now - begin
                cpu[task.id] = task.cpu_s * noise * rng.lognormvariate(0, 0.01)
        running = [by_id[i] for i in left]
        speeds = [r * clock.speed for r in rates(running, load.cores, load.penalty)]
        step_s = min(clock.left_s, *(left[t.id] / r for t, r in zip(running, speeds, strict=True)))
        for task, speed in zip(running, speeds, strict=True):
            left[task.id] -= step_s * speed
        clock.advance(step_s)
        for i in [i for i, rest in left.items() if rest <= 1e-9]:
            del left[i]
            ended[i] = Executed(started[i], clock.now - begin - started[i], cpu[i])
    return ended, clock.now - begin


def alone(load: Workload, task: Task, clock: Clock, rng: random.Random) -> Executed:
    """One task by itself, at this moment."""
    return run(replace(load, tasks=[replace(task, deps=())]), clock, rng)[0][task.id]


def simulate(load: Workload, seed: int) -> tuple[RunRecord, list[Pair]]:
    """Run the workload, draw the sample, run it alone; as the engine would hand it to MathVer."""
    rng = random.Random(seed)
    clock = Clock(load.weather, rng)
    ended, wall_s = run(load, clock, rng)
    steps = tuple(record_of(t, ended[t.id], rng) for t in load.tasks)
    chosen = choose(steps, load.budget_share * wall_s, seed=seed, runs=load.runs)
    by_id = {t.id: t for t in load.tasks}
    first = {i: alone(load, by_id[i], clock, rng) for i in chosen}
    again = rng.sample(chosen, len(chosen)) if load.runs == 2 else []
    second = {i: alone(load, by_id[i], clock, rng).seconds for i in again}
    records = {s.id: s for s in steps}
    pairs = [pair_of(by_id[i], records[i], first[i], second.get(i), order, rng) for order, i in enumerate(chosen)]
    record = RunRecord(
        steps=steps,
        wall_s=wall_s,
        max_parallel=load.width,
        cores_eff=load.cores,
        server_cpu_s=0.0,
        server_alone_cpu_s=0.0,
        peak_rss_bytes=1,
        mem_total_bytes=100,
        load_parallel=Load(cpu=(0.2,)),
        load_alone=Load(cpu=(0.05,)),
        chosen=chosen,
    )
    return record, pairs


def record_of(task: Task, done: Executed, rng: random.Random) -> StepRecord:
    return StepRecord(
        id=task.id,
        op=task.op,
        stratum=stratum(task.op, done.seconds),
        started_s=done.start_s,
        duration_s=done.seconds,
        cpu_s=done.cpu_s,
        max_rss_bytes=1,
        attempts=1,
        state="ok",
        repeatable=task.repeatable,
        result_hash="wrong" if task.degrades else task.result(rng),
        deps=task.deps,
        lane=0,
    )


def pair_of(
    task: Task, step: StepRecord, once: Executed, twice_s: float | None, order: int, rng: random.Random
) -> Pair:
    confirmed = task.flaky or task.degrades or twice_s is not None
    return Pair(
        id=task.id,
        stratum=step.stratum,
        par_s=step.duration_s or 0.0,
        seq_s=once.seconds,
        par_cpu_s=step.cpu_s,
        seq_cpu_s=once.cpu_s,
        par_hash=step.result_hash,
        seq_hash=task.result(rng),
        seq2_hash=task.result(rng) if confirmed else None,
        par_ok=True,
        seq_ok=True,
        input_changed=False,
        order=order,
        seq2_s=twice_s,
    )
