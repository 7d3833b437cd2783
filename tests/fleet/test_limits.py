"""How many agents may start under the limits of a deployment."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.fleet.limits import Limits, Spending, room

_USD = st.floats(min_value=0.01, max_value=500.0)


def test_agents_at_once_are_limited() -> None:
    assert room(Limits(10.0, 1.0, None, 3), Spending(0.0, 0.0), 2).agents == 1


def test_the_last_money_is_given_whole_to_one_agent() -> None:
    found = room(Limits(1.0, 0.5, None, 8), Spending(0.4, 0.5), 1)
    assert (found.agents, round(found.cap_usd, 9)) == (1, 0.1)


def test_nothing_starts_when_the_money_is_over() -> None:
    spent = room(Limits(1.0, 0.5, None, 8), Spending(0.6, 0.4), 1)
    assert (spent.agents, spent.why) == (0, "$0.60 of $1.00 are spent, $0.40 given to agents at work")


@given(_USD, _USD, _USD, _USD, st.integers(0, 30), st.integers(1, 30))
def test_what_is_given_out_never_passes_the_limit(
    most: float, task: float, spent: float, reserved: float, in_flight: int, agents: int
) -> None:
    found = room(Limits(most, min(task, most), None, agents), Spending(spent, reserved), in_flight)
    assert found.agents <= max(0, agents - in_flight)
    if found.agents:
        assert spent + reserved + found.agents * found.cap_usd <= most + 1e-6
