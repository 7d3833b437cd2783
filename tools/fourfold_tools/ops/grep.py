"""grep: lines, files or counts by pattern, found by ripgrep; patterns over one tree share one pass."""

import os
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar, TypeVarTuple, cast

import anyio
import anyio.to_thread

from fourfold_config.settings import Grep
from fourfold_tools.errors import FourfoldError, InvalidRequest, TimedOut
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, GrepStep, Reference
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, ResourceClass, literal
from fourfold_tools.ops.combined import Bounds, Combined, Shares
from fourfold_tools.ops.grep_answers import GrepAnswers, Printed, context_of, counted_lines, page_of
from fourfold_tools.ops.permissions.segments import quoted
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.ripgrep import Ripgrep, Scope, Tap
from fourfold_tools.ops.roots import Roots, search_roots, tree_patterns
from fourfold_tools.ops.workspace import Workspace

_FORMS = {"content": "--line-number", "files": "--files-with-matches", "count": "--count"}
# What a search without an order may print: bytes where the first hits are wanted, and where all are; lines, beyond
# which ripgrep would hold too many of one file back in its memory.
_QUICK_BYTES, _QUICK_BYTES_OF_ALL = 1_048_576, 8_388_608
_QUICK_LINES = 149_796
# Output whose page is made on the event loop, in a millisecond or two.
_SMALL_BYTES = 65_536
# Searches of a group that run at once where they cannot share a pass; each gets its part of the cores, because
# ripgrep would take them all.
_ALONE_AT_ONCE = 2
# Bytes of combined output, per pattern and mode, beyond which one search each is quicker than parting the lines;
# and where all lines are wanted, of which a search alone is taken apart file by file.
_BYTES_PER_PATTERN = {"content": 65_536, "files": 16_384, "count": 16_384}
_BYTES_OF_ALL = 16_384

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


class GrepOp:
    """Searches with ripgrep's own rules: hidden files unless told otherwise, `.gitignore` inside a repository,
    never `.git`, linked files and folders only where they are named."""

    resource: ResourceClass = "cpu"
    group_size: int = 128

    def __init__(
        self,
        settings: Grep,
        workspace: Workspace,
        spawner: Spawner,
        excluded: Callable[[str], Sequence[str]] = lambda _: (),
        cores: float = 1,
    ) -> None:
        """excluded: by absolute root the globs of files that the user's permission rules keep out of every search."""
        self._settings = settings
        self._excluded = excluded
        self._workspace = workspace
        self._ripgrep = Ripgrep(spawner, workspace.cwd, workspace.roots, cores)
        self._threads = anyio.CapacityLimiter(2)
        self._combined = Combined(self._ripgrep, self._threads)

    def group_key(self, call: Call) -> Hashable | None:
        step = _step(call.step)
        if step.multiline or any(context_of(step)):
            return None
        path = tuple(step.path) if isinstance(step.path, list) else step.path
        look = (path, step.glob, step.type, step.hidden, step.no_ignore)
        return ("grep", *look, step.ignore_case, step.fixed, step.mode, step.head_limit, step.offset, step.timeout_s)

    def effects(self, step: AnyStep) -> Effects:
        path = _step(step).path
        if isinstance(path, Reference):
            return Effects(read_only=True)
        return Effects(tree_patterns(self._workspace, _paths(path) or ["."]), read_only=True)

    def host(self, step: AnyStep) -> str | None:
        return None

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        answers = GrepAnswers(self._settings, self._workspace.cwd)
        if len(calls) == 1:
            return [await self._alone(calls[0], answers)]
        scope, shares = await self._combine(calls)
        outcomes = await self._in_thread(self._show_shares, calls, shares, answers) if shares.files else {}
        limiter = anyio.CapacityLimiter(_ALONE_AT_ONCE)

        async def alone(i: int) -> None:
            async with limiter:
                began = time.monotonic()
                outcome = await self._alone(calls[i], answers, scope, _ALONE_AT_ONCE, crowded=shares.crowded)
                outcomes[i] = replace(outcome, duration_s=time.monotonic() - began)

        async with anyio.create_task_group() as tasks:
            for i in range(len(calls)):
                if i not in outcomes:
                    tasks.start_soon(alone, i)
        return [outcomes[i] for i in range(len(calls))]

    async def _combine(self, calls: Sequence[Call]) -> tuple[Scope | None, Shares]:
        """The scope and the shares of calls that differ in their patterns only; none where the search fails.

        What fails for all fails again in each call's own search, which then says so.
        """
        began = time.monotonic()
        scope, shares = None, Shares()
        with suppress(FourfoldError), anyio.move_on_after(min(call.deadline for call in calls) - began):
            scope = await self._scope(_step(calls[0].step))
            patterns = [literal(_step(call.step).pattern) for call in calls]
            shares = await self._combined.search(scope, patterns, self._bounds(_step(calls[0].step), len(calls)))
        shares.duration_s = time.monotonic() - began
        return scope, shares

    def _bounds(self, step: GrepStep, patterns: int) -> Bounds:
        end = page_of(step, self._settings).end
        each = _BYTES_OF_ALL if end is None else _BYTES_PER_PATTERN[step.mode]
        max_bytes = min(patterns * each, self._settings.max_combined_bytes)
        return Bounds(
            max_bytes, counted_lines(end, self._settings) if step.mode == "content" and end is not None else None
        )

    def _show_shares(self, calls: Sequence[Call], shares: Shares, answers: GrepAnswers) -> dict[int, Outcome]:
        """The outcomes of the calls that got a share, by index; each took its part of the common time."""
        n = max(1, len(shares.files))
        return {
            i: Outcome(
                answers.share(_step(calls[i].step), files, shares.ended),
                duration_s=shares.duration_s / n,
                cpu_s=shares.ended.cpu_s / n,
                max_rss_bytes=shares.ended.max_rss_bytes,
            )
            for i, files in shares.files.items()
        }

    async def _alone(
        self, call: Call, answers: GrepAnswers, scope: Scope | None = None, at_once: int = 1, *, crowded: bool = False
    ) -> Outcome:
        """The outcome of one search. scope: that of its group, where it is known; crowded: many hits are known of."""
        step = _step(call.step)
        printed = Printed()
        try:
            with anyio.move_on_after(call.deadline - time.monotonic()):
                scope = scope or await self._scope(step)
                await self._search(scope, step, at_once, printed, crowded=crowded)
                if step.mode != "files" and len(printed.tap.data) <= _SMALL_BYTES:
                    output = answers.own(step, printed)
                else:
                    output = await self._in_thread(answers.own, step, printed)
                return Outcome(output, cpu_s=printed.ended.cpu_s, max_rss_bytes=printed.ended.max_rss_bytes)
        except FourfoldError as exc:
            return Outcome(Failure.of(exc))
        kept = await self._in_thread(answers.own, step, printed) if printed.tap.data else None
        return Outcome(replace(Failure.of(TimedOut(f"timed out after {call.timeout_s:g} s")), output=kept))

    async def _search(self, scope: Scope, step: GrepStep, at_once: int, printed: Printed, *, crowded: bool) -> None:
        """Fill `printed` in at most two runs that end in the same result however the files were visited.

        1. On all cores (one part of them where several searches run at once), in no order, unless there is but one
           file, or more hits are known of than are wanted: most searches are over before they have printed much.
           Then all is known.
        2. Where there is too much: on one core, ordered by path, until enough was read.

        Raises:
            InvalidRequest: ripgrep refuses the pattern, glob or type.
        """
        page, form = page_of(step, self._settings), [_FORMS[step.mode]]
        max_bytes, max_lines = self._settings.max_combined_bytes, None
        quick, bounds = Tap(max_bytes), list[str]()
        if step.mode == "content":
            # A character is at most four bytes long, so what ripgrep leaves out is left out here too.
            form.append(f"--max-columns={4 * page.max_line_chars + 8}")
            max_lines = None if page.end is None else counted_lines(page.end, self._settings)
            quick_bytes = _QUICK_BYTES_OF_ALL if max_lines is None else _QUICK_BYTES
            quick = Tap(min(quick_bytes, max_bytes), min(max_lines or _QUICK_LINES, _QUICK_LINES))
            bounds = quick.per_file
        in_order = scope.roots.lone_file or (crowded and max_lines is not None)
        if not in_order:
            printed.tap = quick
            threads = [f"--threads={max(1, (os.cpu_count() or 1) // at_once)}"] if at_once > 1 else []
            await self._run(scope, step, [*form, *threads, *bounds], printed)
        if in_order or printed.tap.full:
            printed.tap = Tap(max_bytes, max_lines)
            await self._run(scope, step, [*form, "--sort=path"], printed)
        printed.complete = not printed.tap.full

    async def _run(self, scope: Scope, step: GrepStep, form: Sequence[str], printed: Printed) -> None:
        printed.ended = await self._ripgrep.search(scope, [literal(step.pattern)], form, printed.tap)
        if refusal := printed.ended.refusal:
            raise InvalidRequest(refusal)

    async def _scope(self, step: GrepStep) -> Scope:
        """All of a step's search but its pattern.

        Raises:
            Denied, NotFound, Unsupported: of its paths, as `search_roots`.
        """
        roots, ignored_by = await self._in_thread(self._look, _paths(step.path))
        before, after = context_of(step)
        return Scope(
            roots=roots,
            glob=None if step.glob is None else literal(step.glob),
            type=None if step.type is None else literal(step.type),
            before=before,
            after=after,
            ignore_case=step.ignore_case,
            multiline=step.multiline,
            fixed=step.fixed,
            hidden=step.hidden,
            no_ignore=step.no_ignore,
            excluded=self._excluded_below(_paths(step.path)),
            ignore_files=ignored_by,
        )

    def _look(self, paths: Sequence[str] | None) -> tuple[Roots, tuple[str, ...]]:
        """The roots of a search, and the ignore files that hold for it."""
        return search_roots(self._workspace, paths), self._ripgrep.ignore_files()

    def _excluded_below(self, paths: Sequence[str] | None) -> tuple[str, ...]:
        roots = [self._workspace.check(path) for path in paths or ["."]]
        kernel = [_glob_of(self._workspace.cwd, point) for point in self._workspace.kernel]
        return tuple(dict.fromkeys([*(glob for root in roots for glob in self._excluded(root)), *kernel]))

    async def _in_thread(self, work: Callable[[*_Arguments], _T], *arguments: *_Arguments) -> _T:
        # What hangs in the kernel (a dead network mount) must not keep a call past its time.
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads, abandon_on_cancel=True)


def _step(step: AnyStep) -> GrepStep:
    assert isinstance(step, GrepStep)
    return step


def _paths(path: object) -> list[str] | None:
    """The paths of a ready step as a list, None where the workspace's folder is meant."""
    if path is None:
        return None
    return [literal(p) for p in cast("list[object]", path)] if isinstance(path, list) else [literal(path)]


def _glob_of(cwd: str, folder: str) -> str:
    """The glob that keeps one absolute folder out of a run in `cwd`; see `Permissions.excluded_globs`."""
    start = cwd.rstrip("/") + "/"
    inside = folder.startswith(start)
    names = (folder[len(start) :] if inside else folder[1:]).split("/")
    return f"!{'/' if inside else '/**/'}{'/'.join(map(quoted, names))}"
