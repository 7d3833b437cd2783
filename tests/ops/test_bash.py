"""The bash op: real commands, what the agent reads of them, and what a batch needs to know."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from fourfold_config.settings import Settings, load_settings
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import BashOutput
from fourfold_tools.model.request import BashStep
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call
from fourfold_tools.ops.bash import BashOp
from fourfold_tools.ops.effects import classify
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans can be seen through /proc only")


def classified(command: str, cwd: str, **_: object) -> Effects:
    return Effects(reads=frozenset({cwd}), note=command)


@asynccontextmanager
async def an_op(workspace: Workspace, settings: Settings | None = None) -> AsyncGenerator[BashOp]:
    spawner = Spawner()
    try:
        yield BashOp((settings or load_settings(env={})).bash, workspace, spawner, classified)
    finally:
        await spawner.aclose()


def call(workspace: Workspace, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Call:
    step = BashStep.model_validate({"op": "bash", "command": command, **arguments})
    spill = Path(workspace.cwd).parent / "runs" / "s1.txt"
    return Call("s1", step, timeout_s, time.monotonic() + timeout_s, spill)


async def outcome(
    workspace: Workspace, command: str, *, settings: Settings | None = None, **arguments: Any
) -> Outcome:
    async with an_op(workspace, settings) as op:
        (only,) = await op.run([call(workspace, command, **arguments)])
        return only


async def output(workspace: Workspace, command: str, **arguments: Any) -> BashOutput:
    result = (await outcome(workspace, command, **arguments)).result
    assert isinstance(result, BashOutput), result
    return result


async def failure(workspace: Workspace, command: str, **arguments: Any) -> Failure:
    result = (await outcome(workspace, command, **arguments)).result
    assert isinstance(result, Failure), result
    return result


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def daemon(pid_file: Path) -> str:
    """Start what leaves the session, the environment and the shell behind, and go on when it runs."""
    inner = shlex.join(["sh", "-c", 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 1000', "d", str(pid_file)])
    return f"env -i setsid {inner} & while [ ! -e {pid_file} ]; do sleep 0.005; done;"


# What the agent reads.


async def test_both_streams_are_merged_without_the_last_newline_and_kept_apart(workspace: Workspace) -> None:
    out = await output(workspace, "echo a; sleep 0.1; echo b >&2; sleep 0.1; echo c; echo")
    assert out == BashOutput("a\nb\nc", "a\nc\n\n", "b\n", 0)
    assert out.field("lines") == ["a", "c", ""]


async def test_a_silent_command_says_so(workspace: Workspace) -> None:
    assert await output(workspace, "true") == BashOutput("(Bash completed with no output)", "", "", 0)


async def test_a_failing_command_keeps_its_output_below_its_exit_code(workspace: Workspace) -> None:
    failed = await failure(workspace, "echo hi; sleep 0.1; echo err >&2; exit 3")
    assert failed == Failure("exit_status", "exit 3", BashOutput("Exit code 3\nhi\nerr", "hi\n", "err\n", 3))
    assert (await failure(workspace, "exit 3")).output == BashOutput("Exit code 3", "", "", 3)


@pytest.mark.parametrize(
    ("command", "code"), [("kill -9 $$", 137), ("no-such-command-here", 127), ("/etc/passwd", 126)]
)
async def test_signals_and_commands_that_cannot_run_have_the_shells_codes(
    workspace: Workspace, command: str, code: int
) -> None:
    failed = await failure(workspace, command)
    assert (failed.code, failed.message) == ("exit_status", f"exit {code}")


@pytest.mark.parametrize(
    ("command", "merged"),
    [
        ("grep absent /etc/passwd", "(Bash completed with no output)"),
        ("echo a > x; echo b > y; diff x y", "1c1\n< a\n---\n> b"),
        ("test -f absent", "(Bash completed with no output)"),
    ],
)
async def test_exit_status_1_of_a_search_or_a_comparison_is_a_result(
    workspace: Workspace, command: str, merged: str
) -> None:
    out = await output(workspace, command)
    assert (out.merged, out.exit_code) == (merged, 1)


@pytest.mark.parametrize("command", ["grep x absent-file", "false && grep x f", "exit 1"])
async def test_other_failures_stay_failures(workspace: Workspace, command: str) -> None:
    assert (await failure(workspace, command)).code == "exit_status"


async def test_a_command_out_of_time_keeps_what_it_printed(workspace: Workspace) -> None:
    failed = await failure(workspace, "echo begun; sleep 1000", timeout_s=0.5)
    merged = "Exit code 143\nCommand timed out after 0.5s\nbegun"
    assert failed == Failure("timed_out", "timed out after 0.5 s", BashOutput(merged, "begun\n", "", 143))


async def test_a_command_may_clean_up_when_its_time_is_up(workspace: Workspace) -> None:
    failed = await failure(workspace, "trap 'echo cleaned; exit' TERM; echo on; sleep 1000 & wait", timeout_s=0.5)
    assert isinstance(failed.output, BashOutput)
    assert failed.output.stdout == "on\ncleaned\n"


async def test_a_command_that_ignores_term_is_killed_after_the_grace(workspace: Workspace) -> None:
    settings = load_settings(env={"FOURFOLD_BASH__GRACE_S": "0.1"})
    failed = await failure(workspace, "trap '' TERM; while :; do sleep 0.01; done", timeout_s=0.3, settings=settings)
    assert failed.code == "timed_out"


async def test_time_can_be_up_before_a_command_starts(workspace: Workspace) -> None:
    failed = await failure(workspace, "touch ran", timeout_s=1e-9)
    assert failed.code == "timed_out"


# What a command is given.


async def test_arguments_are_data_and_never_part_of_the_text(workspace: Workspace) -> None:
    nasty = ["; touch hacked #", "$(touch hacked)", "`touch hacked`", "a b\n*", '"', "'", "-n", "", "größe"]
    out = await output(workspace, 'printf "%s|" "$@"', args=nasty)
    assert out.stdout == "|".join(nasty) + "|"
    assert not (Path(workspace.cwd) / "hacked").exists()


async def test_numbers_become_words_and_the_shell_is_called_fourfold(workspace: Workspace) -> None:
    out = await output(workspace, 'echo "$0" "$#" "$1" "$2" "$N"', args=[5, 0.5], env={"N": 7})
    assert out.merged == "fourfold 2 5 0.5 7"


async def test_stdin_is_the_text_or_empty(workspace: Workspace) -> None:
    assert (await output(workspace, "cat; echo end")).merged == "end"
    assert (await output(workspace, "cat", stdin="ein Wörtchen\n" * 20_000)).stdout == "ein Wörtchen\n" * 20_000
    assert (await output(workspace, "cat", stdin="")).merged == "(Bash completed with no output)"


async def test_a_command_runs_in_its_folder(workspace: Workspace) -> None:
    (Path(workspace.cwd) / "sub").mkdir()
    assert (await output(workspace, "pwd -P; echo $PWD")).merged == "\n".join([workspace.cwd] * 2)
    assert (await output(workspace, "pwd", cwd="sub")).merged == f"{workspace.cwd}/sub"


@pytest.mark.parametrize(
    ("cwd", "code"), [("/", "denied"), ("..", "denied"), ("link", "denied"), ("absent", "not_found")]
)
async def test_a_folder_outside_the_workspace_is_denied_and_nothing_runs(
    workspace: Workspace, cwd: str, code: str
) -> None:
    marker = Path(workspace.cwd) / "ran"
    (Path(workspace.cwd) / "link").symlink_to("/")
    assert (await failure(workspace, f"touch {marker}", cwd=cwd)).code == code
    assert not marker.exists()


@pytest.mark.parametrize("shell", ["sh", "/bin/sh"])
async def test_another_shell_can_be_named(workspace: Workspace, shell: str) -> None:
    assert (await output(workspace, "echo ${BASH_VERSION:+bash}on", shell="bash")).merged == "bashon"
    proc = await output(workspace, 'readlink -f /proc/$$/exe; echo "$1"', shell=shell, args=["x"])
    assert proc.merged == f"{os.path.realpath('/bin/sh')}\nx"


@pytest.mark.parametrize("shell", ["no-such-shell", "/no/such/shell"])
async def test_a_shell_that_does_not_exist_is_not_found(workspace: Workspace, shell: str) -> None:
    failed = await failure(workspace, "true", shell=shell)
    assert failed.code == "not_found"
    assert shell in failed.message


async def test_no_profile_is_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".profile", ".bash_profile", ".bashrc"):
        (Path(workspace.cwd) / name).write_text("echo from a profile\n", encoding="utf-8")
    monkeypatch.setenv("HOME", workspace.cwd)
    assert (await output(workspace, "shopt -q login_shell || echo plain")).merged == "plain"


async def test_what_no_program_can_be_given_is_refused(workspace: Workspace) -> None:
    assert (await failure(workspace, "echo \0")).code == "invalid_request"
    assert (await failure(workspace, "true", env={"A=B": "1"})).code == "invalid_request"
    assert (await failure(workspace, "true", args=["x" * 200_000])).code == "too_large"


async def test_hidden_variables_reach_no_command(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A_TOKEN", "ANTHROPIC_API_KEY", "CLAUDE_CODE_X", "my_secret_y", "FOURFOLD_STATE_DIR"):
        monkeypatch.setenv(name, "hidden value")
    monkeypatch.setenv("PLAIN", "plain value")
    out = await output(workspace, "env; cat /proc/$PPID/environ 2>/dev/null", env={"B_TOKEN": "of the step"})
    assert "hidden value" not in out.stdout
    assert "B_TOKEN=of the step\n" in out.stdout
    assert "PLAIN=plain value\n" in out.stdout
    assert "GIT_OPTIONAL_LOCKS=0\n" in out.stdout


SERVER = """
import anyio, time
from pathlib import Path
from fourfold_config.settings import load_settings
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import BashStep
from fourfold_tools.ops.base import Call
from fourfold_tools.ops.bash import BashOp
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.workspace import Workspace

async def main():
    spawner = Spawner()
    op = BashOp(load_settings(env={}).bash, Workspace(Path.cwd()), spawner, lambda command, cwd, **_: Effects())
    step = BashStep(op="bash", command="cat /proc/[0-9]*/environ 2>/dev/null | tr '\\\\0' '\\\\n' | grep HERE_")
    (outcome,) = await op.run([Call("s1", step, 30, time.monotonic() + 30, Path("spill"))])
    await spawner.aclose()
    print(outcome.result.stdout)

anyio.run(main)
"""


@linux
async def test_a_command_cannot_read_hidden_variables_from_the_server(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HERE_TOKEN": "hidden", "HERE_PLAIN": "plain"}
    done = subprocess.run([sys.executable, "-c", SERVER], env=env, cwd=tmp_path, capture_output=True, timeout=60)
    assert done.stderr == b""
    assert set(done.stdout.split()) == {b"HERE_TOKEN=", b"HERE_PLAIN=plain"}


# Floods.


async def test_a_flood_is_kept_at_both_ends_and_whole_in_the_file(workspace: Workspace) -> None:
    out = await output(workspace, "seq 3000000")
    assert out.spill is not None
    assert out.merged.startswith("1\n2\n3\n")
    assert out.merged.endswith("\n2999999\n3000000")
    assert f"\n… {out.dropped_bytes:,} bytes not kept …\n" in out.merged
    assert len(out.merged) < 4_194_304 + 100
    lines = subprocess.run(["/bin/sh", "-c", 'seq 3000000 | cmp - "$1"', "sh", out.spill], capture_output=True)
    assert (lines.returncode, lines.stdout) == (0, b"")


async def test_a_command_that_prints_for_ever_ends_with_its_time(workspace: Workspace) -> None:
    settings = load_settings(env={"FOURFOLD_BASH__MAX_SPILL_BYTES": "1000000"})
    failed = await failure(workspace, "yes", timeout_s=0.5, settings=settings)
    assert isinstance(failed.output, BashOutput)
    assert failed.output.merged.startswith("Exit code 143\nCommand timed out after 0.5s\ny\ny\n")
    assert failed.output.merged.endswith("is not complete: it holds the first 1,000,000 bytes …")
    assert failed.output.spill is not None
    assert Path(failed.output.spill).stat().st_size == 1_000_000


# Ends.


@linux
async def test_no_daemon_outlives_its_command(workspace: Workspace, tmp_path: Path) -> None:
    out = await output(workspace, daemon(tmp_path / "pid") + "echo done")
    assert out.merged == "done"
    assert not lives(int((tmp_path / "pid").read_text(encoding="utf-8")))


@linux
async def test_no_daemon_outlives_a_timeout(workspace: Workspace, tmp_path: Path) -> None:
    assert (await failure(workspace, daemon(tmp_path / "pid") + "sleep 1000", timeout_s=0.6)).code == "timed_out"
    assert not lives(int((tmp_path / "pid").read_text(encoding="utf-8")))


@linux
async def test_a_cancelled_command_leaves_neither_process_nor_file(workspace: Workspace, tmp_path: Path) -> None:
    flood = call(workspace, daemon(tmp_path / "pid") + "yes")
    async with an_op(workspace) as op:
        async with anyio.create_task_group() as group:
            group.start_soon(op.run, [flood])
            with anyio.fail_after(10):
                while not flood.spill.exists():
                    await anyio.sleep(0.005)
            group.cancel_scope.cancel()
        assert not lives(int((tmp_path / "pid").read_text(encoding="utf-8")))
    assert not flood.spill.exists()


@linux
async def test_a_lost_helper_is_contention_and_keeps_the_output(workspace: Workspace) -> None:
    async with an_op(workspace) as op:
        (lost,) = await op.run([call(workspace, "echo begun; sleep 0.2; kill -9 $PPID; sleep 1000")])
        assert isinstance(lost.result, Failure)
        assert (lost.result.code, lost.result.retryable) == ("contention", True)
        assert lost.result.output == BashOutput("begun", "begun\n", "", None)
        (next_one,) = await op.run([call(workspace, "echo again")])
        assert isinstance(next_one.result, BashOutput)


# What a batch needs to know.


async def test_an_outcome_says_what_its_tree_took(workspace: Workspace) -> None:
    ticks = iter([10.0, 12.5])
    spawner = Spawner()
    try:
        op = BashOp(load_settings(env={}).bash, workspace, spawner, classified, clock=lambda: next(ticks))
        burn = f"{sys.executable} -I -S -c 'import time\nwhile time.process_time() < 0.1: pass'"
        (took,) = await op.run([call(workspace, burn)])
    finally:
        await spawner.aclose()
    assert took.duration_s == 2.5
    assert took.cpu_s is not None
    assert took.cpu_s >= 0.1
    assert took.max_rss_bytes is not None
    assert took.max_rss_bytes > 1 << 20


async def test_effects_are_those_of_the_text_in_its_folder(workspace: Workspace) -> None:
    async with an_op(workspace) as op:
        step = BashStep(op="bash", command="make", cwd="sub")
        assert op.effects(step) == Effects(reads=frozenset({f"{workspace.cwd}/sub"}), note="make")
        step = BashStep.model_validate({"op": "bash", "command": "make", "cwd": {"from": "a", "field": "stdout"}})
        assert op.effects(step) == Effects(known=False, note="its folder comes from a reference")
        assert (op.resource, op.group_size, op.host(step)) == ("process", 1, None)
        assert op.group_key(call(workspace, "make")) is None


async def test_commands_run_side_by_side_without_mixing(workspace: Workspace) -> None:
    seen: dict[int, str] = {}

    async def one(n: int) -> None:
        (done,) = await op.run([call(workspace, 'read -r go < "$1"; echo "$2"', args=[str(fifos[n]), n])])
        assert isinstance(done.result, BashOutput)
        seen[n] = done.result.merged

    fifos = [Path(workspace.cwd) / f"fifo{n}" for n in range(6)]
    for fifo in fifos:
        os.mkfifo(fifo)
    async with an_op(workspace) as op, anyio.create_task_group() as group:
        for n in range(6):
            group.start_soon(one, n)
        for fifo in reversed(fifos):  # each waits until its own turn, the last one first: all of them run at once
            (done,) = await op.run([call(workspace, 'echo go > "$1"', args=[str(fifo)])])
            assert isinstance(done.result, BashOutput)
    assert seen == {n: str(n) for n in range(6)}


@pytest.mark.parametrize(
    "more",
    [{"env": {"PATH": "./x"}}, {"env": {"LD_PRELOAD": "./x.so"}}, {"shell": "zsh"}, {"env": {"BASH_ENV": "x"}}],
)
async def test_a_step_that_changes_what_its_words_mean_is_never_called_read_only(
    workspace: Workspace, more: dict[str, object]
) -> None:
    spawner = Spawner()
    op = BashOp(load_settings(env={}).bash, workspace, spawner, classify)
    plain = op.effects(BashStep.model_validate({"op": "bash", "command": "ls"}))
    changed = op.effects(BashStep.model_validate({"op": "bash", "command": "ls", **more}))
    await spawner.aclose()
    assert plain.read_only
    assert not changed.read_only
