"""An agent at work: its program from start to end, with all that it starts."""

import time
from collections.abc import Mapping, Sequence

import anyio

from fourfold_config.settings import Fleet
from fourfold_tools.errors import Contention
from fourfold_tools.fleet.command import command_of
from fourfold_tools.fleet.contract import AgentTask, Ran
from fourfold_tools.ops.capture import HeadTail
from fourfold_tools.ops.process import Child, Spawner, read_some
from fourfold_tools.ops.stdin import stdin_of

_DRAIN_S = 2.0  # for what lies in the pipes of a program that has ended


class Agent:
    """Runs agents' programs. When a run is cancelled, the agent and all it started get TERM, a grace, and KILL."""

    def __init__(self, spawner: Spawner, settings: Fleet, program: Sequence[str], env: Mapping[str, str]) -> None:
        self._spawner = spawner
        self._settings = settings
        self._program = program
        self._env = env

    async def run(self, task: AgentTask, folder: str) -> Ran:
        """Carry a task out in a folder.

        Raises:
            NotFound, Denied, Contention …: the program cannot be started, or was ended from outside.
        """
        command = command_of(task, folder, self._settings, self._program, self._env)
        began = time.monotonic()
        with stdin_of(command.stdin) as stdin:
            child = await self._spawner.start(command.argv, cwd=folder, env=command.env, stdin=stdin)
        async with child:
            try:
                code, out, err = await self._watch(child, task.timeout_s)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await child.kill(self._settings.grace_s)
                raise
        return Ran(code, out.text()[0], err.text()[0], (time.monotonic() - began) / 60)

    async def _watch(self, child: Child, timeout_s: float) -> tuple[int | None, HeadTail, HeadTail]:
        """Take in what it prints until it has ended; no code where it ran out of time."""
        out, err = HeadTail(self._settings.max_output_bytes), HeadTail(self._settings.max_output_bytes)
        code: int | None = None
        fault: Contention | None = None
        async with anyio.create_task_group() as reading:
            reading.start_soon(_drain, child.stdout, out)
            if child.stderr is not None:
                reading.start_soon(_drain, child.stderr, err)
            try:
                with anyio.move_on_after(timeout_s):
                    code = (await child.wait()).code
                if code is None:
                    await child.kill(self._settings.grace_s)
            except Contention as exc:  # kept for later: a task group would wrap it
                fault = exc
            reading.cancel_scope.deadline = anyio.current_time() + _DRAIN_S
        if fault is not None:
            raise fault
        return code, out, err


async def _drain(descriptor: int, into: HeadTail) -> None:
    while data := await read_some(descriptor):
        into.add(data)
