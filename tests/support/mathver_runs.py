"""Runs and pairs for MathVer tests: sixteen sleeps by default, each part replaceable."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fourfold_tools.mathver.records import Load, Pair, RunRecord, StepRecord, Tokens

STEP = StepRecord(
    id="s",
    op="bash",
    stratum="bash/1s",
    started_s=0.0,
    duration_s=0.2,
    cpu_s=0.001,
    max_rss_bytes=1_000_000,
    attempts=1,
    state="ok",
    repeatable=True,
    result_hash="same",
    deps=(),
    lane=0,
)
PAIR = Pair(
    id="s",
    stratum="bash/1s",
    par_s=0.2,
    seq_s=0.2,
    par_cpu_s=0.001,
    seq_cpu_s=0.001,
    par_hash="same",
    seq_hash="same",
    seq2_hash=None,
    par_ok=True,
    seq_ok=True,
    input_changed=False,
    order=0,
)
TOKENS = Tokens(900, 300, 16, 120.0, 50.0, 0, 0.25, True, "chars/3.5")


def jitter(i: int) -> float:
    """A small scatter without chance: at most 1 %."""
    return 1 + 0.01 * (((i * 7) % 11) - 5) / 5


def steps(n: int = 16, **changes: Any) -> tuple[StepRecord, ...]:
    """n steps that start together, each in its own lane."""
    return tuple(replace(STEP, id=f"s{i}", lane=i, duration_s=0.2 * jitter(i + 3), **changes) for i in range(n))


def pair_of(step: StepRecord, seq_s: float, order: int = 0, **changes: Any) -> Pair:
    return replace(
        PAIR,
        id=step.id,
        stratum=step.stratum,
        par_s=step.duration_s,
        par_cpu_s=step.cpu_s,
        seq_cpu_s=step.cpu_s,
        seq_s=seq_s,
        order=order,
        **changes,
    )


def pairs(of: Sequence[StepRecord], **changes: Any) -> list[Pair]:
    """Each step run alone, once, at its own seconds give or take 1 %."""
    return [pair_of(s, 0.2 * jitter(i), i, **changes) for i, s in enumerate(of)]


def run(of: Sequence[StepRecord], **changes: Any) -> RunRecord:
    """A quiet machine with two cores and room for all steps at once."""
    record = RunRecord(
        steps=tuple(of),
        wall_s=0.215,
        max_parallel=max(1, len(of)),
        cores_eff=2.0,
        server_cpu_s=0.01,
        server_alone_cpu_s=0.01,
        peak_rss_bytes=10_000_000,
        mem_total_bytes=8_000_000_000,
        load_parallel=Load(cpu=(0.1, 0.1)),
        load_alone=Load(cpu=(0.01,)),
        tokens=TOKENS,
    )
    return replace(record, **changes)


def chain(n: int) -> RunRecord:
    """n steps, each after the one before it."""
    linked = [
        replace(s, started_s=0.2 * i, duration_s=0.2, deps=(f"s{i - 1}",) if i else ())
        for i, s in enumerate(steps(n))
    ]
    return run(linked, wall_s=0.2 * n + 0.01)


def computing(n: int, cores: float, width: int, alone_s: float = 0.5) -> RunRecord:
    """n steps that only compute, shared fairly by the cores, in waves of `width`."""
    made: list[StepRecord] = []
    now = 0.0
    while len(made) < n:
        wave = min(width, n - len(made))
        lasts = alone_s * max(1.0, wave / cores)
        made += [
            replace(STEP, id=f"s{len(made) + k}", lane=k, started_s=now, duration_s=lasts, cpu_s=0.98 * alone_s)
            for k in range(wave)
        ]
        now += lasts
    return run(made, wall_s=now, max_parallel=width, cores_eff=cores)
