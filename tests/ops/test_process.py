"""Programs really run here: how they start, what they are told, how they end, and that nothing outlives them."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.errors import Contention, Denied, InvalidRequest, NotFound, TooLarge, Unsupported
from fourfold_tools.ops import process, spawn_helper
from fourfold_tools.ops.process import Child, Exit, Spawner, gulp, read_some, widen

pytestmark = pytest.mark.anyio

ENV = {"PATH": os.defpath + ":" + os.environ["PATH"]}
linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans can be seen through /proc only")

# Ways to leave the shell behind; {} is a command that notes its pid and sleeps.
DAEMONS = {
    "background": "{} &",
    "nohup": "nohup {} >/dev/null 2>&1 &",
    "setsid": "setsid {} >/dev/null 2>&1 &",
    "double fork": "( ( {} ) & ) >/dev/null 2>&1",
    "twice setsid": "( setsid setsid --fork {} & ) >/dev/null 2>&1",
    "cleared environment": "env -i setsid {} >/dev/null 2>&1 &",
    "daemon of its own making": shlex.join(
        [
            "python3",
            "-c",
            "import os, sys\nif os.fork() == 0:\n os.setsid()\n os.fork() or os.execvp('sh', sys.argv[1:])",
        ]
    )
    + " {} >/dev/null 2>&1",
}


@asynccontextmanager
async def a_spawner() -> AsyncGenerator[Spawner]:
    spawner = Spawner()
    try:
        yield spawner
    finally:
        await spawner.aclose()


async def shell(spawner: Spawner, command: str, *args: str, cwd: str = "/", merge_stderr: bool = False) -> Child:
    argv = ["/bin/bash", "-c", command, "sh", *args]
    return await spawner.start(argv, cwd=cwd, env=ENV, merge_stderr=merge_stderr)


async def drained(descriptor: int) -> bytes:
    parts: list[bytes] = []
    while part := await read_some(descriptor):
        parts.append(part)
    return b"".join(parts)


async def ran(spawner: Spawner, command: str, *args: str) -> tuple[bytes, bytes, Exit]:
    async with await shell(spawner, command, *args) as child:
        out = await drained(child.stdout)
        assert child.stderr is not None
        return out, await drained(child.stderr), await child.wait()


def noting(pid_file: Path) -> str:
    """A command that writes its pid and then sleeps for ever."""
    return shlex.join(["sh", "-c", 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 1000', "noting", str(pid_file)])


def daemon(way: str, pid_file: Path) -> str:
    """A shell text that starts a daemon and goes on when that runs."""
    inner = noting(pid_file)
    inner = inner.removeprefix("sh ") if way.startswith("daemon") else inner
    text = DAEMONS[way].format("sh " + inner if way.startswith("daemon") else inner)
    return f"{text}\nwhile [ ! -e {shlex.quote(str(pid_file))} ]; do sleep 0.005; done\n"


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def noted(pid_file: Path) -> int:
    with anyio.fail_after(10):
        while not pid_file.exists():
            await anyio.sleep(0.005)
    return int(pid_file.read_text(encoding="utf-8"))


async def gone(pid: int) -> None:
    with anyio.fail_after(10):
        while lives(pid):
            await anyio.sleep(0.005)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("command", "code"),
    [("true", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -SEGV $$", 139)],
)
async def test_an_exit_code_is_the_programs_or_128_plus_its_signal(command: str, code: int) -> None:
    async with a_spawner() as spawner:
        assert (await ran(spawner, command))[2].code == code


async def test_stdout_and_stderr_come_apart_or_merged_in_order() -> None:
    async with a_spawner() as spawner:
        assert (await ran(spawner, "echo a; echo b >&2; echo c"))[:2] == (b"a\nc\n", b"b\n")
        async with await shell(spawner, "echo a; echo b >&2; echo c", merge_stderr=True) as child:
            assert child.stderr is None
            assert await drained(child.stdout) == b"a\nb\nc\n"


async def test_stdin_is_empty_unless_a_descriptor_is_given(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"from the file\n")
    async with a_spawner() as spawner:
        assert (await ran(spawner, "cat; echo end"))[0] == b"end\n"
        with (tmp_path / "in").open("rb") as file:
            child = await spawner.start(["/bin/cat"], cwd="/", env=ENV, stdin=file.fileno())
            async with child:
                assert await drained(child.stdout) == b"from the file\n"
            assert os.fstat(file.fileno()).st_size == 14


async def test_folder_and_arguments_arrive_byte_for_byte(tmp_path: Path) -> None:
    folder = tmp_path / "größe \udcff"
    folder.mkdir()
    async with (
        a_spawner() as spawner,
        await shell(spawner, 'pwd; printf %s "$1"', "; rm -rf /\n\udcfe", cwd=str(folder)) as child,
    ):
        out = await drained(child.stdout)
    assert out == os.fsencode(folder) + b"\n; rm -rf /\n\xfe"


async def test_a_program_gets_the_given_variables_and_no_others() -> None:
    async with a_spawner() as spawner:
        child = await spawner.start(["/usr/bin/env"], cwd="/", env={"A": "1", "B": "x=y\nz"})
        async with child:
            assert await drained(child.stdout) == b"A=1\nB=x=y\nz\n"


@linux
async def test_the_parent_of_a_program_has_no_variables_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the server")
    async with a_spawner() as spawner:
        out, err, end = await ran(spawner, "cat /proc/$PPID/environ")
    assert (out, err, end.code) == (b"", b"", 0)


async def test_a_program_starts_with_default_signals_and_only_its_three_descriptors(tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        async with a_spawner() as spawner:
            out, err, end = await ran(spawner, "yes | head -1; ls /proc/self/fd 2>/dev/null | wc -l; trap")
    assert (out.split(), err, end.code) == ([b"y", b"4"], b"", 0)  # 0, 1, 2 and the folder that ls reads


async def test_arguments_of_a_megabyte_arrive_whole() -> None:
    args = [str(n) * 1000 for n in range(200)]
    async with a_spawner() as spawner:
        out, _, _ = await ran(spawner, 'printf "%s\n" "$@" | wc -c; echo $#', *args)
    assert out.split() == [b"%d" % sum(len(a) + 1 for a in args), b"200"]


@pytest.mark.parametrize(
    ("argv", "cwd", "env", "error", "text"),
    [
        (["/no/such/program"], "/", {}, NotFound, "no such program: /no/such/program"),
        (["/bin/true"], "/no/such/folder", {}, NotFound, "no such folder: /no/such/folder"),
        (["/etc/passwd"], "/", {}, Denied, "program /etc/passwd: Permission denied"),
        (["/bin/true", "x" * 200_000], "/", {}, TooLarge, "hand large data over as stdin"),
        (["/bin/true", *["x" * 100_000] * 100], "/", {}, TooLarge, "hand large data over as stdin"),
        (["/bin/true", "a\0b"], "/", {}, InvalidRequest, "NUL"),
        (["/bin/true", "\ud800"], "/", {}, InvalidRequest, "not text"),
        (["/bin/true"], "/", {"A=B": "1"}, InvalidRequest, "'A=B'"),
        (["/bin/true"], "/", {"": "1"}, InvalidRequest, "''"),
    ],
)
async def test_a_program_that_cannot_start_says_why(
    argv: list[str], cwd: str, env: dict[str, str], error: type[Exception], text: str
) -> None:
    async with a_spawner() as spawner:
        with pytest.raises(error, match=text):
            await spawner.start(argv, cwd=cwd, env=env)
        assert (await ran(spawner, "echo still here"))[0] == b"still here\n"


async def test_a_file_that_is_no_program_is_unsupported(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"\x7fELF and nothing")
    text.chmod(0o755)
    async with a_spawner() as spawner:
        with pytest.raises(Unsupported, match="Exec format error"):
            await spawner.start([str(text)], cwd="/", env={})


async def test_windows_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(Unsupported, match="Windows"):
        await Spawner().start(["/bin/true"], cwd="/", env={})


async def test_many_programs_at_once_each_end_with_their_own_code_and_output() -> None:
    results: dict[int, tuple[bytes, bytes, Exit]] = {}

    async def one(n: int) -> None:
        results[n] = await ran(spawner, 'echo "$1"; echo "$1" >&2; exit "$1"', str(n))

    async with a_spawner() as spawner, anyio.create_task_group() as group:
        for n in range(40):
            group.start_soon(one, n)
    assert {n: (int(out), int(err), end.code) for n, (out, err, end) in results.items()} == {
        n: (n, n, n) for n in range(40)
    }


async def test_nothing_stays_open_after_programs_and_spawner(tmp_path: Path) -> None:
    if not Path("/dev/fd").exists():
        pytest.skip("descriptors cannot be listed here")
    before = sorted(os.listdir("/dev/fd"))
    async with a_spawner() as spawner:
        for command in ("true", "sleep 1000 &", "kill -9 $$"):
            await ran(spawner, command)
        with pytest.raises(NotFound):
            await spawner.start(["/no/such/program"], cwd="/", env={})
    assert sorted(os.listdir("/dev/fd")) == before


# What programs leave behind.


@linux
@pytest.mark.parametrize("way", DAEMONS)
async def test_what_a_shell_leaves_behind_is_gone_when_its_end_is_reported(way: str, tmp_path: Path) -> None:
    async with a_spawner() as spawner, await shell(spawner, daemon(way, tmp_path / "pid") + "exit 5") as child:
        assert (await child.wait()).code == 5
        assert not lives(int((tmp_path / "pid").read_text(encoding="utf-8")))


@linux
@pytest.mark.parametrize("way", DAEMONS)
async def test_leaving_a_programs_context_ends_its_whole_tree(way: str, tmp_path: Path) -> None:
    async with a_spawner() as spawner:
        async with await shell(spawner, daemon(way, tmp_path / "pid") + "sleep 1000") as child:
            pid = await noted(tmp_path / "pid")
            assert lives(pid)
        assert not lives(pid)
        assert not lives(child.pid)


@linux
async def test_a_cancelled_task_leaves_no_process(tmp_path: Path) -> None:
    async def run() -> None:
        async with await shell(spawner, daemon("cleared environment", tmp_path / "pid") + "sleep 1000") as child:
            await child.wait()

    async with a_spawner() as spawner:
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            assert lives(await noted(tmp_path / "pid"))
            group.cancel_scope.cancel()
        assert not lives(await noted(tmp_path / "pid"))


@linux
async def test_each_program_ends_its_own_daemon_and_no_other(tmp_path: Path) -> None:
    count = 5
    texts = [
        daemon("cleared environment", tmp_path / f"pid{n}") + f"while [ -e {tmp_path}/run{n} ]; do sleep 0.005; done"
        for n in range(count)
    ]
    for n in range(count):
        (tmp_path / f"run{n}").touch()
    async with a_spawner() as spawner, contextlib.AsyncExitStack() as stack:
        children = [await stack.enter_async_context(await shell(spawner, text)) for text in texts]
        pids = [await noted(tmp_path / f"pid{n}") for n in range(count)]
        for n in (2, 0, 4, 1, 3):
            assert lives(pids[n])
            (tmp_path / f"run{n}").unlink()
            assert (await children[n].wait()).code == 0
            left = [m for m in range(count) if (tmp_path / f"run{m}").exists()]
            assert [m for m in range(count) if lives(pids[m])] == left


SERVER = """
import anyio, sys
from fourfold_tools.ops import process, spawn_helper
from fourfold_tools.ops.process import Spawner

async def main():
    spawner = Spawner()
    child = await spawner.start(["/bin/bash", "-c", sys.argv[1]], cwd="/", env={"PATH": sys.argv[2]})
    print(child.pid, flush=True)
    return (await child.wait()).code

code = anyio.run(main)
"""

MARKLESS = """
import resource
hard = 1 << 60
resource.setrlimit(resource.RLIMIT_RTTIME, (hard, hard))
"""


@linux
async def test_where_programs_cannot_be_marked_the_last_one_takes_what_nobody_owns(tmp_path: Path) -> None:
    text = daemon("cleared environment", tmp_path / "pid") + "exit 4"
    argv = [sys.executable, "-c", MARKLESS + SERVER + "\nprint(code)", text, ENV["PATH"]]
    done = await anyio.run_process(argv)
    assert done.stdout.split()[-1] == b"4"
    assert not lives(int((tmp_path / "pid").read_text(encoding="utf-8")))


@linux
def test_children_are_found_with_and_without_the_kernels_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as child:
        try:
            assert child.pid in spawn_helper.children(os.getpid())
            monkeypatch.setattr(spawn_helper, "_PROC_CHILDREN", False)
            assert child.pid in spawn_helper.children(os.getpid())
            assert spawn_helper.children(child.pid) == []
        finally:
            child.kill()


@linux
async def test_a_family_that_keeps_forking_into_new_sessions_is_ended(tmp_path: Path) -> None:
    program = f"""
import os, time
for n in range(60):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("{tmp_path}/%d" % os.getpid(), "w").close()
            time.sleep(1000)
        os._exit(0)
os._exit(0)
"""
    async with a_spawner() as spawner:
        child = await spawner.start([sys.executable, "-I", "-S", "-c", program], cwd="/", env={})
        async with child:
            await child.wait()
    assert [name for name in os.listdir(tmp_path) if lives(int(name))] == []


@linux
async def test_closing_the_spawner_ends_every_program(tmp_path: Path) -> None:
    async with (
        a_spawner() as spawner,
        await shell(spawner, daemon("setsid", tmp_path / "pid") + "sleep 1000") as child,
    ):
        pid = await noted(tmp_path / "pid")
        await spawner.aclose()
        assert not lives(pid)
        assert not lives(child.pid)
        with pytest.raises(Contention):
            await child.wait()


@linux
@pytest.mark.parametrize("way", ["background", "cleared environment", "daemon of its own making"])
async def test_everything_ends_when_the_server_is_killed(way: str, tmp_path: Path) -> None:
    text = daemon(way, tmp_path / "pid") + "sleep 1000"
    with subprocess.Popen([sys.executable, "-c", SERVER, text, ENV["PATH"]], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            shell_pid = int(server.stdout.readline())
            pid = await noted(tmp_path / "pid")
            helper = parent(shell_pid)
            assert lives(pid)
        finally:
            server.kill()
        await gone(pid)
        await gone(shell_pid)
        await gone(helper)


@linux
async def test_a_lost_helper_fails_its_programs_clearly_and_the_next_one_takes_over(tmp_path: Path) -> None:
    async with a_spawner() as spawner:
        async with await shell(spawner, daemon("cleared environment", tmp_path / "pid") + "sleep 1000") as child:
            pid, helper = await noted(tmp_path / "pid"), parent(child.pid)
            os.kill(helper, signal.SIGKILL)
            with pytest.raises(Contention, match="was ended from outside"):
                await child.wait()
            assert not lives(pid)
            assert not lives(child.pid)
        assert (await ran(spawner, "echo again"))[0] == b"again\n"


@linux
async def test_a_helper_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with a_spawner() as spawner:
        async with await shell(spawner, daemon("setsid", tmp_path / "pid") + "sleep 1000") as child:
            pid = await noted(tmp_path / "pid")
            monkeypatch.setattr(process, "STUBBORN_S", 0.05)
            monkeypatch.setattr(process, "STUCK_S", 0.05)
            os.kill(parent(child.pid), signal.SIGSTOP)
            await child.kill()
            assert not lives(pid)
            with pytest.raises(Contention):
                await child.wait()
            monkeypatch.undo()
        assert (await ran(spawner, "echo again"))[0] == b"again\n"


@linux
async def test_a_start_that_hangs_is_given_up_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_spawner() as spawner:
        async with await shell(spawner, "sleep 1000") as child:
            helper = parent(child.pid)
            os.kill(helper, signal.SIGSTOP)
            monkeypatch.setattr(process, "STUCK_S", 0.05)
            with pytest.raises(Contention, match="did not start within"):
                await shell(spawner, "sleep 1000")
            monkeypatch.undo()
            await gone(helper)
        assert not lives(child.pid)
        assert (await ran(spawner, "echo again"))[0] == b"again\n"


@linux
async def test_a_start_during_the_helpers_death_fails_or_works_but_never_hangs() -> None:
    outcomes: set[str] = set()

    async def one() -> None:
        try:
            outcomes.add((await ran(spawner, "echo on"))[0].decode())
        except Contention as exc:
            outcomes.add(exc.message)

    async with a_spawner() as spawner, await shell(spawner, "sleep 1000") as child:
        async with anyio.create_task_group() as group:
            for n in range(12):
                group.start_soon(one)
                if n == 6:
                    os.kill(parent(child.pid), signal.SIGKILL)
        assert "on\n" in {*outcomes, (await ran(spawner, "echo on"))[0].decode()}
    assert outcomes <= {
        "on\n",
        "the process that starts programs was ended from outside; this program was ended with it",
    }


@linux
async def test_signals_that_end_other_programs_do_not_end_the_helper() -> None:
    async with a_spawner() as spawner:
        out, _, end = await ran(spawner, "kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; echo on")
        assert (out, end.code) == (b"on\n", 0)


# Ends that were ordered.


async def test_term_comes_first_and_a_program_may_use_its_grace() -> None:
    command = "trap 'echo bye; exit 9' TERM; echo on; sleep 1000 & wait"
    async with a_spawner() as spawner, await shell(spawner, command) as child:
        assert await read_some(child.stdout) == b"on\n"
        await child.kill(grace_s=10)
        assert await drained(child.stdout) == b"bye\n"
        assert (await child.wait()).code == 9


@linux
async def test_term_reaches_what_left_the_session_and_its_grace_holds_for_that_too(tmp_path: Path) -> None:
    slow = 'trap \'sleep 0.05; echo bye > "$1.bye"; exit\' TERM; echo $$ > "$1"; while :; do sleep 0.01; done'
    start = shlex.join(["env", "-i", "setsid", "bash", "-c", slow, "slow", str(tmp_path / "pid")])
    async with a_spawner() as spawner, await shell(spawner, f"{start} & sleep 1000") as child:
        pid = await noted(tmp_path / "pid")
        await child.kill(grace_s=10)
        assert not lives(pid)
        assert (tmp_path / "pid.bye").read_text(encoding="utf-8") == "bye\n"
        assert (await child.wait()).code == 143


async def test_a_program_that_ignores_term_is_killed_after_its_grace() -> None:
    command = "trap '' TERM; echo on; while :; do sleep 0.01; done"
    async with a_spawner() as spawner, await shell(spawner, command) as child:
        assert await read_some(child.stdout) == b"on\n"
        await child.kill(grace_s=0.05)
        assert (await child.wait()).code == 137


async def test_several_tasks_may_wait_for_and_kill_one_program() -> None:
    codes: list[int] = []

    async def wait() -> None:
        codes.append((await child.wait()).code)

    async with (
        a_spawner() as spawner,
        await shell(spawner, "sleep 1000") as child,
        anyio.create_task_group() as group,
    ):
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(wait)
                group.start_soon(wait)
                group.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        await child.kill()
        await child.kill()
    assert codes == [137, 137]


# What programs took.


@linux
async def test_cpu_seconds_count_children_and_orphans() -> None:
    burn = "import time\nwhile time.process_time() < 0.12: pass"
    orphan = shlex.join([sys.executable, "-I", "-S", "-c", f"{burn}\nprint('done', flush=True)"])
    waited = shlex.join([sys.executable, "-I", "-S", "-c", burn])
    command = f"exec 3< <( ( setsid {orphan} & ) ); {waited}; read -r line <&3; sleep 0.05; echo $line"
    async with a_spawner() as spawner:
        out, _, end = await ran(spawner, command)
    assert out == b"done\n"
    assert 0.24 <= end.cpu_s < 2


async def test_peak_memory_is_the_programs_and_not_the_servers() -> None:
    ballast = bytearray(b"x") * (150 << 20)
    async with a_spawner() as spawner:
        small = (await ran(spawner, "true"))[2].max_rss_bytes
        large = shlex.join([sys.executable, "-I", "-S", "-c", "x = bytearray(b'x') * (80 << 20)"])
        big = (await ran(spawner, large))[2].max_rss_bytes
    assert 0 < small < 40 << 20
    assert 80 << 20 < big < 140 << 20
    assert len(ballast) == 150 << 20


@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_what_a_thread_takes_in_is_what_was_printed_up_to_the_end(sizes: list[int]) -> None:
    near, far = os.pipe()
    os.set_blocking(near, False)
    widen(near)
    printed = b"".join(b"%d," % n * (size // 6 + 1) for n, size in enumerate(sizes))

    def print_all() -> None:
        with open(far, "wb", buffering=0) as pipe:
            for start in range(0, len(printed), 7919):
                pipe.write(printed[start : start + 7919])

    taken: list[bytes] = []
    writer = threading.Thread(target=print_all)
    writer.start()
    while writer.is_alive() or not taken or taken[-1]:
        taken.append(b"".join(gulp(near)))
    writer.join()
    os.close(near)
    assert b"".join(taken) == printed


def test_a_quiet_program_holds_no_thread() -> None:
    near, far = os.pipe()
    os.set_blocking(near, False)
    assert gulp(near) == []
    os.write(far, b"on")
    assert gulp(near) == [b"on"]
    os.close(far)
    assert gulp(near) == []
    os.close(near)
