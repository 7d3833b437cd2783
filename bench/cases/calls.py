"""Rows about calls themselves: round trips, start, memory at rest."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import floors
from case import Case, Probe
from machine import resident_mib
from peers.entries import AGENT_TASKER
from peers.install import installed_argv
from wire import Wire, fourfold_argv
from world import World

_ECHO: tuple[str, dict[str, Any]] = ("echo", {"text": "x"})
_REFUSED: tuple[str, dict[str, Any]] = ("status", {"run": ""})


_IMPORTS = "import gc; gc.disable(); import fourfold_server.app"
# What an early answer would take at least: the standard library reads one line and writes a text that it has.
_FRONT = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": {"known": "x" * 12000}}
        sys.stdout.write(json.dumps(reply) + "\\n")
        sys.stdout.flush()
"""


def rows(world: World) -> list[Case | Probe]:
    read = ("inspect", {"steps": [{"op": "read", "path": str(world.files[0]), "limit": 3}]})
    return [
        Case(
            "one trivial call (refused by validation), 200 in turn",
            "SDK's own server and transport, an echo",
            lambda: _in_turn(world.sdk, _ECHO, 200),
            lambda: _in_turn(world.ours, _REFUSED, 200),
            0.5,
        ),
        Case(
            "200 such calls, pipelined (2.4 times as many a second is a ratio of 0.42)",
            "SDK's own server and transport, an echo",
            lambda: _pipelined(world.sdk, _ECHO, 200),
            lambda: _pipelined(world.ours, _REFUSED, 200),
            1 / 2.4,
        ),
        Case(
            "inspect with one read, 50 in turn",
            "SDK's echo, as often",
            lambda: _in_turn(world.sdk, _ECHO, 50),
            lambda: _in_turn(world.ours, read, 50),
        ),
        Case(
            "process start to first answer",
            "the SDK's smallest server",
            _start(world, floors.sdk_argv),
            _start(world, fourfold_argv),
            1.15,
        ),
        Case(
            "process start to first answer, against the fastest peer",
            "agent-tasker-mcp-server",
            _start(world, lambda: installed_argv(AGENT_TASKER, world)),
            _start(world, fourfold_argv),
        ),
        Case(
            "process start to the first answer of a tool (inspect with one read)",
            "our start to first answer",
            _start(world, fourfold_argv),
            lambda: _start_and_call(world, read),
        ),
        Case(
            "process start to an early answer by a front without the SDK (not built)",
            "our start to first answer",
            _start(world, fourfold_argv),
            _start(world, _front_argv),
        ),
        Case(
            "process start and imports of the server and the SDK alone",
            "our start to first answer",
            _start(world, fourfold_argv),
            lambda: subprocess.run([sys.executable, "-I", "-c", _IMPORTS], check=True, env=world.env),
        ),
        Probe(
            "memory at rest",
            "the SDK's smallest server; resident, ours / its",
            "",
            lambda: _resting_mib(world, fourfold_argv()) / _resting_mib(world, floors.sdk_argv()),
            1.25,
            rounds=3,
        ),
        Probe("memory at rest, ours", "", "MiB", lambda: _resting_mib(world, fourfold_argv()), rounds=3),
    ]


def _in_turn(wire: Wire, call: tuple[str, dict[str, Any]], count: int) -> None:
    for _ in range(count):
        wire.request("tools/call", {"name": call[0], "arguments": call[1]})


def _pipelined(wire: Wire, call: tuple[str, dict[str, Any]], count: int) -> None:
    wire.answers([wire.write("tools/call", {"name": call[0], "arguments": call[1]}) for _ in range(count)])


def _start(world: World, argv: Callable[[], list[str]]) -> Callable[[], object]:
    """Process start to the answer of `initialize`."""
    return lambda: Wire(argv(), world.folder, world.env).close()


def _start_and_call(world: World, call: tuple[str, dict[str, Any]]) -> None:
    with Wire(fourfold_argv(), world.folder, world.env) as wire:
        wire.call(*call)


def _front_argv() -> list[str]:
    return [sys.executable, "-I", "-c", _FRONT]


def _resting_mib(world: World, argv: list[str]) -> float:
    with Wire(argv, world.folder, world.env) as wire:
        return resident_mib(wire.pid)
