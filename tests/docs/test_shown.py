"""What the documentation shows beside its examples: settings, frames, logs, spans, lines, trees are the real ones."""

import argparse
import io
import re
import shlex
import time
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from doc_fences import ROOT, Fence, commands, fences, masked, pages
from doc_reader import TOKEN, Reader, shell
from mcp_client import MODERN

from fourfold_config.settings import load_settings
from fourfold_server.cli import command_line
from fourfold_server.watch_frame import frame
from fourfold_tools.context.signals import Signal
from fourfold_tools.engine.waiting import Waiting
from fourfold_tools.live.snapshot import LiveRun, RunningStep, Slots, Snapshot
from fourfold_tools.mathver.parse import parse_line
from fourfold_tools.store.runs import StoredRun

DOCS = ROOT / "docs"


def block(page: str, begins: str) -> Fence:
    [found] = [fence for fence in fences(DOCS / page) if fence.first.startswith(begins)]
    return found


def test_the_sandboxs_settings_are_read_from_a_users_file(tmp_path: Path) -> None:
    shown = block("security.md", "[bash]").text
    (tmp_path / "fourfold.toml").write_text(shown, encoding="utf-8")
    read = load_settings(env={}, user_file=tmp_path / "fourfold.toml").model_dump(mode="json")["bash"]
    assert {key: read[key] for key in ("sandbox", "sandbox_network", "sandbox_writes")} == tomllib.loads(shown)[
        "bash"
    ]


def test_the_logs_settings_are_read_from_variables() -> None:
    given = dict(line.split("=") for line in commands(block("telemetry.md", "FOURFOLD_LOG__LEVEL").text))
    log = load_settings(env=given).log
    assert (log.level, log.json_lines) == ("info", True)


@pytest.mark.slow
def test_log_and_spans_of_a_server_are_as_the_page_shows_them(reader: Reader) -> None:
    """The page's server over HTTP, asked for the batch that its log lines tell of, and once without the token."""
    lines = commands(block("telemetry.md", "pip install opentelemetry").text)
    steps = [
        {"id": "notes", "op": "read", "path": "README.md", "limit": 1},
        {"id": "names", "op": "glob", "pattern": "*.md"},
        {"id": "words", "op": "grep", "pattern": "fourfold", "path": "README.md", "mode": "count"},
        {"id": "tests", "op": "bash", "command": "exit 1"},
        {"id": "after", "op": "read", "path": "README.md", "needs": ["tests"]},
    ]
    env = {"FOURFOLD_LOG__LEVEL": "info", "FOURFOLD_HTTP__TOKEN": TOKEN, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with shell(reader, lines, **env) as at_work:
        with at_work.server.connection() as asked:
            asked.write(
                asked.call(MODERN, "batch", {"steps": steps}).replace(
                    b"content-type", b"connection: close\r\ncontent-type", 1
                )
            )
            assert asked.answer().status == 200
        assert at_work.server.ask(authorization="").status == 401
    said = at_work.outputs[lines[1]]
    log = [
        line
        for line in masked(said)
        if re.match(r"TIME INFO fourfold\.(run: (run|step \S+ bash)|http: refused)", line)
    ]
    assert log == masked(block("telemetry.md", "2026-").text)
    names = re.findall(r'^    "name": "(.*)",$', said, re.MULTILINE)
    assert {"run", "step bash", "step glob", "step grep", "step read", "tools/call batch"} <= set(names)
    assert {"fourfold.run", "fourfold.queue_s", "fourfold.code", "fourfold.duration_s"} <= set(
        re.findall(r'"(fourfold\.\w+)"', said)
    )


def test_the_frame_of_watch_is_what_it_draws() -> None:
    now = time.time()
    running = (RunningStep("lint", "bash", 0, 2.109, 1), RunningStep("unit", "bash (unit tests)", 1, 0.0, 1))
    waiting = (Waiting("types", "bash", "width"), Waiting("build", "bash", "after lint, types"))
    run = LiveRun("r-bbae", 5, 1, 0, 3.1, 2, 2, 2, running, waiting)
    slots = {"cpu": Slots(0, 3, 3), "disk": Slots(0, 4, 4), "net": Slots(0, 64, 64), "process": Slots(2, 11, 16)}
    pressure = {"cpu": 0.42, "io": 0.0, "memory": 0.0, "memory used": 0.39}
    told = Signal(
        "pressure", "process", "tasks waited for a processor 60% of the time", "process steps at once 16 -> 11"
    )
    server = Snapshot("4589:1", "/home/you/shop", now, slots, pressure, 41.0, (told.line(),), (run,))
    before = StoredRun("r-kh67", now - 135, now - 120, "done", "", "/p", "", 13, "{}", {"wall_s": 15.13})  # type: ignore[arg-type]
    drawn = frame([server], [before], now, 99, None)
    assert [line.plain.rstrip() for line in drawn] == block("seeing.md", "fourfold watch  1").text.rstrip("\n").split(
        "\n"
    )


def test_the_four_lines_are_read_back_as_they_stand() -> None:
    lines = block("mathver.md", "📊").text.rstrip("\n").split("\n")
    assert [str(parse_line(line)) for line in lines] == lines


def test_the_tree_of_the_design_names_every_module_in_its_order() -> None:
    """From above to below, as the import layers in pyproject.toml have them."""
    shown = block("design.md", "server/fourfold_server").text.split("\n")
    for line in shown:
        if line and not line.startswith(" "):
            assert (ROOT / line.split()[0]).is_dir(), line
    named = [name for line in shown if line.startswith("  ") for name in re.split(r"\s{2,}", line.strip())[0].split()]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    floors = [
        floor.split(" | ") for contract in contracts if "containers" in contract for floor in contract["layers"]
    ]
    assert sorted(named) == sorted(name for floor in floors for name in floor)
    height = {name: number for number, floor in enumerate(floors) for name in floor}
    assert [height[name] for name in named] == sorted(height.values())


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def test_the_help_of_each_command_ends_with_examples_as_the_readme_says() -> None:
    assert "each with `--help` and examples" in (ROOT / "README.md").read_text(encoding="utf-8")
    without = [parser.prog for parser in _parsers(command_line()) if "examples:\n" not in (parser.epilog or "")]
    assert not without


def _said() -> Iterator[tuple[str, str]]:
    """(place, command) of each `fourfold …` in a line of text, and of each example in the help."""
    for page in pages():
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for said in re.findall(r"`(fourfold [^`]+)`", text):
            yield str(page.relative_to(ROOT)), said
    for parser in _parsers(command_line()):
        for said in re.findall(r"^  (?:\S+=\S+ )*(fourfold .*)$", parser.epilog or "", re.MULTILINE):
            yield parser.prog, said


def test_each_command_that_is_named_exists_with_its_flags() -> None:
    """Up to what a shell or the page adds; placeholders in capitals stand for themselves."""
    wrong = [f"{place}: {said}: {fault}" for place, said in sorted(set(_said())) if (fault := _fault(said))]
    assert not wrong


def _fault(said: str) -> str:
    """What is wrong with a command; one that is only named wants its arguments, which is no fault."""
    words = shlex.split(re.split(r"\s{2,}| [|<>…]|\[", said)[0])[1:]
    words = ["1" if word in {"N", "M", "SECONDS"} else word for word in words if word != "COMMAND"]
    told = io.StringIO()
    try:
        with redirect_stderr(told), redirect_stdout(told):
            command_line().parse_args(words)
    except SystemExit as exc:
        if exc.code and "the following arguments are required" not in told.getvalue():
            return told.getvalue().splitlines()[-1]
    return ""
