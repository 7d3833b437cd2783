"""What a report shows of a plan that a fleet has carried out."""

from pathlib import Path

import pytest
from fleet_lab import Lab

from fourfold_tools.fleet.presence import this_worker
from fourfold_tools.page.document import html
from fourfold_tools.page.model import Page, Table
from fourfold_tools.page.text import text
from fourfold_tools.report import report
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.agent_runs import worker_name

pytestmark = pytest.mark.anyio


async def _page(lab: Lab, plan: str) -> Page:
    async with Runtime.open([lab.work], lab.env()) as runtime:
        return await report(runtime, plan)


def _table(page: Page, title: str) -> Table:
    (found,) = [table for table in page.tables if table.title == title]
    return found


async def test_a_fleet_is_shown_like_a_run_worker_by_worker_and_level_by_level(tmp_path: Path) -> None:
    lab = Lab.below(tmp_path)
    limited = {"limited": str(lab.root / "limited"), "retry_after_s": 0.1}
    tasks = [
        lab.task("first", 0.05, usd=0.25, **limited),
        lab.task("again", 0.05, failures=1, says="broken pipe", usd=0.5),
        lab.task("last", 0.05, needs=["first", "again"], usd=0.25),
    ]
    assert (await lab.carry_out(tasks)).all_ok
    page = await _page(lab, lab.only_plan())
    figures = {figure.label: (figure.value, figure.note) for figure in page.figures}
    assert figures["Spent"] == ("$1.50", "agents: 5, workers: 1")
    assert figures["Begun again"][0] == "1"
    assert page.chart is not None
    went = page.chart.lanes[-1]
    assert went.names[0] == worker_name(this_worker())
    assert sorted(block.name for lane in went.lanes for block in lane) == ["again", "again", "first", "first", "last"]
    (kind,) = {s.kind for bar in page.chart.bars for s in bar.segments} - {"planned", "run"}
    assert kind == "failed"
    assert {message for fault in page.faults for message, _ in fault.messages} == {
        "broken pipe",
        "a rate limit or usage limit",
    }
    workers = _table(page, "Workers").rows
    assert [row.cells[:4] for row in workers] == [(worker_name(this_worker()), "5", "1", "1")]
    costs = {row.cells[0]: row.cells[-1] for row in _table(page, "Levels").rows}
    assert costs == {
        "L0:Zero": "$1.50",
        "L1:Group1": "$1.50",
        "L2:first": "$0.25",
        "L2:again": "$1.00",
        "L2:last": "$0.25",
    }
    assert len(_table(page, "Agents").rows) == 5
    printed = text(page, 100)
    assert "Levels\nLevel" in printed
    assert "Workers\nWorker" in printed
    assert worker_name(this_worker()) in html(page, "0")


async def test_the_clock_of_a_fleets_page_is_the_real_one(tmp_path: Path) -> None:
    lab = Lab.below(tmp_path)
    assert (await lab.carry_out([lab.task("a", 0.2), lab.task("b", 0.1, needs=["a"])])).all_ok
    page = await _page(lab, lab.only_plan())
    assert page.chart is not None
    (a, b) = (bar.work for bar in page.chart.bars)
    assert a is not None
    assert b is not None
    assert a[1] - a[0] >= 0.2 / 60
    assert b[0] > a[1]  # somebody had to be told, and to begin
