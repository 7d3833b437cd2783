"""The budget of a whole answer: never exceeded, in either form, whatever came out of the steps."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_client import Place, answer_size, texts

pytestmark = pytest.mark.anyio

BUDGETS = [400, 600, 1_000, 5_000]
LOREM = "the quick brown fox jumps over the lazy dog and goes on to the next one; "


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Client, None]:
    place = Place.below(tmp_path_factory.mktemp("budget"))
    (place.root / "long.txt").write_text("".join(f"{n} {LOREM}\n" for n in range(2_000)), encoding="utf-8")
    (place.root / "wide.txt").write_text(LOREM * 2_000, encoding="utf-8")
    (place.root / "dense.py").write_text(
        "".join(f"a[{n}]={{'k{n}':[{n},'\\x{n % 90 + 10}']}}\n" for n in range(3_000))
    )
    (place.root / "漢字.txt").write_text("漢字かな交じり文。\n" * 3_000, encoding="utf-8")
    async with place.client("auto") as connected:
        yield connected


HUGE: list[dict[str, Any]] = [
    {"op": "read", "path": "long.txt"},
    {"op": "read", "path": "wide.txt"},
    {"op": "read", "path": "dense.py"},
    {"op": "read", "path": "漢字.txt"},
    {"op": "grep", "pattern": ["fox", "k1", "字"], "head_limit": 0},
    {"op": "bash", "command": "seq 1 60000; seq 1 60000 >&2"},
    {"op": "bash", "command": "seq 1 60000 | tr '\\n' ' '; exit 7"},
    {"op": "bash", "command": "for i in $(seq 1 5000); do printf '\"\\\\\\t'; done"},
]
BATCHES: dict[str, list[dict[str, Any]]] = {
    "huge outputs": HUGE,
    "300 failing steps": [{"op": "read", "path": f"no/such/folder/file_{n}.txt"} for n in range(300)],
    "2,000 steps": [{"op": "read", "path": "long.txt", "offset": n + 1, "limit": 1} for n in range(2_000)],
    "one step with much": [{"op": "read", "path": "long.txt"}],
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("batch", BATCHES)
async def test_an_answer_stays_within_its_budget(client: Client, batch: str, budget: int, form: str) -> None:
    result = await client.call_tool("batch", {"steps": BATCHES[batch], "max_tokens": budget, "format": form})
    assert not result.is_error
    assert answer_size(result) / 4 <= budget
    if form == "text":
        check_says_what_was_cut(texts(result), len(BATCHES[batch]))
    else:
        assert result.structured_content is not None
        assert len(result.structured_content["mathver"]["lines"]) == 4
        assert {"run", "steps", "errors", "mathver", "context", "signals"} <= set(result.structured_content)


def check_says_what_was_cut(blocks: list[str], count: int) -> None:
    """The head counts every step, the verification lines are whole, and each file that is named is there."""
    head = blocks[0].split("\n")[0]
    assert f" · {count} step" in head
    assert len(blocks[1].split("\n")) == 4
    files = re.findall(r"(?:all of it|all of them): (\S.*)$", blocks[0], re.MULTILINE)
    assert files, "nothing is cut silently"
    for name in files:
        assert Path(name).is_file(), name


async def test_a_fold_keeps_every_problem_before_anything_that_is_ok(client: Client) -> None:
    steps: list[dict[str, Any]] = [
        {"op": "read", "path": "long.txt", "offset": n + 1, "limit": 1} for n in range(500)
    ]
    steps[250:250] = [{"id": "gone", "op": "read", "path": "gone.txt"}]
    result = await client.call_tool("batch", {"steps": steps, "max_tokens": 1_000})
    text = texts(result)[0]
    assert text.split("\n")[1] == "failed: gone not_found"
    assert "── gone · read gone.txt · failed not_found" in text
    result = await client.call_tool("batch", {"steps": steps, "max_tokens": 1_000, "format": "json"})
    assert result.structured_content is not None
    assert "gone" in [step["id"] for step in result.structured_content["steps"]]
    assert [group["code"] for group in result.structured_content["errors"]] == ["not_found"]


async def test_small_results_and_errors_stay_whole_beside_large_ones(client: Client) -> None:
    steps = [
        *HUGE,
        {"id": "small", "op": "read", "path": "long.txt", "limit": 1},
        {"id": "no", "op": "read", "path": "no"},
    ]
    result = await client.call_tool("batch", {"steps": steps, "max_tokens": 5_000})
    text = texts(result)[0]
    assert "── small · read long.txt · ok" in text
    assert f"\n1\t0 {LOREM}".rstrip() in text
    assert "File does not exist" in text.split("── no · ")[1]
