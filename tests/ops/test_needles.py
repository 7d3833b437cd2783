"""Needles: never one too many, and only of patterns that ripgrep takes as they are."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from fourfold_tools.ops.needles import needles
from fourfold_tools.ops.ripgrep import find_ripgrep

_ATOMS = st.sampled_from([*"abk_ ", r"\.", r"\w", r"\s", r"\d", ".", "[a-k]", r"[^b\d]", "(ab|k)", "(?:a.)", "ab"])
_COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?", "+?"])
_PIECE = st.tuples(_ATOMS, _COUNTS).map("".join) | st.sampled_from([r"\b", "^", "$", "|", ")", "(", "[", "{"])
_PATTERN = st.lists(_PIECE, min_size=1, max_size=6).map("".join)
_LINES = st.lists(st.text("abk_ .1", max_size=8), min_size=1, max_size=12)


@bounds(deadline=None, max_examples=400)
@given(_PATTERN, _LINES)
def test_every_line_that_a_pattern_matches_holds_its_needles(pattern: str, lines: list[str]) -> None:
    needed = needles(pattern)
    if needed is None:
        return
    for line in lines:
        if re.search(pattern, line, re.ASCII):  # on ASCII text these forms mean the same in both syntaxes
            assert all(needle in line for needle in needed), (line, needed)


@bounds(deadline=None, max_examples=60)
@given(st.lists(_PATTERN, min_size=20, max_size=20))
def test_ripgrep_takes_every_pattern_that_is_understood(patterns: list[str]) -> None:
    understood = [p for p in patterns if needles(p) is not None]
    given_ = [f"--regexp={p}" for p in understood] or ["--regexp=a"]
    alone = subprocess.run(
        [find_ripgrep(), "--no-config", *given_, "-"], input=b"x\n", capture_output=True, check=False
    )
    assert alone.returncode in {0, 1}, alone.stderr


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"class \w*Queue\w*", ("class ", "Queue")),
        ("abc+d", ("abc", "d")),
        ("ab*c", ("a", "c")),
        ("ab{0,3}c", ("a", "c")),
        ("foo(bar|baz)?qux", ("foo", "qux")),
        (r"\bfoo\.bar$", ("foo.bar",)),
        ("é+x", ("é", "x")),
        ("a|b", ()),
        (r"\w+", ()),
        ("", ()),
    ],
)
def test_the_texts_that_must_stand_in_a_line_are_read_off(pattern: str, needed: tuple[str, ...]) -> None:
    assert needles(pattern) == needed


@pytest.mark.parametrize(
    "pattern",
    [
        *["[a", "a)(b", "(", ")", "[z-a]", "a{2,1}", "a**", "^*", "*", "\\", "x{3", "a\nb", "[a&&b]"],
        *["(?i)x", "(?P<n>x)", r"\p{L}", "[[:alpha:]]", r"\Qx", "(a{2}){3}", r"\w{9}\w{9}\w{9}"],
    ],
)
def test_what_could_be_refused_or_read_otherwise_in_company_is_not_understood(pattern: str) -> None:
    assert needles(pattern) is None
