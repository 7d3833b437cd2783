"""A whole runtime over a folder of its own, and a server process that can be killed in the middle of a batch."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fourfold_tools.batch import batch
from fourfold_tools.caller import Reply
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime


def env_of(home: Path) -> dict[str, str]:
    """What a server sees: nothing of the machine's own settings."""
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "FOURFOLD_STATE_DIR": str(home / "state"),
        "FOURFOLD_CONFIG": str(home / "fourfold.toml"),
    }


@asynccontextmanager
async def opened(home: Path, **settings: str) -> AsyncGenerator[Runtime, None]:
    """A runtime whose project is `home/work`."""
    (home / "work").mkdir(exist_ok=True)
    async with Runtime.open([home / "work"], env_of(home) | settings) as runtime:
        yield runtime


async def run(runtime: Runtime, *steps: dict[str, Any], **options: Any) -> Reply:
    """Run steps as a batch; the answer as JSON."""
    return await batch(runtime, BatchRequest.model_validate({"steps": list(steps), "format": "json", **options}))


async def resume(runtime: Runtime, name: str, **options: Any) -> Reply:
    return await batch(runtime, BatchRequest.model_validate({"resume": name, "format": "json", **options}))


def entries(reply: Reply) -> dict[str, dict[str, Any]]:
    """The steps of an answer by their names."""
    assert reply.structured is not None
    return {entry["id"]: entry for entry in reply.structured["steps"]}


_SERVER = """
import json, sys
from pathlib import Path
import anyio
from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest
from fourfold_tools.runtime import Runtime

async def main():
    async with Runtime.open([Path(sys.argv[1])]) as runtime:
        await batch(runtime, BatchRequest.model_validate(json.loads(sys.stdin.read())))

anyio.run(main)
"""


def killed_server(home: Path, request: str, due: Callable[[], bool]) -> bool:
    """Run a batch in a process of its own and kill -9 it once `due`; whether it was still running then."""
    (home / "work").mkdir(exist_ok=True)
    arguments = [sys.executable, "-c", _SERVER, str(home / "work")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, env=env_of(home), cwd=home, text=True) as server:
        assert server.stdin is not None
        server.stdin.write(request)
        server.stdin.close()
        while server.poll() is None and not due():
            pass
        server.send_signal(signal.SIGKILL)
        return server.wait(30) == -signal.SIGKILL
