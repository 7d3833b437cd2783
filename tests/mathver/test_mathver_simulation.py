"""The simulation of the bench keeps its promises on a small set; the full one is run by hand."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "mathver_simulation.py"


def test_valid_lines_are_right_and_intervals_hold_the_truth() -> None:
    command = [sys.executable, str(SCRIPT), "--per-kind", "5", "--seeds", "8"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| **all** | 80 |" in done.stdout
    assert ": kept." in done.stdout
