"""The page of a run: what is stored of it in, everything that a reader asks out."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import HOSTILE, run_forty
from runtimes import env_of, opened, run

from fourfold_tools.errors import NotFound
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import BashStep
from fourfold_tools.model.result import StepResult, Try
from fourfold_tools.page.document import html
from fourfold_tools.page.model import Page
from fourfold_tools.page.run_page import run_page
from fourfold_tools.page.text import text
from fourfold_tools.report import report
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.runs import StoredRun

pytestmark = pytest.mark.anyio


def result(i: int, name: str, **fields: object) -> StepResult:
    base = StepResult(
        name, "bash", "ok", "bash", (i, 0), attempts=1, queued_s=0.0, started_s=0.0, duration_s=1.0, lane=0
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def stored(*, edges: object = None, **fields: object) -> StoredRun:
    told = {"wall_s": 3.0, "width": 4, "signals": []} | ({} if edges is None else {"edges": edges, "edges_of": 1})
    base = StoredRun("r-test", 1e9, 1e9 + 3, "done", "0:0", "/w", "", 2, "{}", told)
    return replace(base, **fields)  # type: ignore[arg-type]


def made(*results: StepResult, edges: object = None, most: int = 100, **fields: object) -> Page:
    steps = [BashStep.model_validate({"op": "bash", "id": r.parent or r.id, "command": "true"}) for r in results]
    return run_page(stored(edges=edges or [], **fields), steps, results, most, most)


def test_waiting_running_and_retries_are_segments_of_one_bar() -> None:
    tries = (Try(0.5, 1.0, "network"), Try(1.5, 2.0))
    page = made(result(0, "a", started_s=0.5, duration_s=1.5, attempts=2, tries=tries, waited_for="slot net"))
    assert page.chart is not None
    (bar,) = page.chart.bars
    assert [(s.kind, s.start, s.end) for s in bar.segments] == [
        ("wait", 0.0, 0.5),
        ("failed", 0.5, 1.0),
        ("pause", 1.0, 1.5),
        ("run", 1.5, 2.0),
    ]
    assert "waited 500 ms (every net slot was in use)" in bar.told
    assert bar.aside == "1.5 s · 2 tries"


def test_the_critical_path_is_marked_on_bars_rows_and_in_the_chain() -> None:
    page = made(
        result(0, "a", duration_s=2.0),
        result(1, "b", duration_s=1.0, lane=1),
        result(2, "c", queued_s=2.0, started_s=2.0),
        edges=[["a", "c", "needs", "c needs a"], ["b", "c", "needs", "c needs b"]],
    )
    assert page.chart is not None
    assert [link.name for link in page.chain] == ["a", "c"]
    assert {bar.name for bar in page.chart.bars if bar.critical} == {"a", "c"}
    assert [row.key for row in page.tables[0].rows if row.critical] == ["a", "c"]


def test_sub_steps_of_one_step_share_a_row_and_keep_their_own_in_the_table() -> None:
    subs = [result(0, f"r.{i}", index=(0, i), parent="r", op="read", duration_s=0.1) for i in range(1, 7)]
    page = made(*subs)
    assert page.chart is not None
    assert [(bar.name, bar.title) for bar in page.chart.bars] == [("r", "6 × read")]
    assert len(page.tables[0].rows) == 6


def test_a_step_that_never_started_says_why() -> None:
    page = made(
        result(0, "a", state="skipped", queued_s=None, started_s=None, duration_s=None, blocked_by=("x",), attempts=0)
    )
    assert page.chart is not None
    assert page.chart.bars[0].segments == ()
    assert page.chart.bars[0].aside == "skipped, blocked by x"


def test_failures_are_grouped_by_code_with_their_messages() -> None:
    page = made(
        result(0, "a", state="failed", code="not_found", message="no a"),
        result(1, "b", state="failed", code="not_found", message="no b"),
        result(2, "c", state="failed", code="exit_status", message="exit 1"),
    )
    assert [(f.code, f.count) for f in page.faults] == [("not_found", 2), ("exit_status", 1)]
    assert page.faults[0].messages == (("no a", ("a",)), ("no b", ("b",)))


def test_what_is_beyond_the_bounds_is_counted() -> None:
    page = made(*(result(i, f"s{i}") for i in range(9)), most=5)
    assert page.chart is not None
    assert (len(page.chart.bars), page.chart.left_out) == (5, 4)
    assert (len(page.tables[0].rows), page.tables[0].left_out) == (5, 4)


def test_a_run_of_an_older_version_is_shown_with_the_order_that_its_request_tells() -> None:
    steps = [
        BashStep.model_validate({"op": "bash", "id": "a", "command": "true"}),
        BashStep.model_validate({"op": "bash", "id": "b", "command": "true", "needs": ["a"]}),
    ]
    page = run_page(stored(), steps, [result(0, "a"), result(1, "b", queued_s=1.0, started_s=1.0)], 9, 9)
    assert [row.cells for row in page.tables[1].rows] == [("a", "b", "needs", "b needs a")]
    assert any("older version" in note for note in page.notes)


def test_a_crashed_run_says_that_it_crashed() -> None:
    page = made(result(0, "a"), state="running", owner="999999999:1", report=None)
    assert page.state == "crashed"
    assert any("went away" in note for note in page.notes)


class Ids(HTMLParser):
    """What a page is made of: ids, links to them, and each element that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if "id" in fields:
            self.ids.append(fields["id"] or "")
        if tag == "a":
            self.links.append(fields["href"] or "")
        self.loads += [name for name in fields if name in {"src", "srcset", "data", "style"} or name.startswith("on")]
        self.loads += [tag] if tag in {"img", "link", "iframe", "object", "base", "form"} else []


async def test_the_whole_page_of_a_real_run_loads_nothing_and_every_bar_leads_to_its_row(tmp_path: Path) -> None:
    name = await run_forty(tmp_path)
    async with Runtime.open([tmp_path / "work"], env_of(tmp_path)) as runtime:
        page = await report(runtime, name)
    content = html(page, "1.2.3")
    seen = Ids()
    seen.feed(content)
    assert seen.loads == []
    assert len(set(seen.ids)) == len(seen.ids)
    assert {link.removeprefix("#") for link in seen.links} <= set(seen.ids)
    assert re.search(r"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#x27;none&#x27;;", content)
    assert content.count("<script>") == 1
    shown = text(page, 100)
    assert "blocked by unit" in shown
    assert "3 tries" in shown
    assert "\u202e" not in content + shown
    assert content.count("</script>") == 1
    assert HOSTILE[:9] in shown


async def test_a_name_that_is_neither_a_run_nor_a_plan_is_not_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        for name in ("x-1", "r-nope", "p-nope"):
            with pytest.raises(NotFound):
                await report(runtime, name)


async def test_a_run_without_steps_that_ran_still_makes_a_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        done = await run(runtime, {"id": "a", "op": "read", "path": "nope"})
        assert done.structured is not None
        page = await report(runtime, done.structured["run"])
    assert "not found" in html(page, "0")
    assert "a read nope" in text(page, 20)


def test_effects_of_a_step_are_told() -> None:
    writes = Effects(writes=frozenset({"/a"}))
    page = made(result(0, "a", effects=writes), result(1, "b", effects=Effects(known=False)))
    assert [row.cells[9] for row in page.tables[0].rows] == ["writes 1 path", "unknown"]
