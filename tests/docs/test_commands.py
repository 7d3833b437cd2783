"""The documentation's shell commands, run in a fresh clone by a reader who installed fourfold from it."""

import re
from pathlib import Path

import pytest
from doc_fences import ROOT, Fence, all_fences, commands, fences, masked
from doc_reader import Reader, shell
from doc_ways import LEFT, SAYS, known_as, way
from postgres import postgres

pytestmark = pytest.mark.slow

# What only a user of the package index or of a database can write, and what stands for it here.
INDEX = {"'fourfold[fleet]'": "'.[fleet]'"}
DATABASE = "postgresql://user@db.example/fourfold"
BLOCKS = [fence for fence in all_fences() if way(fence) == "commands"]


def test_the_readmes_answer_is_what_is_printed(reader: Reader) -> None:
    [shown] = [fence for fence in fences(ROOT / "README.md") if fence.first.startswith("run r-")]
    printed = reader.printed.replace(str(reader.clone), "/home/you/fourfold")
    assert masked(shown.text) == masked(printed)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_the_commands_of_a_block_do_what_they_say(block: Fence, reader: Reader) -> None:
    known = {line: reader.has(line, INDEX) for line in commands(block.text) if line not in LEFT}
    lines = [line for line, real in known.items() if real not in reader.ran]
    if any(DATABASE in line for line in lines):
        with postgres() as server, shell(reader, lines, {DATABASE: server.url}) as done:
            pass
    else:
        with shell(reader, lines, INDEX) as done:
            pass
    reader.ran.update(real for line, real in known.items() if not line.startswith("export "))
    for line, output in done.outputs.items():
        pattern = SAYS[known_as(line)]
        assert re.search(pattern, output), f"{line!r} did not say {pattern!r}:\n{output}"
    if "python3 dev.py docs" in lines:
        check_site(reader.clone / "site")


def check_site(site: Path) -> None:
    """It was built, where a warning is an error, and asks the network for nothing."""
    assert "max_parallel" in (site / "reference" / "tools.html").read_text(encoding="utf-8")
    for built in site.rglob("*.html"):
        asked = re.search(r'<(?:script|img|link)[^>]* (?:src|href)="https?:[^"]+"', built.read_text(encoding="utf-8"))
        assert not asked, built
