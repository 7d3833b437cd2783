"""Groups: laws that hold for whatever a conversation does."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.audit.conversation import Break, Call, Event, Result, Turn, Usage
from fourfold_tools.audit.groups import Grouper
from fourfold_tools.audit.savings import output_rate, seconds_saved, tokens_saved
from fourfold_tools.audit.to_batch import batch_of
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import BatchRequest

NAMES = st.sampled_from(["a.py", "b.py", "src/c.py", "d.py"])
TEXTS = st.sampled_from(["", "import b", "src/c.py:12: x", "a.py\nd.py", "nothing"])


def classify(command: str, cwd: str) -> Effects:
    known = command.startswith("cat")
    return Effects(frozenset({f"{cwd}/{command[4:]}"}) if known else frozenset(), known=known, read_only=known)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    name = draw(NAMES)
    return draw(
        st.sampled_from(
            [
                ("Read", {"file_path": name}),
                ("Read", {"file_path": name, "offset": 10, "limit": 5}),
                ("Grep", {"pattern": name.removesuffix(".py")}),
                ("Bash", {"command": f"cat {name}"}),
                ("Bash", {"command": "cd src"}),
                ("Bash", {"command": "./unknown"}),
                ("Edit", {"file_path": name}),
                ("TodoWrite", {}),
            ]
        )
    )


@st.composite
def conversation(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    seconds = st.none() | st.floats(0, 60)
    for number in range(draw(st.integers(0, 12))):
        if draw(st.integers(0, 7)) == 0:
            events.append(Break(draw(st.sampled_from(["user message", "compaction"])), draw(TEXTS)))
            continue
        made = [Call(f"{number}.{i}", *draw(calls()), "/w") for i in range(draw(st.integers(1, 3)))]
        results = {call.id: Result(draw(TEXTS), draw(st.integers(0, 9)) == 0) for call in made}
        usage = draw(st.none() | st.builds(Usage, st.integers(1, 9999), st.just(0), st.integers(0, 500)))
        events.append(Turn(tuple(made), results, draw(TEXTS), usage, draw(seconds), draw(seconds)))
    return events


@given(conversation())
def test_a_group_never_reaches_across_a_wall_and_is_a_batch_that_is_accepted(events: list[Event]) -> None:
    grouper = Grouper(classify)
    for event in events:
        grouper.feed(event)
    grouper.end()
    place = {call.id: n for n, event in enumerate(events) if isinstance(event, Turn) for call in event.calls}
    grouped = [call.id for group in grouper.groups for call in group.calls]
    assert len(grouped) == len(set(grouped))
    for group in grouper.groups:
        turns = sorted({place[call.id] for call in group.calls})
        assert group.turns_saved == len(turns) - 1 >= 1
        assert not any(_is_wall(event) for event in events[turns[0] : turns[-1] + 1])
        assert len(BatchRequest.model_validate(batch_of(group.calls, "/w")).steps or ()) == len(group.calls)
    assert sum(group.turns_saved for group in grouper.groups) < max(1, len(place))


@given(conversation())
def test_the_value_lies_between_its_bounds_and_nothing_is_negative(events: list[Event]) -> None:
    grouper = Grouper(classify)
    for event in events:
        grouper.feed(event)
    grouper.end()
    for group in grouper.groups:
        rate = output_rate(group.paces)
        for interval in (seconds_saved(group.paces, rate), tokens_saved(group.paces)):
            assert 0 <= interval.low <= interval.value <= interval.high


def _is_wall(event: Event) -> bool:
    if isinstance(event, Break):
        return True
    return any(call.arguments.get("command") in ("cd src", "./unknown") for call in event.calls)
