"""`fourfold audit` as a program: the contract's JSON, a table, and its exit codes."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded import Recorded, bash, read

from fourfold_server import audit_command


def fourfold(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "fourfold_server", "audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


@pytest.fixture
def folder(session: Recorded) -> Path:
    """Two transcripts: three reads with a command among them, and one with a single turn."""
    session.turn(read("a", "/w/a.py")).turn(bash("w", "wc -l b.py", "3 b.py")).turn(read("c", "/w/c.py"))
    session.turn(bash("x", "./deploy.sh")).turn(read("d", "/w/d.py"))
    Recorded(session.path.with_name("second.jsonl")).say().turn(read("e", "/w/e.py")).raw(b"{broken\n")
    return session.path.parent


def test_the_json_form_is_the_contracts(folder: Path) -> None:
    done = fourfold(str(folder), "--json")
    data: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(data)[:5] == ["turns", "turns_saved", "batchable_groups", "seconds_saved", "tokens_saved"]
    # a, w and c are one batch; ./deploy.sh is unknown, so d stays alone; e is another conversation.
    assert (data["turns"], data["turns_saved"], data["broken_lines"]) == (6, 2, 1)
    (group,) = data["batchable_groups"]
    assert group["calls"] == ["a", "w", "c"]
    assert [step["op"] for step in group["batch"]["steps"]] == ["read", "bash", "read"]
    for saved in (data["seconds_saved"], data["tokens_saved"]):
        assert saved["low"] <= saved["value"] <= saved["high"]


def test_the_table_shows_rows_totals_and_what_was_skipped(folder: Path) -> None:
    lines = fourfold(str(folder)).stdout.splitlines()
    assert lines[0].split() == ["conversation", "turns", "saved", "seconds", "saved", "tokens", "saved"]
    assert lines[1].split()[:3] == ["first", "5", "2"]
    assert lines[2].startswith("1 more, nothing to save")
    assert lines[3].split()[:3] == ["total", "6", "2"]
    assert "first: 2 Read, 1 Bash in 3 turns, 1 would have done" in lines
    assert lines[-1] == "broken lines skipped: 1"


def test_of_many_conversations_the_table_shows_those_that_would_have_saved_most(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(25):
        session = Recorded(tmp_path / f"c{k:02}.jsonl").say()
        for turn in range(1 + k):
            session.turn(read(f"r{turn}", f"/w/{turn}.py"))
    assert audit_command.run_audit(tmp_path, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:21]] == [f"c{k:02}" for k in range(24, 4, -1)]
    # c01 to c04 save 1 + 2 + 3 + 4 of 2 + 3 + 4 + 5 turns; c00 has one turn; in all 25 * 26 / 2, and 25 fewer saved.
    assert lines[21].split()[:4] == ["4", "more", "14", "10"]
    assert lines[22].split() == ["1", "more,", "nothing", "to", "save", "1"]
    assert lines[23].split()[:3] == ["total", "325", "300"]
    assert lines[25].startswith("turns: replies with at least one tool call.")


def test_a_folder_without_transcripts_is_a_bad_request(tmp_path: Path) -> None:
    done = fourfold(str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no *.jsonl" in done.stderr


def test_a_missing_file_is_a_bad_request(tmp_path: Path) -> None:
    done = fourfold(str(tmp_path / "none.jsonl"))
    assert (done.returncode, "no such file or folder" in done.stderr) == (2, True)


def test_a_file_without_turns_is_an_empty_audit(tmp_path: Path) -> None:
    Recorded(tmp_path / "empty.jsonl")
    data: dict[str, Any] = json.loads(fourfold(str(tmp_path / "empty.jsonl"), "--json").stdout)
    assert (data["turns"], data["turns_saved"], data["batchable_groups"]) == (0, 0, [])


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_leaves_the_answer_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit_command, "_LONG_BYTES", 0)
    monkeypatch.setattr(audit_command, "_TICK_BYTES", 1)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert audit_command.run_audit(folder, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["turns"] == 6
    assert "bytes" in terminal.getvalue() or "kB" in terminal.getvalue()
