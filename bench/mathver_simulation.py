"""Simulated workloads whose true speed-up is known: how often MathVer's VALID lines and intervals are right.

    python bench/mathver_simulation.py [--per-kind 25] [--seeds 1 2 3]

prints one Markdown table and ends with 1 where a promise is broken: VALID time lines wrong in at most 5 % (no true
gain, or the truth outside the interval), 95 % intervals that hold the truth in at least 93 %, no VALID quality line
over a true degradation of 2 % or more, no nondeterministic step called degraded.

The truth is the expected sequential time (over noise and bursts) divided by the simulated run's own wall time.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log
from statistics import median

from fourfold_tools.mathver.records import Load, Pair, RunRecord, StepRecord
from fourfold_tools.mathver.report import MathVer, verify_run
from fourfold_tools.mathver.sampling import choose, stratum

LIMIT_WRONG = 0.05
LIMIT_COVERED = 0.93
TRUE_DEGRADATION = 0.02


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


Maker = Callable[[random.Random], Workload]


def tasks(n: int, make: Callable[[int], tuple[float, float]], op: str = "bash") -> list[Task]:
    return [Task(f"s{i}", *make(i), op=op) for i in range(n)]


def sleeps(rng: random.Random) -> Workload:
    seconds = rng.uniform(0.05, 0.5)
    n = rng.choice([4, 8, 16, 32, 64])
    made = tasks(n, lambda _: (0.002, seconds * rng.uniform(0.8, 1.2)))
    return Workload(made, 2, rng.choice([4, 8, 16]), Weather(0.02), runs=rng.choice([1, 2]))


def computing(rng: random.Random) -> Workload:
    cores = rng.choice([1, 2, 2, 4])
    n = rng.choice([4, 8, 16, 40])
    made = tasks(n, lambda _: (rng.uniform(0.2, 0.6), rng.uniform(0, 0.02)))
    return Workload(made, cores, rng.choice([4, 8]), Weather(rng.uniform(0.02, 0.15)), runs=rng.choice([1, 2]))


def mixed(rng: random.Random) -> Workload:
    n = rng.choice([8, 20, 60])

    def make(_: int) -> tuple[float, float]:
        return (rng.uniform(0.2, 0.5), 0.01) if rng.random() < 0.5 else (0.005, rng.uniform(0.1, 0.5))

    return Workload(tasks(n, make), 2, rng.choice([4, 8]), Weather(0.08), rng.choice([1, 2, inf]), rng.choice([1, 2]))


def long_tailed(rng: random.Random) -> Workload:
    sigma = rng.uniform(1, 2)

    def make(_: int) -> tuple[float, float]:
        whole, part = rng.lognormvariate(-1, sigma), rng.random()
        return whole * part, whole * (1 - part)

    made = tasks(rng.choice([20, 60, 150]), make)
    return Workload(made, 2, rng.choice([4, 8]), Weather(0.1), rng.choice([1, 3, inf]), rng.choice([1, 2]))


def spiky(rng: random.Random) -> Workload:
    weather = Weather(0.05, spike_share=0.05, spike_factor=rng.uniform(1.5, 3))
    made = tasks(rng.choice([16, 40, 100]), lambda _: (0.05, rng.lognormvariate(-1, 0.4)))
    return Workload(made, 2, 8, weather, rng.choice([2, inf]), rng.choice([1, 2]))


def bursts(rng: random.Random) -> Workload:
    weather = Weather(
        0.03, burst_factor=rng.uniform(1.3, 2), burst_duty=rng.uniform(0.1, 0.3), burst_s=rng.uniform(0.2, 1.0)
    )
    made = tasks(rng.choice([16, 40, 100]), lambda _: (0.05, rng.lognormvariate(-1, 0.4)))
    return Workload(made, 2, rng.choice([4, 8]), weather, rng.choice([2, inf]), rng.choice([1, 2]))


def small_sample(rng: random.Random) -> Workload:
    whole = rng.choice([60, 120, 200])
    made = tasks(whole, lambda _: (rng.uniform(0, 0.1), rng.uniform(0.1, 0.3)))
    # Eight or a few more of many: the budget is a multiple of what eight cost.
    share = rng.uniform(8.5, 12) / whole * 5
    return Workload(made, 2, 6, Weather(rng.uniform(0.05, 0.25)), share, 1)


def few_steps(rng: random.Random) -> Workload:
    n = rng.choice([2, 3, 4, 5, 6, 7])
    made = tasks(n, lambda _: (rng.choice([0.01, 0.3]), rng.uniform(0.05, 1.5)))
    return Workload(made, 2, 4, Weather(rng.uniform(0.01, 0.15)), inf, rng.choice([1, 2]))


def graphs(rng: random.Random) -> Workload:
    n = rng.choice([12, 30, 80])
    made = tasks(n, lambda _: (rng.uniform(0, 0.3), rng.uniform(0.05, 0.5)))
    linked = [
        replace(t, deps=tuple(sorted({f"s{rng.randrange(i)}" for _ in range(rng.choice([0, 1, 2]))})) if i else ())
        for i, t in enumerate(made)
    ]
    return Workload(linked, 2, 6, Weather(0.06), rng.choice([2, inf]), rng.choice([1, 2]))


def serialised(rng: random.Random) -> Workload:
    """Reads under one interpreter lock: every neighbour makes them slower."""
    made = tasks(rng.choice([20, 40]), lambda _: (rng.uniform(0.01, 0.03), 0.0005), "read")
    return Workload(made, 1, 4, Weather(0.1), inf, rng.choice([1, 2]), penalty=rng.choice([0.0, 0.02, 0.2]))


def barely(rng: random.Random) -> Workload:
    """A true gain close to none: processor work on little more than one core, or a penalty that eats it."""
    made = tasks(rng.choice([8, 16, 40]), lambda _: (rng.uniform(0.1, 0.4), rng.uniform(0, 0.03)))
    return Workload(made, rng.choice([1.0, 1.05]), 4, Weather(rng.uniform(0.03, 0.2)), inf, rng.choice([1, 2]))


def unrepeatable(rng: random.Random) -> Workload:
    share = rng.uniform(0.03, 0.4)
    made = tasks(rng.choice([20, 40]), lambda _: (rng.uniform(0, 0.1), rng.uniform(0.1, 0.4)))
    marked = [replace(t, repeatable=rng.random() > share) for t in made]
    return Workload(marked, 2, 6, Weather(0.05), inf, rng.choice([1, 2]))


def degraded(rng: random.Random) -> Workload:
    n = rng.choice([16, 40, 160])
    wrong = set(rng.sample(range(n), rng.choice([0, 1, 1, 3, n // 4])))
    made = [
        replace(t, degrades=i in wrong) for i, t in enumerate(tasks(n, lambda _: (0.005, rng.uniform(0.05, 0.2))))
    ]
    return Workload(made, 2, 8, Weather(0.04), rng.choice([2, inf]), 1)


def flaky(rng: random.Random) -> Workload:
    made = tasks(rng.choice([16, 40]), lambda _: (0.005, rng.uniform(0.05, 0.2)))
    return Workload([replace(t, flaky=rng.random() < 0.3) for t in made], 2, 8, Weather(0.04), inf, 1)


def chains(rng: random.Random) -> Workload:
    made = tasks(rng.choice([3, 8, 20]), lambda _: (0.02, rng.uniform(0.05, 0.4)))
    return Workload([replace(t, deps=(f"s{i - 1}",) if i else ()) for i, t in enumerate(made)], 2, 4, Weather(0.05))


def singles(rng: random.Random) -> Workload:
    return Workload(tasks(1, lambda _: (0.02, rng.uniform(0.05, 2))), 2, 4, Weather(0.05), runs=2)


KINDS: dict[str, Maker] = {
    "sleeps": sleeps,
    "processor-bound": computing,
    "mixed": mixed,
    "long-tailed": long_tailed,
    "spikes": spiky,
    "bursts": bursts,
    "small sample": small_sample,
    "2 to 7 steps": few_steps,
    "graphs": graphs,
    "serialised": serialised,
    "barely a gain": barely,
    "not repeatable": unrepeatable,
    "degraded": degraded,
    "nondeterministic": flaky,
    "chains": chains,
    "single step": singles,
}


@dataclass
class Tally:
    """Counts over workloads of one kind; mutable."""

    workloads: int = 0
    states: dict[str, int] = field(default_factory=dict[str, int])
    wrong: int = 0
    intervals: int = 0
    too_high: int = 0
    too_low: int = 0
    quality_wrong: int = 0
    widths: list[float] = field(default_factory=list[float])

    def add(self, load: Workload, wall_s: float, found: MathVer) -> None:
        self.workloads += 1
        time, quality = found.time, found.quality
        self.states[time.verdict.state] = self.states.get(time.verdict.state, 0) + 1
        truth = sum(t.alone_s for t in load.tasks) * load.weather.mean / wall_s
        high = low = False
        if time.ci95:
            self.intervals += 1
            high, low = time.ci95[0] > truth, time.ci95[1] < truth
            self.too_high += high
            self.too_low += low
            self.widths.append(log(time.ci95[1] / time.ci95[0]))
        self.wrong += time.verdict.state == "VALID" and (truth <= 1 or high or low)
        worse = sum(t.degrades for t in load.tasks) / len(load.tasks)
        flaky_ids = {t.id for t in load.tasks if t.flaky}
        said_well = quality.verdict.state == "VALID" and worse >= TRUE_DEGRADATION
        self.quality_wrong += said_well or bool(flaky_ids & set(quality.degraded))

    def merge(self, other: "Tally") -> None:
        self.workloads += other.workloads
        for state, count in other.states.items():
            self.states[state] = self.states.get(state, 0) + count
        self.wrong += other.wrong
        self.intervals += other.intervals
        self.too_high += other.too_high
        self.too_low += other.too_low
        self.quality_wrong += other.quality_wrong
        self.widths += other.widths

    @property
    def wrong_share(self) -> float:
        return self.wrong / max(1, self.states.get("VALID", 0))

    @property
    def covered(self) -> float:
        return 1 - (self.too_high + self.too_low) / max(1, self.intervals)

    def row(self, name: str) -> str:
        counts = [str(self.states.get(s, 0)) for s in ("VALID", "INVALID", "UNVERIFIED", "NOT_APPLICABLE")]
        covered = f"{self.covered:.1%}" if self.intervals else "–"
        width = f"{median(self.widths):.2f}" if self.widths else "–"
        cells = [name, str(self.workloads), *counts, str(self.wrong), str(self.intervals), covered]
        return "| " + " | ".join([*cells, f"{self.too_high} / {self.too_low}", width, str(self.quality_wrong)]) + " |"


def table(tallies: dict[str, Tally], whole: Tally) -> Iterator[str]:
    yield (
        "| kind | workloads | VALID | INVALID | UNVERIFIED | N/A | wrong VALID | intervals | hold the truth "
        "| too high / low | width (log) | wrong quality |"
    )
    yield "|---|" + "---|" * 11
    for name, tally in tallies.items():
        yield tally.row(name)
    yield whole.row("**all**")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=25, help="workloads per kind and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    tallies = {name: Tally() for name in options.kinds}
    for seed in options.seeds:
        rng = random.Random(seed)
        for name, tally in tallies.items():
            for _ in range(options.per_kind):
                load = KINDS[name](rng)
                record, pairs = simulate(load, rng.randrange(2**32))
                tally.add(load, record.wall_s, verify_run(record, pairs, "sampled", rng.randrange(2**32)))
    whole = Tally()
    for tally in tallies.values():
        whole.merge(tally)
    print("\n".join(table(tallies, whole)))
    kept = whole.wrong_share <= LIMIT_WRONG and whole.covered >= LIMIT_COVERED and whole.quality_wrong == 0
    print(
        f"\nSeeds {', '.join(map(str, options.seeds))}: VALID lines wrong {whole.wrong_share:.1%} (at most "
        f"{LIMIT_WRONG:.0%}), intervals hold the truth {whole.covered:.1%} (at least {LIMIT_COVERED:.0%}): "
        f"{'kept' if kept else 'BROKEN'}."
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
