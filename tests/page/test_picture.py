"""The picture: the chart as one SVG and as a PNG, and what is said where it cannot be drawn."""

import struct
import sys
import xml.etree.ElementTree as ET

import pytest

from fourfold_tools.errors import Unsupported
from fourfold_tools.page.chart import Bar, Chart, Segment
from fourfold_tools.page.model import Figure, Page
from fourfold_tools.page.picture import png, svg


def page(bars: int = 3, title: str = "bash") -> Page:
    rows = tuple(
        Bar(f"s{i}", f"s{i}", title, "ok", (Segment("wait", 0, 1), Segment("run", 1, 2)), i == 0, "", "1.0 s", 0)
        for i in range(bars)
    )
    return Page("run", "r-x", "done", "today", (Figure("Time", "2.0 s"),), Chart("s", 2.0, rows, 0, ()))


def test_the_picture_is_well_formed_whatever_the_titles_say() -> None:
    root = ET.fromstring(svg(page(title='</text><script>alert(1)</script>"\x1b\u202e')))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")


def test_a_png_is_as_large_as_its_svg_twice_over() -> None:
    root = ET.fromstring(svg(page()))
    data = png(page())
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (2 * int(root.get("width") or 0), 2 * int(root.get("height") or 0))


def test_rows_beyond_what_can_be_read_are_counted() -> None:
    assert "… 40 more rows" in svg(page(bars=100))


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(Unsupported, match="pip install"):
        png(page())


def test_a_page_without_a_chart_has_no_picture() -> None:
    with pytest.raises(Unsupported, match="no chart"):
        svg(Page("audit", "x", "", "", ()))
