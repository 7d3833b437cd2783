"""The budget: the sum holds, order is kept, small ones stay whole, nothing useful is left over."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.budget import Demand, allot

DEMANDS = st.lists(
    st.builds(Demand, tokens=st.integers(0, 5_000), first=st.booleans(), most=st.none() | st.integers(1, 3_000)),
    max_size=40,
)
BUDGETS = st.integers(-100, 30_000)


def wanted(demand: Demand) -> int:
    return demand.tokens if demand.most is None else min(demand.tokens, demand.most)


@given(BUDGETS, DEMANDS)
def test_the_sum_never_exceeds_the_budget_nor_a_share_its_demand(budget: int, demands: list[Demand]) -> None:
    given_ = allot(budget, demands)
    assert len(given_) == len(demands)
    assert sum(given_) <= max(0, budget)
    assert all(0 <= g <= wanted(d) for g, d in zip(given_, demands, strict=True))


@given(BUDGETS, DEMANDS)
def test_nothing_useful_is_left_over(budget: int, demands: list[Demand]) -> None:
    assert sum(allot(budget, demands)) == min(max(0, budget), sum(map(wanted, demands)))


@given(BUDGETS, DEMANDS)
def test_among_equals_a_smaller_demand_is_met_before_a_larger_one_is_cut(budget: int, demands: list[Demand]) -> None:
    given_ = allot(budget, demands)
    for first in (True, False):
        rows = [(wanted(d), g) for d, g in zip(demands, given_, strict=True) if d.first == first]
        cut = [g for w, g in rows if g < w]
        if cut:
            level = max(cut)
            assert level - min(cut) <= 1, "the cut ones share evenly"
            assert all(g == w for w, g in rows if w < min(cut))


@given(BUDGETS, DEMANDS)
def test_errors_get_half_of_the_budget_at_least(budget: int, demands: list[Demand]) -> None:
    given_ = allot(budget, demands)
    errors = sum(g for g, d in zip(given_, demands, strict=True) if d.first)
    needed = sum(wanted(d) for d in demands if d.first)
    assert errors >= min(needed, max(0, budget) // 2)


@given(st.permutations(range(8)), st.integers(0, 4_000))
def test_shares_follow_their_demands_whatever_the_order(order: list[int], budget: int) -> None:
    sizes = [10, 20, 40, 80, 160, 320, 640, 1280]
    straight = allot(budget, [Demand(n) for n in sizes])
    shuffled = allot(budget, [Demand(sizes[i]) for i in order])
    assert shuffled == [straight[i] for i in order]
