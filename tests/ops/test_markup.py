"""Markup: pages that would hang or drown a parser are seen before it sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.markup import MAX_CHARS, Outline, bare_text, without_drawings

URL = "https://example.com/docs/page.html"


def excess(html: str, url: str) -> str | None:
    return Outline(html).excess(url)


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        pytest.param("<div>" * 100_000, "nest", id="quadratic: the stack of open elements"),
        pytest.param("<div>" * 9000 + "x" + "</div>" * 9000, "nest", id="closed again"),
        pytest.param("</div>" * 9000 + "<div>" * 9000, "nest", id="closed before it is opened"),
        pytest.param("<div></span>" * 9000, "nest", id="another element closed"),
        pytest.param("<div></div-x>" * 9000, "nest", id="an element whose name begins alike closed"),
        pytest.param("<blockquote><!--</blockquote>-->x\n" * 4000, "nest", id="closed in a comment"),
        pytest.param("<blockquote><i x='</blockquote>'></i>" * 4000, "nest", id="closed in an attribute"),
        pytest.param("<blockquote><script></blockquote></script>" * 4000, "nest", id="closed in a script"),
        pytest.param("<blockquote><select></blockquote></select>" * 4000, "nest", id="closed in a list of options"),
        pytest.param(
            ("<blockquote>" * 50 + "<marquee>" + "</blockquote>" * 50 + "x\n" * 50) * 40,
            "nest",
            id="out of reach",
        ),
        pytest.param("<blockquote><svg><![CDATA[></blockquote>]]></svg>" * 4000, "nest", id="closed in an escape"),
        pytest.param("<p><hr><x-y></p>" * 9000, "nest", id="closed by what had ended before"),
        pytest.param(
            ("<table><table></table>" + "<div>" * 300 + "</table>") * 40, "nest", id="closed with a table gone"
        ),
        pytest.param("<table><table></table><object></table>" * 5000, "nest", id="closed through another"),
        pytest.param("<section><div></section><x-y><p></div></x-y>" * 9000, "nest", id="closed with a block gone"),
        pytest.param("<x>" * 100_000 + "<p>y</p>" * 100_000, "nest", id="unknown elements"),
        pytest.param("<i><b>x</i>" * 10_000, "nest", id="misnested formatting"),
        pytest.param("<blockquote>" * 400 + "<pre>" + "y\n" * 20_000, "lists, quotes", id="6 GB of quote signs"),
        pytest.param(
            "<p>" + "".join(f"<b a={i}>" for i in range(480)) + "<p>x" * 3000, "formatting", id="1.4 GB of formatting"
        ),
        pytest.param("<a " + " ".join(f"a{i}" for i in range(50_000)) + ">", "attributes", id="attributes"),
        pytest.param('<a x=">" ' + " ".join(f"a{i}='<'" for i in range(300)) + ">", "attributes", id="behind quotes"),
        pytest.param("<a/" + "/".join(f"a{i}" for i in range(300)) + ">", "attributes", id="behind slashes"),
        pytest.param("<table>" + "<tr><td>x" * 2000 + "<tr>" + "<td>x" * 1000, "tables", id="one wide row"),
        pytest.param("<table>" + "<tr><td colspan=1000>x" * 2000, "tables", id="spanned columns"),
        pytest.param("<TABLE>" + "<TR><TD ROWSPAN=1000>x" * 2000, "tables", id="spanned rows"),
        pytest.param("x" * (MAX_CHARS + 1), "characters", id="long"),
    ],
)
def test_a_page_that_is_dear_to_convert_is_seen(html: str, reason: str) -> None:
    assert reason in (excess(html, URL) or "")


def test_links_are_dear_only_under_a_long_url() -> None:
    html = "<a href=y>z</a>" * 10_000
    assert excess(html, URL) is None
    assert "links" in (excess(html, "https://example.com/" + "x" * 8000) or "")


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<p>word <b>bold</b><br>" * 20_000, id="long, with paragraphs left open"),
        pytest.param("<ul><li>a<ul><li>b<ul><li>c</ul></ul></ul>" * 3000, id="lists"),
        pytest.param("<table>" + "<tr><td>1<td>2<td>3" * 20_000 + "</table>", id="a long table"),
        pytest.param("<a name=x>" * 2000, id="anchors of old pages, never closed"),
        pytest.param('<img src="data:image/png;base64,' + "A" * 100_000 + '">', id="an embedded picture"),
        pytest.param("<path d='" + "M 0 0 " * 2000 + "'></path>", id="a long attribute with spaces"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_ordinary_page_is_not_dear(html: str) -> None:
    assert excess(html, URL) is None


def test_drawings_are_taken_out_and_nothing_else() -> None:
    page = "a<svg><path d='M0'/><g>" + "<path/>" * 9000 + "</g></svg>b<SVG>c</SVG >d<svg>never closed"
    assert excess(page, URL)
    assert without_drawings(page) == "abd<svg>never closed"
    assert excess(without_drawings(page), URL) is None


def test_bare_text_leaves_out_tags_scripts_and_styles() -> None:
    html = "<style>p{}</style><p>One &amp; <b>two</b></p><script>if (a<b) {}</script>\n<p>three < four"
    assert bare_text(html) == "One &\ntwo\nthree < four"


@given(st.lists(st.sampled_from(["<p>", "</p>", "<script>", "</script>", "<", ">", "&lt;", "text", "\n", "<b x='"])))
def test_bare_text_holds_every_word_outside_of_tags_and_scripts(pieces: list[str]) -> None:
    words = [f"word{i}" for i in range(len(pieces))]
    html = "".join(f"{piece}</script><p>{word}</p>" for piece, word in zip(pieces, words, strict=True))
    text = bare_text(html)
    assert all(word in text for word in words)
