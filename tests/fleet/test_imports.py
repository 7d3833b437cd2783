"""The fleet costs nobody anything who does not ask for it."""

import re
import subprocess
import sys

import pytest

from fourfold_server import cli, deploying

_HEAVY = ("dbos", "sqlalchemy", "psycopg", "fourfold_tools.fleet", "fourfold_server.deploy_command")


def test_the_server_and_its_tools_import_nothing_of_the_fleet() -> None:
    everything = (
        "import fourfold_server.app, fourfold_server.cli, fourfold_server.house, fourfold_server.resources, "
        "fourfold_server.serving, fourfold_server.terminal"
    )
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", everything], capture_output=True, text=True, check=True
    )
    names = re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE)
    assert "fourfold_tools.checkpoint" in names  # the list is the real one
    assert [name for name in names if name.startswith(_HEAVY)] == []


def test_without_the_extra_deploy_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploying, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as left:
        cli.main(["deploy", "p-none", "--yes"])
    assert left.value.code == 2
    assert "pip install 'fourfold[fleet]'" in capsys.readouterr().err
