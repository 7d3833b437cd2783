"""Cutting: never longer than asked, whole lines from both ends, counted right."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reports import BODIES

from fourfold_tools.answer.body import Body
from fourfold_tools.answer.cut import cut
from fourfold_tools.context.tokens import CHARS_PER_TOKEN, Kind, estimate
from fourfold_tools.model.output import split_lines

KINDS = st.sampled_from(sorted(CHARS_PER_TOKEN))
SHARES = st.sampled_from([0.5, 0.75, 0.85, 1.0])


@given(BODIES, st.integers(-5, 3_000), KINDS, SHARES)
@hypothesis_settings(max_examples=100, deadline=None)
def test_a_piece_is_never_longer_than_asked_and_its_lines_are_those_of_the_body(
    body: str, tokens: int, kind: Kind, share: float
) -> None:
    piece = cut(Body.of(body), tokens, kind, share)
    lines = split_lines(body) if body else []
    assert piece.total == len(lines)
    assert estimate(piece.text, kind) <= max(0, tokens)
    if piece.whole:
        assert piece.text == body
        return
    assert estimate(body, kind) > tokens
    if not piece.shown:
        assert piece.text == "" or (piece.text.endswith("…") and body.startswith(piece.text[:-1]))
        return
    shown = piece.text.split("\n")
    if share == 1.0:
        assert shown == lines[: piece.shown]
        return
    assert any(_from_both_ends(rows, lines, piece.shown) for rows in (shown, shown[:-1])), (shown, lines)


def _from_both_ends(rows: list[str], lines: list[str], count: int) -> bool:
    """The first lines alone, or first and last ones around a gap, `count` in all."""
    if rows == lines[:count]:
        return True
    return len(rows) == count + 1 and any(
        rows[i] == "…" and rows[:i] == lines[:i] and rows[i + 1 :] == lines[len(lines) - (count - i) :]
        for i in range(count + 1)
    )


@given(BODIES, KINDS, SHARES)
def test_a_body_that_fits_stays_as_it_is(body: str, kind: Kind, share: float) -> None:
    assert cut(Body.of(body), estimate(body, kind), kind, share).text == body


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_single_line_too_long_is_shown_in_part(share: float) -> None:
    piece = cut(Body.of("z" * 9_000), 100, "code", share)
    assert (piece.shown, piece.total) == (0, 1)
    assert piece.text.startswith("zzz")
    assert piece.text.endswith("…")


def test_a_cut_command_shows_its_end() -> None:
    body = "".join(f"line {n}\n" for n in range(1_000))
    piece = cut(Body.of(body), 100, "data", 0.5)
    assert piece.text.startswith("line 0\n")
    assert piece.text.endswith("line 999\n")
