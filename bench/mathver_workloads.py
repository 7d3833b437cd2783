"""The kinds of workload that MathVer's simulation draws: each a function from chance to one workload."""

import random
from collections.abc import Callable
from dataclasses import replace
from math import inf

from mathver_machine import Task, Weather, Workload

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
