"""`fourfold report` and `audit --html` from a shell: the terminal, files, standard output, and faults in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mcp_client import Place
from recorded import Recorded, read

STEPS = {"steps": [{"id": "a", "op": "bash", "command": "true"}, {"id": "b", "op": "bash", "command": "false"}]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place.below(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def run(place: Place) -> str:
    answer = fourfold(place, "batch", "--json", "-", given=json.dumps(STEPS), code=1)
    return str(json.loads(answer.stdout)["run"])


def fourfold(place: Place, *arguments: str, given: str = "", code: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "fourfold_server", *arguments]
    done = subprocess.run(
        command, input=given, cwd=place.root, env=place.env(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_in_the_terminal_it_is_lines(place: Place, run: str) -> None:
    shown = fourfold(place, "report", run).stdout
    assert f"run {run} · done" in shown
    assert "exit_status · 1" in shown
    assert "█" in shown


def test_as_a_page_it_goes_to_a_file_or_to_standard_output(place: Place, run: str, tmp_path: Path) -> None:
    file = tmp_path / "run.html"
    done = fourfold(place, "report", run, "--html", str(file))
    assert (done.stdout, done.stderr) == ("", f"written: {file}\n")
    assert fourfold(place, "report", run, "--html", "-").stdout == file.read_text(encoding="utf-8")


def test_as_a_picture_it_goes_to_a_file(place: Place, run: str, tmp_path: Path) -> None:
    fourfold(place, "report", run, "--png", str(tmp_path / "run.png"))
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_not_there_and_what_cannot_be_written_is_one_line(place: Place, run: str, tmp_path: Path) -> None:
    missing = fourfold(place, "report", "r-none", code=2)
    assert missing.stderr == "fourfold: no run 'r-none' in the store (`fourfold runs` lists what is there)\n"
    nowhere = tmp_path / "no" / "such" / "folder.html"
    refused = fourfold(place, "report", run, "--html", str(nowhere), code=2)
    assert refused.stderr == f"fourfold: {nowhere}: No such file or directory\n"


def test_an_audit_is_written_as_a_page_beside_its_table(place: Place, tmp_path: Path) -> None:
    talk = Recorded(tmp_path / "talks" / "one.jsonl").say()
    talk.turn(read("a", "/w/a.py")).turn(read("b", "/w/b.py"))
    page = tmp_path / "audit.html"
    done = fourfold(place, "audit", str(tmp_path / "talks"), "--html", str(page))
    assert "total" in done.stdout
    assert "2 calls in 2 turns: one would have done" in page.read_text(encoding="utf-8")
