"""The settings files that carry permission rules: where they lie, and what one of them says."""

import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from fourfold_tools.ops.permissions.rules import Rule, parse_rule

Scope = Literal["managed", "user", "project", "local"]

_MANAGED = {
    "darwin": "/Library/Application Support/ClaudeCode",
    "win32": r"C:\Program Files\ClaudeCode",
    "linux": "/etc/claude-code",
}
# A settings file is a few kilobytes; the bound only keeps a link to something endless from being read.
# What an organisation sets so that allow rules of others count for nothing.
_MANAGED_ONLY = "allowManagedPermissionRulesOnly"
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """One file that may exist. anchor: the folder that a rule's `/path` starts from. shown: its name in messages."""

    scope: Scope
    path: str
    anchor: str
    shown: str


@dataclass(frozen=True, slots=True)
class Places:
    """The absolute folders that rules come from and that their paths start from.

    project: the client's project. cwd: where steps start. home: what `~` means. config: the client's user folder.
    managed: the machine's policy folder. checkout: the main checkout of the project's repository, else the project.
    """

    project: str
    cwd: str
    home: str
    config: str
    managed: str
    checkout: str

    @classmethod
    def of(cls, cwd: str, env: Mapping[str, str]) -> "Places":
        """The places of a server whose workspace folder is `cwd` (absolute)."""
        home = env.get("HOME") or os.path.expanduser("~")
        config = env.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")
        project = os.path.normpath(os.path.join(cwd, env.get("CLAUDE_PROJECT_DIR") or cwd))
        managed = _MANAGED.get(sys.platform, _MANAGED["linux"])
        return cls(project, cwd, home, os.path.abspath(config), managed, main_checkout(project))

    def files(self) -> list[SettingsFile]:
        """Every file that may carry rules, the most binding scope first; none needs to exist."""
        found = [self._file("managed", path, self.project) for path in self._managed_files()]
        found.append(self._file("user", os.path.join(self.config, "settings.json"), self.config))
        found.append(self._file("project", os.path.join(self.project, ".claude", "settings.json"), self.project))
        found += [
            self._file("local", os.path.join(folder, ".claude", "settings.local.json"), self.project)
            for folder in (self.project, self.checkout)
        ]
        return list({file.path: file for file in reversed(found)}.values())[::-1]

    @property
    def drop_ins(self) -> str:
        """The folder whose files add to the policy; the list of `files` changes with it."""
        return os.path.join(self.managed, "managed-settings.d")

    def _managed_files(self) -> list[str]:
        """The policy file, its drop-ins by name, and the client's copy of what an organisation sent it."""
        try:
            names = sorted(n for n in os.listdir(self.drop_ins) if n.endswith(".json") and not n.startswith("."))
        except OSError:
            names = []
        return [
            os.path.join(self.managed, "managed-settings.json"),
            *(os.path.join(self.drop_ins, name) for name in names),
            os.path.join(self.config, "remote-settings.json"),
        ]

    def _file(self, scope: Scope, path: str, anchor: str) -> SettingsFile:
        start = {"project": self.project, "local": self.project}.get(scope)
        if start is not None and path.startswith(start.rstrip("/") + "/"):
            return SettingsFile(scope, path, anchor, path[len(start.rstrip("/")) + 1 :])
        if path.startswith(self.home.rstrip("/") + "/"):
            return SettingsFile(scope, path, anchor, "~" + path[len(self.home.rstrip("/")) :])
        return SettingsFile(scope, path, anchor, path)


def main_checkout(folder: str) -> str:
    """The main checkout of the git repository that holds the folder, through worktrees; else the folder itself."""
    here = folder
    while not os.path.exists(os.path.join(here, ".git")):
        above = os.path.dirname(here)
        if above == here:
            return folder
        here = above
    try:
        pointer = _text(os.path.join(here, ".git")).partition("gitdir:")[2].strip()
    except (OSError, UnicodeDecodeError):
        return here
    main, marker, _ = os.path.normpath(os.path.join(here, pointer)).rpartition("/.git/worktrees/")
    return main if marker else here


@dataclass(frozen=True, slots=True)
class Source:
    """What one settings file says about permissions. faults: what of it could not be understood, one line each."""

    file: SettingsFile
    deny: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    allow: tuple[Rule, ...] = ()
    directories: tuple[str, ...] = ()
    mode: str | None = None
    faults: tuple[str, ...] = ()
    alone: bool = False  # an organisation's file that lets only such files allow anything


def stamp(path: str) -> tuple[int, ...] | None:
    """What changes when a file does; None for a file that does not exist."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return (exc.errno or 0,)
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_source(file: SettingsFile, before: Source | None = None) -> Source:
    """What a file says now.

    Of a file that cannot be read or is no JSON, the rules read `before` stay in force: a half-written file must
    not open what a whole one had closed.
    """
    known = replace(before or Source(file), faults=())
    try:
        content = json.loads(_text(file.path))
    except FileNotFoundError:
        return Source(file)
    except OSError as exc:
        return _faulty(known, f"cannot be read: {exc.strerror or exc}")
    except (ValueError, RecursionError) as exc:  # ValueError: no UTF-8 and no JSON alike
        return _faulty(known, f"is not JSON: {exc}")
    if not isinstance(content, dict):
        return _faulty(known, "holds no JSON object")
    permissions = cast("dict[str, Any]", content).get("permissions", {})
    if not isinstance(permissions, dict):
        return _faulty(known, f"permissions: expected an object, got {_kind(permissions)}")
    alone = file.scope == "managed" and cast("dict[str, Any]", content).get(_MANAGED_ONLY) is True
    return replace(_source(file, cast("dict[str, Any]", permissions)), alone=alone)


def _text(path: str) -> str:
    # O_NONBLOCK: a pipe of that name must not hold the server.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > _MAX_BYTES:
            raise OSError(f"larger than {_MAX_BYTES} bytes")
        return file.read(_MAX_BYTES).decode("utf-8-sig")


def _faulty(known: Source, problem: str) -> Source:
    return replace(known, faults=(f"{known.file.shown} {problem}; its permission rules cannot be known",))


def _source(file: SettingsFile, permissions: dict[str, Any]) -> Source:
    faults: list[str] = []

    def strings(key: str) -> list[str]:
        value = permissions.get(key, [])
        if not isinstance(value, list):
            faults.append(f"{file.shown} permissions.{key}: expected a list of strings, got {_kind(value)}")
            return []
        items = cast("list[Any]", value)
        faults.extend(
            f"{file.shown} permissions.{key}[{i}]: expected a string, got {_kind(item)}"
            for i, item in enumerate(items)
            if not isinstance(item, str)
        )
        return [item for item in items if isinstance(item, str)]

    def rules(key: str) -> tuple[Rule, ...]:
        parsed = [(text, parse_rule(text)) for text in strings(key)]
        faults.extend(
            f"{file.shown} permissions.{key}: malformed rule {text!r}; expected Tool or Tool(specifier)"
            for text, rule in parsed
            if rule is None
        )
        return tuple(rule for _, rule in parsed if rule is not None)

    deny, ask, allow = rules("deny"), rules("ask"), rules("allow")
    directories = tuple(strings("additionalDirectories"))
    mode = permissions.get("defaultMode")
    if not isinstance(mode, str | None):
        faults.append(f"{file.shown} permissions.defaultMode: expected a string, got {_kind(mode)}")
        mode = None
    return Source(file, deny, ask, allow, directories, mode, tuple(faults))


def _kind(value: object) -> str:
    """A JSON value's type in JSON's own words."""
    for kind, name in ((dict, "an object"), (list, "a list"), (str, "a string"), (bool, "a boolean")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "a number"
