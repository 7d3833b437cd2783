"""The combined search: many patterns in one pass over the files, and for each the very lines it finds alone."""

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TypeVar

import anyio
import anyio.to_thread

from fourfold_tools.ops.candidates import Candidates, fold_case
from fourfold_tools.ops.hits import FileHits, parse_lines, path_order
from fourfold_tools.ops.needles import needles
from fourfold_tools.ops.ripgrep import MAX_PATTERN_BYTES, Ended, Ripgrep, Scope, Tap

# Letters that mean something to ripgrep's regex syntax outside of classes.
_META = re.compile(r"[\\.+*?()|\[\]{}^$]")
# Read otherwise, or somewhere else, when they do not stand alone: the end of the searched text (`\A`, `\z`), a
# line end, flags other than (?i), groups with names (two may have the same), word boundaries with braces.
_ALONE = re.compile(r"\\[Az]|\\n|\\x0|\\u0|\\U0|\\x\{|\\u\{|\\U\{|\(\?(?!:|i\)|i:)|\\b\{|[\n\0]")
_SMALL_BYTES = 262_144
_MAX_PASSES = 3
# Bytes of an output that was too much by which it is judged; the most of it that may be left without the common
# patterns, for another pass to be likely to end before it is too much again.
_SAMPLE_BYTES = 131_072
_WORTH_A_PASS = 0.125
_TESTS_AT_ONCE = 2

_A = TypeVar("_A")
_T = TypeVar("_T")


@dataclass(slots=True)
class Shares:
    """What each pattern of a group got, and what the passes took and complained of together; mutable meanwhile.

    files: by index of the pattern its hits, ordered by path; a pattern that is not there has to run alone.
    crowded: there was more output than a pass may have, so those that run alone have many hits.
    """

    files: dict[int, list[FileHits]] = field(default_factory=dict[int, list[FileHits]])
    ended: Ended = field(default_factory=Ended)
    duration_s: float = 0.0
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """max_bytes of combined output; what passes it is searched one by one.

    common_lines: past max_bytes, a literal that occurs more often than this is left to run alone, where it stops
    early, and the others are combined anew; None: no pattern stops early.
    """

    max_bytes: int
    common_lines: int | None


@dataclass(frozen=True, slots=True)
class _Test:
    """Candidate lines (None: all) that ripgrep itself is to read again, for any of some patterns."""

    index: int
    patterns: Sequence[str]
    lines: Sequence[int] | None = None


class Combined:
    """Searches for groups of patterns; every line that it gives to a pattern was judged by ripgrep or by bytes.

    One pass prints the lines that match any pattern. Which patterns a line matches is then decided exactly: a
    literal is looked for in the line's bytes; a line that holds what one pattern alone needs is that pattern's; for
    all others ripgrep itself reads the candidate lines again (the submatches of `--json` do not tell: the leftmost
    alternative hides the others).
    """

    def __init__(self, ripgrep: Ripgrep, threads: anyio.CapacityLimiter) -> None:
        self._ripgrep = ripgrep
        self._threads = threads

    async def search(self, scope: Scope, patterns: Sequence[str], bounds: Bounds) -> Shares:
        """A share for each pattern of a search without context and not across lines.

        Raises:
            Unsupported, Contention: there is no ripgrep; out of processes, or it was killed.
        """
        result = Shares()
        todo = [i for i, pattern in enumerate(patterns) if can_join(pattern, fixed=scope.fixed)]
        # Each pass either settles all that is left, or drops patterns that must run alone, or gives up. Only the
        # first may drop common ones: where there is still too much without them, one search each is quicker.
        for _ in range(_MAX_PASSES):
            if len(todo) < 2 or sum(len(patterns[i].encode()) for i in todo) > MAX_PATTERN_BYTES:
                break
            left = await self._pass(scope, patterns, todo, bounds, result)
            if len(left) == len(todo):
                break
            todo, bounds = left, Bounds(bounds.max_bytes, None)
        return result

    async def _pass(
        self, scope: Scope, patterns: Sequence[str], todo: list[int], bounds: Bounds, result: Shares
    ) -> list[int]:
        """Search for the patterns `todo` at once; gives those that another pass may settle, all of them: none can."""
        tap = Tap(bounds.max_bytes)
        ended = await self._ripgrep.search(scope, [patterns[i] for i in todo], ("--line-number", *tap.per_file), tap)
        _add(result.ended, ended)
        if ended.refusal:
            tests = [_Test(i, [patterns[i]]) for i in todo]
            refused = await self._test_all(scope, tests, Candidates(()), result.ended)
            return [i for i in todo if refused[i] is not None]
        if tap.full:
            result.crowded = True
            return _rarer(scope, patterns, todo, bounds.common_lines, tap.data)
        files = await self._off_loop(len(tap.data), _parse, tap.data)
        if any(file.named_binary for file in files):
            return todo
        candidates = Candidates(files)
        found = await self._attribute(scope, [(i, patterns[i]) for i in todo], candidates, result.ended)
        if any(indices is None for indices in found.values()):
            # `[a` and `b]` are one valid class when they are joined: the pass has looked for something else.
            return [i for i in todo if found[i] is not None]
        result.files.update({i: candidates.pick(indices or ()) for i, indices in found.items()})
        return []

    async def _attribute(
        self, scope: Scope, patterns: Sequence[tuple[int, str]], candidates: Candidates, ended: Ended
    ) -> dict[int, list[int] | None]:
        """For each pattern the candidate lines that it matches, by index; None: ripgrep refuses it.

        What a pattern may match is known from the bytes it needs (of a literal it is what it does match). A line
        that only one pattern may match is that one's, because the pass found it; for the others, and for patterns
        that are not understood, ripgrep reads the lines again.
        """
        literals = [(i, p) for i, p in patterns if self._is_plain(scope, p)]
        regexes = [(i, p, needles(p)) for i, p in patterns if not self._is_plain(scope, p)]
        unread = [_Test(i, [p]) for i, p, needed in regexes if needed is None]
        judged = await self._test_all(scope, unread, candidates, ended)
        if any(lines is None for lines in judged.values()):
            return judged | {i: [] for i, _ in patterns if i not in judged}
        find = partial(candidates.holding_each, fold=scope.ignore_case)
        wanted = {i: (p,) for i, p in literals} | {i: needed for i, _, needed in regexes if needed is not None}
        possible = await self._off_loop(len(candidates.text) * len(wanted), find, wanted)
        found = {i: lines for i, lines in judged.items() if lines is not None} | possible
        times = Counter(line for lines in found.values() for line in lines)
        doubtful = {
            i: lines
            for i, _, needed in regexes
            if needed is not None and (lines := [line for line in possible[i] if times[line] > 1])
        }
        names, groups = dict(patterns), _apart(doubtful)
        tests = [_Test(g[0], [names[i] for i in g], sorted(n for i in g for n in doubtful[i])) for g in groups]
        checked = await self._test_all(scope, tests, candidates, ended)
        for group, test in zip(groups, tests, strict=True):
            matched = checked[test.index]
            if matched is None:  # an older ripgrep refuses what this one takes
                return {i: None if i in group else [] for i in names}
            wrong = set(test.lines or ()).difference(matched)
            found |= {i: [line for line in possible[i] if line not in wrong] for i in group}
        return dict(found)

    @staticmethod
    def _is_plain(scope: Scope, pattern: str) -> bool:
        """Whether bytes alone decide what a pattern matches."""
        return is_literal(pattern, scope.fixed) and (pattern.isascii() or not scope.ignore_case)

    async def _test_all(
        self, scope: Scope, tests: Sequence["_Test"], candidates: Candidates, ended: Ended
    ) -> dict[int, list[int] | None]:
        """For each test those of its lines that ripgrep finds; None: it refuses a pattern."""
        found: dict[int, list[int] | None] = {}
        limiter = anyio.CapacityLimiter(_TESTS_AT_ONCE)

        async def test(one: _Test) -> None:
            async with limiter:
                tap = Tap(sys.maxsize)
                with _lines_file(candidates.text_of(one.lines)) as descriptor:
                    end = await self._ripgrep.test(scope, one.patterns, descriptor, tap)
                numbers = [int(n) - 1 for n in re.findall(rb"(?m)^(\d+):", tap.data)]
                lines = numbers if one.lines is None else [one.lines[n] for n in numbers]
                found[one.index] = None if end.refusal else lines
                end.errors.clear()
                _add(ended, end)

        async with anyio.create_task_group() as tasks:
            for one in tests:
                tasks.start_soon(test, one)
        return found

    async def _off_loop(self, size: int, work: Callable[[_A], _T], argument: _A) -> _T:
        """Work on many bytes is done in a thread; a hop costs more than work on few."""
        if size <= _SMALL_BYTES:
            return work(argument)
        return await anyio.to_thread.run_sync(work, argument, limiter=self._threads)


def is_literal(pattern: str, fixed: bool) -> bool:
    """Whether a pattern stands for itself, letter by letter."""
    return fixed or _META.search(pattern) is None


def can_join(pattern: str, fixed: bool) -> bool:
    """Whether a pattern means the same among others, and the same again for a line without its file.

    What looks harmless and is refused by ripgrep all the same is found out by the test of each pattern alone.
    """
    return not ("\n" in pattern or "\0" in pattern or (not fixed and _ALONE.search(pattern)))


def _apart(lines: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The keys in groups, in each of which no two have a line in common: a match then tells whose it is."""
    groups: list[tuple[list[int], set[int]]] = []
    for key, mine in lines.items():
        for keys, taken in groups:
            if taken.isdisjoint(mine):
                keys.append(key)
                taken.update(mine)
                break
        else:
            groups.append(([key], set(mine)))
    return [keys for keys, _ in groups]


def _parse(output: bytearray) -> list[FileHits]:
    return sorted(parse_lines(bytes(output)), key=lambda file: path_order(file.path))


def _add(total: Ended, one: Ended) -> None:
    total.errors += one.errors
    total.cpu_s += one.cpu_s
    total.max_rss_bytes = max(total.max_rss_bytes, one.max_rss_bytes)


def _rarer(
    scope: Scope, patterns: Sequence[str], todo: list[int], common_lines: int | None, output: bytearray
) -> list[int]:
    """The patterns without the literals that fill the output so far; all where the others would fill it again.

    Judged by the beginning of the output, where a name may pass for a line: whether another pass is worth it.
    """
    if common_lines is None:
        return todo
    fold = fold_case if scope.ignore_case else bytes
    sample = fold(output[:_SAMPLE_BYTES])
    enough = common_lines * len(sample) / len(output)
    literals = {i: fold(patterns[i].encode()) for i in todo if is_literal(patterns[i], scope.fixed)}
    common = {i: needle for i, needle in literals.items() if sample.count(needle) > enough}
    rest = sum(len(line) for line in sample.split(b"\n") if not any(needle in line for needle in common.values()))
    return [i for i in todo if i not in common] if rest <= len(sample) * _WORTH_A_PASS else todo


@contextmanager
def _lines_file(text: bytes) -> Generator[int]:
    """A descriptor that gives a text from its start; in memory where the system can."""
    with _nameless_file() as file:
        file.write(text)
        file.seek(0)
        yield file.fileno()


def _nameless_file() -> IO[bytes]:
    if sys.platform == "linux":
        return open(os.memfd_create("lines"), "w+b")
    return tempfile.TemporaryFile()
