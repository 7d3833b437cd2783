"""The choice of steps to run alone: only what may be repeated, within the budget, the same for the same seed."""

from collections import Counter
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mathver_runs import STEP, steps

from fourfold_tools.mathver.records import StepRecord
from fourfold_tools.mathver.sampling import MIN_SAMPLE, choose, stratum

many = st.lists(
    st.tuples(st.floats(0.001, 20), st.booleans(), st.sampled_from(["ok", "failed", "timed_out", "skipped"])),
    max_size=60,
).map(
    lambda rows: [
        replace(STEP, id=f"s{i}", duration_s=d, repeatable=r, state=s, stratum=stratum("bash", d))
        for i, (d, r, s) in enumerate(rows)
    ]
)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0.0, "bash/0.001s"), (0.0004, "bash/0.001s"), (0.2, "bash/1s"), (1.0, "bash/1s"), (45, "bash/100s")],
)
def test_a_stratum_is_an_op_and_a_power_of_ten(seconds: float, name: str) -> None:
    assert stratum("bash", seconds) == name


@given(many, st.floats(0, 100), st.integers(0, 5), st.sampled_from([1, 2]))
def test_the_choice_keeps_to_the_rules(made: list[StepRecord], budget_s: float, seed: int, runs: int) -> None:
    chosen = choose(made, budget_s, seed=seed, runs=runs)
    by_id = {s.id: s for s in made}
    assert len(set(chosen)) == len(chosen)
    assert all(by_id[i].repeatable and by_id[i].ended for i in chosen)
    assert sum(by_id[i].duration_s or 0 for i in chosen) * runs <= budget_s + 1e-6
    # A stratum is either in with enough to judge it or with all it has, or left out whole.
    for name, m in Counter(by_id[i].stratum for i in chosen).items():
        n = sum(s.stratum == name and s.repeatable and s.ended for s in made)
        assert m >= min(n, MIN_SAMPLE)


def test_the_same_seed_chooses_the_same_and_another_does_not() -> None:
    made = steps(60)
    assert choose(made, 4.0, seed=1) == choose(made, 4.0, seed=1) != choose(made, 4.0, seed=2)


def test_without_a_limit_every_repeatable_step_is_chosen_in_random_order() -> None:
    made = steps(30)
    chosen = choose(made, inf, seed=3)
    assert set(chosen) == {s.id for s in made}
    assert chosen != tuple(s.id for s in made)


def test_each_step_of_a_stratum_is_equally_likely() -> None:
    made = [replace(s, duration_s=0.1 + 0.01 * i) for i, s in enumerate(steps(16))]
    drawn = Counter(i for seed in range(400) for i in choose(made, 2.0, seed=seed))
    assert set(drawn) == {s.id for s in made}
    short, long = drawn["s0"], drawn["s15"]
    assert abs(short - long) < 90
