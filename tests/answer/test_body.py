"""A body with lazy numbers is, in all that is asked of it, the text with every line numbered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import BODIES

from fourfold_tools.answer.body import Body
from fourfold_tools.answer.cut import cut
from fourfold_tools.context.tokens import CHARS_PER_TOKEN, Kind, estimate
from fourfold_tools.model.output import number_lines, split_lines

FIRST = st.integers(1, 120) | st.integers(9_990, 10_010)
KINDS = st.sampled_from(sorted(CHARS_PER_TOKEN))
TEXTS = BODIES.filter(bool) | st.text("a\n", min_size=1, max_size=400)


def numbered(text: str, first: int) -> Body:
    return Body.numbered(text, len(split_lines(text)), first)


@given(TEXTS, FIRST, KINDS, st.integers(0, 4_000))
def test_what_a_numbered_body_says_of_itself_is_true_of_the_numbered_text(
    text: str, first: int, kind: Kind, most: int
) -> None:
    body, plain = numbered(text, first), number_lines(text, first)
    assert body.whole() == plain
    assert (body.chars, body.lines) == (len(plain), len(split_lines(text)))
    assert body.cost(kind) == estimate(plain, kind)
    assert plain.startswith(body.head(most))
    assert len(body.head(most)) >= min(most, len(plain))
    assert body.tail(most) == (plain[-most:] if most else "")


@given(TEXTS, FIRST, st.integers(0, 2_000), KINDS, st.sampled_from([0.5, 0.75, 0.85, 1.0]))
def test_a_numbered_body_is_cut_like_the_numbered_text(
    text: str, first: int, tokens: int, kind: Kind, share: float
) -> None:
    plain = Body.of(number_lines(text, first))
    assert cut(numbered(text, first), tokens, kind, share) == cut(plain, tokens, kind, share)


@pytest.mark.parametrize(("text", "whole"), [("", ""), ("\n", "8\t"), ("a", "8\ta"), ("a\n\n", "8\ta\n9\t")])
def test_the_rest_after_a_final_newline_has_no_number(text: str, whole: str) -> None:
    assert numbered(text, 8).whole() == whole
