"""The whole object: its shape, and the laws that hold for any run and any evidence."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from mathver_runs import STEP, chain, pair_of, pairs, run, steps

from fourfold_tools.mathver.checks import worst
from fourfold_tools.mathver.parse import parse_line
from fourfold_tools.mathver.records import Pair, RunRecord
from fourfold_tools.mathver.render import TimeLine
from fourfold_tools.mathver.report import verify_run


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunRecord, list[Pair]]:
    """A run of any steps and pairs of some of them; with rare exceptions nothing fits anything else."""
    n = draw(st.integers(0, 14))
    made = [
        replace(
            STEP,
            id=f"s{i}",
            stratum=draw(st.sampled_from(["bash/1s", "read/0.01s"])),
            duration_s=draw(st.none() | st.floats(0, 5)),
            started_s=draw(st.floats(0, 1)),
            cpu_s=draw(st.none() | st.floats(0, 5)),
            state=draw(st.sampled_from(["ok", "ok", "ok", "failed", "timed_out", "skipped"])),
            repeatable=draw(st.sampled_from([True, True, False])),
            result_hash=None,
            deps=(f"s{i - 1}",) if i and draw(st.booleans()) else (),
        )
        for i in range(n)
    ]
    measured = [s for s in made if draw(st.booleans())]
    alone = [
        pair_of(
            replace(s, duration_s=s.duration_s or 0.0),
            draw(st.floats(0, 5)),
            i,
            seq2_s=draw(st.none() | st.floats(0, 5)),
            input_changed=draw(st.sampled_from([False, False, True])),
            par_hash=draw(st.sampled_from([None, "same", "x"])),
            seq2_hash=draw(st.sampled_from([None, "same", "y"])),
        )
        for i, s in enumerate(measured)
    ]
    record = run(
        made,
        wall_s=draw(st.floats(0.01, 10)),
        max_parallel=draw(st.integers(1, 8)),
        server_cpu_s=draw(st.none() | st.floats(0, 5)),
        tokens=draw(st.none() | st.just(run([]).tokens)),
        chosen=tuple(p.id for p in alone),
    )
    return record, alone


SEVERITY = {"NOT_APPLICABLE": 0, "VALID": 1, "UNVERIFIED": 2, "INVALID": 3}


@settings(max_examples=80, deadline=None)
@given(runs())
def test_any_run_gives_four_lines_that_read_back_and_a_json_object(made: tuple[RunRecord, list[Pair]]) -> None:
    found = verify_run(*made, "sampled", 1)
    assert [str(parse_line(line)) for line in found.lines] == list(found.lines)
    data = json.loads(json.dumps(found.data(), allow_nan=False))
    sections = [data[k] for k in ("time_comparison", "resource_usage", "quality_check", "context_usage")]
    assert found.state == worst(s["state"] for s in sections)
    for section in sections:
        assert section["reason"] or section["state"] == "VALID"
        assert all(isinstance(v, bool) for v in section["checks"].values())
        assert section["state"] != "VALID" or all(section["checks"].values())
    assert set(data["ratios"]) == {
        "time_efficiency",
        "resource_efficiency",
        "quality_maintenance",
        "context_efficiency",
    }
    assert all(set(r) == {"value", "basis"} for r in data["ratios"].values())


@settings(max_examples=80, deadline=None)
@given(runs())
def test_without_runs_alone_no_sequential_time_is_ever_printed(made: tuple[RunRecord, list[Pair]]) -> None:
    record, _ = made
    found = verify_run(record, None, "sampled", 1)
    line = parse_line(found.lines[0])
    assert isinstance(line, TimeLine)
    assert (line.sequential_s, line.gain_pct) == (None, None)
    assert found.time.verdict.state in {"UNVERIFIED", "NOT_APPLICABLE", "INVALID"}
    assert (found.time.sequential_s, found.time.speedup) == (None, None)
    assert found.quality.verdict.state in {"UNVERIFIED", "NOT_APPLICABLE"}
    assert "Degradation: n/a" in found.lines[2]


@settings(max_examples=80, deadline=None)
@given(runs(), st.data())
def test_taking_evidence_away_never_makes_an_unverified_line_valid(
    made: tuple[RunRecord, list[Pair]], data: st.DataObject
) -> None:
    record, alone = made
    before = verify_run(record, alone, "sampled", 1)
    fewer = [p for p in alone if data.draw(st.booleans())]
    after = verify_run(record, fewer, "sampled", 1)
    for section in ("time", "quality"):
        was, now = getattr(before, section).verdict.state, getattr(after, section).verdict.state
        assert not (was == "UNVERIFIED" and now == "VALID")


def test_forgetting_processor_times_never_makes_a_gain_valid() -> None:
    made = [replace(s, cpu_s=0.19) for s in steps(8)]
    record, alone = run(made, server_cpu_s=None, cores_eff=2.0), pairs(made)
    assert verify_run(record, alone, "sampled", 1).time.verdict.state != "VALID"
    blind = replace(record, steps=tuple(replace(s, cpu_s=None) for s in made))
    forgotten = [replace(p, seq_cpu_s=None, par_cpu_s=None) for p in alone]
    assert verify_run(blind, forgotten, "sampled", 1).time.verdict.state != "VALID"


def test_sixteen_sleeps_print_four_valid_lines() -> None:
    made = steps(16)
    found = verify_run(run(made), pairs(made), "sampled", 1)
    assert found.state == "VALID"
    front = "📊 [L1:Parallel] MathVer | Tool: "
    assert found.lines == (
        front + "time_comparison | Sequential: 3.2s vs Parallel: 215ms | Efficiency: 1389% | State: VALID",
        front + "resource_usage | CPU: 6% vs Sequential: 0% | Optimization: justified | State: VALID",
        front + "quality_check | Parallel: 100% vs Sequential: 100% | Degradation: <2% | State: VALID",
        front + "context_usage | Results: 16 | Tokens: 900 vs Sequential: 2220 | State: VALID",
    )


def test_a_run_without_verification_prints_what_it_knows() -> None:
    found = verify_run(run(steps(16)), None, "bounds", 1)
    assert found.state == "UNVERIFIED"
    assert found.lines[0].endswith("Sequential: n/a vs Parallel: 215ms | Efficiency: n/a | State: UNVERIFIED")
    assert found.lines[1].endswith("CPU: 6% vs Sequential: n/a | Optimization: n/a | State: UNVERIFIED")
    assert found.lines[2].endswith("Parallel: n/a vs Sequential: n/a | Degradation: n/a | State: UNVERIFIED")


def test_where_nothing_ran_side_by_side_all_is_not_applicable() -> None:
    for record in (chain(5), run(steps(1))):
        found = verify_run(record, None, "bounds", 1)
        assert found.state == "NOT_APPLICABLE"
        assert all(line.endswith("State: NOT_APPLICABLE") for line in found.lines)


def test_the_level_stands_in_every_line() -> None:
    found = verify_run(run(steps(2)), None, "bounds", 1, level="L2:review-api")
    assert all("[L2:review-api]" in line for line in found.lines)


def test_the_same_seed_gives_the_same_report() -> None:
    made = steps(40)
    once = verify_run(run(made), pairs(made[:12]), "sampled", 3)
    assert once == verify_run(run(made), pairs(made[:12]), "sampled", 3)


def test_a_step_that_lost_its_lock_file_under_load_is_invalid_and_named() -> None:
    made = list(steps(8))
    made[3] = replace(made[3], state="failed", result_hash="lock held")
    alone = [
        replace(p, par_ok=False, par_hash="lock held", seq2_hash="same") if p.id == "s3" else p for p in pairs(made)
    ]
    found = verify_run(run(made), alone, "sampled", 1)
    assert found.quality.verdict.state == "INVALID"
    assert found.quality.degraded == ("s3",)
    assert found.state == "INVALID"
    assert found.time.verdict.state == "VALID"
    assert found.context.results == 7
