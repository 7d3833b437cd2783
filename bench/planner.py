"""The planner against what can be known: optimum schedules, lower bounds, cuts, inferred edges, collisions, time.

    python bench/planner.py [--seeds 60] [--first-seed 7000] [--instances DIR]

prints Markdown tables and ends with 1 where a promise is broken. Every graph is made from its seed: known-optimum
graphs fill p lanes without a gap (Kwok and Ahmad's way, so the optimum is the horizon), workflow graphs have the
shapes of the published scientific workflows. `--instances DIR` measures published ones too.
"""

import argparse
import random
import sys
import time
from bisect import insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent))

from fourfold_tools.deployment.dependencies import dependency_graph
from fourfold_tools.deployment.deployment import deploy
from fourfold_tools.deployment.grouping import cut_edges, group_level
from fourfold_tools.deployment.schedule import schedule
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.graph import Graph
from fourfold_tools.model.effects import overlap
from workflow_shapes import Pairs, Workflow, graph_of, published, workflows

HORIZON = 100.0
FANOUT = 4


def known_optimum(seed: int, lanes: int) -> tuple[Graph, list[float]]:
    """A graph of 30 to 120 tasks whose optimum makespan is HORIZON."""
    rng = random.Random(seed)
    n = rng.randint(30, 120)
    slots: list[tuple[float, float]] = []
    for lane in range(lanes):
        count = n // lanes + (lane < n % lanes)
        marks = [0.0, *sorted(rng.uniform(0, HORIZON) for _ in range(count - 1)), HORIZON]
        slots += list(pairwise(marks))
    rng.shuffle(slots)
    pairs: Pairs = []
    for v, (start, _) in enumerate(slots):
        earlier = [u for u, (_, end) in enumerate(slots) if end <= start]
        pairs += [(u, v) for u in rng.sample(earlier, min(len(earlier), rng.choice([0, 1, 1, 2, 3])))]
    return graph_of(len(slots), pairs), [end - start for start, end in slots]


def random_graph(rng: random.Random) -> Graph:
    n, share = rng.randint(1, 60), rng.choice([0.02, 0.05, 0.1, 0.3])
    return graph_of(n, [(i, j) for j in range(n) for i in range(j) if rng.random() < share])


def makespans(seeds: range) -> bool:
    print("| known optimum | graphs | mean / optimum | most | mean allowed |\n|---|---|---|---|---|")
    fine = True
    for lanes, allowed in ((4, 1.02), (8, 1.03)):
        ratios: list[float] = []
        for seed in seeds:
            graph, minutes = known_optimum(seed, lanes)
            found = schedule(graph, minutes, lanes)
            fine &= found.makespan_min <= found.upper_bound_min * (1 + 1e-9)
            ratios.append(found.makespan_min / HORIZON)
        fine &= mean(ratios) <= allowed and max(ratios) <= 1.10
        print(f"| {lanes} lanes | {len(ratios)} | {mean(ratios):.4f} | {max(ratios):.4f} | {allowed} |")
    return fine & _workflow_makespans("shapes made from seeds", list(workflows(range(seeds.start, seeds.start + 10))))


def _workflow_makespans(title: str, graphs: Sequence[Workflow]) -> bool:
    """Mean over families of the mean in each, against the lower bound, and against one that is closer.

    What is promised is the mean over the lower bound on 4 lanes.
    """
    print(f"\n| {title} | graphs | mean / lower bound | most | mean / closer bound | most | mean allowed |")
    print("|---|---|---|---|---|---|---|")
    fine = True
    for lanes, allowed in ((4, 1.13), (8, None)):  # the bound is far from tight on 8 lanes; nothing is promised there
        loose: dict[str, list[float]] = {}
        close: dict[str, list[float]] = {}
        for family, graph, minutes in graphs:
            found = schedule(graph, minutes, lanes)
            fine &= found.makespan_min <= found.upper_bound_min * (1 + 1e-9)
            loose.setdefault(family, []).append(found.makespan_min / found.lower_bound_min)
            close.setdefault(family, []).append(found.makespan_min / closer_bound(graph, minutes, lanes))
        (loose_mean, loose_most), (close_mean, close_most) = map(_macro, (loose, close))
        fine &= allowed is None or loose_mean <= allowed
        figures = f"{loose_mean:.4f} | {loose_most:.4f} | {close_mean:.4f} | {close_most:.4f} | {allowed or '-'}"
        print(f"| {lanes} lanes, {len(loose)} families | {len(graphs)} | {figures} |")
    return fine


def _macro(by_family: dict[str, list[float]]) -> tuple[float, float]:
    return mean(map(mean, by_family.values())), max(max(rows) for rows in by_family.values())


def closer_bound(graph: Graph, minutes: Sequence[float], lanes: int) -> float:
    """A lower bound of heads and tails: tasks that cannot start before h and have t to come take h + work / p + t.

    For each h the tasks are taken by falling tail (Carlier 1982, for identical machines); T1/p and T_inf are cases of
    it.
    """
    heads = [0.0] * len(minutes)
    for v in graph.order:
        heads[v] = max((heads[p] + minutes[p] for p in graph.preds[v]), default=0.0)
    tails = [rank - minutes[v] for v, rank in enumerate(graph.upward_ranks(minutes))]
    best = max(head + tail + own for head, tail, own in zip(heads, tails, minutes, strict=True))
    by_tail: list[tuple[float, float]] = []
    for v in sorted(range(len(minutes)), key=lambda v: -heads[v]):
        insort(by_tail, (-tails[v], minutes[v]))
        work = 0.0
        for tail, own in by_tail:
            work += own
            best = max(best, heads[v] + work / lanes - tail)
    return best


def groups_of(graph: Graph) -> tuple[float | None, float]:
    """(share of the edges cut, groups over ceil(n / 4)); fails where a group is too large or the quotient cyclic."""
    pairs = [(p, v) for v, before in enumerate(graph.preds) for p in before]
    groups = group_level(graph, dict.fromkeys(pairs, 1.0), {}, FANOUT)
    home = {v: g for g, members in enumerate(groups) for v in members}
    assert sorted(home) == list(range(len(graph.ids)))
    assert max(map(len, groups)) <= FANOUT
    graph_of(len(groups), [(home[a], home[b]) for a, b in pairs if home[a] != home[b]])
    cut = cut_edges(pairs, groups) / len(pairs) if pairs else None
    return cut, len(groups) / -(-len(graph.ids) // FANOUT)


def grouping(seeds: range) -> bool:
    by_shape: dict[str, list[tuple[float | None, float]]] = {}
    for name, graph, _ in workflows(range(seeds.start, seeds.start + 10)):
        by_shape.setdefault(name, []).append(groups_of(graph))
    rng = random.Random(seeds.start)
    fine = _grouped("all made shapes", by_shape)
    return _grouped("", {"random": [groups_of(random_graph(rng)) for _ in range(3_000)]}) and fine


def _grouped(total: str, by_shape: dict[str, list[tuple[float | None, float]]]) -> bool:
    print("\n| grouping | graphs | edges cut, mean | groups / ceil(n/4), mean | most |\n|---|---|---|---|---|")
    means: dict[str, float] = {}
    fine = True
    for name, rows in by_shape.items():
        cuts = [cut for cut, _ in rows if cut is not None]
        over = [o for _, o in rows]
        means[name] = mean(cuts)
        fine &= max(over) <= 1.1
        print(f"| {name} | {len(rows)} | {mean(cuts):.3f} | {mean(over):.3f} | {max(over):.3f} |")
    if not total:
        return fine
    overall = mean(means.values())
    print(f"| {total} | | {overall:.3f} (allowed 0.65) | | |")
    return fine and overall <= 0.65


def inference(graphs: Iterable[Workflow]) -> bool:
    """Edges are dropped and found again from files: each task writes one, and reads those of its predecessors."""
    edges = found = 0
    for _, graph, _ in graphs:
        order = list(range(len(graph.ids)))
        random.Random(len(order)).shuffle(order)  # the caller lists tasks in any order
        tasks = [_file_task(graph, v) for v in order]
        again = dependency_graph(tasks)
        have = {(again.ids[a], again.ids[b]) for b, before in enumerate(again.preds) for a in before}
        want = {(graph.ids[p], graph.ids[v]) for v, before in enumerate(graph.preds) for p in before}
        edges += len(want)
        found += len(want & have)
    print(f"\nInferred from files alone: {found} of {edges} data-carrying edges.")
    return found == edges


def on_published(folder: Path) -> bool:
    """The same promises on published workflows."""
    graphs = list(published(folder, 200))
    by_family: dict[str, list[tuple[float | None, float]]] = {}
    for family, graph, _ in graphs:
        by_family.setdefault(family, []).append(groups_of(graph))
    made = _workflow_makespans("published workflows", graphs)
    return all((made, _grouped("all published families", by_family), inference(graphs)))


def _file_task(graph: Graph, v: int) -> Task:
    own, reads = f"/w/out/{v}/result.md", tuple(f"/w/out/{p}" for p in graph.preds[v])
    return Task(graph.ids[v], graph.ids[v], reads=reads, read_paths=reads, writes=(own,), write_paths=(own,))


def collisions(plans: int) -> bool:
    """Random plans over a small tree of paths; pairs that overlap in time must not write an overlapping path."""
    rng = random.Random(99)
    places = ["/w/a", "/w/a/x.md", "/w/a/*.md", "/w/b/**", "/w/b/y.md", "/w/**/z.md", "/w/c", "/w/d/e/f.py"]
    bad = pairs = 0
    for _ in range(plans):
        n = rng.randint(2, 14)
        tasks: list[Task] = []
        for i in range(n):
            reads = tuple(rng.sample(places, rng.randint(0, 2)))
            writes = tuple(rng.sample(places, rng.randint(0, 2)))
            needs = (f"t{rng.randrange(i)}",) if i and rng.random() < 0.3 else ()
            tasks.append(Task(f"t{i}", "", "", reads, writes, reads, writes, needs, rng.uniform(1, 9)))
        s = deploy("", tasks, max_agents=4, fanout=4, lanes=4, isolate=False, merge_minutes=5).schedule
        for i in range(n):
            for j in range(i):
                if s.start_min[i] < s.finish_min[j] - 1e-9 and s.start_min[j] < s.finish_min[i] - 1e-9:
                    pairs += 1
                    bad += any(
                        overlap(_below(p), _below(q)) for p in tasks[i].write_paths for q in tasks[j].write_paths
                    )
    print(f"\nCollisions: {bad} among {pairs:,} pairs at the same time in {plans:,} random plans.")
    return not bad


def _below(path: str) -> str:
    """A plain path may be a folder: what lies below it counts too."""
    return path if "*" in path else f"{path}/**"


def seconds() -> bool:
    print("\n| tasks | seconds | of the processor | allowed |\n|---|---|---|---|")
    fine = True
    for n, allowed in ((200, 0.5), (2_000, 10.0)):
        rng = random.Random(n)
        tasks: list[Task] = []
        for i in range(n):
            reads = tuple(f"/w/out/{j}.md" for j in rng.sample(range(i), min(i, 2)))
            own = (f"/w/out/{i}.md",)
            tasks.append(Task(f"t{i}", f"Task {i}", "", reads, own, reads, own, (), rng.uniform(1, 9)))
        start, start_cpu = time.perf_counter(), time.process_time()
        deploy("", tasks, max_agents=8, fanout=4, lanes=8, isolate=False, merge_minutes=5)
        took, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        fine &= took <= allowed
        print(f"| {n} | {took:.3f} | {cpu:.3f} | {allowed} |")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60, help="known-optimum graphs per width (default 60)")
    parser.add_argument("--first-seed", type=int, default=7_000)
    parser.add_argument("--instances", type=Path, help="a folder of WfCommons instances")
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    few = range(seeds.start, seeds.start + 3)
    promises = [makespans(seeds), grouping(seeds), inference(workflows(few)), collisions(5_000), seconds()]
    if args.instances:
        promises.append(on_published(args.instances))
    return 0 if all(promises) else 1


if __name__ == "__main__":
    sys.exit(main())
