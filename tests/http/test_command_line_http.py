"""What the command line says of serving over HTTP, where it cannot serve and how it registers."""

import pytest

from fourfold_server.cli import main


def left(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """The exit code, standard output and standard error of one command."""
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    said = capsys.readouterr()
    return leaving.value.code, said.out, said.err


def test_an_address_that_is_none_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = left(capsys, "serve", "--http", "nowhere")
    assert code == 2
    assert told == "fourfold: expected HOST:PORT, for example 127.0.0.1:8123 or [::1]:8123, got 'nowhere'\n"


def test_a_short_token_is_told_in_one_line_and_not_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOURFOLD_HTTP__TOKEN", "hunter2")
    code, _, told = left(capsys, "serve", "--http", "0")
    assert code == 2
    assert told.startswith("fourfold: setting http.token: expected at least 16 visible")
    assert told.count("\n") == 1
    assert "hunter2" not in told


def test_a_server_over_http_is_registered_by_its_url_with_the_tokens_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOURFOLD_HTTP__TOKEN", "a-token-that-must-not-be-seen")
    code, told, _ = left(capsys, "register", "--scope", "user", "--http", "http://127.0.0.1:8123/mcp", "--dry-run")
    assert code == 0
    assert told == (
        "claude mcp add --scope user --transport http fourfold http://127.0.0.1:8123/mcp "
        "--header 'Authorization: Bearer ${FOURFOLD_HTTP__TOKEN}'\n"
    )
