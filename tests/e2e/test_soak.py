"""The soak of the bench in its short form: open files and processes come back; an hour of it is run by hand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from processes import linux

SCRIPT = Path(__file__).parents[2] / "bench" / "soak.py"


@linux
@pytest.mark.slow
def test_after_twenty_seconds_of_mixed_calls_nothing_stays_open() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seconds", "20"],
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^### Soak: 2\d s", done.stdout, re.MULTILINE)
    assert "processes 2 → 2" in done.stdout
