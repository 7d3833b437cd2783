"""Student's t: tabulated quantiles, symmetry, and the degrees of freedom of sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.mathver.student import satterthwaite, t_quantile


@pytest.mark.parametrize(
    ("df", "value"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (7, 2.3646), (30, 2.0423), (120, 1.9799), (5000, 1.96)]
)
def test_the_quantiles_are_those_of_the_tables(df: float, value: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(value, abs=5e-4)


def test_quantiles_mirror_and_pass_through_zero() -> None:
    assert t_quantile(0.025, 4) == -t_quantile(0.975, 4)
    assert t_quantile(0.5, 4) == pytest.approx(0, abs=1e-9)


@given(st.floats(1, 900), st.floats(1, 900))
def test_more_degrees_of_freedom_never_widen(a: float, b: float) -> None:
    few, many = sorted((a, b))
    assert t_quantile(0.975, many) <= t_quantile(0.975, few) + 1e-6


@pytest.mark.parametrize(("probability", "df"), [(0, 3), (1, 3), (0.9, 0.5)])
def test_what_has_no_quantile_is_refused(probability: float, df: float) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(probability, df)


def test_degrees_of_freedom_of_a_sum() -> None:
    assert satterthwaite([(1.0, 5), (1.0, 5)]) == pytest.approx(10)
    assert satterthwaite([(1.0, 5), (1e-9, 1)]) == pytest.approx(5, rel=1e-3)
    assert satterthwaite([(0.0, 1)]) > 100
