"""Files that a Read rule denies: no search, listing or glob shows them, whichever way it goes."""

import json
from pathlib import Path

import pytest

from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio


async def test_a_denied_file_is_in_no_answer(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / "secrets").mkdir()
    for name in ("a.py", ".env", "secrets/b.py"):
        (project / name).write_text("TOKEN = 'hunter2'\n", encoding="utf-8")
    rules = {"permissions": {"deny": ["Read(./.env)", "Read(./secrets/**)"]}}
    (project / ".claude" / "settings.json").write_text(json.dumps(rules), encoding="utf-8")
    steps = [
        {"op": "grep", "pattern": "TOKEN"},
        {"op": "grep", "pattern": ["TOKEN", "hunter"], "mode": "files"},
        {"op": "grep", "pattern": "TOKEN", "no_ignore": True, "mode": "count"},
        {"op": "glob", "pattern": ["**/*", ".*", "*.py"]},
        {"op": "read", "path": "**/*.py"},
        {"op": "grep", "pattern": "TOKEN", "path": "secrets"},
        {"op": "read", "path": ".env"},
        {"op": "bash", "command": "cat .env"},
    ]
    env = {"HOME": str(tmp_path), "FOURFOLD_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    async with Runtime.open([project], env) as runtime:
        reply = await batch(runtime, BatchRequest.model_validate({"steps": steps, "format": "json"}))
    assert reply.structured is not None
    states = {step["id"]: step["state"] for step in reply.structured["steps"]}
    assert [states["s6"], states["s7"], states["s8"]] == ["failed", "failed", "failed"]
    shown = [step for step in reply.structured["steps"] if step["state"] == "ok"]
    assert any("a.py" in json.dumps(step["output"]) for step in shown)
    for step in shown:
        text = json.dumps(step["output"])
        assert "b.py" not in text, step["id"]
        assert ".env" not in text, step["id"]
