"""Which lines of the notation a deployment is drawn with: the framework's own for each type and pattern."""

import pytest

from fourfold_tools.deployment.deployment import Deployment, deploy
from fourfold_tools.deployment.notation import (
    Coordination,
    Hierarchical,
    Independent,
    Pipeline,
    Strategy,
    Target,
    parse,
)
from fourfold_tools.deployment.tasks import Task


def task(name: str, *needs: str, agent: str = "", title: str = "", reads: str = "", writes: str = "") -> Task:
    return Task(
        name,
        title or f"do {name}",
        reads=(reads,) if reads else (),
        writes=(writes,) if writes else (),
        read_paths=(f"/w/{reads}",) if reads else (),
        write_paths=(f"/w/{writes}",) if writes else (),
        needs=needs,
        agent=agent,
    )


def made(*tasks: Task, fanout: int = 4) -> Deployment:
    return deploy("", tasks, max_agents=8, fanout=fanout, lanes=8, isolate=False, merge_minutes=2.0)


def heads(plan: Deployment) -> list[str]:
    return [block.split("\n")[0] for block in plan.notation().split("\n\n")]


def test_four_independent_agents_are_written_as_the_framework_does() -> None:
    names = {
        "file-operations": "File validation",
        "cross-reference-validator": "Link verification",
        "standards-auditor": "Compliance check",
        "performance-validator": "Performance metrics",
    }
    plan = made(*(task(f"t{i}", agent=agent, title=title) for i, (agent, title) in enumerate(names.items())))
    assert plan.notation() == (
        "🚀 [L1:Orch→L2] Parallel Deploy | agents:4 | dependency:none\n"
        "├── Agent:file-operations → File validation\n"
        "├── Agent:cross-reference-validator → Link verification\n"
        "├── Agent:standards-auditor → Compliance check\n"
        "└── Agent:performance-validator → Performance metrics\n"
        "\n"
        "🚀 [L1:Orch] Coordinate Parallel | agents:4 | tools:optimized\n"
        "├── Tool usage distribution for optimal performance\n"
        "├── Shared resource conflict resolution\n"
        "├── Progress synchronization points\n"
        "└── Quality verification at completion"
    )


def test_three_stages_are_written_as_the_framework_does() -> None:
    plan = made(
        task("a", agent="data-analysis", title="Input processing"),
        task("b", "a", agent="pattern-search", title="Analysis based on Stage 1"),
        task("c", "b", agent="quality-verification", title="Validation based on Stage 2"),
    )
    assert plan.notation() == (
        "🚀 [L1:Orch→L2] Pipeline Deploy | stages:3 | flow:sequential\n"
        "├── Stage 1: data-analysis → Input processing\n"
        "├── Stage 2: pattern-search → Analysis based on Stage 1\n"
        "└── Stage 3: quality-verification → Validation based on Stage 2"
    )


def test_validations_and_their_integration_are_the_frameworks_strategy() -> None:
    plan = made(*(task(f"v{i}", agent="file-operations") for i in range(3)), task("sum", "v0", "v1", "v2"))
    leaf = parse(plan.notation())[1]
    assert leaf == Strategy(
        f"L1:{plan.names[0]}",
        2,
        (*(Target("file-operations", f"do v{i}") for i in range(3)), Target("sum", "do sum")),
    )


def test_a_hierarchy_begins_at_level_0_even_with_one_orchestrator() -> None:
    plan = made(task("a"), task("b", "a"), task("c", "a"))
    assert plan.choice.type == "hierarchical"
    name = plan.names[0]
    assert heads(plan) == [
        "🚀 [L0:Zero→L1] Parallel Deploy | orchestrators:1 | scope:domain",
        f"🚀 [L1:{name}→L2] Parallel Deploy | agents:3 | dependency:mapped",
        "🚀 [L1:Orch] Coordinate Parallel | agents:3 | tools:optimized",
    ]


def test_several_orchestrators_stand_under_level_0_with_their_coordination() -> None:
    plan = made(*(task(f"t{i}") for i in range(9)))
    first, *leaves, orchestrators, agents = parse(plan.notation())
    assert isinstance(first, Hierarchical)
    assert [target.name for target in first.targets] == list(plan.names)
    assert sum(len(leaf.targets) for leaf in leaves if isinstance(leaf, Independent)) == 9
    assert (orchestrators, agents) == (Coordination.of_orchestrators(3), Coordination.of_agents(4))


def test_a_long_chain_is_a_pipeline_of_orchestrators_with_pipelines_below() -> None:
    plan = made(task("t0"), *(task(f"t{i}", f"t{i - 1}") for i in range(1, 9)))
    first, *leaves, orchestrators = parse(plan.notation())
    assert first == Pipeline(
        "L0:Zero", 1, tuple(Target(f"L1:{name}", first.stages[k].purpose) for k, name in enumerate(plan.names))
    )
    assert all(isinstance(leaf, Pipeline) and len(leaf.stages) <= 4 for leaf in leaves)
    assert orchestrators == Coordination.of_orchestrators(3)


def test_orchestrators_of_which_a_later_one_can_start_at_once_are_no_stages() -> None:
    first = [task(f"a{i}") for i in range(4)]
    second = [task(f"b{i}", *(t.id for t in first)) for i in range(3)]
    plan = made(*first, *second)
    assert 0 in plan.orchestrators[1].tasks  # one of the first stands beside the second, which cuts fewest edges
    assert isinstance(parse(plan.notation())[0], Hierarchical)


def test_chains_of_one_orchestrator_are_pipelines_of_their_own_beside_what_stands_alone() -> None:
    plan = made(task("a"), task("b", "a"), task("c"), task("d", "c"))
    assert heads(plan)[:2] == ["🚀 [L1:Orch→L2] Pipeline Deploy | stages:2 | flow:sequential"] * 2
    mixed = made(task("a"), task("b", "a"), task("c"))
    assert [type(block) for block in parse(mixed.notation())[1:3]] == [Independent, Pipeline]


@pytest.mark.parametrize(
    ("second", "applied"),
    [(task("b", "a"), False), (task("b", reads="x"), True), (task("b", writes="x"), True)],
    ids=["only needs", "data", "shared writes"],
)
def test_the_behavior_is_named_where_dependencies_or_conflicts_were_found(second: Task, applied: bool) -> None:
    blocks = parse(made(task("a", writes="x"), second).notation())
    assert (Coordination.of_behavior() in blocks) == applied


def test_a_tree_of_any_depth_is_drawn_level_by_level() -> None:
    plan = made(*(task(f"t{i}") for i in range(70)))
    blocks = [block for block in parse(plan.notation()) if isinstance(block, Hierarchical)]
    assert {block.below for block in blocks} == {1, 2, 3}
    assert all(len(block.targets) <= 4 for block in blocks)


def test_one_task_needs_no_coordination() -> None:
    assert made(task("a")).notation() == (
        "🚀 [L1:Orch→L2] Parallel Deploy | agents:1 | dependency:none\n└── Agent:a → do a"
    )
