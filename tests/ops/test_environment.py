"""What commands see of the server's variables, and what anybody sees in its process entry."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from fourfold_config.settings import Settings
from fourfold_tools.ops.environment import Environment

SCRIPT = """
import ctypes, os
from fourfold_tools.ops.environment import Environment

del os.environ["B_TOKEN"]
os.environ["C_TOKEN"] = "set later"
Environment(["*_TOKEN"], ["KEPT_TOKEN"], os.environ).conceal()
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print(open("/proc/self/environ", "rb").read())
print([os.environ.get(n) for n in ("A_TOKEN", "B_TOKEN", "C_TOKEN", "KEPT_TOKEN", "PLAIN")])
print([libc.getenv(n) for n in (b"A_TOKEN", b"B_TOKEN", b"C_TOKEN", b"KEPT_TOKEN", b"PLAIN")])
"""


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (["OPENAI_API_KEY", "openai_api_key", "GITHUB_TOKEN", "MY_SECRET_2", "DB_PASSWORD_FILE"], False),
        (["ANTHROPIC_BASE_URL", "CLAUDE_CODE_SESSION", "FOURFOLD_STATE_DIR", "FOURFOLD_FETCH__ALLOW_PRIVATE"], False),
        (["PATH", "HOME", "CLAUDE_PROJECT_DIR", "KEYBOARD", "TOKENS", "LANG"], True),
    ],
)
def test_names_that_look_like_secrets_are_hidden_by_default(
    settings: Settings, names: Sequence[str], seen: bool
) -> None:
    environment = Environment(settings.bash.env_hide, settings.bash.env_keep, dict.fromkeys(names, "v"))
    got = environment.of("/", {})
    assert [name in got for name in names] == [seen] * len(names)


def test_a_kept_name_wins_over_a_hidden_one_and_the_steps_own_over_both() -> None:
    server = {"CI_TOKEN": "1", "A_TOKEN": "2", "GIT_OPTIONAL_LOCKS": "1", "PWD": "/old"}
    environment = Environment(["*_TOKEN"], ["ci_*"], server)
    assert environment.of("/new", {"B_TOKEN": "3", "FOURFOLD_X": "4"}) == {
        "CI_TOKEN": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "PWD": "/new",
        "B_TOKEN": "3",
        "FOURFOLD_X": "4",
    }
    assert environment.of("/new", {"GIT_OPTIONAL_LOCKS": "1"})["GIT_OPTIONAL_LOCKS"] == "1"


def test_no_patterns_hide_nothing_but_our_own() -> None:
    assert Environment([], [], {"A_TOKEN": "1", "FOURFOLD_A": "2"}).of("/", {}).keys() == {
        "A_TOKEN",
        "GIT_OPTIONAL_LOCKS",
        "PWD",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="variables of a process can be read in /proc only")
def test_concealed_values_are_gone_from_proc_and_still_there_for_the_process() -> None:
    names = {
        "A_TOKEN": "hidden-a",
        "B_TOKEN": "hidden-b",
        "C_TOKEN": "hidden-c",
        "KEPT_TOKEN": "kept",
        "PLAIN": "plain",
    }
    env = {"PATH": os.environ["PATH"], **names}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True, timeout=30
    )
    proc, python, libc = done.stdout.splitlines()
    assert "hidden" not in proc
    assert "KEPT_TOKEN=kept" in proc
    assert "PLAIN=plain" in proc
    assert python == "['hidden-a', None, 'set later', 'kept', 'plain']"
    assert libc == "[b'hidden-a', None, b'set later', b'kept', b'plain']"
