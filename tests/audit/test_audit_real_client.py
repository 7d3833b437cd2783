"""The audit of transcripts that Claude Code itself wrote, driven by a scripted model."""

from pathlib import Path
from typing import Any

import pytest
from scripted_claude import Script, Turn, call, clean_environment, run_claude, scripted_model

from fourfold_tools.audit.audited import audit_file, transcripts
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.ops.effects import classify

pytestmark = pytest.mark.node


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """The folder of the transcripts of one conversation and its subagent."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    for name in ("a", "b", "c", "found"):
        (work / f"{name}.py").write_text(f"{name}_value = 1\n", encoding="utf-8")
    script = Script(
        {
            "MAIN TASK": [
                Turn([call("Read", {"file_path": str(work / "a.py")})]),
                Turn([call("Read", {"file_path": str(work / f"{name}.py")}) for name in "bc"]),
                Turn([call("Bash", {"command": "wc -l a.py", "description": "Count lines"})]),
                Turn([call("Agent", {"description": "Look", "prompt": "SUB TASK", "run_in_background": False})]),
                Turn([call("Grep", {"pattern": "found_value"})]),
                Turn([call("Read", {"file_path": str(work / "found.py")})]),
            ],
            "SUB TASK": [
                Turn([call("Read", {"file_path": str(work / "b.py")})]),
                Turn([call("Read", {"file_path": str(work / "c.py")})]),
            ],
        }
    )
    with scripted_model(script) as url:
        tools = "Read,Grep,Glob,Bash,Agent"
        arguments = ["-p", "MAIN TASK", "--tools", tools, "--allowedTools", tools, "--output-format", "json"]
        done = run_claude(arguments, cwd=work, env=clean_environment(home, url))
    assert done.returncode == 0, done.stderr
    return home / ".claude" / "projects"


def test_what_the_client_wrote_is_counted_as_by_hand(recorded: Path) -> None:
    files = [Entries(file) for file in transcripts(recorded)]
    rows = [audited for file in files for audited in audit_file(file, classify)]
    report: dict[str, Any] = AuditReport(tuple(rows), len(files), sum(file.broken for file in files)).data()
    # Main: a | b c | wc are one batch (3 turns, 2 saved), the agent is a wall, found.py comes from the search.
    # Subagent: b | c (2 turns, 1 saved).
    assert [(row.agent is None, row.turns, row.turns_saved) for row in rows] == [(True, 6, 2), (False, 2, 1)]
    assert [len(group["calls"]) for group in report["batchable_groups"]] == [4, 2]
    assert (report["broken_lines"], report["untimed_groups"], report["unmetered_groups"]) == (0, 0, 0)
    assert len(report["chains"]) == 1
    assert report["tokens_saved"] == {"value": 3_000, "low": 3_000, "high": 3_000, "cached": 0}
