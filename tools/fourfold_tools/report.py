"""The report: the page of a stored run or plan, by its id."""

import time

from fourfold_tools.errors import NotFound
from fourfold_tools.page.model import Page
from fourfold_tools.page.plan_page import plan_page
from fourfold_tools.page.run_page import run_page
from fourfold_tools.resume import stored_steps, whole_record
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.description import whole_plan
from fourfold_tools.steering.steps import thaw
from fourfold_tools.store.agent_runs import AgentRuns
from fourfold_tools.store.plans import Plans


async def report(runtime: Runtime, name: str) -> Page:
    """The page of a run (`r-…`) or a plan (`p-…`).

    Raises:
        NotFound: nothing of that name.
    """
    if name.startswith("r-"):
        return await _run(runtime, name)
    if name.startswith("p-"):
        return await _plan(runtime, name)
    raise NotFound(f"{name!r} names neither a run (r-…) nor a plan (p-…); `fourfold runs` lists runs")


async def _run(runtime: Runtime, name: str) -> Page:
    stored = await runtime.runs.get(name, outputs=False)
    settings = runtime.settings.report
    return run_page(stored, stored_steps(stored), whole_record(stored), settings.most_bars, settings.most_rows)


async def _plan(runtime: Runtime, name: str) -> Page:
    stored = await Plans(runtime.database).get(name)
    known = await whole_plan(runtime, name)
    settings = runtime.settings.report
    plan, progress = thaw(stored)
    runs = await AgentRuns(runtime.database).of(name)
    return plan_page(stored, plan, progress, known, time.time(), settings.most_bars, settings.most_rows, runs)
