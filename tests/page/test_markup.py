"""Markup: whatever comes from outside ends up as text."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.page.markup import Markup, el, escape, join, shown

HOSTILE = [
    "</script><script>alert(1)</script>",
    '" onload="alert(1)',
    "' onload='x",
    "<!-- ",
    "]]>",
    "&lt;",
    "\x00\x1b[2J",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_can_neither_end_an_element_nor_an_attribute(text: str) -> None:
    made = el("td", text, title=text)
    assert re.fullmatch(r'<td title="[^"<>]*">[^<>]*</td>', made, re.DOTALL)


@given(st.text(max_size=40))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    made = el("p", text, data_told=text)
    assert made.count("<") == 2
    assert made.count('"') == 2
    made.encode("utf-8")


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u061c"])
def test_marks_that_turn_the_text_around_are_shown_as_numbers(mark: str) -> None:
    assert shown(f"a{mark}b") == f"a\\u{ord(mark):04x}b"


def test_names_that_are_not_unicode_are_shown_as_numbers() -> None:
    assert escape("a\udcff") == "a\\udcff"


def test_letters_of_every_language_and_lines_stay_as_they_are() -> None:
    assert shown("שלום\n日本語\t👩‍💻 é") == "שלום\n日本語\t👩‍💻 é"


def test_markup_is_not_escaped_again_and_none_is_nothing() -> None:
    assert join(["a<b", None, [Markup("<b>x</b>"), ["&"]]]) == "a&lt;b<b>x</b>&amp;"


def test_attributes_that_are_false_or_none_are_left_out() -> None:
    assert (
        el("a", "x", hidden=True, href=None, class_="c", tabindex=False, x=1.5) == '<a hidden class="c" x="1.5">x</a>'
    )
