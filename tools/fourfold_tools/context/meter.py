"""The meter: how full the context of the conversation behind a call is, with a memory of each one's level."""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from fourfold_config.settings import Context
from fourfold_tools.context.find import Conversation, Search, conversation_at, guess, project_folders, read
from fourfold_tools.context.levels import Stage, change, settle
from fourfold_tools.context.transcript import Reading, open_transcript, weigh
from fourfold_tools.context.usage import Source, Stamp, Stated, Usage
from fourfold_tools.context.windows import window_tokens

T = TypeVar("T")

# The waits for a late line, as shares of the whole: short ones first, because most lines are a few ms late.
_PAUSES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.325)
_MOST_SESSIONS = 8  # of one server: each /clear starts another
_MOST_CONVERSATIONS = 1_024  # whose level is remembered; a session starts at most 200 agents
_AGENT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A conversation found in its transcript. turns_old: 0 when its reply holds the call's tool-use id.

    certain: no other conversation can have made the call; only then its level is remembered and announced.
    """

    conversation: Conversation
    reading: Reading
    source: Source
    turns_old: int
    certain: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a conversation: its stage, and how full it was."""

    stage: Stage
    percent: float


class Meter:
    """The usage of every conversation that calls one server: main ones and subagents, each with its own level.

    env and cwd are the server's own, as the client set them. guesses: a call whose line is not found may be taken
    for one of the conversations seen here; not where others than theirs can call. Mutable: the sessions seen to be
    ours, and each conversation's stage; both are touched in the event loop alone. Files are read in one thread.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        cwd: str,
        limits: Context,
        *,
        guesses: bool = True,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._env = env
        self._cwd = cwd
        self._limits = limits
        self._guesses = guesses
        self._clock = clock
        self._sleep = sleep
        self._owner = env.get("CLAUDE_CODE_SESSION_ID") or None
        self._sessions = [self._owner] if self._owner else []
        self._known: OrderedDict[Conversation | str, _Known] = OrderedDict()
        self._readers = anyio.CapacityLimiter(1)

    async def measure(
        self, tool_use_id: str | None, argument: Stated | None = None, hook: Stamp | None = None, client: str = ""
    ) -> Usage:
        """The usage of the conversation that makes this call: stated, else by the hook, the transcript, an estimate.

        Waits up to `wait_s` for the call's line when nothing is stated. Says nothing rather than something of
        another conversation: `percent` is None when the caller cannot be told. client: whose level is remembered
        where no conversation is known.
        """
        wait_s = self._limits.wait_s if argument is None else 0.0
        seen: _Seen | None = None
        usage = Usage()
        with anyio.move_on_after(wait_s + self._limits.io_s):
            seen = await self._see(tool_use_id, hook, wait_s)
            if seen is not None and argument is None:
                usage = await self._read(seen)
        if argument is not None:
            usage = self._stated(argument, seen if seen and seen.certain else None)
        remember = argument is not None or (seen is not None and seen.certain)
        return self._settled(usage, usage.conversation or client, remember=remember)

    def calm_below(self, percent: float) -> bool:
        """Whether every conversation that called so far was less full than that; False where none is known.

        Not only the newest: a subagent's first turns say nothing of the full conversation that calls next.
        """
        return bool(self._known) and all(known.percent < percent for known in self._known.values())

    @property
    def newest_percent(self) -> float | None:
        """How full the conversation was that called last; None where none is known."""
        return next((known.percent for known in reversed(self._known.values())), None)

    async def _see(self, tool_use_id: str | None, hook: Stamp | None, wait_s: float) -> _Seen | None:
        if hook is not None and (seen := await self._see_stamped(tool_use_id, hook, wait_s)):
            return seen
        if tool_use_id is None and self._owner is None:
            return None
        search = await self._in_thread(self._search)
        if tool_use_id is not None:
            found = await self._poll(partial(search.look, tool_use_id), wait_s if search.promising else 0.0)
            if found is not None:
                return await self._see_found(found)
        return await self._see_guessed(search) if self._guesses else None

    async def _see_stamped(self, tool_use_id: str | None, hook: Stamp, wait_s: float) -> _Seen | None:
        if hook.agent_id is not None and not _AGENT_ID.fullmatch(hook.agent_id):
            return None
        named = await self._in_thread(partial(conversation_at, hook.transcript_path, hook.agent_id))
        search = Search((), (), self._limits.search_bytes, self._limits.files)
        heard = None
        if tool_use_id is not None:
            heard = await self._poll(partial(search.look_in, (named,), tool_use_id), wait_s)
        reading = await self._in_thread(partial(read, named, self._limits.tail_bytes))
        if reading is None:
            return None
        self._remember_session(named.session)
        return _Seen(named, reading, "hook", 0 if heard else 1)

    async def _see_found(self, found: Conversation) -> _Seen | None:
        reading = await self._in_thread(partial(read, found, self._limits.tail_bytes))
        if reading is None:
            return None
        self._remember_session(found.session)
        return _Seen(found, reading, "transcript", 0)

    async def _see_guessed(self, search: Search) -> _Seen | None:
        candidates = await self._in_thread(search.candidates)
        # `claude -p` (entry point `sdk-cli`) has no /clear: its session keeps its name.
        clearable = self._env.get("CLAUDE_CODE_ENTRYPOINT", "cli") == "cli"
        guessed = guess(candidates, self._sessions, self._owner, strangers=clearable)
        if guessed is None:
            return None
        candidate, certain = guessed
        reading = await self._in_thread(partial(read, candidate.conversation, self._limits.tail_bytes))
        return _Seen(candidate.conversation, reading or candidate.reading, "transcript", 1, certain)

    def _search(self) -> Search:
        folders = project_folders(self._env, self._cwd)
        return Search(folders, tuple(self._sessions), self._limits.search_bytes, self._limits.files)

    async def _poll(self, look: Callable[[], T | None], wait_s: float) -> T | None:
        """The first thing `look` finds: at once, then after pauses that add up to `wait_s`."""
        if found := await self._in_thread(look):
            return found
        for share in _PAUSES if wait_s > 0 else ():
            await self._sleep(share * wait_s)
            if found := await self._in_thread(look):
                return found
        return None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._readers)

    def _remember_session(self, session: str) -> None:
        self._sessions = [session, *(s for s in self._sessions if s != session)][:_MOST_SESSIONS]

    async def _read(self, seen: _Seen) -> Usage:
        reading = seen.reading
        used, source = reading.used_tokens, seen.source
        if used is None and not reading.answered:
            used, source = (
                await self._in_thread(partial(_weigh, seen.conversation, self._limits.tail_bytes)),
                "estimate",
            )
        window = window_tokens(reading.model, used, self._env, self._limits.window_tokens)
        return Usage(
            used_tokens=used,
            window_tokens=window,
            percent=None if used is None else 100 * used / window,
            source=source,
            model=reading.model,
            age_s=None if reading.at_s is None else max(0.0, self._clock() - reading.at_s),
            turns_old=seen.turns_old,
            conversation=seen.conversation,
        )

    def _stated(self, stated: Stated, seen: _Seen | None) -> Usage:
        model = seen.reading.model if seen else None
        window = stated.window_tokens or window_tokens(
            model, stated.used_tokens, self._env, self._limits.window_tokens
        )
        percent, used = stated.percent, stated.used_tokens
        if percent is None and used is not None:
            percent = 100 * used / window
        elif percent is not None and used is None:
            used = int(window * percent / 100)
        return Usage(
            used,
            window,
            percent,
            source="argument",
            model=model,
            age_s=0.0,
            turns_old=0,
            conversation=seen.conversation if seen else None,
        )

    def _settled(self, usage: Usage, whose: Conversation | str, *, remember: bool) -> Usage:
        """The usage with its stage after the last one of whoever called, and the announcement of a change."""
        known = self._known.get(whose)
        before = known.stage if known else Stage.NORMAL
        if usage.percent is None:
            return usage if usage.conversation is None else replace(usage, stage=before)
        gap = self._limits.gap_points
        after = settle(before, usage.percent, gap)
        if not remember:
            return replace(usage, stage=after)
        self._known[whose] = _Known(after, usage.percent)
        self._known.move_to_end(whose)
        if len(self._known) > _MOST_CONVERSATIONS:
            self._known.popitem(last=False)
        return replace(usage, stage=after, announcement=change(before, after, usage.percent, gap))


def _weigh(conversation: Conversation, max_bytes: int) -> int | None:
    try:
        with open_transcript(conversation.path) as file:
            return weigh(file, max_bytes)
    except OSError:
        return None
