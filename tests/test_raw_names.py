"""Names that are not UTF-8: what one step shows, the next one can take."""

import os
import sys
from pathlib import Path

import pytest

from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names"),
]


async def test_a_name_that_is_not_utf8_travels_from_a_search_to_a_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    with open(os.path.join(os.fsencode(project), b"bad\xff.txt"), "wb") as file:
        file.write(b"needle\n")
    steps = [
        {"id": "hits", "op": "grep", "pattern": "needle", "mode": "files"},
        {"id": "look", "op": "read", "path": {"from": "hits", "field": "paths"}},
        {"id": "glob", "op": "read", "path": "b*.txt"},
        {"id": "more", "op": "grep", "pattern": ["needle", "n.e"], "path": {"from": "hits", "field": "paths"}},
    ]
    env = {"HOME": str(tmp_path), "FOURFOLD_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    async with Runtime.open([project], env) as runtime:
        reply = await batch(runtime, BatchRequest.model_validate({"steps": steps}))
    assert reply.all_ok, reply.blocks[0]
    assert reply.blocks[0].count("1\tneedle") + reply.blocks[0].count("(same as look.1)") == 2
