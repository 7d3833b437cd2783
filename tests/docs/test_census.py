"""No fenced block of any page goes unseen: each is run, compared with what is printed, or left with a reason."""

import re
from pathlib import Path

from doc_fences import all_fences, commands
from doc_ways import DRAWN, LEFT, SAYS, SHOWN, known_as, way


def test_what_is_done_with_each_block_is_known() -> None:
    unknown = [fence.place for fence in all_fences() if way(fence) is None]
    assert not unknown, "say in tests/support/doc_ways.py what runs or prints these, or why nothing can"


def test_every_entry_of_the_lists_speaks_of_a_block_that_is_there() -> None:
    found = all_fences()
    for table in (SHOWN, DRAWN):
        gone = [key for key in table if not any(f.page == key[0] and f.text.startswith(key[1]) for f in found)]
        assert not gone
    said = {line for fence in found if way(fence) == "commands" for line in commands(fence.text)}
    assert set(LEFT) <= said
    assert set(SAYS) <= {known_as(line) for line in said}
    assert not set(LEFT) & set(SAYS)


def test_every_test_that_is_named_for_a_block_is_there() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert set(SHOWN.values()) <= set(re.findall(r"^(?:async )?def (test_\w+)\(", text, re.MULTILINE))
