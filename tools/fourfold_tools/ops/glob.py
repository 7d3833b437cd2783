"""glob: files by path pattern, newest first; many patterns over one tree share one walk."""

import os
import stat
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import anyio.to_thread

from fourfold_config.settings import Glob
from fourfold_tools.errors import FourfoldError, TimedOut
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import GlobOutput
from fourfold_tools.model.request import AnyStep, GlobStep, Reference
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, ResourceClass, literal
from fourfold_tools.ops.roots import tree_patterns
from fourfold_tools.ops.wildcards import Entries, Wildcards, compile_wildcards, has_magic, split_base
from fourfold_tools.ops.workspace import Listing, Workspace

# Paths that one search keeps (the newest); the engine's own bound for sub-steps is the same.
MAX_PATHS = 20_000


# By absolute root: which absolute paths below it the user's permission rules keep out of listings.
Hides = Callable[[str], Callable[[str], bool] | None]


@dataclass(slots=True)
class _Search:
    """One pattern below one real folder, and what was found: (mtime in ns, path from the folder), bounded.

    hidden: which absolute paths the user's permission rules keep out of listings; None: none.

    Mutable: the walk's thread adds, the loop reads when the walk has ended or was given up.
    """

    root: str
    wildcards: Wildcards
    hidden: Callable[[str], bool] | None = None
    count: int = 0
    found: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def add(self, mtime_ns: int, path: str) -> None:
        self.count += 1
        self.found.append((mtime_ns, path))
        if len(self.found) >= 2 * MAX_PATHS:
            self.found = self.newest()

    def newest(self) -> list[tuple[int, str]]:
        return sorted(self.found, key=lambda hit: (-hit[0], hit[1]))[:MAX_PATHS]


class GlobOp:
    """Lists regular files, also hidden and ignored ones and links to files; linked folders are not entered."""

    resource: ResourceClass = "cpu"
    group_size: int = 128

    def __init__(self, settings: Glob, workspace: Workspace, hides: Hides = lambda _: None) -> None:
        self._settings = settings
        self._hides = hides
        self._workspace = workspace
        self._threads = anyio.CapacityLimiter(2)

    def group_key(self, call: Call) -> Hashable | None:
        step = _step(call.step)
        return ("glob", step.path, step.timeout_s)

    def effects(self, step: AnyStep) -> Effects:
        path = _step(step).path
        if isinstance(path, Reference):
            return Effects(read_only=True)
        roots = {path or "."}
        for pattern in _patterns(_step(step)):
            if _is_absolute(pattern):
                roots.add(split_base(os.path.expanduser(pattern))[0])
        return Effects(tree_patterns(self._workspace, roots), read_only=True)

    def host(self, step: AnyStep) -> str | None:
        return None

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        began = time.monotonic()
        resolved = [self._resolve(call) for call in calls]
        searches = [s for s in resolved if isinstance(s, _Search)]
        deadline = max(call.deadline for call in calls)
        ended = not searches or await _walk_in_thread(self._workspace, searches, deadline, self._threads)
        share_s = (time.monotonic() - began) / len(calls) if len(calls) > 1 else None
        return [
            Outcome(s if isinstance(s, Failure) else self._result(call, s, ended), duration_s=share_s)
            for call, s in zip(calls, resolved, strict=True)
        ]

    def _resolve(self, call: Call) -> _Search | Failure:
        step = _step(call.step)
        try:
            path = None if step.path is None else literal(step.path)
            return _search(self._workspace, literal(step.pattern), path, self._hides)
        except FourfoldError as exc:
            return Failure.of(exc)

    def _result(self, call: Call, search: _Search, ended: bool) -> GlobOutput | Failure:
        limit = _step(call.step).head_limit
        output = _output(self._workspace, search, self._settings.head_limit if limit is None else limit)
        if ended:
            return output
        timed_out = TimedOut(f"timed out after {call.timeout_s:g} s; {search.count} files were found until then")
        return replace(Failure.of(timed_out), output=output if search.count else None)


async def expand_glob(
    workspace: Workspace, pattern: str, *, timeout_s: float, hides: Hides = lambda _: None
) -> list[str]:
    """The files that a pattern names, as the client shows paths, ordered by path, at most 20,000 (the newest).

    Raises:
        Denied, NotFound, InvalidRequest: as a glob step with this pattern would fail.
        TimedOut: the walk took longer than timeout_s seconds.
    """
    search = _search(workspace, pattern, None, hides)
    if not await _walk_in_thread(workspace, [search], time.monotonic() + timeout_s, anyio.CapacityLimiter(1)):
        raise TimedOut(f"{pattern}: listing the files took longer than {timeout_s:g} s")
    shown = _display(workspace, search.root)
    return sorted(shown(path) for _, path in search.newest())


def is_glob(workspace: Workspace, path: str) -> bool:
    """Whether a path is a pattern: it holds a wildcard and there is no file of exactly this name."""
    return has_magic(path) and "\0" not in path and not os.path.lexists(workspace.absolute(path))


def _step(step: AnyStep) -> GlobStep:
    assert isinstance(step, GlobStep)
    return step


def _patterns(step: GlobStep) -> list[str]:
    """The patterns that are known before references are."""
    given = step.pattern
    return [] if isinstance(given, Reference) else [given] if isinstance(given, str) else given


def _is_absolute(pattern: str) -> bool:
    return pattern.startswith(("/", "~"))


def _search(workspace: Workspace, pattern: str, path: str | None, hides: Hides) -> _Search:
    if not _is_absolute(pattern):
        root = workspace.folder(path)
        return _Search(root, compile_wildcards(pattern), hides(root))
    base, rest = split_base(os.path.expanduser(pattern))
    root = workspace.check(base)
    return _Search(root, compile_wildcards(rest, anchored=True), hides(root))


async def _walk_in_thread(
    workspace: Workspace, searches: Sequence[_Search], deadline: float, threads: anyio.CapacityLimiter
) -> bool:
    """Walk each root once in a worker thread; false when the deadline (time.monotonic) came first.

    A thread that hangs in the kernel (a dead network mount) is left behind; every other one ends at the next folder.
    """
    stop = threading.Event()

    def stopped() -> bool:
        return stop.is_set() or time.monotonic() > deadline

    def walk() -> bool:
        roots = dict.fromkeys(s.root for s in searches)
        return all(_walk(workspace, root, [s for s in searches if s.root == root], stopped) for root in roots)

    try:
        with anyio.move_on_after(deadline - time.monotonic() + 0.05):
            return await anyio.to_thread.run_sync(walk, abandon_on_cancel=True, limiter=threads)
        return False
    finally:
        stop.set()


def _walk(workspace: Workspace, root: str, searches: Sequence[_Search], stopped: Callable[[], bool]) -> bool:
    """Depth first over the folders that some pattern leads through; false when told to stop.

    A folder is listed where its path still leads to it: one that was swapped for a link meanwhile is not entered.
    """
    stack = [""]
    while stack:
        if stopped():
            return False
        folder = stack.pop()
        place = f"{root.rstrip('/')}/{folder}".rstrip("/") or "/"
        if workspace.shown_by_kernel(place):
            continue
        try:
            with Listing(place) as entries:
                files = _sort_out(entries, folder, searches, stack)
                names = Entries(files.keys())
                for search in searches if files else ():
                    _take(files, names, folder, search)
        except OSError:
            continue  # unreadable, or gone since it was listed
    return True


def _sort_out(
    entries: Iterable[os.DirEntry[str]], folder: str, searches: Sequence[_Search], stack: list[str]
) -> dict[str, os.DirEntry[str]]:
    """The entries that are not folders, by name; folders worth a visit go on the stack."""
    files: dict[str, os.DirEntry[str]] = {}
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            files[entry.name] = entry
        else:
            inner = f"{folder}{entry.name}/"
            if any(s.wildcards.leads_through(inner) for s in searches):
                stack.append(inner)
    return files


def _take(files: Mapping[str, os.DirEntry[str]], names: Entries, folder: str, search: _Search) -> None:
    for name in search.wildcards.pick(folder, names):
        try:
            status = files[name].stat()
        except OSError:
            continue  # a link that leads nowhere, or gone
        kept = search.hidden is None or not search.hidden(os.path.join(search.root, folder + name))
        if kept and stat.S_ISREG(status.st_mode):
            search.add(status.st_mtime_ns, folder + name)


def _output(workspace: Workspace, search: _Search, limit: int) -> GlobOutput:
    shown = _display(workspace, search.root)
    paths = tuple([shown(path) for _, path in search.newest()])
    head = paths[: limit or None]
    lines = list(head) or ["No files found"]
    if len(head) < search.count:
        lines.append(
            f"(Showing {len(head)} of {search.count} matching files; {search.count - len(head)} more are not listed."
            " Narrow the pattern or path to see the rest.)"
        )
    return GlobOutput("\n".join(lines), paths, search.count)


def _display(workspace: Workspace, root: str) -> Callable[[str], str]:
    """How a path below a root is shown: from the workspace's folder where it lies in it, other bytes as `\\xNN`."""
    prefix = workspace.relative(root.rstrip("/") + "/")

    def shown(path: str) -> str:
        return os.fsencode(prefix + path).decode("utf-8", "backslashreplace")

    return shown
