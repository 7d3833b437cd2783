"""Paths that lead out of the workspace, to what a rule keeps closed, or to what is no file: each is refused."""

import json
import os
import socket
from pathlib import Path

import anyio
import pytest
from runtimes import opened

from fourfold_tools.checkpoint import CheckpointRequest, checkpoint
from fourfold_tools.errors import InvalidRequest
from fourfold_tools.plan import PlanRequest, plan
from hostile import DENIED, SECRET, Answered, Case, answer_all

FS = "modelcontextprotocol/servers"
DC = "wonderwhy-er/DesktopCommanderMCP"
DOLL = "DollhouseMCP/mcp-server#1290"
CYAN = "cyanheads/filesystem-mcp-server#21"
ENDLESS, KERNEL = "GHSA-8m36-62rw-9mxw", "GHSA-5wj4-wffq-3378"
RULE = "CVE-2026-25724"
FAST = "efforthye/fast-filesystem-mcp"
PREFIX, LINK = "CVE-2025-53110", "CVE-2025-53109"


def read(source: str, does: str, path: str, code: str = "denied", says: str = "") -> Case:
    return Case(source, does, {"op": "read", "path": path}, code, says)


def grep(source: str, does: str, path: str | list[str], code: str = "denied", pattern: str = SECRET) -> Case:
    return Case(source, does, {"op": "grep", "pattern": pattern, "path": path}, code)


def glob(source: str, does: str, pattern: str, path: str = ".", code: str = "denied") -> Case:
    return Case(source, does, {"op": "glob", "pattern": pattern, "path": path}, code)


def bash(source: str, does: str, command: str, cwd: str = ".", code: str = "denied") -> Case:
    return Case(source, does, {"op": "bash", "command": command, "cwd": cwd}, code)


UPWARD = [
    read("CVE-2026-40576", "read goes up one folder", "../outside/secret", says="outside the workspace"),
    read("CVE-2026-40576", "read names an absolute path", "HOME/outside/secret", says="outside the workspace"),
    read("CVE-2026-40576", "read names a file of the system", "/etc/passwd"),
    read("CVE-2026-32871", "read goes down and up again", "sub/../../outside/secret"),
    read("CVE-2026-32871", "read goes up from deep below", "sub/deep/../../../outside/secret"),
    read("CVE-2026-32871", "read goes up more often than there are folders", "../" * 40 + "etc/passwd"),
    read(f"{DC}#411", "read hides the way up among dots", "./././../outside/secret"),
    read(f"{DC}#411", "read hides the way up among slashes", "sub//..//..//outside/secret"),
    read(f"{DC}#411", "read starts inside and goes up", "HOME/work/../outside/secret"),
    read("CVE-2026-33989", "read begins with two slashes", "//etc/passwd"),
    read("CVE-2026-33989", "read begins with a dot behind the root", "/./etc/passwd"),
    read("CVE-2026-33989", "read starts at home", "~/outside/secret"),
    read("CVE-2026-33989", "read starts at somebody's home", "~root/.profile"),
    grep("CVE-2026-40576", "grep goes up", "../outside"),
    grep("CVE-2026-40576", "grep names an absolute folder", "/etc", pattern="."),
    grep("CVE-2026-40576", "grep mixes a good and a bad folder", ["sub", "../outside"], pattern="."),
    glob("CVE-2026-40576", "glob goes up by its path", "*", "../outside"),
    glob("CVE-2026-40576", "glob names an absolute pattern", "HOME/outside/*"),
    glob("CVE-2026-40576", "glob lists the root of the disk", "/*"),
    bash("CVE-2026-27735", "bash starts outside", "cat secret", "../outside"),
    bash("CVE-2026-27735", "bash starts in the root of the disk", "cat etc/passwd", "/"),
]

ENCODED = [
    read("aveproject/ave#33", "read writes the slashes as %2f", "..%2foutside%2fsecret", "not_found"),
    read("aveproject/ave#33", "read writes the dots as %2e", "%2e%2e/outside/secret", "not_found"),
    read("aveproject/ave#33", "read doubles dots and slashes", "....//....//outside/secret", "not_found"),
    read("aveproject/ave#33", "read uses backslashes", "..\\outside\\secret", "not_found"),
    read("aveproject/ave#33", "read uses wide dots", "．．/outside/secret", "not_found"),
    read("aveproject/ave#33", "read uses a slash of another script", "..⁄outside⁄secret", "not_found"),
    read("aveproject/ave#33", "read names a URL of a file", "file:///etc/passwd", "not_found"),
    read("aveproject/ave#33", "read cuts a name with NUL", "ok.txt\0/../../outside/secret", "not_found", "NUL"),
    read(f"{FS}#4523", "read names an alternate stream", "ok.txt:secret", "not_found"),
    read(f"{FS}#4523", "read names the data stream", "ok.txt::$DATA", "not_found"),
    read("CVE-2026-35020", "read holds a command substitution", "sub/$(touch pwned)/x", "not_found"),
    read("CVE-2026-35021", "read holds backticks", "`touch pwned`", "not_found"),
    bash("CVE-2026-35022", "bash starts in a command substitution", "pwd", "$(touch pwned)", code="not_found"),
]

PREFIXES = [
    read(PREFIX, "read names a neighbour whose name begins alike", "../work-evil/secret"),
    read(PREFIX, "read names that neighbour absolutely", "HOME/work-evil/secret"),
    grep(PREFIX, "grep searches that neighbour", "../work-evil"),
    glob(PREFIX, "glob lists that neighbour", "*", "../work-evil"),
    glob(PREFIX, "glob names it in the pattern", "HOME/work-evil/**"),
    bash(PREFIX, "bash starts in it", "cat secret", "HOME/work-evil"),
    read("CVE-2025-54794", "read names a neighbour of another letter case", "../Work/secret"),
    read("CVE-2025-54794", "read names the workspace with a point behind it", "../work./secret"),
]

LINKS = [
    read(LINK, "read follows a link to a file", "link-file", says="it leads to"),
    read(LINK, "read follows an absolute link", "link-abs"),
    read(LINK, "read follows a link to a folder", "link-dir/secret"),
    read("GHSA-q66q-fx2p-7w4m", "read follows a link to a link", "link-chain"),
    read(f"{FS}#1845", "read follows a link below a folder", "sub/link/secret"),
    read(f"{FS}#1845", "read follows a link upward", "link-up/outside/secret"),
    read(f"{DC}#219", "read follows a link to the root of the disk", "link-root/etc/passwd"),
    read(f"{DC}#219", "read goes up behind a link", "link-dir/../outside/secret", "not_found"),
    read(f"{FAST}#10", "read follows a link to itself", "loop"),
    read(f"{FAST}#10", "read follows two links that name each other", "loop-a"),
    read(f"{FAST}#23", "read follows a link to nothing", "dangling"),
    grep(CYAN, "grep searches a linked folder", "link-dir"),
    grep(CYAN, "grep searches a linked file", "link-file"),
    grep(DOLL, "grep meets links in its tree", ".", ""),
    Case(
        DOLL,
        "grep meets links and ignores nothing",
        {"op": "grep", "pattern": SECRET, "no_ignore": True, "multiline": True},
        "",
    ),
    glob(DOLL, "glob lists a linked folder", "*", "link-dir"),
    glob("adamw7/tools#451", "glob leads through a linked folder", "link-dir/*", code=""),
    glob("adamw7/tools#451", "glob looks everywhere", "**/only-outside", code=""),
    bash(f"{DC}#420", "bash starts in a linked folder", "cat secret", "link-dir"),
]

RULES = [
    read(RULE, "read names a denied file", "secrets/key", says="denied by Read(secrets/**)"),
    read(RULE, "read follows a link to a denied file", "link-denied", says="denied by Read(secrets/**)"),
    read(RULE, "read goes around by another folder", "sub/../secrets/key"),
    read(RULE, "read spells a denied file in capitals", "SECRETS/KEY"),
    grep(RULE, "grep searches a denied folder", "secrets", pattern=DENIED),
    grep(RULE, "grep searches a link to a denied file", "link-denied", pattern=DENIED),
    grep(RULE, "grep meets denied files in its tree", ".", "", pattern=DENIED),
    bash(RULE, "bash prints a link to a denied file", "cat link-denied"),
    bash(RULE, "bash redirects from a denied file", "cat < secrets/key"),
]

SPECIAL = [
    read(ENDLESS, "read never ends on a device", "/dev/zero"),
    read(ENDLESS, "read never ends on a source of chance", "/dev/urandom"),
    read(ENDLESS, "read follows a link to a device", "link-dev"),
    read(ENDLESS, "read waits for a pipe", "fifo", "unsupported", "never opened"),
    read(ENDLESS, "read connects to a socket", "socket", "unsupported", "never opened"),
    grep(ENDLESS, "grep waits for a pipe", "fifo", "unsupported", pattern="x"),
    read(ENDLESS, "read takes a folder for a file", "sub", "unsupported", "EISDIR"),
    read(KERNEL, "read opens the server's memory", "/proc/self/mem"),
    read(KERNEL, "read opens the server's variables", "/proc/self/environ"),
    read(KERNEL, "read waits for the kernel's log", "/proc/kmsg"),
    read(KERNEL, "read goes through a process's root", "/proc/self/root/etc/passwd"),
    read(KERNEL, "read goes through a process's folder", "/proc/self/cwd/../../etc/passwd"),
    read(KERNEL, "read follows a link into /proc", "link-proc"),
    read(KERNEL, "read follows a link to a descriptor", "link-fd"),
    grep(KERNEL, "grep searches all processes", "/proc", pattern="KEY="),
]

CASES = [*UPWARD, *ENCODED, *PREFIXES, *LINKS, *RULES, *SPECIAL]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    home = tmp_path_factory.mktemp("paths")
    for folder in ("work/sub/deep", "work/secrets", "work/.claude", "work-evil", "Work", "outside"):
        (home / folder).mkdir(parents=True)
    for name in ("outside/secret", "outside/only-outside", "work-evil/secret", "Work/secret"):
        (home / name).write_text(f"{SECRET}\n")
    (home / "work/ok.txt").write_text("fine\n")
    (home / "work/secrets/key").write_text(f"{DENIED}\n")
    rules = {"permissions": {"deny": ["Read(secrets/**)"]}}
    (home / "work/.claude/settings.json").write_text(json.dumps(rules))
    links = {
        "link-file": "../outside/secret", "link-abs": f"{home}/outside/secret", "link-dir": "../outside",
        "link-chain": "link-second", "link-second": "link-dir/secret", "sub/link": "../../outside", "link-up": "..",
        "link-root": "/", "loop": "loop", "loop-a": "loop-b", "loop-b": "loop-a", "dangling": "../outside/nothing",
        "link-denied": "secrets/key", "link-dev": "/dev/zero", "link-proc": "/proc/self/environ",
        "link-fd": "/proc/self/fd/0",
    }  # fmt: skip
    for name, target in links.items():
        os.symlink(target, home / "work" / name)
    os.mkfifo(home / "work/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(home / "work/socket"))
    return answer_all(home, CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_path_is_refused(answered: Answered, case: Case) -> None:
    entry = answered.check(case)
    if not case.code:
        assert entry["output"]["paths"] == [], entry


def test_there_are_at_least_sixty_of_them_and_none_ran_a_command(answered: Answered) -> None:
    assert len({str(case) for case in CASES}) == len(CASES) >= 60
    assert not (answered.home / "work/pwned").exists()


OUTPUTS = ["link-dir/new", "../outside/new", "link-new", "/etc/new"]


@pytest.mark.parametrize("output", OUTPUTS, ids=[f"{DC}#420: a plan writes {output}" for output in OUTPUTS])
def test_a_plan_cannot_name_an_output_that_leads_outside(planned: Path, output: str) -> None:
    async def main() -> None:
        async with opened(planned) as runtime:
            with pytest.raises(InvalidRequest, match="inside the workspace"):
                await plan(runtime, a_plan(output))

    anyio.run(main)


def test_an_output_that_leads_outside_by_the_time_it_is_made_never_counts_as_made(planned: Path) -> None:
    async def main() -> str:
        async with opened(planned) as runtime:
            made = await plan(runtime, a_plan("later"))
            assert made.structured is not None
            os.symlink("../outside/secret", planned / "work/later")
            finished = [{"task": "t", "state": "ok", "summary": "done"}]
            request = {"plan": made.structured["plan"], "finished": finished}
            seen = await checkpoint(runtime, CheckpointRequest.model_validate(request))
            return json.dumps(seen.structured)

    told = anyio.run(main)
    assert "outside the workspace" in told
    assert SECRET not in told


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    for folder in ("outside", "work"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outside/secret").write_text(SECRET)
    os.symlink("../outside", tmp_path / "work/link-dir")
    os.symlink("../outside/new", tmp_path / "work/link-new")
    return tmp_path


def a_plan(output: str) -> PlanRequest:
    tasks = [{"id": "t", "title": "T", "prompt": "p", "writes": [output]}]
    return PlanRequest.model_validate({"goal": "g", "tasks": tasks})
