"""The note at the start of a session: the newest unfinished handoff, else what a crashed server left."""

import io
import json
from pathlib import Path

import pytest
from runtimes import env_of, opened

from fourfold_server.waiting import waiting
from fourfold_tools.handoff import HandoffRequest, handoff

pytestmark = pytest.mark.anyio
REQUEST = json.dumps({"steps": [{"op": "bash", "command": "touch x", "id": "a"}]})


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Said":
    for name, value in env_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)
    return Said(tmp_path, monkeypatch, capsys)


class Said:
    """What the hook prints in a folder."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._patch = patch
        self._capsys = capsys

    async def note(self, folder: str = "work") -> str:
        """The text that reaches the model, "" where there is none."""
        (self._home / folder).mkdir(exist_ok=True)
        self._patch.setattr("sys.stdin", io.StringIO(json.dumps({"cwd": str(self._home / folder)})))
        assert await waiting() == 0
        out = self._capsys.readouterr().out
        if not out:
            return ""
        output = json.loads(out)["hookSpecificOutput"]
        assert output["hookEventName"] == "SessionStart"
        return str(output["additionalContext"])


async def test_nothing_is_said_where_nothing_waits(said: Said) -> None:
    assert await said.note() == ""


async def test_a_handoff_with_work_left_is_named_in_its_own_folder_alone(tmp_path: Path, said: Said) -> None:
    async with opened(tmp_path) as runtime:
        journal = await runtime.runs.begin(REQUEST, runtime.workspace.cwd, 1)
        await journal.close("cancelled", {})
        reply = await handoff(runtime, HandoffRequest(action="write"))
        assert reply.structured is not None
    assert (await said.note()).startswith(f"fourfold: handoff {reply.structured['id']} of ")
    assert "(1 call left;" in await said.note()
    assert await said.note("elsewhere") == ""


async def test_what_a_crashed_server_left_is_named_with_the_call_that_goes_on(tmp_path: Path, said: Said) -> None:
    async with opened(tmp_path) as runtime:
        journals = [await runtime.runs.begin(REQUEST, runtime.workspace.cwd, 1) for _ in range(2)]
        await runtime.database.use(lambda db: db.execute("UPDATE runs SET owner='999999999:1'").rowcount)
    note = await said.note()
    assert "1 more: `handoff` with action list" in note
    assert any(f'call `batch` with {{"resume": "{journal.run}"}}.' in note for journal in journals)
