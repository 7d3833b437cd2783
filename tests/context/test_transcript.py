"""Transcripts: the newest usage from the tail, whatever else the file holds, within bounded bytes."""

import io
import json
import os
from typing import Any

import pytest
from claude_home import CountingFile, Home, Transcript
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.context import transcript
from fourfold_tools.context.transcript import Reading, Voice, lines_backwards, read_tail, speaker, weigh

MAIN = Voice()
TAIL = 4 << 20


def read(file: Transcript, voice: Voice | None = MAIN, max_bytes: int = TAIL) -> Reading:
    with transcript.open_transcript(str(file.path)) as handle:
        return read_tail(handle, voice, max_bytes)


def heard(file: Transcript, call: str, since: int = 0, max_bytes: int = TAIL) -> tuple[Voice | None, int]:
    with transcript.open_transcript(str(file.path)) as handle:
        return speaker(handle, call, since, max_bytes)


@pytest.fixture
def talk(home: Home) -> Transcript:
    """A conversation after its first turn, at 41,000 tokens."""
    return home.session("first").prompt().request().reply(41_000, "toolu_1").result("toolu_1")


def test_usage_is_input_and_both_caches_without_the_output(home: Home) -> None:
    file = home.session("first").prompt().request().reply(41_000, output=9_999)
    assert read(file).used_tokens == 41_000


def test_the_newest_reply_counts(talk: Transcript) -> None:
    talk.request().reply(52_000, "toolu_2")
    assert read(talk).used_tokens == 52_000


def test_the_time_and_model_are_those_of_the_newest_reply(talk: Transcript) -> None:
    talk.clock += 50
    talk.request().reply(52_000, model="claude-sonnet-5-5")
    reading = read(talk)
    assert (reading.at_s, reading.model) == (talk.clock, "claude-sonnet-5-5")


def test_a_long_window_is_told_by_the_request(home: Home) -> None:
    file = home.session("first").request()
    file.reply(41_000, model="claude-sonnet-4-5", requested="claude-sonnet-4-5[1m]")
    assert read(file).model == "claude-sonnet-4-5[1m]"


def test_the_model_that_answered_counts_when_another_was_asked_for(home: Home) -> None:
    file = home.session("first").request().reply(1_000, model="claude-sonnet-5-5", requested="claude-opus-5-5[1m]")
    assert read(file).model == "claude-sonnet-5-5"


@pytest.mark.parametrize("model", [7, None, "", "x" * 201, "two\nlines", "\ud800"])
def test_a_model_that_is_no_name_is_left_out(home: Home, model: Any) -> None:
    message = {"role": "assistant", "model": model, "content": [], "usage": {"input_tokens": 5}}
    file = home.session("first")
    file.raw(json.dumps({"type": "assistant", "isSidechain": False, "message": message}).encode())
    assert read(file) == Reading(used_tokens=5, answered=True)


def test_a_reply_the_client_made_up_for_an_error_is_passed_over(talk: Transcript) -> None:
    talk.request().reply(0, model="<synthetic>")
    assert read(talk).used_tokens == 41_000


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\n\n\n",
        b"not json at all\n",
        b'{"type":"assistant","message":{"model":"claude-opus-5-5","usage":{"input_tokens":99999',
        b'{"type":"assistant","usage":{}}\n',
        b'{"type":"assistant","message":"text","usage":1}\n',
        b'{"type":"assistant","message":{"usage":[1,2]}}\n',
        b'{"type":"assistant","message":{"usage":{"input_tokens":"many"}}}\n',
        b'{"type":"assistant","message":{"usage":{"input_tokens":-5}}}\n',
        b'{"type":"assistant","message":{"usage":{"input_tokens":true}}}\n',
        b'{"type":"assistant","message":{"usage":{"input_tokens":1e300}}}\n',
        b'{"type":"assistant","message":{"usage":{"input_tokens":' + b"9" * 5_000 + b"}}}\n",
        b'["assistant","usage"]\n',
        b'"assistant"\n',
        b"[" * 100_000 + b'"assistant"\n',
        b"\xff\xfe\x00 assistant usage\n",
        b'{"type":"some-new-kind","message":{"role":"assistant","usage":{"input_tokens":99999}}}\n',
        b'{"type":"user","isMeta":true,"message":{"role":"assistant","usage":{"input_tokens":99999}}}\n',
    ],
    ids=range(18),
)
def test_noise_at_the_end_hides_nothing(talk: Transcript, noise: bytes) -> None:
    talk.raw(noise)
    assert read(talk).used_tokens == 41_000


def test_a_reply_quoted_in_a_result_is_none(talk: Transcript) -> None:
    quoted = json.dumps({"type": "assistant", "message": {"usage": {"input_tokens": 99_999}}})
    talk.result("toolu_1", quoted)
    assert read(talk).used_tokens == 41_000


def test_missing_usage_fields_count_as_nothing(home: Home) -> None:
    file = home.session("first")
    file.entry(type="assistant", message={"model": "claude-opus-5-5", "usage": {"cache_read_input_tokens": 700}})
    assert read(file).used_tokens == 700


def test_after_a_compaction_what_it_left_counts_until_the_next_reply(talk: Transcript) -> None:
    talk.clock += 10
    talk.compact(left=2_595)
    compacted = read(talk)
    assert (compacted.used_tokens, compacted.at_s, compacted.model) == (2_595, talk.clock, "claude-opus-5-5")
    talk.prompt().request().reply(12_000)
    assert read(talk).used_tokens == 12_000


def test_of_two_compactions_the_last_counts(talk: Transcript) -> None:
    talk.compact(left=9_000).compact(left=2_000)
    assert read(talk).used_tokens == 2_000


@pytest.mark.parametrize("left", [None, "2595", -1, True])
def test_a_compaction_that_does_not_say_what_it_left_makes_usage_unknown(talk: Transcript, left: Any) -> None:
    talk.compact(left)
    assert (read(talk).used_tokens, read(talk).answered) == (None, True)


def test_a_reply_is_awaited_from_the_request_to_the_reply(talk: Transcript) -> None:
    assert read(talk).in_flight, "a result is about to be sent"
    talk.request()
    assert read(talk).in_flight
    talk.reply(42_000)
    assert not read(talk).in_flight


@pytest.mark.parametrize(
    ("text", "awaited"),
    [
        ("next task", True),
        ("[Request interrupted by user for tool use]", False),
        ("<command-name>/clear</command-name>", False),
        ("<local-command-stdout>done", False),
        ("<bash-input>ls</bash-input>", False),
    ],
)
def test_only_a_real_prompt_awaits_a_reply(talk: Transcript, text: str, awaited: bool) -> None:
    talk.request().reply(42_000).prompt(text)
    assert read(talk).in_flight is awaited


def test_the_owner_is_the_session_the_writing_process_began_with(home: Home) -> None:
    file = home.session("second", owner="first").prompt().request().reply(1_000)
    assert read(file).owner == "first"
    assert read(home.session("third").prompt().request()).owner is None


def test_a_subagent_in_the_main_file_of_an_older_client_is_another_voice(talk: Transcript) -> None:
    agent = Transcript(talk.path, "first", agent="a1")
    agent.reply(7_000, "toolu_a")
    assert read(talk).used_tokens == 41_000
    assert read(talk, Voice(True, "a1")).used_tokens == 7_000
    assert heard(talk, "toolu_a")[0] == Voice(True, "a1")


def test_a_call_is_heard_only_where_a_reply_makes_it(talk: Transcript) -> None:
    talk.result("toolu_2", 'see "toolu_3"').entry(type="progress", data={"id": "toolu_4"})
    assert heard(talk, "toolu_1")[0] == MAIN
    assert [heard(talk, call)[0] for call in ("toolu_2", "toolu_3", "toolu_4", "toolu_quoted", "toolu_")] == [
        None
    ] * 5


def test_a_half_written_call_is_heard_once_it_is_whole(talk: Transcript) -> None:
    before = talk.path.stat().st_size
    talk.reply(42_000, "toolu_2")
    whole = talk.path.read_bytes()
    talk.path.write_bytes(whole[:-20])
    voice, since = heard(talk, "toolu_2", before)
    assert voice is None
    talk.raw(whole[-20:])
    assert heard(talk, "toolu_2", since)[0] == MAIN


def test_a_later_look_reads_only_what_is_new(talk: Transcript) -> None:
    _, since = heard(talk, "toolu_2")
    talk.reply(42_000, "toolu_2")
    with CountingFile(talk.path) as file:
        voice, _ = speaker(file, "toolu_2", since, TAIL)
        assert voice == MAIN
        assert file.handed_out == talk.path.stat().st_size - since + 1


def test_a_file_that_was_cut_is_searched_from_its_start(talk: Transcript) -> None:
    assert heard(talk, "toolu_1", since=10**9)[0] == MAIN


def test_200_megabytes_cost_the_bytes_of_the_tail(talk: Transcript) -> None:
    end = talk.path.read_bytes()
    with talk.path.open("r+b") as file:
        file.truncate(200 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + end)
    with CountingFile(talk.path) as file:
        assert read_tail(file, MAIN, TAIL).used_tokens == 41_000
        assert file.handed_out <= 65_536
        file.handed_out = 0
        assert speaker(file, "toolu_missing", 0, 512 << 10)[0] is None
        assert file.handed_out <= 512 << 10


def test_one_line_of_200_megabytes_is_given_up_at_the_bound(talk: Transcript) -> None:
    with talk.path.open("r+b") as file:
        file.truncate(200 << 20)
    with CountingFile(talk.path) as file:
        assert read_tail(file, MAIN, TAIL) == Reading()
        assert file.handed_out <= TAIL


def test_a_long_line_before_the_reply_is_read_over(talk: Transcript) -> None:
    talk.result("toolu_1", "y" * 1_500_000)
    assert read(talk).used_tokens == 41_000


@pytest.mark.parametrize("length", [60_000, 70_000, 1_500_000])
def test_a_long_result_awaits_a_reply_as_a_short_one_does(talk: Transcript, length: int) -> None:
    talk.request().reply(42_000, "toolu_2")
    assert not read(talk).in_flight
    talk.result("toolu_2", "y" * length)
    assert (read(talk).in_flight, read(talk).used_tokens) == (True, 42_000)
    talk.request().reply(43_000)
    assert (read(talk).in_flight, read(talk).used_tokens) == (False, 43_000)


def test_a_long_reply_counts_like_any_other(talk: Transcript) -> None:
    block = {"type": "tool_use", "id": "toolu_2", "name": "Write", "input": {"content": "z" * 200_000}}
    usage = {"input_tokens": 44_000}
    talk.entry(type="assistant", message={"model": "claude-opus-5-5", "content": [block], "usage": usage})
    assert read(talk).used_tokens == 44_000


def test_long_results_are_not_parsed(talk: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        talk.result("toolu_1", "y" * 100_000)
    parsed: list[int] = []
    real = json.loads

    def counting(line: bytes) -> Any:
        parsed.append(len(line))
        return real(line)

    monkeypatch.setattr(transcript.json, "loads", counting)
    assert read(talk).used_tokens == 41_000
    assert max(parsed) < 65_536


@pytest.mark.parametrize(("sidechain", "awaits"), [(False, True), (True, False)])
def test_a_long_result_of_a_subagent_in_the_same_file_is_not_the_main_conversations(
    talk: Transcript, sidechain: bool, awaits: bool
) -> None:
    talk.request().reply(42_000, "toolu_2")
    speaking = Transcript(talk.path, "first", agent="a1" if sidechain else None)
    speaking.result("toolu_2", "y" * 100_000)
    assert read(talk).in_flight is awaits


def test_a_conversation_without_a_reply_is_weighed_by_what_was_sent(home: Home) -> None:
    file = home.session("first").prompt("z" * 4_000).request(attachment_chars=50_000)
    with transcript.open_transcript(str(file.path)) as handle:
        weight = weigh(handle, TAIL)
        assert weight is not None
        assert 1_000 <= weight <= 1_200
        assert weigh(handle, 1_000) is None


@hypothesis_settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.binary(max_size=12)), block=st.integers(1, 9), floor=st.integers(0, 40))
def test_lines_come_backwards_whatever_the_blocks(lines: list[bytes], block: int, floor: int) -> None:
    data = b"\n".join(lines)
    whole = list(reversed(data.split(b"\n")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcript, "_BLOCK", block)
        assert list(lines_backwards(io.BytesIO(data), len(data))) == whole
        cut = list(lines_backwards(io.BytesIO(data), len(data), min(floor, len(data))))
    assert cut == whole[: len(cut)]
    assert len(cut) >= data[floor:].count(b"\n")


@hypothesis_settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 200), st.binary(max_size=60)), max_size=12),
    tail=st.integers(0, 20_000),
)
def test_mutated_bytes_never_raise_and_a_later_whole_reply_is_found(
    home: Home, cuts: list[tuple[int, int, bytes]], tail: int
) -> None:
    file = home.session("fuzzed")
    file.path.write_bytes(b"")
    file.prompt().request(200).reply(41_000, "toolu_1").result("toolu_1").compact(900).request(200).reply(1_500)
    data = file.path.read_bytes()
    for at, length, new in cuts:
        start = at % len(data)
        data = data[:start] + new + data[start + length :] or b"{"
    file.path.write_bytes(data)
    for voice in (None, MAIN, Voice(True, "a1")):
        used = read(file, voice, tail).used_tokens
        assert used is None or used >= 0
    heard(file, "toolu_1", since=tail)
    file.raw(b"\n").reply(77_000, "toolu_9")
    assert read(file).used_tokens == 77_000
    assert heard(file, "toolu_9")[0] == MAIN
