"""Nesting: no parser nests the elements of a page deeper than its tags say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from fourfold_tools.ops.nesting import UNKNOWN, depths

QUOTES = {b"blockquote", b"ul"}
IMPLIED = {
    b"html",
    b"head",
    b"body",
    b"tbody",
    b"tr",
    b"td",
    b"p",
    b"br",
    b"caption",
    b"option",
    b"hr",
    b"li",
    b"-document",
}
NAMES = [
    "div",
    "blockquote",
    "ul",
    "b",
    "p",
    "table",
    "tr",
    "td",
    "select",
    "option",
    "marquee",
    "button",
    "svg",
    "desc",
]
NAMES += ["section", "hr", "li", "object", "x-z", "tbody", "pre"]
NAMES += ["h1", "h2", "form", "template", "script", "title", "textarea", "math", "mi", "caption", "a", "x-y", "DIV"]
WHOLE = [
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<!x>",
    "<?y>",
    "</>",
    "</ z>",
    "<![CDATA[",
    "]]>",
    "'",
    '"',
    "text",
    "<",
    ">",
]
WHOLE += ["<i x='", '<i x="', "<br/>", "<svg/>", "<div/>", "</div x='>'>", "<b x=</b>", "<p>", "</br>", "</p>"]
PIECES = [f"<{n}>" for n in NAMES] + [f"</{n}>" for n in NAMES] + WHOLE


@given(st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=400)
def test_nothing_lies_deeper_in_the_tree_than_the_tags_say(pieces: list[str]) -> None:
    html = "".join(pieces)
    tree = LexborHTMLParser(html)
    kinds = (QUOTES.__contains__, lambda name: name not in IMPLIED)
    for counted, bound in zip(kinds, depths(html.encode(), kinds), strict=True):
        assert _deepest(tree, counted) <= bound, html


def _deepest(tree: LexborHTMLParser, counted: object) -> int:
    assert callable(counted)
    return max((_above(node, counted) for node in tree.css("*")), default=0)


def _above(node: LexborNode | None, counted: object) -> int:
    assert callable(counted)
    found = 0
    while node is not None:
        found += bool(counted((node.tag or "").lower().encode()))
        node = node.parent
    return found


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<div><div></div><div></div></div>", 2),
        ("<div></div>" * 100, 1),
        ("<div><table><tr><td><div></div></table></div>" * 50, 3),
        ("<title><div></title><!-- <div> --><p x='<div>'>", 0),
        ("<svg><style>p{}</style></svg><div>", UNKNOWN),
    ],
)
def test_pages_as_people_write_them_are_no_deeper_than_they_are(html: str, wanted: int) -> None:
    assert depths(html.encode(), [{b"div", b"table"}.__contains__]) == [wanted]
