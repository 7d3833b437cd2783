"""Finding: the folders of a project, the one transcript that holds a call, and who must have made a late one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from claude_home import Home

from fourfold_tools.context import find
from fourfold_tools.context.find import Candidate, Conversation, Search, conversation_at, guess, project_folders, slug
from fourfold_tools.context.transcript import Reading

BYTES = 512 << 10


def search(home: Home, *sessions: str, most: int = 64) -> Search:
    return Search(project_folders(home.env, str(home.cwd)), sessions, BYTES, most)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/my project.x_1", "-srv-my-project-x-1"),
        ("/tmp/pröj😀x", "-tmp-pr-j--x"),
        ("C:\\Users\\me", "C--Users-me"),
    ],
)
def test_a_folder_is_named_as_the_client_names_it(path: str, name: str) -> None:
    assert slug(path) == name


def test_transcripts_lie_below_the_home(home: Home) -> None:
    assert project_folders(home.env, str(home.cwd)) == (str(home.project),)


def test_the_config_folder_can_be_moved(home: Home, tmp_path: Path) -> None:
    env = {**home.env, "CLAUDE_CONFIG_DIR": str(tmp_path / "elsewhere")}
    assert project_folders(env, "/w") == (str(tmp_path / "elsewhere" / "projects" / "-w"),)


def test_a_link_to_the_project_leads_to_the_same_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home.cwd)
    assert project_folders(home.env, str(tmp_path / "link")) == (str(home.project),)


def test_a_linked_client_folder_is_followed(home: Home, tmp_path: Path) -> None:
    """Dotfiles are often kept elsewhere: `~/.claude` is a link, and so may be the project's folder in it."""
    file = home.session("first").reply(1_000, "toolu_1")
    sub = home.agent("first", "a1").reply(500, "toolu_2")
    os.rename(home.root / ".claude", tmp_path / "dotfiles")
    (home.root / ".claude").symlink_to(tmp_path / "dotfiles")
    assert search(home, "first").look("toolu_1") == Conversation(str(file.path), "first")
    assert search(home, "first").look("toolu_2") == Conversation(str(sub.path), "first", "a1")
    os.rename(home.project, tmp_path / "project-elsewhere")
    home.project.symlink_to(tmp_path / "project-elsewhere")
    assert search(home, "first").look("toolu_1") == Conversation(str(file.path), "first")


def test_the_clients_project_is_looked_at_too(home: Home, tmp_path: Path) -> None:
    folders = project_folders({**home.env, "CLAUDE_PROJECT_DIR": str(home.cwd)}, str(tmp_path))
    assert [os.path.basename(f) for f in folders] == [slug(os.path.realpath(tmp_path)), home.project.name]


def test_a_long_name_is_found_by_the_part_before_its_hash(home: Home) -> None:
    root = home.root / ".claude" / "projects"
    cwd = "/" + "d" * 250
    (root / (slug(cwd)[:200] + "-owutne")).mkdir(parents=True)
    (root / slug(cwd)[:150]).mkdir()
    assert project_folders(home.env, cwd) == (str(root / (slug(cwd)[:200] + "-owutne")),)


def test_a_call_of_the_main_conversation_is_found_in_its_file(home: Home) -> None:
    file = home.session("first").reply(1_000, "toolu_1")
    assert search(home, "first").look("toolu_1") == Conversation(str(file.path), "first")


@pytest.mark.parametrize("below", ["", "workflows/wf_7f", "workflows/wf_7f/deeper"])
def test_a_call_of_a_subagent_is_found_in_its_own_file(home: Home, below: str) -> None:
    home.session("first").reply(1_000, "toolu_agent")
    file = home.agent("first", "a1", below).reply(500, "toolu_1")
    found = search(home, "first").look("toolu_1")
    assert found == Conversation(str(file.path), "first", "a1")
    assert found.voice is None


def test_a_call_after_clear_is_found_though_the_session_is_new(home: Home) -> None:
    home.session("first").reply(1_000, "toolu_1")
    file = home.session("second").reply(2_000, "toolu_2")
    assert search(home, "first").look("toolu_2") == Conversation(str(file.path), "second")


def test_a_call_of_a_new_sessions_agent_is_found(home: Home) -> None:
    home.session("second").reply(2_000, "toolu_2")
    file = home.agent("second", "a2").reply(500, "toolu_3")
    assert search(home, "first").look("toolu_3") == Conversation(str(file.path), "second", "a2")


def test_a_call_of_a_sidechain_in_the_main_file_is_the_agents(home: Home) -> None:
    file = home.session("first").reply(1_000, "toolu_1")
    file.line(
        {
            "type": "assistant",
            "isSidechain": True,
            "agentId": "a1",
            "message": {"content": [{"type": "tool_use", "id": "toolu_2"}]},
        }
    )
    found = search(home, "first").look("toolu_2")
    assert found == Conversation(str(file.path), "first", "a1", sidechain=True)
    assert found != search(home, "first").look("toolu_1")


def test_a_line_written_between_two_looks_is_found_by_the_second(home: Home) -> None:
    file = home.session("first").reply(1_000, "toolu_1")
    looking = search(home, "first")
    assert looking.look("toolu_2") is None
    file.reply(2_000, "toolu_2")
    assert looking.look("toolu_2") == Conversation(str(file.path), "first")


def test_the_newest_files_are_searched_first_and_only_so_many(home: Home) -> None:
    for age, name in enumerate(["newest", "middle", "oldest"]):
        file = home.session(name).reply(1_000, f"toolu_{name}")
        os.utime(file.path, (1_000_000 - age, 1_000_000 - age))
    looking = search(home, most=2)
    assert looking.look("toolu_middle") is not None
    assert looking.look("toolu_oldest") is None


@pytest.mark.parametrize("missing", ["folder", "file", "unreadable"])
def test_what_is_not_there_is_not_found(home: Home, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing != "folder":
        home.project.mkdir(parents=True)
    if missing == "unreadable":
        home.session("first").reply(1_000, "toolu_1")

        def refuse(path: str) -> Iterator[object]:
            raise PermissionError(path)

        monkeypatch.setattr(find, "open_transcript", refuse)
    looking = search(home, "first")
    assert looking.look("toolu_1") is None
    assert looking.candidates() == []


def test_pipes_and_folders_named_like_transcripts_are_left_alone(home: Home) -> None:
    home.project.mkdir(parents=True)
    os.mkfifo(home.project / "first.jsonl")
    (home.project / "second.jsonl").mkdir()
    assert search(home, "first").look("toolu_1") is None


def test_a_named_subagent_is_found_wherever_it_lies(home: Home) -> None:
    main = home.session("first")
    deep = home.agent("first", "a1", "workflows/wf_7f")
    assert conversation_at(str(main.path), "a1") == Conversation(str(deep.path), "first", "a1")
    assert conversation_at(str(main.path)) == Conversation(str(main.path), "first")
    missing = conversation_at(str(main.path), "a9")
    assert missing.path == str(home.project / "first" / "subagents" / "agent-a9.jsonl")


def main(session: str, *, in_flight: bool = False, owner: str | None = None, at: int = 0) -> Candidate:
    return Candidate(Conversation(f"/p/{session}.jsonl", session), Reading(in_flight=in_flight, owner=owner), at)


def agent(session: str, name: str, *, in_flight: bool = False) -> Candidate:
    path = f"/p/{session}/subagents/agent-{name}.jsonl"
    return Candidate(Conversation(path, session, name), Reading(in_flight=in_flight), 0)


@pytest.mark.parametrize(
    ("candidates", "owner", "expected"),
    [
        pytest.param([], "a", None, id="nothing there"),
        pytest.param([main("a", in_flight=True)], "a", ("a", None, True), id="ours awaits a reply"),
        pytest.param([main("a")], "a", ("a", None, True), id="ours, though it awaits nothing yet"),
        pytest.param(
            [main("a"), agent("a", "x", in_flight=True)], "a", ("a", "x", True), id="the main one waits for its agent"
        ),
        pytest.param(
            [main("a", in_flight=True), agent("a", "x", in_flight=True)], "a", None, id="it runs beside its agent"
        ),
        pytest.param([agent("a", "x", in_flight=True), agent("a", "y", in_flight=True)], "a", None, id="two agents"),
        pytest.param(
            [main("a", owner="a"), main("b", owner="a", in_flight=True)], "a", ("b", None, True), id="after clear"
        ),
        pytest.param(
            [main("a", owner="a", at=1), main("b", owner="a", at=2)], "a", ("b", None, True), id="newest of ours"
        ),
        pytest.param(
            [main("a", owner="a", in_flight=True), main("b", owner="b", in_flight=True, at=9)],
            "a",
            ("a", None, True),
            id="another terminal in the same folder",
        ),
        pytest.param(
            [main("a", owner="a"), main("b", owner="b", in_flight=True, at=9)],
            "a",
            ("a", None, True),
            id="another terminal while ours is late",
        ),
        pytest.param(
            [main("a"), main("b", in_flight=True)], "a", ("b", None, False), id="an older client after clear"
        ),
        pytest.param(
            [main("a", owner="a"), main("b", in_flight=True)], "a", ("a", None, True), id="a headless run beside ours"
        ),
        pytest.param(
            [main("a"), main("b", in_flight=True), main("c", in_flight=True)],
            "a",
            None,
            id="two strangers",
        ),
        pytest.param([main("b", in_flight=True)], None, ("b", None, False), id="no session known"),
        pytest.param([main("b")], None, None, id="no session known and nothing awaited"),
        pytest.param([main("b", owner="b", in_flight=True)], None, None, id="only somebody else's"),
    ],
)
def test_a_late_call_is_laid_to_the_only_one_who_can_have_made_it(
    candidates: list[Candidate], owner: str | None, expected: tuple[str, str | None, bool] | None
) -> None:
    found = guess(candidates, [owner] if owner else [], owner)
    answer = found and (found[0].conversation.session, found[0].conversation.agent, found[1])
    assert answer == expected


def test_where_names_never_change_a_stranger_is_never_taken_for_ours() -> None:
    candidates = [main("a"), main("b", in_flight=True)]
    found = guess(candidates, ["a"], "a", strangers=False)
    assert found == (candidates[0], True)
