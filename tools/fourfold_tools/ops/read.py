"""The read op: lines of text files of any size, and pictures, PDF text and notebooks as the client shows them."""

import difflib
import io
import os
import sys
import time
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from fourfold_config.settings import Read
from fourfold_tools.errors import FourfoldError, NotFound, TimedOut, Unsupported
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import ReadOutput
from fourfold_tools.model.request import AnyStep, ReadStep, Reference
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call, ResourceClass, literal
from fourfold_tools.ops.mounts import all_local
from fourfold_tools.ops.pdf import pdf_text
from fourfold_tools.ops.reading import Reader, Request
from fourfold_tools.ops.workspace import Listing, Workspace

_NOWAIT = os.RWF_NOWAIT if sys.platform == "linux" else 0
# Bytes that one group may read on the event loop (about 2 ms); what is left goes to threads.
_INLINE_BYTES = 2 << 20
# Threads for one group: eight overlap what waits for a disk, two what is in memory (the GIL admits no more).
_COLD_HOPS, _WARM_HOPS = 8, 2
# Children at the same time that read PDF; they burn processor time.
_CHILDREN = 2
# Names of a folder that are looked through for one like the name that is missing.
_SIMILAR_NAMES = 5_000
# Ratio of difflib above which two names are near: `mian` and `main` have 0.75.
_SIMILARITY = 0.7


@dataclass(slots=True)
class _Job:
    """One call on its way. Mutable: the loop or one thread sets the outcome, or that the file is a PDF."""

    call: Call
    request: Request
    outcome: Outcome | None = None
    is_pdf: bool = False

    def end(self, result: ReadOutput | Failure | None, began: float) -> None:
        if result is not None:
            self.outcome = Outcome(result, time.perf_counter() - began)


class ReadOp:
    """Reads files. A group is answered in three rounds, each takes what the one before left over:

    1. small plain text in the page cache, on the event loop (Linux and local file systems only);
    2. all other files, by a few worker threads that take them from one queue;
    3. PDF, each in a child process.
    """

    resource: ResourceClass = "disk"
    group_size: int = 64

    def __init__(self, settings: Read, workspace: Workspace) -> None:
        self._settings = settings
        self._workspace = workspace
        self._reader = Reader(settings)
        self._inline = bool(_NOWAIT) and all_local(workspace.roots)
        self._threads = anyio.CapacityLimiter(_COLD_HOPS)
        self._children = anyio.CapacityLimiter(_CHILDREN)

    def group_key(self, call: Call) -> Hashable | None:
        """All reads share one key, but PDF files go alone: a group is answered when its slowest member is."""
        return None if literal(_step(call.step).path).lower().endswith(".pdf") else "read"

    def effects(self, step: AnyStep) -> Effects:
        path = _step(step).path
        paths = [] if isinstance(path, Reference) else [path] if isinstance(path, str) else path
        return Effects(frozenset(self._workspace.absolute(p) for p in paths if "\0" not in p), read_only=True)

    def host(self, step: AnyStep) -> str | None:
        return None

    async def run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        await anyio.lowlevel.checkpoint()
        jobs = [self._job(call) for call in calls]
        if self._inline:
            self._read_cached(jobs)
        await self._read_in_threads([job for job in jobs if job.outcome is None])
        async with anyio.create_task_group() as group:
            for job in jobs:
                if job.is_pdf:
                    group.start_soon(self._read_pdf, job)
        return [job.outcome or Outcome(Failure.of(_late(job.call))) for job in jobs]

    def _job(self, call: Call) -> _Job:
        step = _step(call.step)
        path = literal(step.path)
        source = path if "\0" in path else self._workspace.absolute(path)  # opening it says what is wrong
        return _Job(call, Request(path, source, _number(step.offset) or 0, _number(step.limit)))

    def _read_cached(self, jobs: Sequence[_Job]) -> None:
        budget = _INLINE_BYTES
        for job in jobs:
            began = time.perf_counter()
            try:
                data = self._cached(job.request.path, min(budget, self._settings.max_bytes))
            except NotFound:
                continue  # a thread looks for similar names
            except FourfoldError as exc:
                job.end(Failure.of(exc), began)
                continue
            if data is not None:
                budget -= len(data)
                job.end(self._reader.plain(job.request, data), began)

    def _cached(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes of a file that can be had without waiting; None when it is larger or not (all) in memory."""
        fd = self._workspace.open(path)
        try:
            size = os.fstat(fd).st_size
            if size > max_bytes:
                return None
            buffer = bytearray(size + 1)  # one more shows a file that is growing
            return bytes(buffer[:size]) if os.preadv(fd, [buffer], 0, _NOWAIT) == size else None
        except OSError:  # EAGAIN: not in memory; EOPNOTSUPP: this file system cannot say
            return None
        finally:
            os.close(fd)

    async def _read_in_threads(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        queue = deque(jobs)
        latest = max(job.call.deadline for job in jobs)
        try:
            with anyio.move_on_after(latest - time.monotonic()):
                async with anyio.create_task_group() as group:
                    for _ in range(min(len(jobs), _COLD_HOPS if self._inline else _WARM_HOPS)):
                        group.start_soon(self._hop, queue)
        finally:
            queue.clear()  # a thread that hangs, and was given up, takes no further job

    async def _hop(self, queue: deque[_Job]) -> None:
        await anyio.to_thread.run_sync(self._drain, queue, abandon_on_cancel=True, limiter=self._threads)

    def _drain(self, queue: deque[_Job]) -> None:
        while queue:
            try:
                job = queue.popleft()
            except IndexError:  # another thread was quicker
                return
            began = time.perf_counter()
            job.end(self._read(job), began)

    def _read(self, job: _Job) -> ReadOutput | Failure | None:
        path = job.request.path
        try:
            with io.FileIO(self._workspace.open(path)) as file:
                output = self._reader.file(job.request, file, partial(_check, job.call))
        except NotFound as exc:
            return Failure.of(NotFound(exc.message + _did_you_mean(self._workspace, path)))
        except FourfoldError as exc:
            return Failure.of(exc)
        except OSError as exc:
            return Failure.of(Unsupported(f"{path}: {exc.strerror}"))
        job.is_pdf = output is None
        return output

    async def _read_pdf(self, job: _Job) -> None:
        with anyio.move_on_after(job.call.deadline - time.monotonic()):
            async with self._children:
                began = time.perf_counter()
                try:
                    job.end(await self._pdf(job), began)
                except FourfoldError as exc:
                    job.end(Failure.of(exc), began)

    async def _pdf(self, job: _Job) -> ReadOutput:
        request = job.request
        fd = self._workspace.open(request.path)
        try:
            text = await pdf_text(
                fd,
                request.first,
                request.limit,
                max_bytes=self._settings.max_bytes if request.whole else self._settings.max_window_bytes,
                memory_bytes=self._settings.pdf_memory_bytes,
                cpu_s=job.call.timeout_s,
            )
        finally:
            os.close(fd)
        return self._reader.pdf(request, text)


def _step(step: AnyStep) -> ReadStep:
    if not isinstance(step, ReadStep):
        raise TypeError(f"a read step is needed, not {step.op}")
    return step


def _number(value: int | Reference | None) -> int | None:
    return value if isinstance(value, int) else None


def _check(call: Call) -> None:
    anyio.from_thread.check_cancelled()
    if time.monotonic() > call.deadline:
        raise _late(call)


def _late(call: Call) -> TimedOut:
    return TimedOut(f"not read within {call.timeout_s:g} s")


def _did_you_mean(workspace: Workspace, path: str) -> str:
    """A sentence that names a file of the same folder with another extension or a nearby spelling, else nothing."""
    try:
        folder, name = os.path.split(workspace.absolute(path))
        with Listing(workspace.check(folder)) as entries:
            names = [e.name for e in islice(entries, _SIMILAR_NAMES) if e.name.isprintable() and not e.is_dir()]
    except (FourfoldError, OSError):
        return ""
    stem, extension = os.path.splitext(name.lower())
    by_stem: dict[str, str] = {}
    for found in sorted(names, key=lambda n: (not n.lower().endswith(extension), n)):
        by_stem.setdefault(os.path.splitext(found.lower())[0], found)
    near = difflib.get_close_matches(stem, by_stem, n=1, cutoff=_SIMILARITY)
    return f" Did you mean {workspace.relative(os.path.join(folder, by_stem[near[0]]))}?" if near else ""
