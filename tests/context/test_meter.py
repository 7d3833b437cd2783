"""The meter: which conversation calls, how full it is, and one announcement for each change of level."""

import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from claude_home import NOW, CountingFile, Home

from fourfold_config.settings import Settings
from fourfold_tools.context import find
from fourfold_tools.context.meter import Meter
from fourfold_tools.context.usage import Stamp, Stated, Usage

pytestmark = pytest.mark.anyio

Sleep = Callable[[float], Awaitable[None]]


class Naps:
    """A sleep that takes no time: remembers what was asked for, and does something during one of the naps."""

    def __init__(self, at: int = -1, do: Callable[[], object] = lambda: None) -> None:
        self.taken: list[float] = []
        self._at = at
        self._do = do

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) == self._at:
            self._do()


@pytest.fixture
def metering(home: Home, settings: Settings) -> Callable[..., Meter]:
    patient = settings.context.model_copy(update={"io_s": 60.0})  # a busy machine's disk is no part of these tests

    def make(sleep: Sleep | None = None, **env: str) -> Meter:
        return Meter({**home.env, **env}, str(home.cwd), patient, clock=lambda: NOW, sleep=sleep or Naps())

    return make


def said(usage: Usage) -> list[str]:
    return [usage.announcement.line()] if usage.announcement else []


@pytest.mark.parametrize(
    ("used", "percent", "level"),
    [
        (400_000, 40.0, "normal"),
        (700_000, 70.0, "normal"),
        (720_000, 72.0, "limited"),
        (850_000, 85.0, "scaled_down"),
        (880_000, 88.0, "scaled_down"),
        (930_000, 93.0, "scaled_down"),
        (950_000, 95.0, "scaled_down"),
        (960_000, 96.0, "handoff"),
    ],
)
async def test_the_percentage_is_that_of_the_reply_which_makes_the_call(
    home: Home, metering: Callable[..., Meter], used: int, percent: float, level: str
) -> None:
    home.session("first").prompt().request().reply(used, "toolu_1", "toolu_2")
    usage = await metering().measure("toolu_1")
    assert (usage.percent, usage.level, usage.source, usage.turns_old) == (percent, level, "transcript", 0)
    assert (usage.used_tokens, usage.window_tokens, usage.model) == (used, 1_000_000, "claude-opus-5-5")
    assert usage.age_s == 100.0


async def test_a_conversation_without_its_line_is_one_turn_old(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").prompt().request().reply(410_000, "toolu_1").result("toolu_1").request()
    naps = Naps()
    usage = await metering(naps).measure("toolu_2")
    assert usage.text() == "context 41 % (transcript, 1 turn old)"
    assert sum(naps.taken) == pytest.approx(0.2)


@pytest.mark.parametrize("nap", [1, 3, 6])
async def test_a_line_that_comes_late_is_waited_for(home: Home, metering: Callable[..., Meter], nap: int) -> None:
    file = home.session("first").prompt().request().reply(410_000, "toolu_1").result("toolu_1").request()
    naps = Naps(nap, lambda: file.reply(520_000, "toolu_2"))
    usage = await metering(naps).measure("toolu_2")
    assert usage.text() == "context 52 % (transcript)"
    assert len(naps.taken) == nap


async def test_nothing_is_waited_for_where_no_transcripts_are_kept(tmp_path: Path, settings: Settings) -> None:
    naps = Naps()
    meter = Meter({"HOME": str(tmp_path)}, str(tmp_path), settings.context, sleep=naps)
    assert await meter.measure("toolu_1") == Usage()
    assert await meter.measure(None) == Usage()
    assert naps.taken == []


async def test_a_missing_folder_makes_the_context_unknown(metering: Callable[..., Meter]) -> None:
    usage = await metering().measure("toolu_1")
    assert (usage.text(), usage.source, usage.level) == ("context unknown", "estimate", "normal")


async def test_a_subagent_has_its_own_usage_and_level(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").request().reply(960_000, "toolu_agent", "toolu_main")
    home.agent("first", "a1").prompt().request().reply(50_000, "toolu_sub")
    home.agent("first", "w1", "workflows/wf_7f").prompt().request().reply(720_000, "toolu_wf")
    meter = metering()
    levels = {call: (await meter.measure(call)).level for call in ("toolu_main", "toolu_sub", "toolu_wf")}
    assert levels == {"toolu_main": "handoff", "toolu_sub": "normal", "toolu_wf": "limited"}
    conversation = (await meter.measure("toolu_sub")).conversation
    assert conversation is not None
    assert (conversation.session, conversation.agent) == ("first", "a1")


async def test_the_only_agent_that_awaits_a_reply_made_the_late_call(
    home: Home, metering: Callable[..., Meter]
) -> None:
    home.session("first").request().reply(960_000, "toolu_agent")
    home.agent("first", "a1").request().reply(50_000, "toolu_x").result("toolu_x").request()
    usage = await metering().measure("toolu_late")
    assert usage.text() == "context 5 % (transcript, 1 turn old)"


async def test_of_two_that_await_a_reply_neither_is_guessed(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").request().reply(960_000, "toolu_1").result("toolu_1").request()
    home.agent("first", "a1").request().reply(50_000, "toolu_x").result("toolu_x").request()
    assert (await metering().measure("toolu_late")).text() == "context unknown"


async def test_a_stale_session_id_is_left_behind_after_clear(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first", owner="first").request().reply(930_000, "toolu_1")
    meter = metering()
    assert (await meter.measure("toolu_1")).level == "scaled_down"
    second = home.session("second", owner="first").prompt().request().reply(20_000, "toolu_2")
    found = await meter.measure("toolu_2")
    assert (found.percent, found.level, said(found)) == (2.0, "normal", [])
    second.result("toolu_2").request()
    assert (await meter.measure("toolu_late")).text() == "context 2 % (transcript, 1 turn old)"


async def test_the_first_call_after_clear_is_not_laid_to_the_old_session(
    home: Home, metering: Callable[..., Meter]
) -> None:
    home.session("first", owner="first").request().reply(930_000, "toolu_1")
    home.session("second", owner="first").prompt("hello").request()
    usage = await metering().measure("toolu_late")
    assert (usage.source, usage.level, usage.turns_old) == ("estimate", "normal", 1)
    assert usage.percent is not None
    assert usage.percent < 1


async def test_another_terminal_in_the_same_folder_never_mixes_in(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first", owner="first").request().reply(300_000, "toolu_a").result("toolu_a").request()
    home.session("other", owner="other").request().reply(960_000, "toolu_b").result("toolu_b").request()
    ours, theirs = metering(), metering(CLAUDE_CODE_SESSION_ID="other")
    assert [(await ours.measure(call)).percent for call in ("toolu_a", "toolu_late")] == [30.0, 30.0]
    assert [(await theirs.measure(call)).percent for call in ("toolu_b", "toolu_late")] == [96.0, 96.0]


async def test_two_headless_runs_in_one_folder_never_mix(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").request().reply(300_000, "toolu_a")
    home.session("other").request().reply(960_000, "toolu_b").result("toolu_b").request()
    usage = await metering(CLAUDE_CODE_ENTRYPOINT="sdk-cli").measure("toolu_late")
    assert usage.percent == 30.0


async def test_a_guess_among_strangers_is_neither_remembered_nor_announced(
    home: Home, metering: Callable[..., Meter]
) -> None:
    home.session("other").request().reply(960_000, "toolu_b").result("toolu_b").request()
    meter = metering()
    usage = await meter.measure("toolu_late")
    assert (usage.percent, usage.level, said(usage)) == (96.0, "handoff", [])
    assert said(await meter.measure("toolu_b")) != []


async def test_each_change_of_level_is_announced_once_up_and_down(home: Home, metering: Callable[..., Meter]) -> None:
    file = home.session("first")
    meter = metering()
    heard: list[list[str]] = []
    for turn, percent in enumerate((40, 72, 72, 69, 88, 93, 96, 96)):
        file.request().reply(percent * 10_000, f"toolu_{turn}").result(f"toolu_{turn}")
        heard.append([line.split(":")[0] for line in said(await meter.measure(f"toolu_{turn}"))])
    file.compact(left=30_000).request()
    heard.append([line.split(":")[0] for line in said(await meter.measure("toolu_late"))])
    assert heard == [
        [],
        ["📡 throttle limited"],
        [],
        [],
        ["📡 throttle scaled_down"],
        [],
        ["📡 handoff handoff"],
        [],
        ["📡 throttle normal"],
    ]


async def test_calls_of_one_message_share_one_announcement(home: Home, metering: Callable[..., Meter]) -> None:
    calls = [f"toolu_{n}" for n in range(12)]
    home.session("first").request().reply(720_000, *calls)
    meter = metering()
    usages: list[Usage] = []

    async def measure(call: str) -> None:
        usages.append(await meter.measure(call))

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(measure, call)
    assert {usage.level for usage in usages} == {"limited"}
    assert sum(len(said(usage)) for usage in usages) == 1


async def test_a_server_is_calm_only_where_every_conversation_is(home: Home, metering: Callable[..., Meter]) -> None:
    """A subagent at a few percent must not make the first steps of the full main conversation start unmeasured."""
    home.session("first").request().reply(880_000, "toolu_main")
    home.agent("first", "a1").request().reply(20_000, "toolu_sub")
    meter = metering()
    assert not meter.calm_below(60), "nobody has called yet"
    await meter.measure("toolu_sub")
    assert meter.calm_below(60)
    assert not meter.calm_below(2.0)
    assert meter.calm_below(2.0001)
    await meter.measure("toolu_main")
    await meter.measure("toolu_sub")
    assert not meter.calm_below(60)


async def test_a_clock_that_was_set_back_makes_no_negative_age(home: Home, settings: Settings) -> None:
    home.session("first").request().reply(410_000, "toolu_1")
    meter = Meter(home.env, str(home.cwd), settings.context, clock=lambda: 5.0, sleep=Naps())
    usage = await meter.measure("toolu_1")
    assert (usage.age_s, usage.percent) == (0.0, 41.0)


async def test_a_compaction_counts_until_the_next_reply(home: Home, metering: Callable[..., Meter]) -> None:
    file = home.session("first").request().reply(930_000, "toolu_1").compact(left=26_000).request()
    meter = metering()
    assert (await meter.measure("toolu_late")).percent == 2.6
    file.reply(45_000, "toolu_2")
    assert (await meter.measure("toolu_2")).text() == "context 4 % (transcript)"


async def test_a_conversation_whose_usage_is_unknown_keeps_its_level(
    home: Home, metering: Callable[..., Meter]
) -> None:
    file = home.session("first").request().reply(930_000, "toolu_1")
    meter = metering()
    await meter.measure("toolu_1")
    file.result("toolu_1").compact(left=None).request()
    usage = await meter.measure("toolu_late")
    assert (usage.percent, usage.level, said(usage)) == (None, "scaled_down", [])


async def test_what_the_caller_states_comes_first(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").request().reply(410_000, "toolu_1")
    naps = Naps()
    meter = metering(naps)
    by_percent = await meter.measure("toolu_1", Stated(percent=72.5))
    assert (by_percent.text(), by_percent.level, by_percent.used_tokens) == (
        "context 72 % (argument)",
        "limited",
        725_000,
    )
    by_tokens = await meter.measure("toolu_1", Stated(used_tokens=190_000, window_tokens=200_000))
    assert (by_tokens.percent, by_tokens.level) == (95.0, "scaled_down")
    assert (await meter.measure("toolu_none", Stated(used_tokens=500_000))).percent == 50.0
    assert naps.taken == []


async def test_a_client_without_transcripts_is_announced_to_as_well(tmp_path: Path, settings: Settings) -> None:
    meter = Meter({"HOME": str(tmp_path)}, str(tmp_path), settings.context, sleep=Naps())
    lines = [said(await meter.measure(None, Stated(percent=percent))) for percent in (50.0, 75.0, 76.0)]
    assert [len(line) for line in lines] == [0, 1, 0]


async def test_what_one_caller_stated_does_not_limit_an_unknown_one(tmp_path: Path, settings: Settings) -> None:
    meter = Meter({"HOME": str(tmp_path)}, str(tmp_path), settings.context, sleep=Naps())
    assert (await meter.measure(None, Stated(percent=96.0))).level == "handoff"
    assert await meter.measure(None) == Usage()


async def test_the_hook_names_the_conversation_before_any_search(home: Home, metering: Callable[..., Meter]) -> None:
    file = home.session("elsewhere").request().reply(410_000, "toolu_1")
    moved = home.root / "other" / "elsewhere.jsonl"
    moved.parent.mkdir()
    os.replace(file.path, moved)
    naps = Naps()
    meter = metering(naps)
    assert (await meter.measure("toolu_1", hook=Stamp(str(moved)))).text() == "context 41 % (hook)"
    assert naps.taken == []
    late = await meter.measure("toolu_2", hook=Stamp(str(moved)))
    assert late.text() == "context 41 % (hook, 1 turn old)"


async def test_the_hook_tells_an_agent_from_its_parent(home: Home, metering: Callable[..., Meter]) -> None:
    main = home.session("first").request().reply(960_000, "toolu_1").result("toolu_1").request()
    home.agent("first", "a1", "workflows/wf_1").request().reply(50_000, "toolu_x").result("toolu_x").request()
    usage = await metering().measure("toolu_late", hook=Stamp(str(main.path), "a1"))
    assert usage.text() == "context 5 % (hook, 1 turn old)"


@pytest.mark.parametrize("agent", ["../../secret", "a/b", "", "a" * 200, "missing"])
def test_a_hook_that_names_nothing_falls_back_to_the_transcript(
    home: Home, metering: Callable[..., Meter], agent: str
) -> None:
    main = home.session("first").request().reply(410_000, "toolu_1")

    async def measure() -> Usage:
        return await metering().measure("toolu_1", hook=Stamp(str(main.path), agent))

    assert anyio.run(measure).text() == "context 41 % (transcript)"


async def test_the_first_reply_is_estimated_by_what_was_sent(home: Home, metering: Callable[..., Meter]) -> None:
    home.session("first").prompt("x" * 40_000).request()
    usage = await metering().measure("toolu_late")
    assert (usage.source, usage.model, usage.window_tokens) == ("estimate", "claude-opus-5-5", 1_000_000)
    assert usage.used_tokens is not None
    assert 10_000 <= usage.used_tokens <= 10_300
    assert usage.text() == "context 1 % (estimate, 1 turn old)"


async def test_a_command_line_inside_the_conversation_uses_its_session(
    home: Home, metering: Callable[..., Meter]
) -> None:
    home.session("first").request().reply(410_000, "toolu_bash")
    assert (await metering().measure(None)).text() == "context 41 % (transcript, 1 turn old)"


async def test_200_megabytes_are_measured_from_their_last_bytes(
    home: Home, metering: Callable[..., Meter], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home.session("first")
    with file.path.open("r+b") as handle:
        handle.truncate(200 << 20)
    file.raw(b"\n").prompt().request(60_000).reply(410_000, "toolu_1")
    opened: list[CountingFile] = []

    def counting(path: str) -> CountingFile:
        opened.append(CountingFile(path))
        return opened[-1]

    monkeypatch.setattr(find, "open_transcript", counting)
    assert (await metering().measure("toolu_1")).text() == "context 41 % (transcript)"
    assert sum(each.handed_out for each in opened) <= 2 * 65_536


async def test_a_disk_that_hangs_makes_the_context_unknown_after_its_bound(
    home: Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.session("first").request().reply(410_000, "toolu_1")
    released = threading.Event()

    def hang(path: str) -> CountingFile:
        released.wait(10)
        raise OSError(path)

    monkeypatch.setattr(find, "open_transcript", hang)
    quick = settings.context.model_copy(update={"io_s": 0.05, "wait_s": 0.0})
    try:
        meter = Meter(home.env, str(home.cwd), quick, sleep=Naps())
        assert (await meter.measure("toolu_1")).text() == "context unknown"
    finally:
        released.set()
