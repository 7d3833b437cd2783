"""The settings files: where they are looked for, and what a good, broken or changed one says."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fourfold_tools.ops.permissions.sources import Places, SettingsFile, main_checkout, read_source, stamp


def settings_file(path: Path) -> SettingsFile:
    return SettingsFile("project", str(path), str(path.parent), ".claude/settings.json")


def write(path: Path, permissions: object) -> SettingsFile:
    path.write_text(json.dumps({"permissions": permissions}), encoding="utf-8")
    return settings_file(path)


def test_the_files_are_looked_for_by_scope(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "home" / "proj"
    project.mkdir(parents=True)
    places = replace(Places.of(str(project), {"HOME": str(home)}), managed=str(tmp_path / "etc"))
    found = [(f.scope, f.path, f.anchor, f.shown) for f in places.files()]
    etc, claude = str(tmp_path / "etc"), str(home / ".claude")
    assert found == [
        ("managed", f"{etc}/managed-settings.json", str(project), f"{etc}/managed-settings.json"),
        ("managed", f"{claude}/remote-settings.json", str(project), "~/.claude/remote-settings.json"),
        ("user", f"{claude}/settings.json", claude, "~/.claude/settings.json"),
        ("project", f"{project}/.claude/settings.json", str(project), ".claude/settings.json"),
        ("local", f"{project}/.claude/settings.local.json", str(project), ".claude/settings.local.json"),
    ]


def test_drop_ins_of_the_policy_folder_are_taken_by_name_and_hidden_ones_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "managed-settings.d"
    folder.mkdir(parents=True)
    for name in ("20-b.json", "10-a.json", ".hidden.json", "notes.txt"):
        (folder / name).touch()
    places = replace(Places.of(str(tmp_path), {"HOME": "/h"}), managed=str(tmp_path / "etc"))
    names = [os.path.basename(f.path) for f in places.files() if f.scope == "managed"]
    assert names == ["managed-settings.json", "10-a.json", "20-b.json", "remote-settings.json"]


def test_claude_config_dir_moves_the_user_file_and_its_anchor(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path), {"HOME": "/h", "CLAUDE_CONFIG_DIR": str(tmp_path / "cfg")})
    (user,) = [f for f in places.files() if f.scope == "user"]
    assert (user.path, user.anchor) == (str(tmp_path / "cfg" / "settings.json"), str(tmp_path / "cfg"))


def test_claude_project_dir_names_the_project(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path), {"HOME": "/h", "CLAUDE_PROJECT_DIR": str(tmp_path / "p")})
    assert [f.path for f in places.files() if f.scope == "project"] == [str(tmp_path / "p/.claude/settings.json")]
    assert places.cwd == str(tmp_path)


def test_a_project_that_is_the_home_folder_has_its_user_file_once(tmp_path: Path) -> None:
    paths = [f.path for f in Places.of(str(tmp_path), {"HOME": str(tmp_path)}).files()]
    assert len(paths) == len(set(paths))
    assert str(tmp_path / ".claude" / "settings.json") in paths


def test_local_settings_also_count_from_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    places = Places.of(str(tmp_path / "sub"), {"HOME": "/h"})
    local = [(f.path, f.anchor) for f in places.files() if f.scope == "local"]
    assert local == [
        (str(tmp_path / "sub/.claude/settings.local.json"), str(tmp_path / "sub")),
        (str(tmp_path / ".claude/settings.local.json"), str(tmp_path / "sub")),
    ]


def test_a_worktree_leads_to_the_main_checkout(tmp_path: Path) -> None:
    (tmp_path / "main" / ".git" / "worktrees" / "w").mkdir(parents=True)
    (tmp_path / "w" / "deep").mkdir(parents=True)
    (tmp_path / "w" / ".git").write_text(f"gitdir: {tmp_path}/main/.git/worktrees/w\n", encoding="utf-8")
    assert main_checkout(str(tmp_path / "w" / "deep")) == str(tmp_path / "main")


def test_outside_a_repository_the_folder_stands_for_itself() -> None:
    assert main_checkout("/nowhere/at/all") == "/nowhere/at/all"


def test_a_file_says_its_rules_folders_and_mode(tmp_path: Path) -> None:
    file = write(
        tmp_path / "s.json",
        {
            "deny": ["Bash(rm:*)", "Read(./.env)"],
            "ask": ["WebFetch"],
            "allow": ["Bash"],
            "additionalDirectories": ["../docs"],
            "defaultMode": "plan",
        },
    )
    source = read_source(file)
    assert [r.text for r in source.deny] == ["Bash(rm:*)", "Read(./.env)"]
    assert [r.text for r in source.ask] == ["WebFetch"]
    assert [r.text for r in source.allow] == ["Bash"]
    assert (source.directories, source.mode, source.faults) == (("../docs",), "plan", ())


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes(b'\xef\xbb\xbf{"permissions": {"deny": ["Bash"]}}')
    assert [r.text for r in read_source(settings_file(tmp_path / "s.json")).deny] == ["Bash"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "holds no JSON object"),
        (b"null", "holds no JSON object"),
        (b'{"permissions": []}', "permissions: expected an object, got a list"),
    ],
)
def test_a_broken_file_is_one_fault_and_no_rules(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "s.json").write_bytes(content)
    source = read_source(settings_file(tmp_path / "s.json"))
    assert len(source.faults) == 1
    assert source.faults[0].startswith(".claude/settings.json")
    assert fault in source.faults[0]
    assert source.deny == source.ask == source.allow == ()


@pytest.mark.parametrize(
    ("permissions", "faults", "deny"),
    [
        ({"deny": "Bash"}, ["permissions.deny: expected a list of strings, got a string"], []),
        ({"deny": ["Bash", 1, None]}, ["permissions.deny[1]: expected a string, got a number", "got null"], ["Bash"]),
        ({"deny": ["Bash(rm", "Read"]}, ["permissions.deny: malformed rule 'Bash(rm'"], ["Read"]),
        ({"deny": ["Read"], "ask": {}}, ["permissions.ask: expected a list of strings, got an object"], ["Read"]),
        (
            {"deny": ["Read"], "defaultMode": True},
            ["permissions.defaultMode: expected a string, got a bool"],
            ["Read"],
        ),
        ({"additionalDirectories": [2.5]}, ["additionalDirectories[0]: expected a string, got a number"], []),
    ],
)
def test_a_wrong_part_is_a_fault_and_the_rest_holds(
    tmp_path: Path, permissions: object, faults: list[str], deny: list[str]
) -> None:
    source = read_source(write(tmp_path / "s.json", permissions))
    assert len(source.faults) == len(faults)
    assert all(expected in fault for expected, fault in zip(faults, source.faults, strict=True))
    assert [r.text for r in source.deny] == deny


def test_a_file_that_breaks_keeps_the_rules_it_had(tmp_path: Path) -> None:
    before = read_source(write(tmp_path / "s.json", {"deny": ["Bash"]}))
    (tmp_path / "s.json").write_text('{"permissions": {"deny": [', encoding="utf-8")
    after = read_source(before.file, before)
    assert [r.text for r in after.deny] == ["Bash"]
    assert len(after.faults) == 1


def test_a_mended_file_has_no_fault_left(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{", encoding="utf-8")
    broken = read_source(settings_file(tmp_path / "s.json"))
    assert read_source(write(tmp_path / "s.json", {"deny": ["Bash"]}), broken).faults == ()


def test_a_file_without_permissions_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"model": "x"}', encoding="utf-8")
    source = read_source(settings_file(tmp_path / "s.json"))
    assert (source.deny, source.faults) == ((), ())


def test_a_pipe_in_place_of_a_file_is_a_fault_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.json")
    assert "not a regular file" in read_source(settings_file(tmp_path / "s.json")).faults[0]


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "s.json").mkdir()
    assert "cannot be read" in read_source(settings_file(tmp_path / "s.json")).faults[0]


def test_a_link_to_something_endless_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "s.json").symlink_to("/dev/zero")
    assert "not a regular file" in read_source(settings_file(tmp_path / "s.json")).faults[0]


def test_a_very_large_file_is_a_fault(tmp_path: Path) -> None:
    with (tmp_path / "s.json").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    assert "larger than" in read_source(settings_file(tmp_path / "s.json")).faults[0]


def test_a_stamp_changes_with_the_file_and_is_none_without_one(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    assert stamp(str(path)) is None
    path.write_text("{}", encoding="utf-8")
    first = stamp(str(path))
    assert first is not None
    (tmp_path / "t").write_text("[]", encoding="utf-8")
    os.utime(tmp_path / "t", ns=(first[0], first[0]))
    os.replace(tmp_path / "t", path)
    assert stamp(str(path)) != first


def test_a_loop_of_links_has_a_stamp_and_a_fault(tmp_path: Path) -> None:
    (tmp_path / "s.json").symlink_to("s.json")
    assert stamp(str(tmp_path / "s.json")) is not None
    assert "cannot be read" in read_source(settings_file(tmp_path / "s.json")).faults[0]
