"""The command line: batches, runs and steps from a shell, with exit codes that a script can trust."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import twelve_steps
from mcp_client import Place
from processes import carrying, linux, wait_for, wait_gone

FOURFOLD = [sys.executable, "-m", "fourfold_server"]
OK, SOME_FAILED, BAD_REQUEST, INTERRUPTED = 0, 1, 2, 130
_COMMAND_S = 60.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.below(tmp_path)
    twelve_steps.write_tree(place.root)
    return place


def fourfold(place: Place, *arguments: str, given: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    return subprocess.run(
        [*FOURFOLD, *arguments],
        input=given,
        cwd=place.root,
        env=place.env(**env),
        capture_output=True,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )


def batch(place: Place, request: Mapping[str, Any], *flags: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return fourfold(place, "batch", *flags, "-", given=json.dumps(request), **env)


READ = {"steps": [{"id": "intro", "op": "read", "path": "docs/intro.md"}]}


def test_a_batch_prints_what_an_agent_would_see(place: Place) -> None:
    with twelve_steps.web_page() as url:
        done = batch(place, twelve_steps.request(url), FOURFOLD_FETCH__ALLOW_PRIVATE="true")
    assert done.returncode == SOME_FAILED
    assert done.stderr == ""
    answer, _, verification = done.stdout.rstrip("\n").partition("\n📊 ")
    lines = f"📊 {verification}".split("\n")
    signals = ["\n".join(lines[4:])] if lines[4:] else []
    run = twelve_steps.check_text([answer, "\n".join(lines[:4]), *signals], url)
    check_stored(place, run, url)


def check_stored(place: Place, run: str, url: str) -> None:
    """`runs` and `show` know the run that just ended."""
    listed = fourfold(place, "runs")
    assert listed.returncode == OK
    assert re.fullmatch(rf"{run} · done · 12 steps · \d+\.\d\d s · \d+ s ago", listed.stdout.rstrip("\n"))
    assert json.loads(fourfold(place, "runs", "--json").stdout) == [{"run": run, "state": "done", "steps": 12}]
    shown = fourfold(place, "show", run).stdout.split("\n")
    assert shown[1] == "12 ok, 1 failed, 1 skipped"
    assert len([line for line in shown if line.startswith(("heads.", "kinds."))]) == 4
    assert twelve_steps.check_json(json.loads(fourfold(place, "show", run, "--json").stdout), url) == run
    step = fourfold(place, "show", f"{run}/cat")
    assert step.returncode == OK
    assert step.stdout.rstrip("\n") == twelve_steps.TREE["docs/guide.md"].rstrip("\n")


def test_json_goes_to_standard_output_alone(place: Place) -> None:
    with twelve_steps.web_page() as url:
        done = batch(place, twelve_steps.request(url), "--json", FOURFOLD_FETCH__ALLOW_PRIVATE="true")
    assert done.returncode == SOME_FAILED
    assert done.stderr == ""
    twelve_steps.check_json(json.loads(done.stdout), url)


def test_a_batch_from_a_file_in_which_all_is_well_leaves_with_0(place: Place) -> None:
    (place.root / "steps.json").write_text(json.dumps(READ), encoding="utf-8")
    done = fourfold(place, "batch", "steps.json")
    assert done.returncode == OK
    assert "── intro · read docs/intro.md · ok" in done.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", r"fourfold: -: .*line 1"),
        ("[1]", r"fourfold: -: expected an object with `steps`, got list"),
        ('{"steps": [{"op": "read"}]}', r"fourfold: steps\[0\]\.path: required, but missing"),
        ('{"steps": [{"op": "glob", "pattern": "*", "needs": ["ghost"]}]}', r"fourfold: .*ghost"),
    ],
    ids=["half a text", "a list", "a missing argument", "an unknown id"],
)
def test_a_request_that_cannot_run_leaves_with_2_and_a_line_for_each_fault(
    place: Place, given: str, words: str
) -> None:
    done = fourfold(place, "batch", "-", given=given)
    assert done.returncode == BAD_REQUEST
    assert done.stdout == ""
    assert re.match(words, done.stderr), done.stderr
    assert all(line.startswith("fourfold: ") for line in done.stderr.rstrip("\n").split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["batch", "no/such/file.json"],
        ["show", "r-none"],
        ["show", "r-none/step"],
        ["report", "p-none"],
        ["report", "what"],
        ["deploy", "no/such/file.json"],
        ["audit", "no/such/folder"],
        ["register", "--http", "localhost:1"],
        ["dance"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_leaves_with_2_and_says_so(place: Place, arguments: list[str]) -> None:
    done = fourfold(place, *arguments)
    assert done.returncode == BAD_REQUEST
    assert done.stdout == ""
    # …and the next thing to do: a command to say, a form to give it, or what can be chosen.
    assert re.search(r"`fourfold \w+|expected |choose from|~/\.claude/projects", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr


def test_a_wrong_setting_is_refused_by_its_name(place: Place) -> None:
    done = batch(place, READ, FOURFOLD_LIMITS__MAX_PARALLEL="many")
    assert done.returncode == BAD_REQUEST
    assert re.match(r"fourfold: setting limits\.max_parallel: .*'many'", done.stderr), done.stderr
    assert done.stderr.count("\n") == 1


def test_the_help_shows_examples_that_work(place: Place) -> None:
    whole = fourfold(place, "--help")
    assert whole.returncode == OK
    for command in ("serve", "batch", "runs", "show", "doctor", "register"):
        assert re.search(rf"^ +{command}\b", whole.stdout, re.MULTILINE), command
    assert "examples:" in whole.stdout
    of_batch = fourfold(place, "batch", "--help").stdout
    assert "examples:" in of_batch
    assert "exit codes: 0 every step ok, 1 some step was not, 2 the request is wrong, 130 interrupted" in of_batch
    start = of_batch.index('{"steps"')
    example, _ = json.JSONDecoder().raw_decode(of_batch[start:])
    assert batch(place, example).returncode == OK


def test_the_doctor_says_what_is_in_place_and_what_to_do(place: Place) -> None:
    done = fourfold(place, "doctor", "--json", PATH="/usr/bin:/bin")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == OK
    assert {
        "python",
        "platform",
        "ripgrep",
        "state",
        "settings",
        "permissions",
        "claude code",
        "registration",
    } <= set(checks)
    assert checks["ripgrep"]["state"] == "ok"
    assert checks["ripgrep"]["found"].startswith("ripgrep ")
    assert str(place.state) in checks["state"]["found"]
    assert checks["registration"]["hint"] != ""
    plain = fourfold(place, "doctor", PATH="/usr/bin:/bin")
    assert plain.returncode == OK
    assert sum(line.startswith(("✓ ", "! ", "✗ ")) for line in plain.stdout.split("\n")) == len(checks)


def test_the_doctor_leaves_with_1_where_something_is_broken(place: Place) -> None:
    (place.root / ".fourfold.toml").write_text("[limits]\nmax_parallel = 'many'\n", encoding="utf-8")
    done = fourfold(place, "doctor", PATH="/usr/bin:/bin")
    assert done.returncode == SOME_FAILED
    assert re.search(r"^✗ settings: .*\.fourfold\.toml", done.stdout, re.MULTILINE)


def test_register_prints_the_command_that_it_would_run(place: Place) -> None:
    done = fourfold(place, "register", "--dry-run", "--scope", "project")
    assert done.returncode == OK
    command = f"claude mcp add --scope project fourfold -- {sys.executable} -I -m fourfold_server serve\n"
    assert done.stdout == command


SLEEP = 'touch "$1"; (setsid sh -c "touch $1.far; exec sleep 1000" &); exec sleep 1000'


def sleeping(place: Place) -> dict[str, Any]:
    """A batch with one step that ends and one that never does, which also leaves something behind."""
    steps = [
        *READ["steps"],
        {"id": "s", "op": "bash", "command": SLEEP, "args": [str(place.root / "on")], "needs": ["intro"]},
    ]
    return {"steps": steps}


@linux
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_leaves_with_130_and_no_process(place: Place, ending: signal.Signals) -> None:
    (place.root / "steps.json").write_text(json.dumps(sleeping(place)), encoding="utf-8")
    with subprocess.Popen(
        [*FOURFOLD, "batch", "steps.json"],
        cwd=place.root,
        env=place.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_for((place.root / "on.far").exists, "the sleeping command")
        started = carrying(place.mark)
        assert len(started) >= 2
        os.killpg(process.pid, ending)  # as a terminal does at Ctrl-C: the whole group
        out, err = process.communicate(timeout=20)
    assert process.returncode == INTERRUPTED
    assert out == ""
    assert "interrupted" in err
    wait_gone(started)
    assert carrying(place.mark) == []
    [row] = json.loads(fourfold(place, "runs", "--json").stdout)
    assert row["state"] == "cancelled"
    shown = json.loads(fourfold(place, "show", row["run"], "--json").stdout)
    assert [(step["id"], step["state"]) for step in shown["steps"]] == [("intro", "ok"), ("s", "cancelled")]


def read_until(terminal: int, wanted: bytes, seen: bytes = b"") -> bytes:
    """What a terminal shows, until it shows this."""
    end = time.monotonic() + 30.0
    while wanted not in seen:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65_536)
    return seen


@linux
def test_a_terminal_shows_what_runs_while_it_runs_and_pipes_get_the_answer_alone(place: Place) -> None:
    gate = place.root / "gate"
    wait = {"id": "wait", "op": "bash", "command": 'until [ -e "$1" ]; do sleep 0.01; done', "args": [str(gate)]}
    (place.root / "steps.json").write_text(json.dumps({"steps": [*READ["steps"], wait]}), encoding="utf-8")
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [*FOURFOLD, "batch", "steps.json"],
            cwd=place.root,
            env=place.env(TERM="xterm", COLUMNS="100", LINES="30"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        ) as process:
            seen = read_until(ours, b"wait \xc2\xb7 bash", read_until(ours, b"1/2 steps"))
            gate.touch()
            assert process.stdout is not None
            out = process.stdout.read()
            assert process.wait(timeout=30) == OK
    finally:
        os.close(theirs)
        os.close(ours)
    assert "█" in seen.decode(errors="replace")
    assert out.startswith("run r-")
    assert "\x1b" not in out, "the display is no part of the answer"


def test_commands_for_people_do_not_wait_for_the_protocols_library() -> None:
    """It takes a second to import, and only `serve` needs it."""
    names = ("terminal", "watch", "report", "audit_command", "doctor", "cli")
    imports = "; ".join(f"import fourfold_server.{name}" for name in names)
    code = f"import sys; {imports}; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
