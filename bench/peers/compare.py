"""The comparison: the same steps as calls of a peer and as one batch of ours, and whose answers are right."""

import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from case import NotMeasured, elapsed_ms
from mix import KINDS, MixStep, mix, steps_of
from peers.entries import PEERS, TOGETHER, Peer
from peers.install import installed_argv
from wire import Wire
from world import World

Answers = list[str]  # what came back, one text for each step, or one for all
_FORMS = ("one after another", "all at once", "one batch")


@dataclass(frozen=True)
class Comparison:
    """One peer, or several side by side. forms: median ms by the way in which it was called.

    ratio, low, high: our time over that of its best form, round by round. right: share of the steps whose answer
    holds what it must.
    """

    name: str
    steps: str
    forms: Mapping[str, float]
    ours_ms: float
    ratio: float
    low: float
    high: float
    right: float
    ours_right: float


@dataclass(frozen=True)
class _Rival:
    """Steps, and the ways in which servers can be asked for them."""

    name: str
    steps: Sequence[MixStep]
    forms: Mapping[str, Callable[[], Answers]]


def compare(world: World, rounds: int, only: str) -> str:
    """The Markdown table of all peers that are installed."""
    steps = mix(world)
    lines: list[str] = []
    missing: list[str] = []
    for peers in [*((peer,) for peer in PEERS), TOGETHER]:
        name = " + ".join(peer.name for peer in peers)
        if only not in name:
            continue
        print(f"{name} …", file=sys.stderr)
        try:
            with ExitStack() as stack:
                lines.append(_line(_measure(world, _rival(world, stack, peers, steps), rounds)))
        except (NotMeasured, RuntimeError, OSError, ValueError) as exc:
            missing.append(f"- {name}: not measured: {exc}")
    return "\n".join([*_HEAD, *lines, "", *missing, _NOTE])


_HEAD = [
    "### The mix of 100 steps, against peers",
    "",
    f"| peer | steps | {', ms | '.join(_FORMS)}, ms | ours, one batch, ms | ours / its best (min–max) "
    "| right answers, its / ours |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
]
_NOTE = """
Each server does the steps that it has a tool for, ours the same ones; all run once before anything is timed. Settings
favour the peers: 16 workers, no robots.txt, no simplification of pages; where `claude mcp serve` and agent-tasker
have no tool, their shell runs ripgrep, find or curl. The time they take to start is not counted. An answer is right
where it holds a text that only that step can give."""


def _rival(world: World, stack: ExitStack, peers: Sequence[Peer], steps: Sequence[MixStep]) -> _Rival:
    wires = {
        peer.name: stack.enter_context(Wire(installed_argv(peer, world), world.folder, {**world.env, **peer.env}))
        for peer in peers
    }
    calls: list[tuple[MixStep, Wire, tuple[str, dict[str, Any]]]] = []
    for step in steps:
        for peer in peers:
            call = peer.call(step, world)
            if call is not None:
                calls.append((step, wires[peer.name], call))
                break
    mine = [step for step, _, _ in calls]

    def in_turn() -> Answers:
        return [_text(wire.replies([wire.write(*_request(call))])[0]) for _, wire, call in calls]

    def at_once() -> Answers:
        with ThreadPoolExecutor(len(wires)) as pool:
            found = dict(pair for pairs in pool.map(of_one, wires.values()) for pair in pairs)
        return [found[i] for i in range(len(calls))]

    def of_one(wire: Wire) -> list[tuple[int, str]]:
        ids = {wire.write(*_request(call)): i for i, (_, at, call) in enumerate(calls) if at is wire}
        return list(zip(ids.values(), map(_text, wire.replies(list(ids))), strict=True))

    forms: dict[str, Callable[[], Answers]] = {_FORMS[0]: in_turn, _FORMS[1]: at_once}
    batch = peers[0].batch if len(peers) == 1 else None
    if batch is not None:
        wire, call = wires[peers[0].name], batch(mine, world)
        forms[_FORMS[2]] = lambda: [_text(wire.replies([wire.write(*_request(call))])[0])]
    return _Rival(" + ".join(peer.name for peer in peers), mine, forms)


def _request(call: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": call[0], "arguments": call[1]}


def _text(result: Mapping[str, Any]) -> str:
    """All text of a reply, an empty one for an error."""
    return "\n".join(block.get("text", "") for block in result.get("content", ()))


def _measure(world: World, rival: _Rival, rounds: int) -> Comparison:
    arguments = {"steps": steps_of(rival.steps), "max_parallel": 64, "max_tokens": 140_000}

    def ours() -> Answers:
        return [_text(world.ours.call("batch", arguments))]

    ways = {**rival.forms, "": ours}
    right = {name: _right(rival.steps, way()) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways) if turn % 2 else reversed(ways):
            times[name].append(elapsed_ms(ways[name]))
    forms = {name: statistics.median(times[name]) for name in rival.forms}
    best = min(forms, key=forms.__getitem__)
    ratios = [mine / its for mine, its in zip(times[""], times[best], strict=True)]
    counts = {kind: sum(step.kind == kind for step in rival.steps) for kind in KINDS}
    return Comparison(
        rival.name,
        ", ".join(f"{count} {kind}" for kind, count in counts.items() if count),
        forms,
        statistics.median(times[""]),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        right[best],
        right[""],
    )


def _right(steps: Sequence[MixStep], answers: Answers) -> float:
    each = answers if len(answers) == len(steps) else answers * len(steps)
    return sum(_holds(answer, step.marker) for answer, step in zip(each, steps, strict=True)) / len(steps)


def _holds(answer: str, marker: str) -> bool:
    """Whether a text stands in an answer, as it is or as a JSON string has it."""
    forms = {marker, json.dumps(marker)[1:-1], json.dumps(marker, ensure_ascii=False)[1:-1]}
    return any(form in answer for form in forms)


def _line(one: Comparison) -> str:
    forms = [f"{one.forms[form]:.0f}" if form in one.forms else "–" for form in _FORMS]
    ratio = f"{one.ratio:.2f} ({one.low:.2f}–{one.high:.2f})"
    right = f"{one.right:.0%} / {one.ours_right:.0%}"
    return f"| {' | '.join([one.name, one.steps, *forms, f'{one.ours_ms:.0f}', ratio, right])} |"
