"""bash: a command in a shell of its own, its output as the client shows it, and nothing left when it has ended."""

import os
import re
import shutil
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import anyio
import anyio.to_thread

from fourfold_config.settings import Bash
from fourfold_tools.errors import Contention, FourfoldError, InvalidRequest, NotFound
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import BashOutput, as_list
from fourfold_tools.model.request import AnyStep, BashStep, Reference
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, ResourceClass, literal
from fourfold_tools.ops.capture import Capture
from fourfold_tools.ops.environment import Environment
from fourfold_tools.ops.exit_status import is_answer
from fourfold_tools.ops.process import PIECE_BYTES, Child, Exit, Spawner, gulp, read_some, widen
from fourfold_tools.ops.sandbox import Sandbox, Walled
from fourfold_tools.ops.spill import Spill
from fourfold_tools.ops.stdin import stdin_of
from fourfold_tools.ops.workspace import Workspace

# What the client shows where a command printed nothing, and the exit code that it gives one whose time was up.
_SILENT = "(Bash completed with no output)"
_TIMED_OUT = 143
# What programs say when the kernel refuses them something; then a confined command's limits are worth a line.
_REFUSED = re.compile(r"Permission denied|Operation not permitted|Read-only file system|\bE(ACCES|PERM|ROFS)\b")
# Seconds to read on when a command has ended: its pipes end with its last process, unless one could not be killed.
_DRAIN_S = 5.0
# Threads that read what floods; each takes two MiB at most before another's turn.
_GULPS = 2


@dataclass(frozen=True, slots=True)
class _Launch:
    """A command ready to start."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    stdin: str | None


class Classify(Protocol):
    """What a text run by `shell` in `cwd` reads and writes, with `variables` set anew."""

    def __call__(self, command: str, cwd: str, *, shell: str, variables: Iterable[str]) -> Effects: ...


class BashOp:
    """Runs commands. Once it is made, the variables that commands must not see are blank in /proc/self/environ."""

    resource: ResourceClass = "process"
    group_size: int = 1

    def __init__(
        self,
        settings: Bash,
        workspace: Workspace,
        spawner: Spawner,
        classify: Classify,
        sandbox: Sandbox | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._spawner = spawner
        self._classify = classify
        self._sandbox = sandbox
        self._clock = clock
        self._gulps = anyio.CapacityLimiter(_GULPS)
        self._bash = shutil.which("bash") or "/bin/sh"
        self._environment = Environment(settings.env_hide, settings.env_keep, os.environ)
        self._environment.conceal()

    def group_key(self, call: Call) -> Hashable | None:
        return None

    def effects(self, step: AnyStep) -> Effects:
        """The effects of the text in its folder; unknown where a reference names the folder."""
        cwd = _step(step).cwd
        if isinstance(cwd, Reference):
            return Effects(known=False, note="its folder comes from a reference")
        folder = self._workspace.absolute(cwd or ".")
        given = _step(step)
        return self._classify(given.command, folder, shell=given.shell or self._bash, variables=given.env or ())

    def host(self, step: AnyStep) -> str | None:
        return None

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        return [await self._run(call) for call in calls]

    async def _run(self, call: Call) -> Outcome:
        began = self._clock()
        try:
            outcome = await self._execute(call, self._launch(_step(call.step)))
        except FourfoldError as exc:
            outcome = Outcome(Failure.of(exc))
        return replace(outcome, duration_s=self._clock() - began)

    def _launch(self, step: BashStep) -> _Launch:
        """The command as a program with arguments; what a step hands over is never pasted into the text."""
        cwd = self._workspace.folder(None if step.cwd is None else literal(step.cwd))
        args = [] if step.args is None else [_text(arg) for arg in as_list(step.args)]
        extra = {name: _text(value) for name, value in (step.env or {}).items()}
        return _Launch(
            [self._shell(step.shell), "-c", step.command, "fourfold", *args],
            cwd,
            self._environment.of(cwd, extra),
            None if step.stdin is None else _text(step.stdin),
        )

    def _shell(self, named: str | None) -> str:
        if named is None:
            return self._bash
        found = named if os.path.isabs(named) else shutil.which(named)
        if found is None:
            raise NotFound(f"no such shell on PATH: {named}")
        return os.path.abspath(found)

    async def _execute(self, call: Call, launch: _Launch) -> Outcome:
        deadline = anyio.current_time() + call.timeout_s
        walled = Walled(launch.argv) if self._sandbox is None else await self._sandbox.around(launch.argv, launch.env)
        before = {} if self._sandbox is None else self._sandbox.obeyed()
        child: Child | None = None
        with stdin_of(launch.stdin) as stdin, anyio.CancelScope(deadline=deadline):
            child = await self._spawner.start(
                walled.argv, cwd=launch.cwd, env=launch.env, stdin=stdin, confinement=walled.confinement
            )
        if child is None:
            return Outcome(Failure("timed_out", f"timed out after {call.timeout_s:g} s, before it could start"))
        async with child:
            spill = Spill(call.spill, self._settings.max_spill_bytes)
            capture = Capture(self._settings.max_output_bytes, spill)
            try:
                end, in_time = await self._watch(child, capture, deadline)
            except anyio.get_cancelled_exc_class():
                spill.discard()
                raise
        if isinstance(end, Contention):
            return Outcome(replace(Failure.of(end), output=_output(capture, "", None)))
        walls = None if walled == Walled(launch.argv) else self._sandbox
        note = "" if walls is None else walls.note()
        result = _result(launch, end.code, capture, note) if in_time else _out_of_time(call, capture)
        if walls is not None and (escapes := walls.escapes(before)):
            result = _with_line(result, escapes)
        return Outcome(result, cpu_s=end.cpu_s, max_rss_bytes=end.max_rss_bytes)

    async def _watch(self, child: Child, capture: Capture, deadline: float) -> tuple[Exit | Contention, bool]:
        """Take in what the command prints until it has ended; also whether that was in time."""
        ended: tuple[Exit | Contention, bool] | None = None
        async with capture.spill, anyio.create_task_group() as reading:
            reading.start_soon(_drain, child.stdout, "stdout", capture, self._gulps)
            if child.stderr is not None:
                reading.start_soon(_drain, child.stderr, "stderr", capture, self._gulps)
            ended = await self._end(child, deadline)
            reading.cancel_scope.deadline = anyio.current_time() + _DRAIN_S
        assert ended is not None  # only the drains are ever cut short
        return ended

    async def _end(self, child: Child, deadline: float) -> tuple[Exit | Contention, bool]:
        try:
            with anyio.CancelScope(deadline=deadline):
                return await child.wait(), True
            await child.kill(self._settings.grace_s)
            return await child.wait(), False
        except Contention as exc:  # as a value: raised, the task group would wrap it
            return exc, True


def _step(step: AnyStep) -> BashStep:
    assert isinstance(step, BashStep)
    return step


def _text(value: object) -> str:
    """An argument of a ready call as one string; a number is written as Python writes it."""
    if not isinstance(value, str | int | float):
        raise InvalidRequest(f"expected a string or a number, got {type(value).__name__}")
    return str(value)


async def _drain(
    descriptor: int, stream: Literal["stdout", "stderr"], capture: Capture, threads: anyio.CapacityLimiter
) -> None:
    flood = False
    while data := await read_some(descriptor):
        await capture.add(stream, data)
        if len(data) < PIECE_BYTES:
            continue
        if not flood:
            widen(descriptor)
            flood = True
        for piece in await anyio.to_thread.run_sync(gulp, descriptor, limiter=threads):
            await capture.add(stream, piece)


def _result(launch: _Launch, code: int, capture: Capture, limits: str) -> BashOutput | Failure:
    """limits: what a confined command may do, said where it seems to have failed on that."""
    shell, _, command = launch.argv[:3]
    if code == 0 or (code == 1 and is_answer(command, shell, said_error=capture.stderr() != "")):
        output = _output(capture, "", code)
        return output if output.merged else replace(output, merged=_SILENT)
    first = f"Exit code {code}"
    if limits and _REFUSED.search(capture.stderr()):
        first = f"{first}\n{limits}"
    return Failure("exit_status", f"exit {code}", _output(capture, first, code))


def _out_of_time(call: Call, capture: Capture) -> Failure:
    first = f"Exit code {_TIMED_OUT}\nCommand timed out after {call.timeout_s:.4g}s"
    return Failure("timed_out", f"timed out after {call.timeout_s:.4g} s", _output(capture, first, _TIMED_OUT))


def _with_line(result: BashOutput | Failure, line: str) -> BashOutput | Failure:
    """The result with a line below what was printed."""
    output = result if isinstance(result, BashOutput) else result.output
    assert isinstance(output, BashOutput)
    told = replace(output, merged=f"{output.merged.rstrip()}\n{line}")
    return told if isinstance(result, BashOutput) else replace(result, output=told)


def _output(capture: Capture, first: str, code: int | None) -> BashOutput:
    """What was printed, below the lines that the client puts first."""
    merged, dropped = capture.merged()
    body = "\n".join(part for part in (first, merged) if part)
    spill = str(capture.spill.path) if capture.spill.opened else None
    return BashOutput(body, capture.stdout(), capture.stderr(), code, dropped, spill)
