"""Completion: a real shell asks, as it does when Tab is pressed."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent
ASK = """
source <(fourfold completion bash)
COMP_WORDS=({words}) COMP_CWORD={last} COMP_LINE={line} COMP_POINT={point} COMP_TYPE=9
_python_argcomplete fourfold
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("fourfold wat", ["watch"]),
        ("fourfold batch --js", ["--json"]),
        ("fourfold register --scope pro", ["project"]),
        ("fourfold batch ste", ["steps.json"]),
    ],
)
def test_bash_completes_commands_options_values_and_files(tmp_path: Path, line: str, found: list[str]) -> None:
    (tmp_path / "steps.json").touch()
    words = line.split()
    script = ASK.format(words=line, last=len(words) - 1, line=shlex.quote(line), point=len(line))
    env = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert [word.strip() for word in done.stdout.split("\n") if word] == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_every_shell_gets_a_text_that_names_the_program(shell: str) -> None:
    done = subprocess.run(
        [SCRIPTS / "fourfold", "completion", shell], capture_output=True, text=True, timeout=60, check=True
    )
    assert "fourfold" in done.stdout


def test_without_a_command_the_help_is_shown() -> None:
    done = subprocess.run([SCRIPTS / "fourfold"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "examples:" in done.stderr
