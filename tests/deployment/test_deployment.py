"""Whole deployments: types, contention, expectations, notation and what they show."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fourfold_tools.deployment.analysis import Surroundings, analyse
from fourfold_tools.deployment.deployment import Deployment, deploy
from fourfold_tools.deployment.expectations import Priors, expect, histories
from fourfold_tools.deployment.notation import parse
from fourfold_tools.deployment.prompts import Situation, prompt
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.model.effects import overlap


def task(
    name: str,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    minutes: float = 1.0,
    agent: str = "",
) -> Task:
    def absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"/w/{path}" for path in paths)

    return Task(
        name, f"Do {name}", "", reads, writes, absolute(reads), absolute(writes), needs, minutes, 10, agent=agent
    )


def made(tasks: list[Task], *, lanes: int = 4, isolate: bool = False) -> Deployment:
    return deploy("goal", tasks, max_agents=lanes, fanout=4, lanes=lanes, isolate=isolate, merge_minutes=2.0)


@pytest.mark.parametrize(
    ("tasks", "kind"),
    [
        ([task("a")], "independent"),
        ([task(f"t{i}") for i in range(9)], "independent"),
        ([task("a"), task("b", needs=("a",)), task("c", needs=("b",))], "pipeline"),
        ([task("a"), task("b", needs=("a",)), task("c", needs=("a", "b"))], "pipeline"),
        ([task("b", reads=("x",)), task("a", writes=("x",))], "pipeline"),
        ([task("a"), task("b", needs=("a",)), task("c"), task("d", needs=("c",))], "pipeline"),
        ([task("a"), task("b"), task("c", needs=("a", "b"))], "hierarchical"),
        ([task("a"), task("b", needs=("a",)), task("c")], "hierarchical"),
    ],
)
def test_the_type_follows_the_edges(tasks: list[Task], kind: str) -> None:
    choice = made(tasks).choice
    assert choice.type == kind
    assert choice.reason
    assert sorted(v for part in choice.parts for v in part.tasks) == list(range(len(tasks)))


PATHS = st.lists(st.sampled_from(["a", "a/x", "a/*.md", "b/**", "b/y", "c"]), max_size=2, unique=True).map(tuple)
TASKS = st.lists(st.tuples(PATHS, PATHS, st.floats(0.5, 9)), min_size=1, max_size=14).map(
    lambda rows: [task(f"t{i}", reads, writes, (), m) for i, (reads, writes, m) in enumerate(rows)]
)


@given(TASKS, st.integers(1, 6))
def test_no_two_tasks_at_the_same_time_write_the_same_place(tasks: list[Task], lanes: int) -> None:
    s = made(tasks, lanes=lanes).schedule
    for i, j in combinations(range(len(tasks)), 2):
        if s.start_min[i] < s.finish_min[j] and s.start_min[j] < s.finish_min[i]:
            for p in tasks[i].write_paths:
                for q in tasks[j].write_paths:
                    assert not overlap(p if "*" in p else f"{p}/**", q if "*" in q else f"{q}/**")


@given(TASKS)
def test_a_deployment_survives_the_store_and_its_notation_is_readable(tasks: list[Task]) -> None:
    plan = made(tasks)
    adapter = TypeAdapter(Deployment)
    assert adapter.validate_json(adapter.dump_json(plan)) == plan
    assert parse(plan.notation())


def test_writers_of_one_place_wait_by_default_and_it_is_said_why() -> None:
    plan = made([task("a", writes=("x",), minutes=9), task("b", writes=("x",), minutes=9)], isolate=False)
    [found] = plan.contentions
    assert (found.tasks, found.paths, found.strategy) == (("a", "b"), ("x",), "sequence")
    assert found.reason == "they run one after the other: a then b"


def test_with_isolation_nested_patterns_are_split() -> None:
    plan = made(
        [task("all", writes=("docs/**",), minutes=9), task("api", writes=("docs/api/**",), minutes=9)], isolate=True
    )
    [found] = plan.contentions
    assert found.strategy == "split"
    assert plan.schedule.makespan_min == 9
    assert plan.tasks[0].apart == {"api"}


def test_with_isolation_the_same_place_is_written_in_worktrees_and_merged() -> None:
    plan = made([task(f"t{i}", writes=("src/**",), minutes=9) for i in range(4)], isolate=True)
    [found] = plan.contentions
    assert (found.strategy, found.merge) == ("worktree", "merge-1")
    merge = plan.tasks[-1]
    assert merge.needs == ("t0", "t1", "t2", "t3")
    assert merge.writes == ("src/**",)
    assert plan.schedule.makespan_min == 11
    assert all(t.worktree and not t.outputs for t in plan.tasks[:4])


def test_isolation_is_not_used_where_waiting_costs_little() -> None:
    tasks = [task("long", minutes=30), task("a", writes=("x",)), task("b", writes=("x",))]
    assert [c.strategy for c in made(tasks, isolate=True).contentions] == ["sequence"]


def test_the_analysis_names_what_endangers_quality_and_what_is_contended() -> None:
    tasks = [
        task("a", reads=("src",), writes=("x",), agent="Explore"),
        task("b", reads=("src",), writes=("x", "out/*.md")),
        task("c", agent="own-agent"),
    ]
    found = analyse(made(tasks), Surroundings({"Explore", "general-purpose"}, 20, 4, 12))
    assert set(found) == {"dependencies", "resources", "cognitive_load", "quality_impact", "time"}
    assert found["quality_impact"]["agents_that_cannot_write"] == ["a"]
    assert found["quality_impact"]["unverifiable_outputs"] == [{"task": "b", "path": "out/*.md"}]
    assert found["quality_impact"]["no_outputs"] == ["c"]
    assert found["quality_impact"]["missing_acceptance"] == ["a", "b", "c"]
    assert found["resources"]["shared_reads"] == [{"path": "src", "tasks": 2}]
    assert {row["type"] for row in found["resources"]["agents"] if not row["known"]} == {"own-agent"}
    assert found["cognitive_load"]["too_large_for_an_agent"] == ["a", "b", "c"]
    [edge] = found["dependencies"]["edges"]
    assert edge == {"before": "a", "after": "b", "kind": "order", "inferred": True, "reason": "both write: x"}
    assert found["time"]["makespan_min"] == 2
    assert found["time"]["sequential_min"] == 3


PRIORS = Priors(3, 40_000, 6, 60_000)


@pytest.mark.parametrize(
    ("minutes", "agent", "writes", "expected"),
    [
        (5.0, "new", True, (5.0, "given")),
        (None, "new", True, (6.0, "class")),
        (None, "new", False, (3.0, "class")),
        (5.0, "slow", True, (10.0, "history")),
        (None, "slow", True, (12.0, "history")),
        (5.0, "unstated", True, (5.0, "given")),
        (None, "unstated", True, (7.0, "history")),
    ],
)
def test_minutes_come_from_history_then_the_task_then_its_class(
    minutes: float | None, agent: str, writes: bool, expected: tuple[float, str]
) -> None:
    past = histories([("slow", 4.0, 8.0, 100), ("slow", 8.0, 16.0, 300), ("unstated", None, 7.0, None)])
    found = expect(minutes, None, agent, writes, past, PRIORS)
    assert (found.minutes, found.basis) == expected
    assert expect(minutes, None, "slow", writes, past, PRIORS).tokens == 200
    assert expect(minutes, 77, "slow", writes, past, PRIORS).tokens == 77


def test_a_prompt_behind_hundreds_of_tasks_names_what_fits_and_counts_the_rest() -> None:
    before = [(task(f"t{i}", writes=(f"out/{i}.md",)), "found this. " * 40) for i in range(300)]
    running = [task(f"r{i}", writes=tuple(f"far/{i}/{k}.md" for k in range(50))) for i in range(30)]
    found = prompt(task("sum", reads=("out",)), Situation("p-1", "goal", before=before, running=running))
    assert len(found) < 12_000
    named = found.count("- from `t")
    assert 40 < named < 300
    assert f"- and what {300 - named} more tasks before yours left" in found
    assert "- and 18 more" in found
    few = prompt(task("sum"), Situation("p-1", "goal", before=before[:2]))
    assert few.count("found this.") > 60
