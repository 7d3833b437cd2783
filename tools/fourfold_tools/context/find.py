"""A search: which transcript below the client's folder holds a call, and so which conversation made it."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

from fourfold_tools.context.transcript import Reading, Voice, open_transcript, read_tail, speaker

# The client cuts a folder's name after 200 characters and adds a hash of the whole.
_LONGEST_SLUG = 200
_SUBAGENT_DEPTH = 4  # subagents/workflows/wf_*/agent-*.jsonl


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation: a main one, or a subagent's. `session` is the client's id, `agent` the subagent's.

    `path` is the file its lines are in; in files of older clients that is the main conversation's.
    """

    path: str
    session: str
    agent: str | None = None
    sidechain: bool = False

    @property
    def voice(self) -> Voice | None:
        """Whose lines count in the file; None: all of them."""
        return None if self.in_own_file else Voice(self.sidechain, self.agent)

    @property
    def key(self) -> str:
        """The conversation's name in the store: its session, and the agent of a subagent."""
        return f"{self.session}/{self.agent}" if self.agent else self.session

    @property
    def in_own_file(self) -> bool:
        return os.path.basename(self.path).startswith("agent-")


_Listed = list[tuple[int, Conversation]]  # with the time of the last write in nanoseconds, newest first


@dataclass(frozen=True, slots=True)
class Candidate:
    """A conversation that may have made a call, with what the end of its transcript says."""

    conversation: Conversation
    reading: Reading
    mtime_ns: int


def project_folders(env: Mapping[str, str], cwd: str) -> tuple[str, ...]:
    """The folders that hold the transcripts of `cwd` and of the client's project, whether or not they exist."""
    root = os.path.join(_config_folder(env), "projects")
    places = (os.path.realpath(cwd), os.path.realpath(env.get("CLAUDE_PROJECT_DIR") or cwd))
    return tuple(dict.fromkeys(folder for place in places for folder in _folders(root, slug(place))))


def slug(path: str) -> str:
    """The client's name for a folder: `-` for each UTF-16 unit that is no ASCII letter or digit."""
    return "".join(c if c.isascii() and c.isalnum() else "-" * (2 if ord(c) > 0xFFFF else 1) for c in path)


def conversation_at(path: str, agent: str | None = None) -> Conversation:
    """The conversation whose main transcript is `path`, or that of its subagent `agent`, wherever that lies."""
    main = Conversation(path, _stem(path))
    if agent is None:
        return main
    folder = os.path.join(os.path.splitext(path)[0], "subagents")
    name = f"agent-{agent}.jsonl"
    found = next((e.path for e in _files(folder) if e.name == name), os.path.join(folder, name))
    return Conversation(found, main.session, agent)


def read(conversation: Conversation, max_bytes: int) -> Reading | None:
    """What the end of its transcript says; None when it cannot be read."""
    try:
        with open_transcript(conversation.path) as file:
            return read_tail(file, conversation.voice, max_bytes)
    except OSError:
        return None


class Search:
    """One tool-use id, looked for in the transcripts of a project, newest first.

    sessions: looked at first. The rest of the folders is listed once, when the id is not with them. Each look reads
    only what was written since the last one, at most `search_bytes` of a file, and `most` files.
    promising: waiting for a late line makes sense, because the client keeps transcripts here.
    Mutable: how far each file has been read, and what was listed.
    """

    def __init__(self, folders: Sequence[str], sessions: Sequence[str], search_bytes: int, most: int) -> None:
        self._folders = folders
        self._sessions = sessions
        self._search_bytes = search_bytes
        self._most = most
        self.promising = bool(sessions) or any(map(os.path.isdir, folders))
        self._read_to: dict[str, int] = {}
        self._project: _Listed | None = None

    def look(self, tool_use_id: str) -> Conversation | None:
        """The conversation with a reply that calls a tool with this id, if one is there by now."""
        near = _newest(_of_sessions(self._folders, self._sessions), self._most)
        if found := self.look_in([conversation for _, conversation in near], tool_use_id):
            return found
        if self._project is None:
            self._project = _newest(_of_project(self._folders, self._most), self._most)
        return self.look_in([conversation for _, conversation in self._project], tool_use_id)

    def look_in(self, conversations: Iterable[Conversation], tool_use_id: str) -> Conversation | None:
        """The same among given conversations."""
        for conversation in conversations:
            with suppress(OSError), open_transcript(conversation.path) as file:
                if voice := self._speaker(file, conversation.path, tool_use_id):
                    return _as_heard(conversation, voice)
        return None

    def candidates(self) -> list[Candidate]:
        """Every conversation there is to see, newest first, with what its end says."""
        listed = (*_of_sessions(self._folders, self._sessions), *_of_project(self._folders, self._most))
        return [
            Candidate(conversation, reading, mtime_ns)
            for mtime_ns, conversation in _newest(listed, self._most)
            if (reading := read(conversation, self._search_bytes))
        ]

    def _speaker(self, file: BinaryIO, path: str, tool_use_id: str) -> Voice | None:
        voice, self._read_to[path] = speaker(file, tool_use_id, self._read_to.get(path, 0), self._search_bytes)
        return voice


def guess(
    candidates: Sequence[Candidate], sessions: Sequence[str], owner: str | None, *, strangers: bool = True
) -> tuple[Candidate, bool] | None:
    """The conversation that must have made a call whose line is not there yet, and whether that is certain.

    sessions: known to be ours. owner: the session id this server was started with. strangers: whether ours may go
    by a name we have not seen (after /clear in an older client, which names no owners). Cases, in this order:
    1. exactly one conversation of ours awaits a reply: that one, certain;
    2. several do (a main conversation beside its agents): nobody can tell;
    3. none does, but strangers without an owner do: a single one, not certain; of several nobody can tell;
    4. else the newest main conversation of ours.
    """
    ours = {c.conversation.session for c in candidates if _ours(c, sessions, owner)}
    mine = [c for c in candidates if c.conversation.session in ours]
    awaiting = [c for c in mine if c.reading.in_flight]
    if awaiting:
        return (awaiting[0], True) if len(awaiting) == 1 else None
    others = [c for c in candidates if c not in mine and c.reading.in_flight and c.reading.owner is None]
    if strangers and others and not any(c.reading.owner for c in mine):
        return (others[0], False) if len(others) == 1 else None
    mains = [c for c in mine if c.conversation.agent is None]
    return (max(mains, key=lambda c: c.mtime_ns), True) if mains else None


def _ours(candidate: Candidate, sessions: Sequence[str], owner: str | None) -> bool:
    if candidate.conversation.session in sessions:
        return True
    return owner is not None and candidate.reading.owner == owner


def _as_heard(conversation: Conversation, voice: Voice) -> Conversation:
    if conversation.in_own_file or not voice.sidechain:
        return conversation
    return replace(conversation, agent=voice.agent, sidechain=True)


def _config_folder(env: Mapping[str, str]) -> str:
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")


def _folders(root: str, name: str) -> Iterator[str]:
    if len(name) <= _LONGEST_SLUG:
        yield os.path.join(root, name)
        return
    cut = name[:_LONGEST_SLUG] + "-"
    with suppress(OSError), os.scandir(root) as entries:
        yield from sorted(entry.path for entry in entries if entry.name.startswith(cut))


def _of_sessions(folders: Sequence[str], sessions: Sequence[str]) -> Iterator[tuple[int, Conversation]]:
    for folder in folders:
        for session in sessions:
            path = os.path.join(folder, f"{session}.jsonl")
            with suppress(OSError, ValueError):
                if stat.S_ISREG((status := os.stat(path)).st_mode):
                    yield status.st_mtime_ns, Conversation(path, session)
            yield from _agents(os.path.join(folder, session), session)


def _of_project(folders: Sequence[str], most: int) -> Iterator[tuple[int, Conversation]]:
    """The newest main conversations of the folders, each with its agents."""
    mains = ((e, Conversation(e.path, _stem(e.name))) for folder in folders for e in _files(folder, depth=0))
    dated = ((mtime_ns, main) for entry, main in mains if (mtime_ns := _mtime_ns(entry)) is not None)
    for mtime_ns, main in _newest(dated, most):
        yield mtime_ns, main
        yield from _agents(os.path.splitext(main.path)[0], main.session)


def _agents(session_folder: str, session: str) -> Iterator[tuple[int, Conversation]]:
    for entry in _files(os.path.join(session_folder, "subagents")):
        mtime_ns = _mtime_ns(entry)
        if mtime_ns is not None and entry.name.startswith("agent-"):
            yield mtime_ns, Conversation(entry.path, session, _stem(entry.name).removeprefix("agent-"))


def _files(folder: str, depth: int = _SUBAGENT_DEPTH) -> Iterator["os.DirEntry[str]"]:
    """The regular `.jsonl` files in a folder and, `depth` levels deep, below it."""
    listed: list[os.DirEntry[str]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        listed.extend(entries)
    for entry in listed:
        with suppress(OSError):
            if entry.name.endswith(".jsonl") and entry.is_file():
                yield entry
            elif depth > 0 and entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, depth - 1)


def _mtime_ns(entry: "os.DirEntry[str]") -> int | None:
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return None


def _newest(listed: Iterable[tuple[int, Conversation]], most: int) -> _Listed:
    """At most `most` conversations, newest first, each once."""
    unique = {conversation: mtime_ns for mtime_ns, conversation in listed}
    ordered = sorted(unique.items(), key=lambda item: item[1], reverse=True)
    return [(mtime_ns, conversation) for conversation, mtime_ns in ordered[:most]]


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
