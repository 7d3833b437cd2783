"""Verification through a whole runtime: known truths come out, nothing is claimed that was not measured."""

from pathlib import Path
from typing import Any

import pytest
from runtimes import entries, opened, run

from fourfold_tools.caller import Reply

pytestmark = pytest.mark.anyio


def found(reply: Reply) -> dict[str, Any]:
    assert reply.structured is not None
    mathver: dict[str, Any] = reply.structured["mathver"]
    return mathver


def bash(command: str, **rest: Any) -> dict[str, Any]:
    return {"op": "bash", "command": command, **rest}


async def test_sixteen_sleeps_are_valid_with_the_true_speed_up_inside_the_interval(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        naps = [0.10 + n / 1_000 for n in range(16)]
        steps = [bash(f"sleep {nap}", idempotent=True) for nap in naps]
        reply = await run(runtime, *steps, max_parallel=16, verify="full", max_tokens=20_000)
        time = found(reply)["time_comparison"]
        assert time["method"] == "measured"
        assert time["state"] == "VALID", time["reason"]
        low, high = time["ci95"]
        truth = sum(naps) / time["parallel_s"]  # spawning comes on top, alone as beside others
        assert low * 0.85 <= truth <= high
        assert time["gain_pct"] == round((time["speedup"] - 1) * 100)
        assert found(reply)["quality_check"]["degraded"] == []


@pytest.mark.parametrize(
    "steps",
    [
        [bash("sleep 0.02")],
        [bash("sleep 0.02", id="a"), bash("sleep 0.021", id="b", needs=["a"]), bash("sleep 0.022", needs=["b"])],
    ],
)
async def test_one_step_or_a_pure_chain_is_not_applicable(tmp_path: Path, steps: list[dict[str, Any]]) -> None:
    async with opened(tmp_path) as runtime:
        mathver = found(await run(runtime, *steps, verify="full", max_tokens=20_000))
        assert mathver["state"] == "NOT_APPLICABLE"
        parts = ("time_comparison", "resource_usage", "quality_check", "context_usage")
        assert {mathver[part]["state"] for part in parts} == {"NOT_APPLICABLE"}


async def test_a_command_that_never_says_the_same_twice_is_no_degradation(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        steps = [bash(f"echo {n} $RANDOM $RANDOM $RANDOM", idempotent=True) for n in range(8)]
        mathver = found(await run(runtime, *steps, verify="full", max_tokens=20_000))
        assert mathver["quality_check"]["degraded"] == []
        assert mathver["quality_check"]["state"] != "INVALID", mathver["quality_check"]["reason"]


async def test_a_command_that_fails_beside_others_and_not_alone_is_invalid_and_named(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        # The folder's name stands in a variable of the environment, so nothing orders these steps by itself.
        take = 'mkdir "$PLACE" 2>/dev/null || { echo taken; exit 9; }; sleep 0.1; rmdir "$PLACE"'
        locked = [bash(f"{take} # {n}", idempotent=True, env={"PLACE": "held"}, id=f"lock{n}") for n in range(6)]
        others = [bash(f"echo {n}", id=f"free{n}") for n in range(6)]
        reply = await run(runtime, *locked, *others, max_parallel=12, verify="full", max_tokens=20_000)
        lost = sorted(name for name, entry in entries(reply).items() if entry["state"] == "failed")
        assert lost, "nothing collided"
        mathver = found(reply)
        assert mathver["quality_check"]["state"] == "INVALID"
        assert sorted(mathver["quality_check"]["degraded"]) == lost
        assert mathver["state"] == "INVALID"
        assert reply.structured is not None
        [signal] = [s for s in reply.structured["signals"] if s["kind"] == "degraded"]
        assert all(name in signal["reason"] for name in lost)
        for name in lost:  # both results are kept
            entry = entries(reply)[name]
            assert entry["output"]["stdout"] == "taken\n"
            assert Path(entry["note"].rpartition(": ")[2]).is_file()


async def test_a_sample_keeps_to_its_budget_and_says_what_it_cost(tmp_path: Path) -> None:
    settings = {"FOURFOLD_VERIFY__LEAST_S": "0.5", "FOURFOLD_VERIFY__SHARE": "0.0"}
    async with opened(tmp_path, **settings) as runtime:
        steps = [bash(f"sleep 0.{100 + n}", idempotent=True) for n in range(24)]
        reply = await run(runtime, *steps, max_parallel=16, verify="sample", max_tokens=20_000)
        mathver = found(reply)
        assert 0 < mathver["verification_s"] <= 1.5
        assert mathver["verification_budget"] == "0.5 s"
        assert mathver["time_comparison"]["method"] in {"sampled", "bounds"}
        assert mathver["time_comparison"]["state"] != "VALID" or mathver["time_comparison"]["method"] == "sampled"


async def test_without_verification_nothing_runs_twice_and_nothing_is_valid(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        steps = [bash(f"echo {n} >> log{n}", idempotent=True) for n in range(4)]
        mathver = found(await run(runtime, *steps, max_tokens=20_000))
        assert mathver["verification_s"] == 0
        assert mathver["time_comparison"]["method"] == "bounds"
        assert mathver["time_comparison"]["state"] in {"UNVERIFIED", "NOT_APPLICABLE"}
        for n in range(4):
            assert (tmp_path / "work" / f"log{n}").read_text(encoding="utf-8") == f"{n}\n"


@pytest.mark.parametrize("verify", ["sample", "full"])
async def test_what_must_not_be_repeated_is_not_run_again(tmp_path: Path, verify: str) -> None:
    async with opened(tmp_path) as runtime:
        steps = [bash(f"echo {n} >> log{n}; sleep 0.05") for n in range(4)] + [bash("echo once", id="free")]
        mathver = found(await run(runtime, *steps, verify=verify, max_tokens=20_000))
        assert mathver["time_comparison"]["state"] != "VALID"
        for n in range(4):
            assert (tmp_path / "work" / f"log{n}").read_text(encoding="utf-8") == f"{n}\n"


async def test_a_pair_whose_input_changed_is_set_aside_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        (tmp_path / "work" / "in.txt").write_text("x\n", encoding="utf-8")
        steps = [
            {"id": "look", "op": "read", "path": "in.txt"},
            bash("echo y >> in.txt", id="add"),
            bash("sleep 0.05", id="nap"),
        ]
        quality = found(await run(runtime, *steps, verify="full", max_tokens=20_000))["quality_check"]
        assert quality["degraded"] == []
        assert quality["discarded"] == ["look"]
