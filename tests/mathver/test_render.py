"""The printed lines: byte for byte those of the contract, and read back by the parser."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.mathver.checks import STATES
from fourfold_tools.mathver.figures import seconds, share_percent, whole_percent
from fourfold_tools.mathver.parse import parse_line, parse_lines
from fourfold_tools.mathver.render import ContextLine, Line, Optimization, QualityLine, ResourceLine, TimeLine

CONTRACT = """\
📊 [L1:Parallel] MathVer | Tool: time_comparison | Sequential: 45s vs Parallel: 12s | Efficiency: 275% | State: VALID
📊 [L1:Parallel] MathVer | Tool: resource_usage | CPU: 78% vs Sequential: 34% | Optimization: justified | State: VALID
📊 [L1:Parallel] MathVer | Tool: quality_check | Parallel: 96% vs Sequential: 97% | Degradation: <2% | State: VALID
📊 [L1:Parallel] MathVer | Tool: context_usage | Results: 11 | Tokens: 7900 vs Sequential: 21400 | State: VALID"""

L1 = "L1:Parallel"
LINES: list[Line] = [
    TimeLine(L1, 45, 12, 275, "VALID"),
    ResourceLine(L1, 78, 34, "justified", "VALID"),
    QualityLine(L1, 96, 97, 2, True, "VALID"),
    ContextLine(L1, 11, 7900, 21400, "VALID"),
]

levels = st.sampled_from(["L1:Parallel", "L0:Zero", "L1:Quality", "L2:api-review", "L2:a b"])
states = st.sampled_from(STATES)
missing = st.none()
times = missing | st.floats(0, 1e6)
percents = missing | st.floats(-1000, 5000)
shares = missing | st.floats(0, 100)
counts = missing | st.integers(0, 10**7)
lines = st.one_of(
    st.builds(TimeLine, levels, times, times, missing | st.integers(-99, 10**5), states),
    st.builds(ResourceLine, levels, percents, percents, st.sampled_from(get_args(Optimization)), states),
    st.builds(QualityLine, levels, shares, shares, shares, st.just(False), states),
    st.builds(QualityLine, levels, shares, shares, st.just(2.0), st.just(True), states),
    st.builds(ContextLine, levels, counts, counts, counts, states),
)


def test_the_lines_are_those_of_the_contract_byte_for_byte() -> None:
    assert "\n".join(map(str, LINES)) == CONTRACT


def test_the_parser_reads_the_lines_of_the_contract() -> None:
    assert parse_lines(f"head\n{CONTRACT}\n\ntail") == LINES


@given(lines)
def test_every_line_round_trips(line: Line) -> None:
    text = str(line)
    again = parse_line(text)
    assert str(again) == text
    assert type(again) is type(line)
    assert (again.level, again.state) == (line.level, line.state)


@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_printed_times_keep_the_order_and_the_precision(a: float, b: float) -> None:
    low, high = sorted((a, b))
    line = parse_line(str(TimeLine(L1, low, high, None, "VALID")))
    assert isinstance(line, TimeLine)
    assert line.sequential_s is not None
    assert line.parallel_s is not None
    assert line.sequential_s <= line.parallel_s
    assert abs(line.parallel_s - high) <= (0.5 if high >= 9.95 else 0.05 if high >= 0.9995 else 0.0005) + 1e-9


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"), (0.0004, "0ms"), (0.85, "850ms"), (0.9994, "999ms"), (0.9996, "1.0s"), (1, "1.0s"),
        (2.41, "2.4s"), (9.94, "9.9s"), (9.95, "10s"), (44.6, "45s"), (3600, "3600s"),
    ],
)  # fmt: skip
def test_times_are_whole_from_ten_one_decimal_from_one_and_milliseconds_below(value: float | None, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "n/a"), (-12, "-12%"), (-0.3, "0%"), (275, "275%"), (77.6, "78%")]
)
def test_percentages_are_whole(value: float | None, text: str) -> None:
    assert whole_percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(100, "100%"), (0, "0%"), (99.7, "99.7%"), (99.99, "99.9%"), (0.01, "0.1%"), (96.4, "96%")]
)
def test_a_share_is_never_rounded_to_all_or_nothing(value: float, text: str) -> None:
    assert share_percent(value) == text


def test_what_was_not_measured_prints_as_missing() -> None:
    assert str(TimeLine(L1, None, 12, None, "UNVERIFIED")).endswith(
        "Sequential: n/a vs Parallel: 12s | Efficiency: n/a | State: UNVERIFIED"
    )
    assert str(ResourceLine(L1, 78, None, "n/a", "UNVERIFIED")).endswith(
        "CPU: 78% vs Sequential: n/a | Optimization: n/a | State: UNVERIFIED"
    )
    assert str(QualityLine(L1, None, None, None, False, "UNVERIFIED")).endswith(
        "Parallel: n/a vs Sequential: n/a | Degradation: n/a | State: UNVERIFIED"
    )


def test_an_uncertified_degradation_prints_its_value() -> None:
    assert "Degradation: 1.0% |" in str(QualityLine(L1, 96, 97, 100 * (1 - 96 / 97), False, "UNVERIFIED"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        CONTRACT.split("\n")[0] + " ",
        CONTRACT.split("\n")[0].replace("VALID", "FINE"),
        CONTRACT.split("\n")[0].replace("45s", "45"),
        CONTRACT.split("\n")[0].replace("📊 ", ""),
        CONTRACT.split("\n")[1].replace("justified", "great"),
        CONTRACT.split("\n")[0].replace("time_comparison", "other"),
        CONTRACT.split("\n")[0].replace("L1:Parallel", "Parallel"),
    ],
)
def test_anything_else_is_no_line(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_line(text)
