"""Progress: outputs checked, failures counted, dependents skipped, what may start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.deployment import plan_verification
from fourfold_tools.deployment.deployment import Deployment, deploy
from fourfold_tools.deployment.plan_verification import verify_plan
from fourfold_tools.deployment.progress import (
    ENDED,
    MOST_LAUNCHES,
    Finished,
    Flag,
    Found,
    Progress,
    advance,
    fresh,
    launchable,
    launched,
)
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.mathver.checks import Verdict
from fourfold_tools.mathver.records import RunRecord
from fourfold_tools.mathver.report import MathVer


def task(name: str, writes: tuple[str, ...] = (), needs: tuple[str, ...] = (), reads: tuple[str, ...] = ()) -> Task:
    def absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"/w/{path}" for path in paths)

    return Task(name, name, "", reads, writes, absolute(reads), absolute(writes), needs, 2.0)


def made(*tasks: Task) -> Deployment:
    return deploy("", tasks, max_agents=4, fanout=4, lanes=4, isolate=False, merge_minutes=2.0)


def started(plan: Deployment, *chosen: int, before: Mapping[str, str | None] | None = None) -> Progress:
    return launched(plan, fresh(plan), chosen, before or {}, 100.0)


def codes(flags: list[Flag]) -> list[str]:
    return [flag.code for flag in flags]


@pytest.mark.parametrize(
    ("before", "now", "state", "raised"),
    [
        (None, "new", "ok", []),
        ("old", "new", "ok", []),
        ("old", "old", "waiting", ["unchanged", "failed"]),
        (None, None, "waiting", ["missing", "failed"]),
        ("old", None, "waiting", ["missing", "failed"]),
        (None, ("no permission",), "ok", ["unverified"]),
    ],
)
def test_a_declared_output_must_be_new_or_changed(
    before: str | None, now: Found, state: str, raised: list[str]
) -> None:
    plan = made(task("a", ("x",)))
    after, flags = advance(plan, started(plan, 0, before={"x": before}), [Finished(0, True)], {"x": now}, 160.0)
    assert after.tasks[0].state == state
    assert codes(flags) == raised


def test_an_output_that_was_right_in_an_attempt_that_ended_well_stays_right() -> None:
    plan = made(task("a", ("x", "y")))
    first, _ = advance(plan, started(plan, 0), [Finished(0, True)], {"x": "new", "y": None}, 160.0)
    again = launched(plan, first, [0], {"x": "new", "y": None}, 170.0)
    second, flags = advance(plan, again, [Finished(0, True)], {"x": "new", "y": "new"}, 180.0)
    assert second.tasks[0].state == "ok"
    assert flags == []


def test_a_task_fails_three_times_then_what_waits_for_its_data_is_skipped() -> None:
    plan = made(task("a", ("x",)), task("b", ("y",), (), ("x",)), task("c", (), ("b",)), task("d", ("x",)))
    progress = fresh(plan)
    assert [plan.graph.ids[v] for v in launchable(plan, progress, ())] == ["a"]
    for attempt in (1, 2, 3):
        progress = launched(plan, progress, [0], {}, 100.0)
        progress, flags = advance(plan, progress, [Finished(0, False, "broke")], {}, 160.0)
        assert codes(flags) == ["failed"]
        assert f"attempt {attempt} of 3" in flags[0].problem
    assert [t.state for t in progress.tasks] == ["failed", "skipped", "skipped", "waiting"]
    assert launchable(plan, progress, ()) == [3]  # an edge that only orders skips nobody


def test_the_last_attempt_waits_until_nothing_is_at_work_and_is_launched_alone() -> None:
    plan = made(task("a"), task("b"), task("c"))
    progress = started(plan, 0, 1)
    for _ in range(2):
        progress, _ = advance(plan, progress, [Finished(0, False)], {}, 160.0)
        progress = launched(plan, progress, [v for v in launchable(plan, progress, ()) if v == 0], {}, 170.0)
    assert progress.tasks[0].attempts == 2
    assert launchable(plan, progress, ()) == [2]
    progress, _ = advance(plan, progress, [Finished(1, True)], {}, 180.0)
    assert launchable(plan, progress, ()) == [0]
    assert launchable(plan, launched(plan, progress, [0], {}, 190.0), ()) == []


def test_a_report_of_a_task_that_has_ended_or_was_never_launched_is_flagged() -> None:
    plan = made(task("a"), task("b", ("x",)))
    progress, flags = advance(plan, started(plan, 0), [Finished(0, True), Finished(1, True)], {"x": "1"}, 160.0)
    assert codes(flags) == ["not_launched", "unverified"]
    assert [t.verified for t in progress.tasks] == [(), ()]
    again, flags = advance(plan, progress, [Finished(0, False)], {}, 170.0)
    assert codes(flags) == ["ended"]
    assert again == progress


def test_reported_paths_are_checked_against_disk_and_ownership() -> None:
    plan = made(task("a", ("out/**",)))
    done = Finished(0, True, outputs={"out/x": "/w/out/x", "gone": "/w/gone", "other": "/w/other"})
    progress, flags = advance(plan, started(plan, 0), [done], {"out/x": "1", "gone": None, "other": "2"}, 160.0)
    assert [(f.code, f.path) for f in flags] == [("stale", "gone"), ("not_owned", "other")]
    assert progress.tasks[0].state == "ok"


@given(st.data())
def test_every_task_ends_exactly_once_and_nothing_starts_before_its_needs(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 7))
    needs = [data.draw(st.lists(st.integers(0, v - 1), max_size=2, unique=True)) if v else [] for v in range(n)]
    plan = made(*(task(f"t{v}", (f"o{v % 3}",), tuple(f"t{p}" for p in needs[v])) for v in range(n)))
    progress, hashes, launches = fresh(plan), {f"o{k}": str(k) for k in range(3)}, [0] * n
    for tick in range(200):
        ready = launchable(plan, progress, ())[: data.draw(st.integers(0, 3)) or 1]
        for v in ready:
            launches[v] += 1
            assert all(progress.tasks[p].state in ENDED for p in plan.graph.preds[v])
        progress = launched(plan, progress, ready, hashes, float(tick))
        running = progress.of("running")
        if not running:
            break
        v = data.draw(st.sampled_from(running))
        ok = data.draw(st.booleans())
        if ok:
            hashes[f"o{v % 3}"] += "+"
        progress, _ = advance(plan, progress, [Finished(v, ok, minutes=1.0)], hashes, float(tick))
    assert progress.complete
    assert max(launches) <= MOST_LAUNCHES
    for v, mine in enumerate(progress.tasks):
        assert (mine.state == "skipped") == (launches[v] == 0)


def test_a_finished_plan_is_verified_at_each_level_and_claims_nothing() -> None:
    tasks = [task(f"t{v}", (f"o{v}",)) for v in range(6)]
    plan = deploy("", tasks, max_agents=6, fanout=4, lanes=6, isolate=False, merge_minutes=2.0)
    progress = launched(plan, fresh(plan), list(range(6)), {}, 0.0)
    ended = [Finished(v, True, minutes=2.0) for v in range(6)]
    progress, _ = advance(plan, progress, ended, {f"o{v}": "new" for v in range(6)}, 120.0)
    found = verify_plan(plan, progress, 2.0, [10] * 6)
    assert found["state"] == "UNVERIFIED"
    assert found["time_comparison"]["sequential_s"] == 720
    assert found["time_comparison"]["parallel_s"] == 120
    assert found["time_comparison"]["method"] == "history"
    assert found["quality_check"]["parallel"] == 1.0
    assert found["lines"][0] == (
        "📊 [L0:Zero] MathVer | Tool: time_comparison | Sequential: 720s vs Parallel: 120s | Efficiency: 500% "
        "| State: UNVERIFIED"
    )
    levels = [row["level"] for row in found["levels"]]
    assert levels == [*(f"L1:{name}" for name in plan.names), *(f"L2:t{v}" for v in range(6))]
    assert all(row["state"] == "UNVERIFIED" for row in found["levels"])
    assert [row["parent"] for row in found["levels"][:2]] == ["L0:Zero"] * 2
    assert found["levels"][2]["lines"][0] == (
        "📊 [L2:t0] MathVer | Tool: time_comparison | Sequential: n/a vs Parallel: 120s | Efficiency: n/a "
        "| State: NOT_APPLICABLE"
    )
    for row in found["levels"]:
        assert [line.split("]")[0] for line in row["lines"]] == [f"📊 [{row['level']}"] * 4


def test_a_missing_task_makes_every_level_above_it_invalid_and_no_other() -> None:
    plan = made(*(task(f"t{v}", (), (f"t{v - 4}",) if v >= 4 else ()) for v in range(20)))
    progress, now = fresh(plan), 0.0
    while not progress.complete:
        ready = launchable(plan, progress, ())[:4]
        progress, now = launched(plan, progress, ready, {}, now), now + 60
        ended = [Finished(v, v != 9, minutes=1.0) for v in progress.of("running")]
        progress, _ = advance(plan, progress, ended, {}, now)
    found = verify_plan(plan, progress, 2.0, [10] * 20)
    rows = {row["level"]: row for row in found["levels"]}
    lost = {9: "INVALID", 13: "NOT_APPLICABLE", 17: "NOT_APPLICABLE"}
    for v in range(20):
        level = next(name for name in rows if name.endswith(f":t{v}"))
        assert rows[level]["state"] == lost.get(v, "UNVERIFIED")
    assert found["state"] == "INVALID"
    assert found["quality_check"]["degraded"] == ["t9", "t13", "t17"]
    for k, node in enumerate(plan.orchestrators):
        missing = set(lost) & set(plan.tasks_under(k))
        row = rows[plan.level_of(k)]
        assert row["state"] == ("INVALID" if missing else "UNVERIFIED")
        assert row["parent"] == ("L0:Zero" if node.parent is None else plan.level_of(node.parent))


def test_what_is_invalid_at_one_level_is_so_at_every_level_above(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [task(f"t{v}") for v in range(20)]
    plan = deploy("", tasks, max_agents=20, fanout=4, lanes=20, isolate=False, merge_minutes=2.0)
    progress = launched(plan, fresh(plan), list(range(20)), {}, 0.0)
    progress, _ = advance(plan, progress, [Finished(v, True, minutes=2.0) for v in range(20)], {}, 120.0)
    sound = plan_verification.verify_run
    leaf = next(k for k, node in enumerate(plan.orchestrators) if node.parent is not None)

    def verify(record: RunRecord, *rest: Any) -> MathVer:
        found = sound(record, *rest)
        if found.level != plan.level_of(leaf):
            return found
        return replace(found, context=replace(found.context, verdict=Verdict("INVALID", "", {})))

    monkeypatch.setattr(plan_verification, "verify_run", verify)
    found = verify_plan(plan, progress, 2.0, [10] * 20)
    up = plan.orchestrators[leaf].parent
    assert up is not None
    invalid = {row["level"] for row in found["levels"] if row["state"] == "INVALID"}
    assert (found["state"], invalid) == ("INVALID", {plan.level_of(leaf), plan.level_of(up)})
