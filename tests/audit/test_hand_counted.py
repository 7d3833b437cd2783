"""Recorded conversations with answers counted by hand; every test says in a comment how."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded import Recorded, Use, bash, edit, fetch, glob, grep, read

from fourfold_tools.audit.report import AuditReport

Auditor = Callable[[Path], AuditReport]


def counted(report: AuditReport) -> tuple[int, int, list[list[str]]]:
    """(turns, turns saved, the calls of each group)."""
    data: Any = report.data()
    return data["turns"], data["turns_saved"], [group["calls"] for group in data["batchable_groups"]]


def test_three_reads_one_after_the_other_are_one_batch(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(read("b", "/w/b.py")).turn(read("c", "/w/c.py"))
    # Three turns, one would have done: 3 - 1 = 2.
    assert counted(audit(session.path)) == (3, 2, [["a", "b", "c"]])


def test_calls_that_already_ran_together_save_nothing(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"), read("b", "/w/b.py"), grep("c", "TODO"))
    # One turn with three calls is one reply already.
    assert counted(audit(session.path)) == (1, 0, [])


def test_a_pair_that_ran_together_counts_as_one_turn_of_a_group(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"), read("b", "/w/b.py")).turn(read("c", "/w/c.py"))
    # Two turns become one; that a and b were parallel before is no saving.
    assert counted(audit(session.path)) == (2, 1, [["a", "b", "c"]])


def test_results_between_the_blocks_of_one_message_do_not_split_it(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"), read("b", "/w/b.py"), interleaved=True)
    # The client starts a call while the reply streams; it is still one message.
    assert counted(audit(session.path)) == (1, 0, [])


@pytest.mark.parametrize(("request_line", "used"), [(True, 10_000), (False, 10_500)], ids=["request", "usage"])
def test_replies_with_the_same_id_are_told_apart(
    session: Recorded, audit: Auditor, request_line: bool, used: int
) -> None:
    session.turn(read("a", "/w/a.py"), message="m")
    if request_line:
        session.entry(type="api-request", params={"model": "claude-opus-5-5"})
    session.turn(read("b", "/w/b.py"), message="m", used=used)
    # Some gateways number every message alike; a request in between, or another usage, begins a new reply.
    assert counted(audit(session.path)) == (2, 1, [["a", "b"]])


@pytest.mark.parametrize("command", ["cd src", "cd src && ls", "(cd src; ls)", "pushd src", "true;cd src"])
def test_nothing_is_grouped_across_a_cd(session: Recorded, audit: Auditor, command: str) -> None:
    session.turn(read("a", "/w/a.py")).turn(bash("go", command)).turn(read("b", "/w/b.py"))
    # a | cd | b: three turns, no two of them together.
    assert counted(audit(session.path)) == (3, 0, [])


def test_the_reads_on_each_side_of_a_cd_are_groups_of_their_own(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(read("b", "/w/b.py")).turn(bash("go", "cd src"))
    session.cwd = "/w/src"
    session.turn(read("c", "/w/src/c.py")).turn(read("d", "/w/src/d.py"))
    # [a b] cd [c d]: 5 turns, one saved on each side.
    assert counted(audit(session.path)) == (5, 2, [["a", "b"], ["c", "d"]])


def test_a_folder_that_changes_without_a_cd_ends_a_group(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"))
    session.cwd = "/w/src"
    session.turn(read("b", "/w/b.py"))
    assert counted(audit(session.path)) == (2, 0, [])


def test_nothing_is_grouped_across_a_command_of_unknown_effect(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(bash("x", "./deploy")).turn(read("b", "/w/b.py")).turn(read("c", "/w/c"))
    # a | ./deploy | [b c]: 4 turns, 1 saved.
    assert counted(audit(session.path)) == (4, 1, [["b", "c"]])


@pytest.mark.parametrize(
    "wall",
    [
        bash("x", "cat log", run_in_background=True),
        Use("x", "Agent", {"description": "look", "prompt": "look around"}),
        Use("x", "mcp__other__change", {}),
        Use("x", "AskUserQuestion", {"questions": []}),
        read("x", "/w/x.py", result=None),
    ],
    ids=["background", "agent", "other server", "question", "interrupted"],
)
def test_calls_whose_effects_are_unknown_are_walls(session: Recorded, audit: Auditor, wall: Use) -> None:
    session.turn(read("a", "/w/a.py")).turn(wall).turn(read("b", "/w/b.py"))
    assert counted(audit(session.path)) == (3, 0, [])


def test_nothing_is_grouped_across_a_users_message(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).say("now the other one").turn(read("b", "/w/b.py")).turn(read("c", "/w/c.py"))
    # a | message | [b c]
    assert counted(audit(session.path)) == (3, 1, [["b", "c"]])


def test_a_message_sent_while_the_model_works_separates_too(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"))
    session.entry(type="attachment", attachment={"type": "queued_command", "prompt": "look at b as well"})
    session.turn(read("b", "/w/b.py"))
    assert counted(audit(session.path)) == (2, 0, [])


def test_the_end_of_a_background_agent_separates_like_a_message(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"))
    note = "<task-notification>\n<summary>Agent finished</summary>\n<result>see b.py</result>\n</task-notification>"
    session.say(note, origin={"kind": "task-notification"})
    session.turn(read("b", "/w/b.py")).turn(read("c", "/w/c.py"))
    # a | notification | [b c]: what comes behind may answer the agent's report. 3 turns, 1 saved.
    assert counted(audit(session.path)) == (3, 1, [["b", "c"]])


def test_what_the_client_adds_by_itself_is_no_message(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).say("Caveat: local commands follow", isMeta=True)
    session.say("<system-reminder>b.py has changed</system-reminder>").turn(read("b", "/w/b.py"))
    assert counted(audit(session.path)) == (2, 1, [["a", "b"]])


def test_nothing_is_grouped_across_a_compaction(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(read("b", "/w/b.py")).compact().turn(read("c", "/w/c.py"))
    # [a b] | compaction | c
    assert counted(audit(session.path)) == (3, 1, [["a", "b"]])


def test_a_read_of_a_path_that_grep_found_depends_on_it(session: Recorded, audit: Auditor) -> None:
    session.turn(grep("g", "entry_point", "Found 1 file\nsrc/app.py")).turn(read("r", "/w/src/app.py", limit=40))
    report = audit(session.path)
    # The path was first named by the result of g: two turns, none saved. A reference could have handed it on.
    assert counted(report) == (2, 0, [])
    data: Any = report.data()
    assert data["chains"] == [
        {
            "file": str(session.path),
            "calls": ["g", "r"],
            "batch": {
                "steps": [
                    {"id": "s1", "op": "grep", "pattern": "entry_point", "mode": "files"},
                    {"id": "s2", "op": "read", "path": {"from": "s1", "field": "paths", "each": True}, "limit": 40},
                ]
            },
        }
    ]


def test_a_choice_among_what_was_found_is_no_chain(session: Recorded, audit: Auditor) -> None:
    session.turn(glob("g", "src/*.py", "src/app.py\nsrc/old.py")).turn(read("r", "/w/src/app.py"))
    # Two files were found and one was read: only the model could choose.
    data: Any = audit(session.path).data()
    assert (data["turns_saved"], data["chains"]) == (0, [])


@pytest.mark.parametrize(
    "command",
    [
        "cat blue_lagoon.txt",
        "cat x | wc -l conf/blue_lagoon.ini",
        "wc 'red|blue_lagoon'",
        "cat a; cat 'b c' blue_lagoon",
    ],
)
def test_a_command_that_uses_a_word_found_before_depends_on_it(
    session: Recorded, audit: Auditor, command: str
) -> None:
    session.turn(read("a", "/w/a.py", "1\tname = blue_lagoon")).turn(bash("c", command))
    assert counted(audit(session.path)) == (2, 0, [])


def test_names_of_programs_options_and_common_words_are_no_evidence(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py", "1\tcat --verbose test and main")).turn(bash("c", "cat --verbose test"))
    assert counted(audit(session.path)) == (2, 1, [["a", "c"]])


def test_a_path_that_the_user_named_is_no_dependency(session: Recorded, audit: Auditor) -> None:
    session.say("fix src/app.py").turn(grep("g", "entry_point", "Found 1 file\nsrc/app.py"))
    session.turn(read("r", "/w/src/app.py"))
    # src/app.py stood in the message before g found it again.
    assert counted(audit(session.path)) == (2, 1, [["g", "r"]])


def test_a_path_that_an_older_result_named_is_no_dependency(session: Recorded, audit: Auditor) -> None:
    session.turn(bash("l", "ls", "app.py\nold.py")).turn(read("a", "/w/app.py")).turn(read("b", "/w/old.py"))
    # l | [a b]: both names come from l, none of the two from the other.
    assert counted(audit(session.path)) == (3, 1, [["a", "b"]])


def test_an_address_that_a_page_linked_depends_on_the_page(session: Recorded, audit: Auditor) -> None:
    session.say("see https://e.org/start").turn(fetch("s", "https://e.org/start", "go on at https://e.org/chapter-2"))
    session.turn(fetch("n", "https://e.org/chapter-2")).turn(fetch("t", "https://e.org/start"))
    # s | n was linked by s, t was not linked by n: [n t].
    assert counted(audit(session.path)) == (3, 1, [["n", "t"]])


def test_a_file_pattern_with_a_name_that_was_found_depends_on_it(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py", "1\topen('x9.cfg')")).turn(glob("g", "**/x9.cfg"))
    session.turn(grep("h", "TODO", glob="*.py", path="/w/conf"))
    assert counted(audit(session.path)) == (3, 1, [["g", "h"]])


def test_a_module_that_a_file_imports_depends_on_that_file(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/app.py", "1\tfrom settings import load")).turn(read("b", "/w/settings.py"))
    assert counted(audit(session.path)) == (2, 0, [])


def test_a_pure_chain_saves_nothing(session: Recorded, audit: Auditor) -> None:
    session.turn(glob("g", "**/*.toml", "conf/deploy.toml"))
    session.turn(read("r", "/w/conf/deploy.toml", '1\ttarget = "blue_lagoon"'))
    session.turn(grep("s", "blue_lagoon", "Found 1 file\nops/hosts.ini"))
    session.turn(bash("c", "cat ops/hosts.ini", "10.0.0.7"))
    # Each call uses the name that the one before it found: 4 turns, none saved.
    assert counted(audit(session.path)) == (4, 0, [])


def test_a_window_at_a_line_that_grep_found_depends_on_it(session: Recorded, audit: Auditor) -> None:
    session.say("look at app.py").turn(grep("g", "setup", "app.py:120:setup()", path="/w/app.py"))
    session.turn(read("r", "/w/app.py", offset=110, limit=40), text="It is at app.py:120.")
    # The path was known, line 120 was not: that the model repeats it is no knowledge of its own.
    assert counted(audit(session.path)) == (2, 0, [])


def test_windows_at_lines_known_before_run_together(session: Recorded, audit: Auditor) -> None:
    session.turn(grep("g", "setup", "app.py:120:setup()\napp.py:300:setup()", output_mode="content"))
    session.turn(read("r", "/w/app.py", "120\tsetup()", offset=120, limit=10))
    session.turn(read("s", "/w/app.py", "300\tsetup()", offset=300, limit=10))
    # g | [r s]: both lines come from g.
    assert counted(audit(session.path)) == (3, 1, [["r", "s"]])


def test_reading_on_in_a_file_depends_on_what_was_read(session: Recorded, audit: Auditor) -> None:
    session.turn(read("r", "/w/app.py", limit=100)).turn(read("s", "/w/app.py", offset=101, limit=100))
    assert counted(audit(session.path)) == (2, 0, [])


def test_an_edit_between_two_reads_of_its_file_separates_them(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(edit("e", "/w/a.py")).turn(read("again", "/w/a.py"))
    session.turn(read("b", "/w/b.py"))
    # a | e writes a.py | [again b]: 4 turns, 1 saved.
    assert counted(audit(session.path)) == (4, 1, [["again", "b"]])


def test_an_edit_of_another_file_is_passed_over(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(edit("e", "/w/a.py")).turn(read("b", "/w/b.py"))
    # b could have been read with a; the edit stays a turn of its own: 3 turns, 1 saved.
    assert counted(audit(session.path)) == (3, 1, [["a", "b"]])


def test_a_command_that_writes_separates_the_readers_of_what_it_writes(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(bash("m", "make out.txt")).turn(read("o", "/w/out.txt"))
    # [a m] | o reads what m writes: 3 turns, 1 saved.
    assert counted(audit(session.path)) == (3, 1, [["a", "m"]])


def test_a_search_does_not_run_together_with_a_write_below_it(session: Recorded, audit: Auditor) -> None:
    session.turn(bash("m", "make src/out.txt")).turn(grep("g", "TODO", path="/w/src"))
    assert counted(audit(session.path)) == (2, 0, [])


def test_nothing_joins_behind_a_failed_call(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(bash("t", "cat b", "Exit code 1", failed=True)).turn(read("c", "/w/c.py"))
    # [a t] | c may answer the failure: 3 turns, 1 saved.
    assert counted(audit(session.path)) == (3, 1, [["a", "t"]])


def test_a_subagents_file_is_a_conversation_of_its_own(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"))
    agent = Recorded(session.path.with_suffix("") / "subagents" / "agent-7f.jsonl", agent="7f").say("look")
    agent.turn(read("b", "/w/b.py")).turn(read("c", "/w/c.py"))
    report = audit(session.path.parent)
    # The main file alone: 1 turn. The folder: 1 + 2 turns, the two of the agent together.
    assert counted(audit(session.path)) == (1, 0, [])
    assert counted(report) == (3, 1, [["b", "c"]])
    assert [(row.agent, row.turns, row.turns_saved) for row in report.conversations] == [(None, 1, 0), ("7f", 2, 1)]


@pytest.mark.parametrize("agent", ["7f", None], ids=["named", "of an old client"])
def test_an_agent_inside_the_main_file_is_heard_apart(session: Recorded, audit: Auditor, agent: str | None) -> None:
    session.turn(read("a", "/w/a.py"))
    Recorded(session.path, agent=agent, sidechain=True).say("look").turn(read("x", "/w/x.py"))
    session.turn(read("b", "/w/b.py"))
    # The agent's line between a and b does not separate them, and x joins neither.
    assert counted(audit(session.path)) == (3, 1, [["a", "b"]])


def test_broken_lines_are_skipped_and_counted(session: Recorded, audit: Auditor) -> None:
    session.raw(b'{"type":"assistant","mess\n').turn(read("a", "/w/a.py")).raw(b"[1, 2]\n\xff\xfe\n")
    session.turn(read("b", "/w/b.py")).raw(b'{"type":"user"')
    report = audit(session.path)
    # A cut line, a list, two stray bytes, a last line without its end: 4.
    assert (counted(report), report.broken_lines) == ((2, 1, [["a", "b"]]), 4)


def test_a_reply_without_a_call_is_no_turn_and_separates(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py")).turn(text="It is done.").turn(read("b", "/w/b.py"))
    assert counted(audit(session.path)) == (2, 0, [])


def test_seconds_and_tokens_of_a_group_follow_from_times_and_usage(session: Recorded, audit: Auditor) -> None:
    session.turn(read("a", "/w/a.py"), model_s=5, tools_s=1, used=10_000, cached=8_000, output=100)
    session.turn(read("b", "/w/b.py"), model_s=4, tools_s=3, used=11_000, cached=10_000, output=40)
    session.turn(read("c", "/w/c.py"), model_s=6, tools_s=2, used=12_000, cached=11_000, output=30)
    data: Any = audit(session.path).data()
    # high: model 4 + 6, tools 1 + 3 + 2 less the longest 3: 13.
    # low: rates 100/5 = 20, 40/4 = 10, 30/6 = 5, median 10: (4 - 40/10) + (6 - 30/10) = 0 + 3. The middle is 8.
    assert data["seconds_saved"] == {"value": 8.0, "low": 3.0, "high": 13.0}
    # high: 11,000 + 12,000 read again; low: twice the 10,000 that stood there before; cached: 10,000 + 11,000.
    assert data["tokens_saved"] == {"value": 23_000, "low": 20_000, "high": 23_000, "cached": 21_000}


def test_turns_without_times_or_usage_promise_none(session: Recorded, audit: Auditor) -> None:
    for call in "ab":
        session.turn(read(call, f"/w/{call}.py"), used=None, cached=0)
    session.path.write_text(session.path.read_text(encoding="utf-8").replace('"timestamp"', '"t"'), encoding="utf-8")
    data: Any = audit(session.path).data()
    assert (data["turns_saved"], data["untimed_groups"], data["unmetered_groups"]) == (1, 1, 1)
    assert data["seconds_saved"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert data["tokens_saved"] == {"value": 0, "low": 0, "high": 0, "cached": 0}
