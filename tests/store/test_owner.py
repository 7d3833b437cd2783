"""Owners: a process that lives is told from one that ended, was never there, or has the same number."""

import subprocess
import sys

import pytest

from fourfold_tools.store.owner import is_alive, this_process


def test_this_process_is_alive() -> None:
    assert is_alive(this_process())


def test_a_process_that_ended_is_not() -> None:
    code = "from fourfold_tools.store.owner import this_process; print(this_process())"
    mark = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert not is_alive(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="start times are told by /proc")
def test_another_process_with_the_same_number_is_not_the_owner() -> None:
    pid, _, start = this_process().partition(":")
    assert not is_alive(f"{pid}:{int(start) - 1}")


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are told by /proc")
def test_a_process_that_was_killed_and_not_yet_waited_for_is_not_alive() -> None:
    code = (
        "import sys; from fourfold_tools.store.owner import this_process;"
        "print(this_process(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as p:
        assert p.stdout is not None
        mark = p.stdout.readline().strip()
        assert is_alive(mark)
        p.kill()
        with open(f"/proc/{p.pid}/stat", encoding="utf-8") as stat:
            while stat.read().rpartition(")")[2].split()[0] != "Z":
                stat.seek(0)
        assert not is_alive(mark)


@pytest.mark.parametrize("mark", ["", ":", "abc:1", "-1:0", "999999999:5", "1.5:2"])
def test_a_mark_that_names_no_process_is_not_alive(mark: str) -> None:
    assert not is_alive(mark)
