"""The notation in the framework's own lines, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment.notation import (
    Block,
    Coordination,
    Hierarchical,
    Independent,
    Pipeline,
    Strategy,
    Target,
    parse,
    plain,
    render,
)

INDEPENDENT = """\
🚀 [L1:Orch→L2] Parallel Deploy | agents:4 | dependency:none
├── Agent:file-operations → File validation
├── Agent:cross-reference-validator → Link verification
├── Agent:standards-auditor → Compliance check
└── Agent:performance-validator → Performance metrics"""
PIPELINE = """\
🚀 [L1:Orch→L2] Pipeline Deploy | stages:3 | flow:sequential
├── Stage 1: data-analysis → Input processing
├── Stage 2: pattern-search → Analysis based on Stage 1
└── Stage 3: quality-verification → Validation based on Stage 2"""
HIERARCHICAL = """\
🚀 [L0:Zero→L1] Parallel Deploy | orchestrators:4 | scope:domain
├── L1:Quality → Quality management operations
├── L1:Technical → Technical implementation operations
├── L1:Intelligence → Research and analysis operations
└── L1:Integration → Integration and handoff operations"""
STRATEGY = """\
🚀 [L1:Quality→L2] Independent Parallel
├── file-operations → /system/ validation
├── file-operations → /components/ validation
├── file-operations → /handoffs/ validation
└── Integration → Combine all validation results"""
ORCHESTRATORS = """\
🚀 [L0:Zero] Coordinate Parallel | orchestrators:4 | cognitive:compliant
├── Each orchestrator handles max 4 targets
├── Cross-orchestrator communication minimized
├── Results aggregation at L0 level
└── Mathematical verification at each level"""
AGENTS = """\
🚀 [L1:Orch] Coordinate Parallel | agents:4 | tools:optimized
├── Tool usage distribution for optimal performance
├── Shared resource conflict resolution
├── Progress synchronization points
└── Quality verification at completion"""
BEHAVIOR = """\
📊 [L2:Behav] Apply Parallel | behavior:parallel-operations | targets:multiple
├── Automatic parallelization detection
├── Dependency analysis and resolution
├── Resource conflict management
└── Quality assurance across parallel streams"""
ALL = [INDEPENDENT, PIPELINE, HIERARCHICAL, STRATEGY, ORCHESTRATORS, AGENTS, BEHAVIOR]


@pytest.mark.parametrize("text", ALL, ids=lambda t: t.split("\n")[0])
def test_the_frameworks_lines_are_read_and_written_exactly(text: str) -> None:
    assert render(parse(text)) == text


def test_blocks_in_one_text_are_read_one_by_one_with_trailing_spaces_and_fences() -> None:
    text = "\n\n".join(f"```markdown\n{block}  \n```" for block in ALL)
    assert render(parse(text)) == "\n\n".join(ALL)


def test_the_coordination_patterns_are_the_frameworks_own() -> None:
    made = [Coordination.of_orchestrators(4), Coordination.of_agents(4), Coordination.of_behavior()]
    assert [str(block) for block in made] == [ORCHESTRATORS, AGENTS, BEHAVIOR]


WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20).map(plain)
NAMES = WORDS.filter(lambda w: ":" not in w)
TARGETS = st.lists(st.builds(Target, NAMES, WORDS), min_size=1, max_size=6).map(tuple)
LEVELS = st.builds(lambda n, name: f"L{n}:{name}", st.integers(0, 9), NAMES)
BELOW = st.integers(1, 9)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Independent, LEVELS, BELOW, TARGETS, st.sampled_from(["none", "mapped"])),
    st.builds(Pipeline, LEVELS, BELOW, TARGETS),
    st.builds(Hierarchical, LEVELS, BELOW, TARGETS, NAMES),
    st.builds(Strategy, LEVELS, BELOW, TARGETS),
    st.builds(Coordination.of_orchestrators, st.integers(1, 99), LEVELS),
)


@given(st.lists(BLOCKS, max_size=4))
def test_what_is_rendered_is_parsed_back(blocks: list[Block]) -> None:
    assert parse(render(blocks)) == blocks


@pytest.mark.parametrize(
    "text",
    [
        INDEPENDENT.replace("agents:4", "agents:3"),
        INDEPENDENT.replace("└──", "├──"),
        PIPELINE.replace("Stage 2:", "Stage 5:"),
        INDEPENDENT.replace(" → File validation", ""),
        "🚀 [L1:Orch→L2] Serial Deploy | agents:1 | dependency:none\n└── Agent:a → b",
    ],
    ids=["count", "open tree", "stage number", "no purpose", "unknown verb"],
)
def test_what_is_not_the_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
