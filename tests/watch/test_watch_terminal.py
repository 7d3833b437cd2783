"""`fourfold watch` on a real terminal: frames that fit, a resize, a clean way out; and where there is no terminal."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-I", "-m", "fourfold_server"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a state directory in which another process runs a batch until the test is over."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CLAUDE", "FOURFOLD"))}
    env |= {"FOURFOLD_STATE_DIR": str(tmp_path / "state"), "TERM": "xterm-256color", "HOME": str(tmp_path)}
    gate = tmp_path / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    steps = [
        {"id": "holds", "op": "bash", "command": wait},
        {"id": "behind", "op": "bash", "command": "true", "needs": ["holds"]},
    ]
    batch = subprocess.Popen(
        [*COMMAND, "batch", "--json", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path, env=env
    )
    assert batch.stdin is not None
    with batch.stdin:
        batch.stdin.write(json.dumps({"steps": steps}).encode())
    try:
        _until(lambda: list((tmp_path / "state" / "live").glob("*.json")))
        yield env
    finally:
        gate.touch()
        batch.wait(timeout=30)


def _until(ready: Any) -> None:
    end = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_without_a_terminal_one_plain_frame_is_printed(state: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "watch"], env=state, capture_output=True, text=True, cwd=tmp_path, timeout=30, check=True
    )
    assert "1 run in flight" in done.stdout
    assert "behind" in done.stdout
    assert "after holds" in done.stdout
    assert "\x1b" not in done.stdout
    data = json.loads(
        subprocess.check_output([*COMMAND, "watch", "--json"], env=state, text=True, cwd=tmp_path, timeout=30)
    )
    assert [w["id"] for w in data["servers"][0]["runs"][0]["waiting"]] == ["behind"]


def test_on_a_terminal_it_draws_follows_a_resize_and_leaves_clean(state: dict[str, str], tmp_path: Path) -> None:
    master, slave = pty.openpty()
    _resize(master, 30, 100)
    watch = subprocess.Popen(
        [*COMMAND, "watch"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=state,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=_interruptible,
    )
    os.close(slave)
    try:
        first = _read_until(master, b"after holds")
        assert b"\x1b[?1049h" in first  # the second screen
        _resize(master, 4, 60)
        os.kill(watch.pid, signal.SIGWINCH)
        small = _read_until(master, b"more lines")
        assert b"after holds" not in small.rpartition(b"\x1b[H")[2]
        os.kill(watch.pid, signal.SIGINT)
        rest = _read_until(master, b"\x1b[?1049l")
        assert b"Traceback" not in first + small + rest
        assert watch.wait(timeout=30) == 130
    finally:
        watch.kill()
        watch.wait()
        os.close(master)


def _resize(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _interruptible() -> None:
    """Ctrl-C works as on a terminal, also where these tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _read_until(fd: int, wanted: bytes) -> bytes:
    seen = b""
    end = time.monotonic() + 30
    while wanted not in seen:
        assert time.monotonic() < end, seen[-2000:]
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65_536)
    return seen
