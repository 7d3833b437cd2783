"""Candidates: needles are found in exactly the lines that hold them."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.candidates import Candidates, fold_case
from fourfold_tools.ops.hits import FileHits, Line

_LINES = st.lists(
    st.lists(st.sampled_from(["foo", "Foo", "bar", "k", "\u212a", "ſ", "é", "-", " "]), max_size=4), max_size=12
)
_NEEDLES = st.lists(st.sampled_from(["foo", "o", "k", "S", "-", "bar", "é"]), max_size=3)


def _candidates(lines: list[bytes]) -> Candidates:
    return Candidates([FileHits(b"./a", [Line(n, "match", line) for n, line in enumerate(lines, 1)])])


@given(_LINES, _NEEDLES)
def test_needles_are_found_in_exactly_the_lines_that_hold_all_of_them(
    words: list[list[str]], needles: list[str]
) -> None:
    lines = ["".join(line).encode() for line in words]
    hold_all = [i for i, line in enumerate(lines) if all(needle.encode() in line for needle in needles)]

    assert _candidates(lines).holding(needles, fold=False) == hold_all


@given(_LINES, _NEEDLES)
def test_without_regard_to_case_every_line_that_may_hold_them_is_found(
    words: list[list[str]], needles: list[str]
) -> None:
    lines = ["".join(line) for line in words]
    ascii_only = [needle for needle in needles if needle.isascii()]
    folded = [line.replace("\u212a", "k").replace("ſ", "s").lower() for line in lines]
    hold_all = [i for i, line in enumerate(folded) if all(needle.lower() in line for needle in ascii_only)]

    assert _candidates([line.encode() for line in lines]).holding(needles, fold=True) == hold_all
    assert [fold_case(line.encode()) for line in lines] == [
        "".join(c.lower() if c.isascii() else c for c in line.replace("\u212a", "k").replace("ſ", "s")).encode()
        for line in lines
    ]
