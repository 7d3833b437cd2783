"""Token estimates: the rate of each kind, and the bounds they never leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.context.tokens import CHARS_PER_TOKEN, Kind, estimate, kind_of

kinds = st.sampled_from(list(CHARS_PER_TOKEN))


@pytest.mark.parametrize(("kind", "tokens"), [("prose", 200), ("code", 260), ("data", 280), ("hex", 389)])
def test_each_kind_has_its_rate(kind: Kind, tokens: int) -> None:
    assert estimate("a" * 700, kind) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("你好世界", 4), ("é", 1), ("你好 ab", 4), ("😀", 1)]
)
def test_every_character_beyond_ascii_is_one_token(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(text=st.text(), kind=kinds)
def test_an_estimate_is_never_below_a_quarter_of_the_characters(text: str, kind: Kind) -> None:
    assert len(text) / 4 <= estimate(text, kind) <= len(text)


@given(one=st.text(), other=st.text(), kind=kinds)
def test_a_longer_text_never_costs_less(one: str, other: str, kind: Kind) -> None:
    both = estimate(one + other, kind)
    assert max(estimate(one, kind), estimate(other, kind)) <= both <= estimate(one, kind) + estimate(other, kind)


@pytest.mark.parametrize(
    ("op", "path", "kind"),
    [
        ("read", "src/app.py", "code"),
        ("read", "README.MD", "prose"),
        ("read", "LICENSE", "prose"),
        ("read", "a/package.json", "data"),
        ("read", "server.log", "data"),
        ("read", "key.pem", "hex"),
        ("grep", "", "code"),
        ("glob", "", "data"),
        ("bash", "notes.md", "data"),
        ("fetch", "", "prose"),
        ("other", "", "code"),
    ],
)
def test_the_kind_follows_the_op_and_the_suffix(op: str, path: str, kind: Kind) -> None:
    assert kind_of(op, path) == kind
