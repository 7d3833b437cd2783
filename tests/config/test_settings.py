"""Settings: layers in order, a project that can only tighten, no key without a reader, nothing unknown."""

import re
import tomllib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import fourfold_config
from fourfold_config.settings import Settings, SettingsError, load_settings

TEXT = files("fourfold_config").joinpath("defaults.toml").read_text(encoding="utf-8")
DEFAULTS: dict[str, dict[str, Any]] = tomllib.loads(TEXT)
KEYS = [(section, key) for section, keys in DEFAULTS.items() for key in keys]
WIDENING = {
    ("bash", "env_keep"),
    ("bash", "sandbox_writes"),
    ("workspace", "extra"),
    ("http", "hosts"),
    ("http", "origins"),
}
CLOSING = {("fetch", "robots")}
LADDER = ("off", "prefer", "require")


def toml(section: str, key: str, value: object) -> str:
    text = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else repr(value)
    return f"[{section}]\n{key} = {text}\n"


def project_of(folder: Path, text: str) -> Path:
    (folder / ".fourfold.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_defaults_hold_without_files_and_variables() -> None:
    assert load_settings(env={}).model_dump(mode="json") == DEFAULTS


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    user = tmp_path / "user.toml"
    layers: list[tuple[dict[str, Any], float]] = []
    user.write_text(toml("bash", "timeout_s", 100.0), encoding="utf-8")
    layers.append(({"user_file": user, "env": {}}, 100.0))
    project = project_of(tmp_path, toml("bash", "timeout_s", 50.0))
    layers.append(({"user_file": user, "project": project, "env": {}}, 50.0))
    env = {"FOURFOLD_BASH__TIMEOUT_S": "70"}
    layers.append(({"user_file": user, "project": project, "env": env}, 70.0))
    flags = {"bash": {"timeout_s": 60.0}}
    layers.append(({"user_file": user, "project": project, "env": env, "flags": flags}, 60.0))
    for arguments, expected in layers:
        assert load_settings(**arguments).bash.timeout_s == expected


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("FOURFOLD_FETCH__ALLOW_PRIVATE", "true", True),
        ("FOURFOLD_FETCH__ALLOW_PRIVATE", "False", False),
        ("FOURFOLD_LIMITS__CPU", "3", 3),
        ("FOURFOLD_STORE__BUSY_S", "0.5", 0.5),
        ("FOURFOLD_BASH__ENV_KEEP", '["A_TOKEN"]', ("A_TOKEN",)),
    ],
)
def test_variables_are_read_as_toml_values(name: str, text: str, value: object) -> None:
    section, _, key = name.removeprefix("FOURFOLD_").lower().partition("__")
    assert getattr(getattr(load_settings(env={name: text}), section), key) == value


def test_other_variables_are_left_alone() -> None:
    assert load_settings(env={"FOURFOLD_STATE_DIR": "/x", "PATH": "/bin"}) == load_settings(env={})


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"FOURFOLD_BASH__TIMEOUT": "3"}, "environment: unknown key bash.timeout"),
        ({"FOURFOLD_SHELL__TIMEOUT_S": "3"}, "environment: unknown section"),
        ({"FOURFOLD_BASH__TIMEOUT_S": "soon"}, "setting bash.timeout_s"),
        ({"FOURFOLD_BASH__TIMEOUT_S": "nan"}, "setting bash.timeout_s"),
        ({"FOURFOLD_BASH__TIMEOUT_S": "-1"}, "setting bash.timeout_s"),
        ({"FOURFOLD_BATCH__DEADLINE_S": "inf"}, "setting batch.deadline_s"),
        ({"FOURFOLD_LIMITS__MAX_PARALLEL": "0"}, "setting limits.max_parallel"),
        ({"FOURFOLD_LIMITS__DISK": "0"}, "setting limits.disk"),
        ({"FOURFOLD_BASH__ENV_KEEP": "A_TOKEN"}, "setting bash.env_keep"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(env: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        load_settings(env=env)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[bash\n", "cannot be read as TOML"),
        ("[nonsense]\nx = 1\n", "unknown section [nonsense]"),
        ("bash = 3\n", "unknown section [bash]"),
        ("[bash]\nnonsense = 1\n", "unknown key bash.nonsense"),
    ],
)
@pytest.mark.parametrize("place", ["user", "project"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, says: str, place: str) -> None:
    path = tmp_path / ("user.toml" if place == "user" else ".fourfold.toml")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(env={}, **({"user_file": path} if place == "user" else {"project": tmp_path}))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".fourfold.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        load_settings(env={}, project=tmp_path)


def allows_no_more(section: str, key: str, before: Any, after: Any) -> bool:
    """The law, key by key: numbers smaller (0 is automatic, so any number tightens it), flags off, lists by kind."""
    if isinstance(before, bool):
        return bool(after or not before) if (section, key) in CLOSING else before or not after
    if isinstance(before, int | float):
        return bool(after > 0) if before == 0 else bool(0 < after <= before)
    if isinstance(before, str):
        return before in LADDER and LADDER.index(after) >= LADDER.index(before)
    if (section, key) in WIDENING:
        return set(after) <= set(before)
    return set(after) >= set(before)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, Any]:
    section, key = draw(st.sampled_from(KEYS))
    old = DEFAULTS[section][key]
    if isinstance(old, bool):
        return section, key, draw(st.booleans())
    if isinstance(old, str):
        return section, key, draw(st.sampled_from(LADDER))
    if isinstance(old, int):
        return section, key, draw(st.integers(-2, 2 * old + 2))
    if isinstance(old, float):
        return section, key, draw(st.floats(-1, 2 * old + 1))
    return section, key, draw(st.lists(st.sampled_from([*old, "X_*", "/y"]), unique=True))


@given(changes())
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_project_file_tightens_or_is_refused(tmp_path: Path, change: tuple[str, str, Any]) -> None:
    section, key, value = change
    project = project_of(tmp_path, toml(section, key, value))
    before = DEFAULTS[section][key]
    own = section in {"store", "fleet"}
    if own or not allows_no_more(section, key, before, value):
        with pytest.raises(SettingsError, match="the user's own" if own else "would loosen"):
            load_settings(env={}, project=project)
        return
    after = getattr(getattr(load_settings(env={}, project=project), section), key)
    assert list(after) == value if isinstance(value, list) else after == value


@pytest.mark.parametrize("value", ['"64"', "[1]", "true", "{a = 1}", "nan", "inf"])
def test_a_project_file_cannot_slip_past_with_another_type(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(env={}, project=project_of(tmp_path, f"[limits]\nmost_parallel = {value}\n"))


def test_a_project_is_measured_by_what_the_user_allows_not_by_the_defaults(tmp_path: Path) -> None:
    user = tmp_path / "user.toml"
    user.write_text(toml("limits", "max_parallel", 2), encoding="utf-8")
    project = project_of(tmp_path, toml("limits", "max_parallel", 4))
    with pytest.raises(SettingsError, match="would loosen"):
        load_settings(env={}, user_file=user, project=project)


def test_settings_and_defaults_have_the_same_keys() -> None:
    fields = {name: set(field.annotation.model_fields) for name, field in Settings.model_fields.items()}  # type: ignore[union-attr]
    assert fields == {section: set(keys) for section, keys in DEFAULTS.items()}


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_has_a_reader(section: str, key: str) -> None:
    assert re.search(rf"\.{key}\b", SOURCE), f"nothing reads {section}.{key}"


def _source() -> str:
    """The code that may read a setting: everything but the settings themselves."""
    root = Path(fourfold_config.__file__).parents[2]
    modules = [*(root / "tools").rglob("*.py"), *(root / "server").rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in modules)


SOURCE = _source()


def test_every_key_has_a_reason_above_it() -> None:
    lines = TEXT.split("\n")
    bare = {
        line.split(" =")[0] for above, line in pairwise(lines) if re.match(r"\w+ = ", line) and above.startswith("[")
    }
    assert not bare - {"timeout_s"}


@pytest.mark.parametrize(
    ("user", "project", "holds"),
    [
        ("off", "require", "require"),
        ("prefer", "require", "require"),
        ("require", "off", None),
        ("prefer", "off", None),
    ],
)
def test_a_project_turns_the_sandbox_on_and_never_off(
    tmp_path: Path, user: str, project: str, holds: str | None
) -> None:
    own = tmp_path / "user.toml"
    own.write_text(toml("bash", "sandbox", user), encoding="utf-8")
    folder = project_of(tmp_path, toml("bash", "sandbox", project))
    if holds is None:
        with pytest.raises(SettingsError, match="would loosen"):
            load_settings(env={}, user_file=own, project=folder)
    else:
        assert load_settings(env={}, user_file=own, project=folder).bash.sandbox == holds


@pytest.mark.parametrize("token", ["12345678901234567890", "1e5", "true", '"quoted"', "[1]", "'"])
def test_a_variable_whose_setting_is_text_is_taken_as_it_stands(token: str) -> None:
    assert load_settings(env={"FOURFOLD_HTTP__TOKEN": token}).http.token == token


def test_no_fault_repeats_a_token(tmp_path: Path) -> None:
    user = tmp_path / "user.toml"
    user.write_text("[http]\ntoken = 1234567890\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"http\.token") as fault:
        load_settings(env={}, user_file=user)
    assert "1234567890" not in str(fault.value)
    (tmp_path / ".fourfold.toml").write_text('[http]\ntoken = "of-the-project"\n', encoding="utf-8")
    user.write_text('[http]\ntoken = "of-the-user"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"http\.token would loosen") as fault:
        load_settings(project=tmp_path, env={}, user_file=user)
    assert "of-the" not in str(fault.value)


def test_a_project_cannot_name_hosts_or_origins_that_may_call(tmp_path: Path) -> None:
    for key in ("hosts", "origins"):
        (tmp_path / ".fourfold.toml").write_text(f'[http]\n{key} = ["evil.example"]\n', encoding="utf-8")
        with pytest.raises(SettingsError, match="would loosen"):
            load_settings(project=tmp_path, env={})
