"""Plans in the store: versions, leases between conversations, what agents took."""

import os
from pathlib import Path

import pytest

from fourfold_tools.errors import NotFound
from fourfold_tools.store.database import Database
from fourfold_tools.store.owner import this_process
from fourfold_tools.store.plans import AgentTime, Lease, Plans, Step

pytestmark = pytest.mark.anyio
HERE, THERE = f"{this_process()}/here", f"{this_process()}/there"
GONE = "999999999:1/elsewhere"


def lease(plan: str, owner: str, pattern: str = "/w/x", expires: float = 1e12) -> Lease:
    return Lease(plan, "t", pattern, True, owner, 1.0, expires)


async def begun(plans: Plans) -> str:
    return await plans.begin(lambda name: f"body of {name}", "{}", "/w", "a goal", HERE)


async def test_a_plan_is_read_back_by_another_process_as_it_was_written(tmp_path: Path) -> None:
    first, second = Database(tmp_path / "db", 1.0), Database(tmp_path / "db", 1.0)
    name = await begun(Plans(first))
    stored = await Plans(second).get(name)
    assert (stored.body, stored.progress, stored.goal, stored.version) == (f"body of {name}", "{}", "a goal", 0)
    assert [plan.id for plan in await Plans(second).recent(5)] == [name]
    with pytest.raises(NotFound):
        await Plans(second).get("p-none")
    await first.aclose()
    await second.aclose()


async def test_of_two_steps_on_the_same_version_only_the_first_counts(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", 1.0)
    plans = Plans(database)
    name = await begun(plans)
    assert await plans.save(name, 0, Step("one", False, HERE))
    assert not await plans.save(name, 0, Step("two", True, THERE, take=[lease(name, THERE)]))
    stored = await plans.get(name)
    assert (stored.progress, stored.version, stored.complete) == ("one", 1, False)
    assert await plans.held_by_others("p-other", HERE, 2.0) == []
    await database.aclose()


@pytest.mark.parametrize(
    ("owner", "expires", "blocks"),
    [(THERE, 1e12, True), (HERE, 1e12, False), (GONE, 1e12, False), (THERE, 1.5, False)],
)
async def test_only_a_living_other_conversation_holds_paths(
    tmp_path: Path, owner: str, expires: float, blocks: bool
) -> None:
    assert not os.path.exists("/proc/999999999")
    database = Database(tmp_path / "db", 1.0)
    plans = Plans(database)
    name = await begun(plans)
    await plans.save(name, 0, Step("", False, owner, take=[lease(name, owner, expires=expires)]))
    assert bool(await plans.held_by_others("p-other", HERE, 2.0)) == blocks
    assert await plans.held_by_others(name, HERE, 2.0) == []
    await database.aclose()


async def test_a_lease_taken_in_between_undoes_a_step(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", 1.0)
    plans = Plans(database)
    mine, theirs = await begun(plans), await begun(plans)
    assert await plans.held_by_others(mine, HERE, 2.0) == []
    await plans.save(theirs, 0, Step("", False, THERE, take=[lease(theirs, THERE)]))
    late = Step("late", False, HERE, take=[lease(mine, HERE)])
    assert not await plans.save(mine, 0, late)
    known = frozenset({(theirs, "t", "/w/x")})
    assert await plans.save(mine, 0, Step("late", False, HERE, take=[lease(mine, HERE, "/w/y")], known=known))
    await plans.save(theirs, 1, Step("", True, THERE, release=["t"]))
    assert await plans.held_by_others(mine, HERE, 2.0) == []
    await database.aclose()


async def test_the_newest_times_of_an_agent_type_are_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", 1.0)
    plans = Plans(database)
    name = await begun(plans)
    for version in range(70):
        await plans.save(name, version, Step("", False, HERE, times=[AgentTime("x", 5.0, float(version), None)]))
    kept = await plans.times()
    assert [t.took_min for t in kept] == [float(v) for v in range(69, 5, -1)]
    await database.aclose()
