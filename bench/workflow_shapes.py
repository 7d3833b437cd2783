"""Workflow shapes: graphs like those of published scientific workflows, made from seeds, and the published ones.

Made shapes follow the published structure; a stage's durations are lognormal around its own mean. The published ones
are read from a folder of WfCommons instances (JSON, schema 1.5: https://github.com/wfcommons/WfInstances) and keep
the durations that were measured there; they are not part of this repository.
"""

import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from fourfold_tools.graph import Edge, Graph

Pairs = list[tuple[int, int]]
Shape = Callable[[random.Random, int], tuple[int, Pairs]]
Workflow = tuple[str, Graph, list[float]]  # family, graph, minutes


def graph_of(n: int, pairs: Pairs) -> Graph:
    return Graph.build([f"t{i}" for i in range(n)], [Edge(a, b, "needs", "") for a, b in sorted(set(pairs))])


def epigenomics(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """A fork into chains of four, a join, two more stages."""
    k = max(1, (n - 4) // 4)
    pairs: Pairs = []
    for i in range(k):
        chain = [1 + 4 * i + j for j in range(4)]
        pairs += [(0, chain[0]), *pairwise(chain), (chain[3], 4 * k + 1)]
    return 4 * k + 4, [*pairs, (4 * k + 1, 4 * k + 2), (4 * k + 2, 4 * k + 3)]


def montage(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Projections, differences of two each, a fit, a model, one correction per image, a chain at the end."""
    k = max(2, n // 5)
    pairs: Pairs = []
    for diff in range(k, 3 * k):
        pairs += [(u, diff) for u in rng.sample(range(k), 2)] + [(diff, 3 * k)]
    model, first = 3 * k + 1, 3 * k + 2
    pairs.append((3 * k, model))
    for i in range(k):
        pairs += [(model, first + i), (i, first + i), (first + i, first + k)]
    return first + k + 3, [*pairs, (first + k, first + k + 1), (first + k + 1, first + k + 2)]


def cybershake(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Two sources, syntheses, a peak value of each, two collectors."""
    k = max(1, (n - 4) // 2)
    pairs: Pairs = []
    for i in range(k):
        pairs += [(rng.choice([0, 1]), 2 + i), (2 + i, 2 + k + i), (2 + i, 2 + 2 * k), (2 + k + i, 3 + 2 * k)]
    return 2 * k + 4, pairs


def ligo(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Blocks of template banks and inspirals with a thinning join between two rounds."""
    pairs: Pairs = []
    at = 0
    while at + 16 < max(n, 18):
        join, last = at + 8, at + 16
        for i in range(4):
            pairs += [(at + i, at + 4 + i), (at + 4 + i, join), (join, at + 9 + i)]
        pairs += [(at + 9 + i, at + 13 + i % 3) for i in range(4)] + [(at + 13 + i, last) for i in range(3)]
        at += 17
    return at, pairs


def genome(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Per chromosome: individuals, a merge, a sifting, overlaps and frequencies of both."""
    pairs: Pairs = []
    at = 0
    for _ in range(max(1, n // 12)):
        merge, sift = at + 6, at + 7
        pairs += [(at + i, merge) for i in range(6)]
        pairs += [(source, at + 8 + i) for i in range(4) for source in (merge, sift)]
        at += 12
    return at, pairs


def chains(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Separate items, each through its own stages."""
    pairs: Pairs = []
    at = 0
    while at < n:
        length = min(n - at, rng.randint(2, 7))
        pairs += pairwise(range(at, at + length))
        at += length
    return n, pairs


def tree(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Each task asks for two more."""
    return n, [((i - 1) // 2, i) for i in range(1, n)]


def layered(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Layers of about the square root of n, one or two inputs each."""
    width = max(2, int(n**0.5))
    layers = [range(i, min(n, i + width)) for i in range(0, n, width)]
    return n, [(u, v) for a, b in pairwise(layers) for v in b for u in rng.sample(a, min(len(a), rng.randint(1, 2)))]


def seismology(rng: random.Random, n: int) -> tuple[int, Pairs]:
    """Everything into one."""
    return n, [(i, n - 1) for i in range(n - 1)]


def map_reduce(rng: random.Random, n: int) -> tuple[int, Pairs]:
    return n, [(0, i) for i in range(1, n - 1)] + [(i, n - 1) for i in range(1, n - 1)]


SHAPES: dict[str, Shape] = {
    f.__name__: f
    for f in (epigenomics, montage, cybershake, ligo, genome, chains, tree, layered, seismology, map_reduce)
}


def workflows(seeds: range) -> Iterator[tuple[str, Graph, list[float]]]:
    for name, shape in SHAPES.items():
        for seed in seeds:
            rng = random.Random(f"{name}{seed}")
            n, pairs = shape(rng, rng.choice([20, 40, 60, 100, 150, 200]))
            graph = graph_of(n, pairs)
            depth = [0] * n
            for v in graph.order:
                depth[v] = max((depth[p] + 1 for p in graph.preds[v]), default=0)
            stage = {d: rng.lognormvariate(0, 1.0) for d in set(depth)}
            yield name, graph, [stage[d] * rng.lognormvariate(0, 0.5) for d in depth]


def published(folder: Path, most_tasks: int) -> Iterator[Workflow]:
    """The instances of at most so many tasks, by family (the application, whichever system ran it)."""
    for path in sorted(folder.rglob("*.json")):
        workflow: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["workflow"]
        tasks = workflow["specification"]["tasks"]
        if len(tasks) <= most_tasks:
            seconds = {task["id"]: task["runtimeInSeconds"] for task in workflow["execution"]["tasks"]}
            place = {task["id"]: i for i, task in enumerate(tasks)}
            pairs = [(place[p], place[task["id"]]) for task in tasks for p in task["parents"]]
            pairs += [(place[task["id"]], place[c]) for task in tasks for c in task["children"]]
            minutes = [max(seconds[task["id"]], 0.001) / 60 for task in tasks]
            yield path.stem.partition("-")[0], graph_of(len(tasks), pairs), minutes
