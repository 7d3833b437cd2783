"""The page of an audit: turn by turn, with the groups and the call that would have done."""

from pathlib import Path

from report_samples import audited

from fourfold_tools.page.audit_page import audit_page
from fourfold_tools.page.document import html
from fourfold_tools.page.text import text


def test_turns_are_marked_with_the_groups_they_belong_to(tmp_path: Path) -> None:
    page = audit_page(audited(tmp_path), "talks", 100)
    morning = page.talks[0]
    assert [turn.group for turn in morning.turns[:8]] == [1, 1, 1, 1, 1, 1, 0, 2]
    assert [turn.first for turn in morning.turns[:8]] == [True, False, False, False, False, False, False, True]
    assert morning.groups[0].title == "6 calls in 6 turns: one would have done"
    assert morning.groups[0].calls[1] == ("2", "Read", "/w/src/part_0.py")
    assert '"op": "grep"' in morning.groups[0].batch
    assert [figure.value for figure in page.figures[:2]] == ["33", "29"]
    assert "onerror=alert(1)&gt;" in html(page, "0")
    assert "morning" in text(page, 100)


def test_what_is_beyond_the_bounds_is_counted(tmp_path: Path) -> None:
    page = audit_page(audited(tmp_path), "talks", 10)
    assert len(page.talks[0].turns) == 10
    assert page.talks[0].left_out == (21, 0)
    assert "21 more turns" in html(page, "0")
