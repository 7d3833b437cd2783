"""Grep answers: the output of a search, from what it printed itself or from its share of a combined one."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from fourfold_config.settings import Grep
from fourfold_tools.model.output import GrepOutput
from fourfold_tools.model.request import GrepStep
from fourfold_tools.ops.hits import (
    FileHits,
    Page,
    content_page,
    counts_page,
    files_page,
    parse_counts,
    parse_lines,
    parse_names,
    path_order,
    shown_path,
)
from fourfold_tools.ops.plain_hits import plain_page
from fourfold_tools.ops.ripgrep import Ended, Tap


@dataclass(slots=True)
class Printed:
    """What a search has printed so far; mutable, so that it is there when the time runs out.

    complete: these are all hits, in any order of the files; else the first ones, ordered by path.
    """

    tap: Tap = field(default_factory=lambda: Tap(0))
    complete: bool = False
    ended: Ended = field(default_factory=Ended)


class _Changed:
    """Times of last change of files below a folder, each asked for once."""

    def __init__(self, folder: str) -> None:
        self._folder = os.fsencode(folder)
        self._known: dict[bytes, tuple[int, str]] = {}

    def newest_first(self, paths: Iterable[bytes]) -> list[str]:
        """The files as they are shown; one that is gone by now counts as oldest."""
        return [shown for _, shown in sorted([self._known.get(path) or self._ask(path) for path in paths])]

    def _ask(self, path: bytes) -> tuple[int, str]:
        try:
            time_ns = os.stat(os.path.join(self._folder, path)).st_mtime_ns
        except OSError:
            time_ns = 0
        self._known[path] = (-time_ns, shown_path(path))
        return self._known[path]


class GrepAnswers:
    """Answers of searches of one group; they ask for each file's time of last change once."""

    def __init__(self, settings: Grep, cwd: str) -> None:
        self._settings = settings
        self._changed = _Changed(cwd)

    def own(self, step: GrepStep, printed: Printed) -> GrepOutput:
        """The page of what was printed, with what stands below it."""
        page, data = page_of(step, self._settings), bytes(printed.tap.data)
        if step.mode == "content":
            output = _content(data, page, complete=printed.complete, context=any(context_of(step)))
        elif step.mode == "files":
            output = files_page(self._changed.newest_first(parse_names(data)), page)
        else:
            counts = sorted(parse_counts(data), key=lambda count: path_order(count[0]))
            output = counts_page([(shown_path(path), n) for path, n in counts], page)
        if printed.tap.cut:
            note = (
                f"[Stopped at {self._settings.max_combined_bytes} bytes of output; narrow the pattern, path or glob]"
            )
            output = replace(output, text=f"{output.text}\n\n{note}")
        return _with_unreadable(output, printed.ended) if printed.complete else output

    def share(self, step: GrepStep, files: Sequence[FileHits], ended: Ended) -> GrepOutput:
        """The page of a pattern's share of a combined search, the very page that its own search would show."""
        return _with_unreadable(self._share(step, files), ended)

    def _share(self, step: GrepStep, files: Sequence[FileHits]) -> GrepOutput:
        page = page_of(step, self._settings)
        if step.mode == "files":
            return files_page(self._changed.newest_first([file.path for file in files]), page)
        if step.mode == "count":
            return counts_page([(shown_path(file.path), file.count) for file in files if not file.note], page)
        complete = page.end is None or sum(file.count for file in files) <= counted_lines(page.end, self._settings)
        return content_page(files, page, complete=complete, gaps=False)


def _content(data: bytes, page: Page, *, complete: bool, context: bool) -> GrepOutput:
    """The page of content; lines are taken apart only where not all of them are matches."""
    if not context and (output := plain_page(data, page, complete=complete)):
        return output
    files = sorted(parse_lines(data), key=lambda file: path_order(file.path))
    return content_page(files, page, complete=complete, gaps=context)


def page_of(step: GrepStep, settings: Grep) -> Page:
    limit = settings.head_limit if step.head_limit is None else step.head_limit
    return Page(step.offset, limit, settings.max_line_chars)


def counted_lines(end: int, settings: Grep) -> int:
    """Lines up to which a search that may stop at `end` goes on, so that its count is exact."""
    return max(end, settings.counted_lines)


def context_of(step: GrepStep) -> tuple[int, int]:
    """Lines before and after each match; the more special argument wins, as it does for ripgrep."""
    both = step.context or 0
    return both if step.before is None else step.before, both if step.after is None else step.after


def _with_unreadable(output: GrepOutput, ended: Ended) -> GrepOutput:
    """What could not be read is said: a search that did not look everywhere must not look like one that did."""
    messages = ended.unreadable
    if not messages:
        return output
    more = f" and {len(messages) - 1} more" if len(messages) > 1 else ""
    return replace(output, text=f"{output.text}\n\n[Could not be read: {messages[0]}{more}]")
