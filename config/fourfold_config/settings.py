"""The settings of one process: defaults, then files, then `FOURFOLD_*` variables, then flags, checked once."""

import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class SettingsError(Exception):
    """A settings file or variable that cannot be used; the message names it and says what is expected."""


Slots = Annotated[int, Field(ge=1)]  # none at all would start nothing and hang every batch


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _measures(cls, value: Any) -> Any:
        """Every number is a size, a count or a time: finite, and not below 0."""
        if isinstance(value, int | float) and not 0 <= value < inf:
            raise ValueError("expected a finite number, 0 or more")
        return value


class Limits(_Section):
    max_parallel: Slots
    most_parallel: Slots
    cpu: int
    disk: Slots
    process: int
    net: Slots
    net_per_host: Slots


class Batch(_Section):
    max_steps: int
    max_sub_steps: int
    max_items: int
    max_tokens: int
    min_tokens: int
    most_tokens: int
    deadline_s: float


class Read(_Section):
    max_bytes: int
    max_window_bytes: int
    max_image_bytes: int
    count_bytes: int
    pdf_memory_bytes: int
    timeout_s: float


class Grep(_Section):
    head_limit: int
    max_line_chars: int
    max_combined_bytes: int
    counted_lines: int
    timeout_s: float


class Glob(_Section):
    head_limit: int
    timeout_s: float


class Bash(_Section):
    timeout_s: float
    grace_s: float
    max_output_bytes: int
    max_spill_bytes: int
    env_hide: tuple[str, ...]
    env_keep: tuple[str, ...]
    sandbox: Literal["off", "prefer", "require"]
    sandbox_network: bool
    sandbox_writes: tuple[str, ...]


class Fetch(_Section):
    allow_private: bool
    robots: bool
    timeout_s: float
    max_bytes: int
    max_image_bytes: int
    max_links: int
    max_redirects: int
    max_connections: int
    cache_s: float
    cache_bytes: int


class Verify(_Section):
    share: float
    least_s: float
    full_s: float


class Retry(_Section):
    retries: int
    max_s: float
    base_s: float
    cap_s: float
    budget_per_step: float
    budget_max: float


class Store(_Section):
    max_age_days: float
    max_bytes: int
    busy_s: float
    most_edges: int


class Report(_Section):
    most_bars: int
    most_rows: int


class Context(_Section):
    wait_s: float
    io_s: float
    tail_bytes: int
    search_bytes: int
    files: int
    gap_points: float
    call_overhead_tokens: float
    window_tokens: int


class Plan(_Section):
    max_tasks: int
    max_needs: int
    max_agents: int
    client_agents: int
    reading_minutes: float
    reading_tokens: int
    writing_minutes: float
    writing_tokens: int
    report_words: int
    report_tokens: int
    most_chars: int
    launch_chars: int
    lease_minutes: float


class Fleet(_Section):
    database: str
    command: tuple[str, ...]
    allow: tuple[str, ...]
    per_worker: Slots
    poll_s: float
    look_s: float
    beat_s: float
    fence_s: float
    dead_s: float
    return_s: float
    database_s: float
    takeovers: int
    task_minutes: float
    task_usd: float
    max_usd: float
    max_turns: Slots
    usd_per_million: float
    pause_s: float
    grace_s: float
    max_output_bytes: int
    max_bundle_bytes: int


class WorkspaceSettings(_Section):
    extra: tuple[str, ...]


class Http(_Section):
    token: str
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    max_body_bytes: Annotated[int, Field(ge=1)]
    max_connections: Annotated[int, Field(ge=1)]
    max_sessions: Annotated[int, Field(ge=1)]
    session_idle_s: Annotated[float, Field(gt=0)]
    head_s: float
    body_s: float
    write_s: float
    idle_s: int
    close_s: int


class Log(_Section):
    level: Literal["debug", "info", "warning", "error"]
    json_lines: bool


class Settings(_Section):
    """Every key of `defaults.toml`; the file is the one place where values, units and reasons stand."""

    limits: Limits
    batch: Batch
    read: Read
    grep: Grep
    glob: Glob
    bash: Bash
    fetch: Fetch
    verify: Verify
    retry: Retry
    store: Store
    report: Report
    context: Context
    plan: Plan
    fleet: Fleet
    workspace: WorkspaceSettings
    http: Http
    log: Log


# Keys that a project file may change only towards less. Numbers: smaller is tighter. All other keys of the
# list are decided by _tighter.
_PREFIX = "FOURFOLD_"
# What a project has no say in: history kept for all projects, and the programs and money of unattended agents.
_USERS_OWN = {"store", "fleet"}
_SECRETS = {("http", "token")}
_WIDENING_LISTS = {
    ("bash", "env_keep"),
    ("bash", "sandbox_writes"),
    ("workspace", "extra"),
    ("http", "hosts"),
    ("http", "origins"),
}
# Flags that close something when they are on.
_CLOSING = {("fetch", "robots")}
# Words of which each allows no more than the one before.
_LADDERS = {("bash", "sandbox"): ("off", "prefer", "require")}


@lru_cache(maxsize=1)
def _defaults() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("fourfold_config").joinpath("defaults.toml").read_text(encoding="utf-8"))


def load_settings(
    *,
    project: Path | None = None,
    env: Mapping[str, str] | None = None,
    user_file: Path | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Settings for a process whose project is `project`.

    Raises:
        SettingsError: a file is not TOML, a key is unknown, a value has the wrong type, or a project file loosens.
    """
    merged = {section: dict(keys) for section, keys in _defaults().items()}
    if user_file is not None:
        _overlay(merged, _read(user_file), str(user_file))
    if project is not None:
        _tighten(merged, _read(project / ".fourfold.toml"), str(project / ".fourfold.toml"))
    _overlay(merged, _from_env(os.environ if env is None else env), "environment")
    _overlay(merged, flags or {}, "flags")
    try:
        return Settings.model_validate(merged)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {where}: {first['msg']}{_got(where, first['input'])}") from exc


def _got(where: str, value: object) -> str:
    return "" if tuple(where.split(".")) in _SECRETS else f", got {value!r}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(f"{path}: cannot be read as TOML: {exc}") from exc


def _overlay(merged: dict[str, dict[str, Any]], layer: Mapping[str, Any], source: str) -> None:
    for section, key, value in _entries(merged, layer, source):
        merged[section][key] = value


def _tighten(merged: dict[str, dict[str, Any]], layer: Mapping[str, Any], source: str) -> None:
    for section, key, value in _entries(merged, layer, source):
        if section in _USERS_OWN:
            raise SettingsError(f"{source}: [{section}] is the user's own; a project cannot set it")
        if not _tighter(section, key, merged[section][key], value):
            if (section, key) in _SECRETS:
                raise SettingsError(f"{source}: {section}.{key} would loosen it; a project cannot set it")
            raise SettingsError(f"{source}: {section}.{key} = {value!r} would loosen {merged[section][key]!r}")
        merged[section][key] = value


def _entries(merged: dict[str, dict[str, Any]], layer: Mapping[str, Any], source: str) -> list[tuple[str, str, Any]]:
    out: list[tuple[str, str, Any]] = []
    for section, keys in layer.items():
        if section not in merged or not isinstance(keys, Mapping):
            raise SettingsError(f"{source}: unknown section [{section}]; known: {', '.join(sorted(merged))}")
        for key, value in cast("Mapping[str, Any]", keys).items():
            if key not in merged[section]:
                raise SettingsError(f"{source}: unknown key {section}.{key}")
            out.append((section, key, value))
    return out


def _tighter(section: str, key: str, old: Any, new: Any) -> bool:
    """Whether `new` allows no more than `old`: numbers smaller (0 means automatic), flags off, lists as noted."""
    if ladder := _LADDERS.get((section, key)):
        return new in ladder and (old not in ladder or ladder.index(new) >= ladder.index(old))
    if isinstance(old, bool):
        closed = (section, key) in _CLOSING
        return new is closed or (isinstance(new, bool) and old is not closed)
    if isinstance(old, int | float) and isinstance(new, int | float) and not isinstance(new, bool):
        return new > 0 if old == 0 else 0 < new <= old
    if isinstance(old, list) and isinstance(new, list):
        before, after = _names(old), _names(new)  # pyright: ignore[reportUnknownArgumentType]  (lists of plain TOML values)
        return after <= before if (section, key) in _WIDENING_LISTS else after >= before
    return False


def _names(values: list[Any]) -> set[str]:
    return {str(v) for v in values}


def _from_env(env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """`FOURFOLD_FETCH__ALLOW_PRIVATE=true` becomes {"fetch": {"allow_private": True}}; other names are left alone."""
    out: dict[str, dict[str, Any]] = {}
    for name, text in env.items():
        if name.startswith(_PREFIX) and "__" in name:
            section, _, key = name[len(_PREFIX) :].lower().partition("__")
            plain = isinstance(_defaults().get(section, {}).get(key), str)
            out.setdefault(section, {})[key] = text if plain else _value(text)
    return out


def _value(text: str) -> Any:
    """A variable's text as a TOML value, else as the plain string."""
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
