"""The plugin in Claude Code itself: it loads, stamps, asks, hands over, and names what is unfinished."""

import json
import os
import sys
from pathlib import Path

import pytest
import scripted_claude as lab

pytestmark = pytest.mark.node
PLUGIN = lab.ROOT / "config" / "claude" / "plugin"
BATCH = "mcp__plugin_fourfold_fourfold__batch"


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path, dict[str, str]]:
    """A home, a project, and an environment that has `fourfold` on PATH."""
    lab.node_program("claude")
    home, project, folder = tmp_path / "home", tmp_path / "project", tmp_path / "bin"
    for path in (home, project, folder):
        path.mkdir()
    (project / "a.txt").write_text("hello\n", encoding="utf-8")
    script = folder / "fourfold"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fourfold_server "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    env = lab.clean_environment(home)
    env["PATH"] = f"{folder}{os.pathsep}{env['PATH']}"
    return home, project, env


def ask(prompt: str, script: lab.Script, project: Path, env: dict[str, str]) -> None:
    with lab.scripted_model(script) as url:
        arguments = ["-p", prompt, "--plugin-dir", str(PLUGIN), "--output-format", "json"]
        done = lab.run_claude(arguments, cwd=project, env={**env, "ANTHROPIC_BASE_URL": url})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_the_plugin_validates(place: tuple[Path, Path, dict[str, str]]) -> None:
    _, project, env = place
    done = lab.run_claude(["plugin", "validate", str(PLUGIN)], cwd=project, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation passed" in done.stdout


def test_the_hook_stamps_the_call_allows_what_only_reads_and_asks_for_the_rest(
    place: tuple[Path, Path, dict[str, str]],
) -> None:
    _, project, env = place
    script = lab.Script(
        {
            "HOOKED": [
                lab.Turn([lab.call(BATCH, {"steps": [{"op": "bash", "command": "cat a.txt"}]})], 410_000),
                lab.Turn([lab.call(BATCH, {"steps": [{"op": "bash", "command": "touch b.txt"}]})], 420_000),
            ]
        }
    )
    ask("HOOKED", script, project, env)
    shown = script.shown("HOOKED", 1)
    assert "context 41 % (hook)" in shown[0]
    assert "\nhello" in shown[0]
    assert "touch b.txt" in script.shown("HOOKED", 2)[0]
    assert not (project / "b.txt").exists()


def test_a_refused_batch_is_named_at_the_start_of_the_next_session(place: tuple[Path, Path, dict[str, str]]) -> None:
    _, project, env = place
    step = {"op": "bash", "command": "cat a.txt"}
    script = lab.Script(
        {
            "FULL": [
                lab.Turn([lab.call(BATCH, {"steps": [step]})], 930_000),
                lab.Turn([lab.call(BATCH, {"steps": [step]})], 960_000),
            ]
        }
    )
    ask("FULL: look at a.txt", script, project, env)
    [line, *_] = script.shown("FULL", 2)
    assert line.startswith("context: context 96 % (hook)")
    name = next(word for word in line.split() if word.startswith("h-"))
    later = lab.Script({"LATER": [lab.Turn([lab.text("fine")])]})
    ask("LATER", later, project, env)
    said = json.dumps(later.requests["LATER"][0])
    assert f"handoff {name}" in said
    assert "FULL: look at a.txt" in said


def test_the_files_of_the_plugin_name_nothing_of_one_machine() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PLUGIN.rglob("*") if path.is_file()]
    assert all(str(lab.ROOT) not in text for text in texts)
