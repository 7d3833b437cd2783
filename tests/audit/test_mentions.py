"""Mentions: what a text names, in the forms in which it is asked for later."""

import pytest

from fourfold_tools.audit.mentions import Mentions


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("./src/old_app.py", {"src/old_app.py", "src", "old_app.py", "old_app"}),
        ("see https://docs.python.org/3/a.html.", {"docs.python.org/3/a.html", "docs.python.org", "a.html"}),
        ("from app.models import Thing", {"app.models", "models", "Thing"}),
        (r"C:\work\a.py", {"a.py", "work"}),
    ],
)
def test_a_path_is_named_with_its_parts(text: str, names: set[str]) -> None:
    assert names <= Mentions.of(text).names


def test_lines_are_named_with_their_file() -> None:
    assert Mentions.of("src/app.py:120:def f(): 'a:b'").lines == {("app.py", 120)}


def test_the_column_of_line_numbers_names_nothing() -> None:
    assert "120" not in Mentions.of("120\tx = 1\n121\ty = 2", numbered=True).names
    assert "120" in Mentions.of("120\tx = 1").names


def test_what_others_named_is_taken_away() -> None:
    left = Mentions.of("a.py:12 b.py:13").without(Mentions.of("a.py:12"))
    assert (left.lines, "b.py" in left.names, "a.py" in left.names) == ({("b.py", 13)}, True, False)
