"""A transcript: Claude Code's JSONL file of one conversation, read from its end and never as a whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, cast

_BLOCK, _MOST_BLOCK = 65_536, 1 << 20
_BYTES_PER_TOKEN = 4
_LONG = 65_536  # bytes of a line, above which only a reply is parsed
_HEAD = 512  # bytes of a line in which its flags stand
_LONGEST_MODEL = 200
_MOST_TOKENS = 1 << 53  # beyond it a JSON number is no count any more

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose lines: the main conversation's, or a subagent's (in files of older clients both lie in one)."""

    sidechain: bool = False
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the end of a transcript says of one voice.

    used_tokens: input + cache creation + cache read of the newest reply, or what a later compaction left; None
        without one in the bytes read. model: of the newest reply, with `[1m]` where it was asked for; of the
        request before there is one.
    at_s: when that was, seconds since the epoch. answered: whether there is any reply.
    in_flight: a request went out that no reply has answered yet.
    owner: the session id that the writing process was started with; it outlives /clear.
    """

    used_tokens: int | None = None
    model: str | None = None
    at_s: float | None = None
    answered: bool = False
    in_flight: bool = False
    owner: str | None = None


def open_transcript(path: str) -> BinaryIO:
    return open(path, "rb", buffering=0)


def lines_backwards(file: BinaryIO, end: int, floor: int = 0) -> Iterator[bytes]:
    """The lines that end at or before `end`, newest first, read in blocks down to `floor`.

    A line that `floor` cuts is left out. What follows the last newline comes first, whole or half-written.
    """
    open_pieces: list[bytes] = []  # of the line that goes on to the left, last piece first
    position, size = end, _BLOCK
    while position > floor:
        start = max(floor, position - size)
        file.seek(start)
        block = file.read(position - start)
        if len(block) < position - start:  # cut off behind our back
            return
        position = start
        if b"\n" not in block:  # a long line is read in few pieces
            size = min(2 * size, _MOST_BLOCK)
            open_pieces.append(block)
            continue
        size = _BLOCK
        first, *rest = block.split(b"\n")
        yield rest.pop() + b"".join(reversed(open_pieces))
        yield from reversed(rest)
        open_pieces.clear()
        open_pieces.append(first)
    if position == 0:
        yield b"".join(reversed(open_pieces))


def speaker(file: BinaryIO, tool_use_id: str, since: int, max_bytes: int) -> tuple[Voice | None, int]:
    """Who called a tool with this id, among the lines after `since` and within the last `max_bytes`.

    The second value is the end of the last complete line: the `since` of the next look.
    """
    size = file.seek(0, 2)
    since = since if since <= size else 0
    needle = json.dumps(tool_use_id).encode()
    complete: int | None = None
    # The byte before `since` is the newline that lets the first line count as whole.
    for line in lines_backwards(file, size, max(0, since - 1, size - max_bytes)):
        if complete is None:
            complete = size - len(line)
        if needle in line and (entry := _parse(line)) and tool_use_id in _tool_uses(entry):
            return _voice(entry), complete
    return None, since if complete is None else complete


def read_tail(file: BinaryIO, voice: Voice | None, max_bytes: int) -> Reading:
    """What the last `max_bytes` say of `voice`; None hears every line, as in a subagent's own file.

    Backwards: (1) requests and prompts tell whether a reply is awaited, until anything decides it; (2) a
    compaction gives the usage, but not the model; (3) the first real reply gives what is still missing and ends it.
    Lines of unknown kinds, broken lines and replies that the client made up itself are passed over. A long line that
    is no reply is what a tool or a user said: parsing it would cost more than all the others, and tells no more.
    """
    size = file.seek(0, 2)
    reading, decided, compacted = Reading(), False, False
    for line in lines_backwards(file, size, max(0, size - max_bytes)):
        if len(line) > _LONG and b'"assistant"' not in line:
            if not decided and _said_to(voice, line):
                reading, decided = replace(reading, in_flight=True), True
            continue
        if not _worth_parsing(line, owner_known=reading.owner is not None):
            continue
        entry = _parse(line)
        if entry is None:
            continue
        if reading.owner is None:
            reading = replace(reading, owner=_text(entry.get("session_id")))
        if voice is not None and "isSidechain" in entry and _voice(entry) != voice:
            continue
        awaited = _awaits_reply(entry)
        if not decided and awaited is not None:
            reading, decided = replace(reading, in_flight=awaited), True
        if reading.model is None:
            reading = replace(reading, model=_model_asked_for(entry))
        if _is_boundary(entry) and not compacted:
            compacted = True
            reading = replace(reading, used_tokens=_left_by_compaction(entry), at_s=_time(entry))
        if used := _used(entry):
            reading = replace(reading, answered=True, model=_model(entry))
            return reading if compacted else replace(reading, used_tokens=used, at_s=_time(entry))
        if entry.get("type") == "assistant" and not _made_up(entry):
            reading = replace(reading, answered=True)
    return reading


def weigh(file: BinaryIO, max_bytes: int) -> int | None:
    """Tokens sent so far in a conversation without a reply: its prompts and the first request, by bytes / 4.

    None when the file is longer than `max_bytes`.
    """
    size = file.seek(0, 2)
    if size > max_bytes:
        return None
    sent = sum(len(line) for line in lines_backwards(file, size) if any(mark in line for mark in _SENT))
    return sent // _BYTES_PER_TOKEN


_SENT = (b'"type":"user"', b'"rendered":', b'{"type":"api-request-shape"')
_UNSAID = (b'{"type":"api-request-blob"', b'{"type":"api-request-shape"')
_TELLING = (b'"assistant"', b'"user"', b'"compact_boundary"', b'"api-request"')


def _said_to(voice: Voice | None, line: bytes) -> bool:
    """Whether a long line is a user's, or a tool's result, in this voice's conversation, as far as bytes tell."""
    if b'"user"' not in line:
        return False
    sidechain = b'"isSidechain":true' in line[:_HEAD]
    return voice is None or not (sidechain or voice.sidechain)


def _worth_parsing(line: bytes, *, owner_known: bool) -> bool:
    """A cheap look that spares most lines, long ones above all, the price of parsing."""
    if line.startswith(_UNSAID):
        return False
    return any(mark in line for mark in _TELLING) or (not owner_known and b'"session_id"' in line)


def _parse(line: bytes) -> Entry | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return _mapping(value)


def _mapping(value: object) -> Entry | None:
    return cast("Entry", value) if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _message(entry: Entry) -> Entry:
    return _mapping(entry.get("message")) or {}


def _voice(entry: Entry) -> Voice:
    return Voice(entry.get("isSidechain") is True, _text(entry.get("agentId")))


def _blocks(entry: Entry) -> list[Entry]:
    content = _message(entry).get("content")
    if not isinstance(content, list):
        return []
    return [block for item in cast("list[object]", content) if (block := _mapping(item))]


def _tool_uses(entry: Entry) -> set[str]:
    """The tool-use ids of a reply; a user's line that quotes one has none."""
    if entry.get("type") != "assistant":
        return set()
    return {i for block in _blocks(entry) if block.get("type") == "tool_use" and (i := _text(block.get("id")))}


def _used(entry: Entry) -> int:
    """Tokens in the window when this reply was asked for, 0 when the entry does not say."""
    if entry.get("type") != "assistant" or _made_up(entry):
        return 0
    usage = _mapping(_message(entry).get("usage")) or {}
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(_count(usage.get(name)) or 0 for name in names)


def _made_up(entry: Entry) -> bool:
    """Whether the client wrote this reply itself, to show an error of the API."""
    return _message(entry).get("model") == "<synthetic>"


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST_TOKENS else None


def _model(entry: Entry) -> str | None:
    """The model that answered; the line says only in the request whether the long window was asked for."""
    model, asked = _name(_message(entry).get("model")), _name(entry.get("requestedModel"))
    return asked if model and asked and asked.lower() == f"{model.lower()}[1m]" else model


def _model_asked_for(entry: Entry) -> str | None:
    return _name((_mapping(entry.get("params")) or {}).get("model")) if entry.get("type") == "api-request" else None


def _name(value: object) -> str | None:
    """A model's name as it may be shown: printable ASCII of a sane length."""
    name = _text(value) or ""
    return name if 0 < len(name) <= _LONGEST_MODEL and name.isascii() and name.isprintable() else None


def _is_boundary(entry: Entry) -> bool:
    return entry.get("type") == "system" and entry.get("subtype") == "compact_boundary"


def _left_by_compaction(entry: Entry) -> int | None:
    return _count((_mapping(entry.get("compactMetadata")) or {}).get("postTokens"))


def _awaits_reply(entry: Entry) -> bool | None:
    """Whether a reply is awaited when this is the newest entry; None when it does not tell."""
    kind = entry.get("type")
    if kind == "api-request":
        return True
    if kind == "assistant":
        return False
    if kind != "user" or entry.get("isMeta") is True or entry.get("isCompactSummary") is True:
        return None
    content = _message(entry).get("content")
    said = content if isinstance(content, str) else "".join(_text(b.get("text")) or "" for b in _blocks(entry))
    if said.startswith("[Request interrupted"):
        return False
    return None if said.startswith(("<local-command", "<command-", "<bash-")) else True


def _time(entry: Entry) -> float | None:
    try:
        return datetime.fromisoformat(_text(entry.get("timestamp")) or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return None
