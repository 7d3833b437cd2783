"""The benchmark in its quick form: it runs through the whole server and prints its tables; figures are for people."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "run.py"


def test_the_quick_form_measures_every_row_that_it_names() -> None:
    done = subprocess.run([sys.executable, str(BENCH), "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    measured = [row for row in rows if len(row) == 6 and row[2].replace(".", "").isdigit()]
    assert len(measured) == 4, done.stdout
    assert all(float(row[2]) > 0 < float(row[3]) for row in measured)
    assert "not measured" not in done.stdout
    assert {row[0].partition(" ")[2].split()[-1] for row in rows if len(row) == 4} >= {"steps", "files", "patterns"}
