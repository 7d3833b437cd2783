"""A PostgreSQL server of its own for a test: a fresh cluster on a free loopback port, run as an ordinary user."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_READY_S = 30.0


def programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps it off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def needed() -> Path:
    """The programs; without them the test is skipped, which CI does not accept."""
    found = programs()
    if found is None:
        if os.environ.get("FOURFOLD_TESTS_NEED_POSTGRES"):
            pytest.fail("PostgreSQL is not installed, and FOURFOLD_TESTS_NEED_POSTGRES is set")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found


class Postgres:
    """Mutable: the server's process, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        """folder: where an ordinary user may go; pytest closes its own folders to everyone else."""
        self.programs = needed()
        self.data = folder / "cluster"
        self.user = "postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            who = pwd.getpwnam("postgres")
            os.chown(folder, who.pw_uid, who.pw_gid)
            self._as = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", str(self.data), "-U", self.user, "-A", "trust", "-N", "--no-instructions")
        self.port = _free_port()
        self.url = f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self, host: str = "127.0.0.1") -> None:
        options = {"listen_addresses": host, "unix_socket_directories": "", "fsync": "off", "max_connections": "200"}
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port), *flags],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as,
        )
        end = time.monotonic() + _READY_S
        while not self._answers():
            assert time.monotonic() < end, "PostgreSQL did not start"
            assert self._process.poll() is None, "PostgreSQL ended"
            time.sleep(0.05)

    def open_to(self, network: str) -> None:
        """Let clients of a network in."""
        with (self.data / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"host all all {network} trust\n")

    def kill(self) -> None:
        """kill -9 of the server and of every process of it."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        for pid in (self._process.pid, *map(int, children.split())):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(30)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast: clients are cut off
            self._process.wait(30)

    def _answers(self) -> bool:
        ready = subprocess.run(
            [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return ready.returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), *arguments],
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **self._as,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="fourfold-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
