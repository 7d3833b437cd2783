"""A conversation: one voice of a transcript as turns with their calls, results, times and usage, and breaks."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fourfold_tools.audit.entries import Entry, blocks, count, mapping, message, string, time_s, words_of

BreakKind = Literal["user message", "compaction", "answer"]

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose lines: the main conversation's (no name), or a subagent's, by its id."""

    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One tool use. cwd: the folder the client was in, absolute, or empty where the line does not say."""

    id: str
    tool: str
    arguments: Mapping[str, object]
    cwd: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the model got back for a call, as text."""

    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: read of the context (all of it, and from the cache), and written."""

    context: int
    cached: int
    output: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A reply with at least one tool call, whole: several lines of one message.

    results: by call id; a call that was interrupted, or still runs, has none. text: the words of the reply.
    model_s: from the last result or prompt to the end of the reply; tools_s: from there to the last result; None
        where a time is missing or runs backwards.
    """

    calls: tuple[Call, ...]
    results: Mapping[str, Result]
    text: str
    usage: Usage | None
    model_s: float | None
    tools_s: float | None


@dataclass(frozen=True, slots=True)
class Break:
    """What nothing is grouped across: a user's message, a compaction, an answer without a call."""

    kind: BreakKind
    text: str


Event = Turn | Break


@dataclass(slots=True)
class _Reply:
    """A reply under way. Mutable: its lines and its results come one after the other."""

    id: str
    asked_s: float | None
    ended_s: float | None = None
    done_s: float | None = None
    calls: list[Call] = field(default_factory=list[Call])
    results: dict[str, Result] = field(default_factory=dict[str, Result])
    text: list[str] = field(default_factory=list[str])
    usage: Usage | None = None

    def turn(self) -> Event:
        text = "\n".join(self.text)
        if not self.calls:
            return Break("answer", text)
        model_s = _between(self.asked_s, self.ended_s)
        if self.done_s is not None and self.ended_s is not None:
            tools_s: float | None = max(0.0, self.done_s - self.ended_s)  # a call may end while the reply goes on
        else:
            tools_s = None
        return Turn(tuple(self.calls), self.results, text, self.usage, model_s, tools_s)


def conversations(entries: Iterable[Entry]) -> Iterator[tuple[Voice, Event]]:
    """The events of every voice of a file, each as soon as it is whole."""
    voices: dict[Voice, _Listener] = {}
    roots: dict[str, str] = {}
    for entry in entries:
        voice = _voice(entry, roots)
        listener = voices.setdefault(voice, _Listener())
        for event in listener.hear(entry):
            yield voice, event
    for voice, listener in voices.items():
        for event in listener.end():
            yield voice, event


def _voice(entry: Entry, roots: dict[str, str]) -> Voice:
    """Older clients write subagents without an id into the main file: there the first line of a chain names it."""
    agent = string(entry.get("agentId"))
    if agent or entry.get("isSidechain") is not True:
        return Voice(agent or None)
    own, parent = string(entry.get("uuid")), string(entry.get("parentUuid"))
    roots[own] = roots.get(parent, own)
    return Voice(roots[own])


class _Listener:
    """Puts the lines of one voice together. Mutable: the reply under way, and when it was asked for."""

    def __init__(self) -> None:
        self._reply: _Reply | None = None
        self._asked_s: float | None = None
        self._requested = False

    def hear(self, entry: Entry) -> Iterator[Event]:
        match entry.get("type"):
            case "api-request":
                self._requested = True
            case "assistant" if message(entry).get("model") != "<synthetic>":
                yield from self._said(entry)
            case "user":
                yield from self._told(entry)
            case "system" if "compact" in string(entry.get("subtype")):
                yield from self._broken_by(Break("compaction", ""), entry)
            case "attachment":
                attached = mapping(entry.get("attachment")) or {}
                if attached.get("type") == "queued_command":  # a message sent while the model was at work
                    yield from self._broken_by(Break("user message", words_of(attached.get("prompt"))), entry)
            case _:
                pass

    def end(self) -> Iterator[Event]:
        if self._reply is not None:
            yield self._reply.turn()
            self._reply = None

    def _said(self, entry: Entry) -> Iterator[Event]:
        """A line of a reply: of the one under way when id and usage agree and no request went out in between."""
        body = message(entry)
        name, usage = string(body.get("id")), _usage(body)
        reply = self._reply
        if reply is None or self._requested or not _continues(reply, name, usage):
            yield from self.end()
            reply = self._reply = _Reply(name, self._asked_s)
        self._requested = False
        reply.usage = _joined(reply.usage, usage)
        reply.ended_s = time_s(entry)
        for block in blocks(body.get("content")):
            if block.get("type") == "tool_use" and (call_id := string(block.get("id"))):
                arguments = mapping(block.get("input")) or {}
                reply.calls.append(Call(call_id, string(block.get("name")), arguments, string(entry.get("cwd"))))
            else:
                reply.text.append(string(block.get("text")) or string(block.get("thinking")))

    def _told(self, entry: Entry) -> Iterator[Event]:
        """A user's line: results, or a message, which ends what went before."""
        content = message(entry).get("content")
        at_s = time_s(entry)
        for block in blocks(content):
            if block.get("type") == "tool_result" and self._reply is not None:
                text = _REMINDER.sub("", words_of(block.get("content")))
                self._reply.results[string(block.get("tool_use_id"))] = Result(text, block.get("is_error") is True)
                self._reply.done_s = self._asked_s = at_s
        if entry.get("isCompactSummary") is True:
            yield from self._broken_by(Break("compaction", words_of(content)), entry)
        elif entry.get("isMeta") is not True and (said := _REMINDER.sub("", words_of(content)).strip()):
            yield from self._broken_by(Break("user message", said), entry)

    def _broken_by(self, cause: Break, entry: Entry) -> Iterator[Event]:
        yield from self.end()
        self._asked_s = time_s(entry)
        yield cause


def _continues(reply: _Reply, name: str, usage: Usage | None) -> bool:
    if name != reply.id or (not name and reply.results):
        return False
    return usage is None or reply.usage is None or usage.context == reply.usage.context


def _usage(body: Entry) -> Usage | None:
    """What the client counts: input, cache creation and cache read together are the context."""
    given = mapping(body.get("usage"))
    if given is None:
        return None
    cached = count(given.get("cache_read_input_tokens"))
    context = cached + count(given.get("input_tokens")) + count(given.get("cache_creation_input_tokens"))
    return Usage(context, cached, count(given.get("output_tokens"))) if context else None


def _joined(before: Usage | None, now: Usage | None) -> Usage | None:
    """Each line repeats the usage; early ones may not have counted all of the output yet."""
    if before is None or now is None:
        return before or now
    return Usage(now.context, now.cached, max(before.output, now.output))


def _between(start: float | None, end: float | None) -> float | None:
    return end - start if start is not None and end is not None and end >= start else None
