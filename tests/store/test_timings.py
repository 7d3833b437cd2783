"""Timings: history by kind of step, priors without it, kept within a bound and between processes."""

import pytest
from reports import step_result

from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GrepStep, ReadStep
from fourfold_tools.store import timings as module
from fourfold_tools.store.database import Database
from fourfold_tools.store.timings import PRIORS, Timings, kind_of

pytestmark = pytest.mark.anyio
SLOW = BashStep(op="bash", command="make")


async def test_without_history_a_step_weighs_what_its_op_usually_does() -> None:
    database = Database(None, 1.0)
    steps: list[AnyStep] = [SLOW, ReadStep(op="read", path="a")]
    assert await Timings(database).weights(steps) == [PRIORS["bash"], PRIORS["read"]]
    await database.aclose()


async def test_the_first_time_counts_whole_and_later_ones_move_it() -> None:
    database = Database(None, 1.0)
    timings = Timings(database)
    await timings.learn([SLOW], [step_result(0, duration_s=10.0)])
    assert await timings.weights([SLOW]) == [10.0]
    await timings.learn([SLOW], [step_result(0, duration_s=20.0)])
    assert await timings.weights([SLOW]) == [pytest.approx(13.0)]
    await timings.save()
    assert await Timings(database).weights([SLOW]) == [pytest.approx(13.0)], "another server reads the same"
    await database.aclose()


@pytest.mark.parametrize(("kinds", "later_s", "written"), [(1, 0.0, 0), (1, 10.0, 1), (15, 9.9, 0), (16, 0.0, 16)])
async def test_what_was_learnt_is_written_when_it_is_enough_or_has_waited(
    kinds: int, later_s: float, written: int
) -> None:
    database, now = Database(None, 1.0), [0.0]
    timings = Timings(database, clock=lambda: now[0])
    now[0] = later_s
    steps: list[AnyStep] = [BashStep(op="bash", command=f"c{n}") for n in range(kinds)]
    await timings.learn(steps, [step_result(n, duration_s=1.0) for n in range(kinds)])
    assert len(await Timings(database).load()) == written
    await database.aclose()


@pytest.mark.parametrize("change", [{"state": "failed"}, {"state": "timed_out"}, {"same_as": "s0"}])
async def test_only_steps_that_ran_to_a_good_end_are_learnt_from(change: dict[str, str]) -> None:
    database = Database(None, 1.0)
    timings = Timings(database)
    await timings.learn([SLOW], [step_result(0, duration_s=99.0, **change)])
    assert await timings.weights([SLOW]) == [PRIORS["bash"]]
    await database.aclose()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (SLOW, BashStep(op="bash", command="make", args=["x"]), True),
        (SLOW, BashStep(op="bash", command="make -j2"), False),
        (FetchStep(op="fetch", url="https://a.b/c"), FetchStep(op="fetch", url="https://a.b/d?e"), True),
        (FetchStep(op="fetch", url="https://a.b/c"), FetchStep(op="fetch", url="https://x.b/c"), False),
        (GrepStep(op="grep", pattern="a", path="src"), GrepStep(op="grep", pattern="b", path="src"), True),
        (GrepStep(op="grep", pattern="a", path="src"), GrepStep(op="grep", pattern="a"), False),
        (ReadStep(op="read", path="a"), ReadStep(op="read", path="b"), True),
    ],
)
def test_steps_are_of_one_kind_when_their_time_depends_on_the_same(one: AnyStep, other: AnyStep, same: bool) -> None:
    assert (kind_of(one) == kind_of(other)) is same


async def test_no_more_kinds_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 10)
    database = Database(None, 1.0)
    timings = Timings(database)
    for n in range(25):
        await timings.learn([BashStep(op="bash", command=f"c{n}")], [step_result(0, duration_s=float(n + 1))])
    await timings.save()
    known = await Timings(database).load()
    assert len(known) == 10
    newest = BashStep(op="bash", command="c24")
    assert await Timings(database).weights([newest]) == [25.0]
    await database.aclose()
