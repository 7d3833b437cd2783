"""The handoff document: within its tokens whatever went before, the newest kept, back from JSON as it was."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.context.tokens import estimate
from fourfold_tools.handoffs.document import MOST_TOKENS, FileState, Handoff, fitted
from fourfold_tools.handoffs.loaded import loaded

ITEMS = st.lists(
    st.one_of(st.text(max_size=80), st.just("r-abcd: 12 ok, 1 failed (hits, tests) fourfold://runs/r-abcd")),
    max_size=60,
).map(tuple)
LONG = st.lists(st.integers(100, 4_000).map(lambda n: "/deep" * (n // 5)), max_size=5).map(tuple)
HANDOFFS = st.builds(
    Handoff,
    id=st.just("h-abcd"),
    created=st.just("2026-11-23T20:00:00+00:00"),
    conversation=st.text(max_size=40),
    cwd=st.just("/home/someone/project"),
    goal=st.text(max_size=300) | st.integers(0, 60_000).map(lambda n: "do this " * (n // 8)) | st.just("漢" * 5_000),
    head=st.sampled_from(["", "abc123def456"]),
    done=ITEMS,
    in_flight=ITEMS | LONG,
    not_started=ITEMS,
    decisions=ITEMS | LONG,
    failures=ITEMS,
    changed_files=ITEMS | LONG,
    files=st.lists(st.builds(FileState, st.text("abc/", min_size=1, max_size=60), st.none() | st.just("0" * 16))).map(
        lambda files: tuple({f.path: f for f in files}.values())
    ),
    runs=st.lists(st.just("r-abcd"), max_size=30).map(tuple),
    plans=st.just(()),
)


@given(HANDOFFS)
@hypothesis_settings(max_examples=100, deadline=None)
def test_a_handoff_costs_no_more_than_its_tokens_to_load(handoff: Handoff) -> None:
    short = fitted(handoff)
    assert estimate(json.dumps(short.data(), ensure_ascii=False), "data") <= MOST_TOKENS
    assert estimate(short.markdown(), "prose") <= MOST_TOKENS


@given(HANDOFFS)
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_is_cut_is_counted_and_what_stays_are_the_first_entries(handoff: Handoff) -> None:
    short = fitted(handoff)
    assert (short.id, short.runs, short.cwd) == (handoff.id, handoff.runs, handoff.cwd)
    for name in ("done", "in_flight", "not_started", "failures", "decisions", "changed_files", "files"):
        before, after = getattr(handoff, name), getattr(short, name)
        if len(after) < len(before):
            assert f"{len(before) - len(after)} more {name.replace('_', ' ')}" in short.left_out
        assert len(after) >= min(3, len(before))
    if short == handoff:
        assert not short.left_out


@given(HANDOFFS)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_document_comes_back_from_its_json(handoff: Handoff) -> None:
    assert Handoff.of(json.loads(json.dumps(handoff.data(), ensure_ascii=False))) == handoff


def test_a_short_goal_stays_word_for_word_whatever_else_goes() -> None:
    goal = "Find every place where a price is rounded, and say which of them rounds twice."
    crowded = Handoff("h-abcd", "now", "c", "/w", goal, done=tuple(f"r-{n}: 3 ok" for n in range(2_000)))
    short = fitted(crowded)
    assert short.goal == goal
    assert goal in short.markdown()


@pytest.mark.parametrize("name", ["in_flight", "not_started", "failures", "decisions", "done", "changed_files"])
def test_every_kind_of_fact_has_its_heading(name: str) -> None:
    made = Handoff("h-abcd", "now", "c", "/w", "goal", **{name: ("the fact",)})  # type: ignore[arg-type]
    assert "- the fact" in made.markdown()
    assert 'Call `handoff` with `{"action": "load", "id": "h-abcd"}`' in made.markdown()


CHANGED = st.lists(st.integers(1, 400).map(lambda n: f"{'/deep' * n}: changed"), max_size=60)


@given(HANDOFFS, CHANGED, st.integers(0, 40), st.integers(0, 800))
@hypothesis_settings(max_examples=100, deadline=None)
def test_loading_costs_no_more_than_its_tokens_with_all_that_changed_and_is_next(
    handoff: Handoff, changed: list[str], calls: int, deep: int
) -> None:
    following = [{"tool": "batch", "arguments": {"resume": f"r-{n:04}"}} for n in range(calls)]
    document = fitted(replace(handoff, cwd="/deep" * deep))
    text, data = loaded(document, changed, following)
    assert estimate(json.dumps(data, ensure_ascii=False), "data") <= MOST_TOKENS
    assert estimate(text, "prose") <= MOST_TOKENS
    assert data["next"] == following[: len(data["next"])], "the calls stay exact"
    assert len(data["next"]) + data.get("next_left_out", 0) == calls
    assert len(data["changed"]) == min(len(changed), 10 + 1)
    assert all(f'"r-{n:04}"' in text for n in range(min(calls, 12)))


def test_a_load_says_what_is_left_when_there_is_more_than_it_shows() -> None:
    following = [{"tool": "batch", "arguments": {"resume": f"r-{n}"}} for n in range(14)]
    text, data = loaded(
        Handoff("h-abcd", "now", "c", "/w", "goal"), [f"/w/{n}: changed" for n in range(13)], following
    )
    assert data["changed"][-1] == "3 more"
    assert data["next_left_out"] == 2
    assert "2 more calls: load again after these" in text
