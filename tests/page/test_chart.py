"""Charts: ticks, lanes and profiles of bars, and the path that the time went."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.page.chart import Bar, Block, Chart, Segment, at_work, lanes_of, packed, ticks
from fourfold_tools.page.critical import Span, realised_path
from fourfold_tools.page.model import kept_rows
from fourfold_tools.page.timeline import timeline


def bar(name: str, start: float, end: float, lane: int = 0, *, critical: bool = False) -> Bar:
    return Bar(name, name, "bash", "ok", (Segment("run", start, end),), critical, "", "", lane)


@pytest.mark.parametrize(
    ("end", "first"),
    [(2.9, [0.0, 0.5, 1.0]), (100.0, [0.0, 20.0, 40.0]), (0.0031, [0.0, 0.0005, 0.001]), (7.0, [0.0, 1.0, 2.0])],
)
def test_ticks_are_round_and_few(end: float, first: list[float]) -> None:
    found = ticks(end)
    assert found[:3] == first
    assert len(found) <= 9
    assert found[-1] <= end


def test_a_chart_without_time_has_one_tick() -> None:
    assert ticks(0.0) == [0.0]


def test_what_overlaps_in_one_lane_ran_together_and_is_one_block() -> None:
    lanes = lanes_of("Lanes", [bar("a", 0, 1), bar("b", 0, 2), bar("c", 2, 3), bar("d", 0, 1, lane=2)])
    assert [[(b.name, b.start, b.end) for b in lane] for lane in lanes.lanes] == [
        [("a and 1 more", 0, 2), ("c", 2, 3)],
        [],
        [("d", 0, 1)],
    ]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=20))
def test_packed_lanes_never_overlap_and_are_as_few_as_can_be(spans: list[tuple[int, int]]) -> None:
    blocks = [Block(str(i), s, s + d, "ok", False) for i, (s, d) in enumerate(spans)]
    lanes = packed("x", blocks).lanes
    assert sorted(b.name for lane in lanes for b in lane) == sorted(b.name for b in blocks)
    for lane in lanes:
        assert all(a.end <= b.start for a, b in pairwise(lane))
    assert len(lanes) == max((n for _, n in at_work((b.start, b.end) for b in blocks)), default=0)


def test_the_profile_counts_lanes_at_work() -> None:
    bars = (bar("a", 0, 2), bar("b", 1, 3, lane=1))
    chart = Chart("s", 3, bars, 0, (lanes_of("Lanes", bars),))
    assert chart.profile() == [(0, 1), (1, 2), (2, 1), (3, 0)]


def test_a_long_chart_comes_in_parts_of_a_sheet_with_names_axis_and_path_in_each() -> None:
    bars = tuple(bar(f"s{i}", i, i + 1, critical=i in {3, 80}) for i in range(90))
    drawn = str(timeline(Chart("s", 90, bars, 0, (), None)))
    parts = drawn.split('class="gantt"')[-3:]
    assert [part.count("<li>") + part.count('<li class="on">') for part in parts] == [36, 36, 18]
    assert [part.count("<a ") for part in parts] == [36, 36, 18]
    assert all('class="tick"' in part for part in parts)
    path = [re.findall(r'<line [^>]*y1="([\d.]+)" y2="([\d.]+)" class="link"/>', part) for part in parts]
    row, whole = 22.0, 36 * 22.0
    assert [(float(a), float(b)) for [(a, b)] in path] == [(3.5 * row, whole), (0, whole), (0, 8.5 * row)]


def test_the_path_follows_the_predecessor_that_ended_last() -> None:
    spans = {"a": Span(0, 0, 1, 0), "b": Span(0, 0, 2, 1), "c": Span(2, 2, 3, 0)}
    path = realised_path(spans, {"c": ["a", "b"]})
    assert [(link.name, link.waited, link.ran, link.through) for link in path] == [
        ("b", 0, 2, "start"),
        ("c", 0, 1, "order"),
    ]


def test_a_step_that_was_ready_and_waited_leads_to_what_held_its_lane() -> None:
    spans = {"a": Span(0, 0, 2, 0), "b": Span(0, 0, 1.9, 1), "c": Span(0, 2, 3, 0)}
    assert [(link.name, link.through) for link in realised_path(spans, {})] == [("a", "start"), ("c", "room")]


def test_a_bounded_table_keeps_the_rows_that_bars_lead_to() -> None:
    assert kept_rows(["a", "b", "c", "d"], {"d"}, 2) == [0, 3]
    assert kept_rows(["a", "b"], {"b"}, 2) == [0, 1]


def test_a_path_of_nothing_is_empty() -> None:
    assert realised_path({}, {}) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_path_always_ends_with_what_ended_last_and_goes_forward(rows: list[tuple[int, int, int]]) -> None:
    spans = {str(i): Span(r, r + w, r + w + d, i % 3) for i, (r, w, d) in enumerate(rows)}
    preds = {
        str(i): [str(j) for j in range(i) if spans[str(j)].ended <= spans[str(i)].ready] for i in range(len(rows))
    }
    path = realised_path(spans, preds)
    assert spans[path[-1].name].ended == max(s.ended for s in spans.values())
    assert len({link.name for link in path}) == len(path)
