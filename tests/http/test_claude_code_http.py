"""Claude Code 2.1.330 itself with fourfold over HTTP: registered as `serve --http` says, called, its level known."""

import json
import re
import subprocess
from collections.abc import Generator

import pytest
import twelve_steps
from http_server import TOKEN, HttpServer, http_server
from mcp_client import Place
from scripted_claude import Script, Turn, call, clean_environment, node_program, run_claude, scripted_model, text

from fourfold_server.doctor import http_registration

pytestmark = pytest.mark.node

WINDOW = 1_000_000  # tokens of claude-opus-5-5
STEPS = {"steps": [{"op": "read", "path": "docs/guide.md"}, {"op": "bash", "command": "echo from the server"}]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("claude"))
    twelve_steps.write_tree(place.root)
    return place


@pytest.fixture(scope="module")
def server(place: Place) -> Generator[HttpServer, None, None]:
    with http_server(place) as running:
        yield running


def registered(place: Place, server: HttpServer, **env: str) -> dict[str, str]:
    """The client's environment, after the very command that the server prints."""
    environment = clean_environment(place.home, **env)
    command = [node_program("claude"), *http_registration(server.url, "user")[1:]]
    subprocess.run(
        command, cwd=place.root, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return environment


def test_claude_code_calls_a_batch_over_http_and_its_own_level_is_known(place: Place, server: HttpServer) -> None:
    turns = [Turn([call("mcp__fourfold__batch", STEPS)], WINDOW // 4), Turn([text("done")])]
    script = Script({"HTTPWORK": turns})
    environment = registered(place, server, FOURFOLD_HTTP__TOKEN=TOKEN)
    with scripted_model(script) as url:
        environment["ANTHROPIC_BASE_URL"] = url
        arguments = ["-p", "HTTPWORK: do it", "--allowedTools", "mcp__fourfold", "--output-format", "json"]
        done = run_claude(arguments, cwd=place.root, env=environment)
    assert done.returncode == 0, done.stderr
    shown = "\n".join(script.shown("HTTPWORK", 1))
    assert re.match(r"run r-\S+ · 2 steps: 2 ok · .* · context 25 % \(transcript\)\n", shown), shown
    assert "3\tA literal $100 and ${hits} stay as they are." in shown
    assert "from the server" in shown


def test_the_registration_holds_the_variables_name_and_not_the_token(place: Place, server: HttpServer) -> None:
    registered(place, server, FOURFOLD_HTTP__TOKEN=TOKEN, CLAUDE_CONFIG_DIR=str(place.home / "other"))
    [file] = [p for p in (place.home / "other").rglob("*.json") if "fourfold" in p.read_text(encoding="utf-8")]
    entry = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]["fourfold"]
    assert entry["headers"] == {"Authorization": "Bearer ${FOURFOLD_HTTP__TOKEN}"}
    assert TOKEN not in "".join(
        p.read_text("utf-8", "replace") for p in (place.home / "other").rglob("*") if p.is_file()
    )
