"""The page of a plan: what was planned beside what happened, at every stage of the plan."""

from pathlib import Path

import pytest
from report_samples import run_sixteen, sixteen_tasks
from runtimes import env_of

from fourfold_tools.page.chart import Bar
from fourfold_tools.page.document import html
from fourfold_tools.page.model import Page
from fourfold_tools.page.text import text
from fourfold_tools.report import report
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio


async def page_after(home: Path, rounds: int | None) -> Page:
    name = await run_sixteen(home, rounds=rounds)
    async with Runtime.open([home / "work"], env_of(home)) as runtime:
        return await report(runtime, name)


def bars(page: Page) -> dict[str, Bar]:
    assert page.chart is not None
    return {bar.name: bar for bar in page.chart.bars}


async def test_a_plan_that_ended_shows_each_task_as_planned_and_as_it_went(tmp_path: Path) -> None:
    page = await page_after(tmp_path, None)
    assert page.state == "complete"
    shown = bars(page)
    assert set(shown) == {task["id"] for task in sixteen_tasks()}
    kinds = [s.kind for s in shown["fix-search"].segments]
    assert kinds == ["planned", "failed", "run"]
    assert shown["survey-payments"].segments[-1].end == pytest.approx(5.0)
    assert "planned" in shown["survey-mail"].aside
    assert page.chart is not None
    assert [lanes.title for lanes in page.chart.lanes] == ["As planned", "As it went"]
    assert page.chain[-1].name == "summary"
    assert [(f.code, f.count) for f in page.faults] == [("failed attempts", 1)]
    assert page.verdicts
    assert "launched 2 times" in shown["fix-search"].told
    assert "<script>" in html(page, "0")
    assert "░" in text(page, 120)


async def test_a_plan_under_way_shows_what_is_planned_and_where_it_stands(tmp_path: Path) -> None:
    page = await page_after(tmp_path, 4)
    assert page.state == "running"
    assert page.chart is not None
    assert page.chart.now is not None
    assert page.chain_title == "Critical path, as planned"
    assert [s.kind for s in bars(page)["summary"].segments] == ["planned"]


async def test_a_plan_that_nobody_went_on_with_is_all_plan(tmp_path: Path) -> None:
    page = await page_after(tmp_path, 0)
    assert page.state == "running"  # the first agents are launched
    assert {s.kind for bar in bars(page).values() for s in bar.segments} == {"planned", "run"}
    assert not page.verdicts
