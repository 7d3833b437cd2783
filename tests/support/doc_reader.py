"""A reader of the documentation: a clone, fourfold installed from it, and a shell that the pages' commands run in."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doc_fences import ROOT, fences
from doc_ground import environment, fresh_clone
from http_server import HttpServer

STAYS = ("fourfold serve", "fourfold worker", "opentelemetry-instrument")  # until they are ended
ASKS = ("fourfold deploy tasks.json --max-usd 5",)  # on a terminal
TOKEN = "a-token-of-the-pages-0123456789"
# Stand-ins for what a test cannot have: Claude Code's answers, a browser on a screen. `pip` is uv's, which takes the
# same arguments and a tenth of the time; the tutorial's test installs with pip itself.
PROGRAMS = {
    "pip": '#!/bin/sh\nexec "{scripts}/uv" pip --quiet "$@"\n',
    "claude": '#!/bin/sh\ncase "$1" in --version) echo 2.1.330;; mcp) echo "added: $*";;'
    " -p) echo the agent was asked;; *) exit 3;; esac\n",
    "a-browser": '#!/bin/sh\necho "opened $1"\n',
    "an-agent": "import json, os, pathlib\n"
    "pathlib.Path('reports').mkdir(exist_ok=True)\n"
    "pathlib.Path(f'reports/{{os.environ[\"FOURFOLD_TASK\"]}}.md').write_text(os.environ['FOURFOLD_PLAN'])\n"
    "print(json.dumps({{'state': 'ok', 'summary': 'done'}}))\n",
}


@dataclass(frozen=True)
class Reader:
    """The clone, the reader's programs, and the run and the plan that they have made before.

    printed: what the run's command printed. Mutable: `ran` are commands that need not run again where another page
    has them too.
    """

    clone: Path
    env: Mapping[str, str]
    run: str
    plan: str
    printed: str
    ran: set[str] = field(default_factory=set[str])

    @classmethod
    def below(cls, top: Path, uv_cache: Path) -> "Reader":
        """They have installed the clone, and run the README's batch and the first plan of the page on agents."""
        clone, programs = fresh_clone(top / "fourfold"), top / "env" / "bin"
        env = _environment(top, programs, uv_cache)
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, programs.parent], check=True)
        for name, text in PROGRAMS.items():
            (programs / name).write_text(text.format(scripts=uv.parent), encoding="utf-8")
            (programs / name).chmod(0o755)
        (clone / ".venv").symlink_to(sys.prefix)  # `dev.py` would make one of its own, in minutes
        blocks = fences(ROOT / "README.md")
        [batch] = [block.text for block in blocks if block.language == "json"]
        [answer] = [block.text for block in blocks if block.first.startswith("run r-")]
        _in_the_order_of(clone, answer)
        (clone / "tasks.json").write_text(fences(ROOT / "docs" / "howto" / "agents.md")[0].text, encoding="utf-8")

        def told(script: str, given: str = "", *, code: int = 0) -> str:
            done = subprocess.run(
                script, shell=True, input=given, cwd=clone, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout

        told("git config user.name reader && git config user.email reader@localhost && git add -A")
        told("git commit --quiet --allow-empty --message changed && pip install '.[fleet]'")
        printed, planned = told("fourfold batch -", batch, code=1), told("fourfold plan tasks.json")
        [run], [plan] = set(re.findall(r"\br-\w{4}\b", printed)), set(re.findall(r"\bp-\w{4}\b", planned))
        return cls(clone, env, run, plan, printed, {"pip install '.[fleet]'"})

    def has(self, command: str, instead: Mapping[str, str]) -> str:
        """The command with the reader's own run, plan and addresses."""
        for said, real in instead.items():
            command = command.replace(said, real)
        return re.sub(r"\bp-\w{4}\b", self.plan, re.sub(r"\br-\w{4}\b", self.run, command))


def _environment(home: Path, programs: Path, uv_cache: Path) -> dict[str, str]:
    env = environment(
        home,
        VIRTUAL_ENV=str(programs.parent),
        UV_CACHE_DIR=str(uv_cache),
        BROWSER=f"{programs}/a-browser %s",
        FOURFOLD_FLEET__COMMAND=json.dumps([sys.executable, "-I", "-S", str(programs / "an-agent")]),
    )
    return {**env, "PATH": f"{programs}:{env['PATH']}"}


def _in_the_order_of(clone: Path, answer: str) -> None:
    """Files that grep finds come newest first: of this clone as the page shows it, in whatever order it was made."""
    for age, name in enumerate(line for line in answer.split("\n") if line.startswith("tools/")):
        os.utime(clone / name, (1_700_000_000 - age, 1_700_000_000 - age))


@dataclass(frozen=True)
class Shell:
    """One shell at work. outputs: what each command printed, known when it has ended."""

    process: "subprocess.Popen[str]"
    port: int
    outputs: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def server(self) -> HttpServer:
        return HttpServer(self.process, TOKEN, port=self.port)


@contextmanager
def shell(
    reader: Reader, lines: Sequence[str], instead: Mapping[str, str] | None = None, **env: str
) -> Iterator[Shell]:
    """The commands in one shell, each of which must leave with 0.

    Within the block those that stay are at work; after it they have ended too, and the outputs are there.
    """
    port = _free_port()
    process = subprocess.Popen(
        ["bash", "-c", _script(reader, lines, instead or {}, port)],
        cwd=reader.clone,
        env={**reader.env, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said, at_work = list[str](), Shell(process, port)
    with process:
        for row in process.stdout:
            said.append(row)
            if row == "=== up\n":
                break
        yield at_work
        rest, _ = process.communicate("\n", timeout=120)
    text = "".join([*said, rest])
    assert "FAILED" not in text, text
    for number, part in re.findall(r"^=== (\d+)\n(.*?)(?=^=== |\Z)", text, re.MULTILINE | re.DOTALL):
        line = lines[int(number)]
        at_work.outputs[line] = at_work.outputs.get(line, "") + part
    assert set(at_work.outputs) == set(lines), text


def _script(reader: Reader, lines: Sequence[str], instead: Mapping[str, str], port: int) -> str:
    parts = ["set -u; exec 2>&1; jobs=''"]
    for number, line in enumerate(lines):
        told = reader.has(line, {**instead, "8123": str(port)})
        parts.append(f"echo '=== {number}'")
        if line.startswith(STAYS):
            parts.append(f'{told} >"$HOME/said-{number}" 2>&1 & jobs="$jobs {number}:$!"')
            if "--http" in line:
                parts.append(f"until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done")
        elif line in ASKS:
            parts.append(f"echo y | script -qec {shlex.quote(told)} /dev/null || echo FAILED $?")
        else:
            parts.append(f"{told} || echo FAILED $?")
    parts += ["echo '=== up'", "read -r _", 'for job in $jobs; do kill "${job#*:}"; wait "${job#*:}"']
    parts += ['echo "=== ${job%:*}"; cat "$HOME/said-${job%:*}"; done', "true"]
    return "\n".join(parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
