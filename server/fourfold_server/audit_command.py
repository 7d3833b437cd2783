"""The audit at the command line: transcripts read with a progress bar, then a table or JSON."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from fourfold_tools.audit.audited import Audited, audit_file, transcripts
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.errors import NotFound
from fourfold_tools.ops.effects import classify

_LONG_BYTES = 16 << 20  # from here on reading takes a second or more, and a bar is shown
_TICK_BYTES = 1 << 20


def run_audit(path: Path, *, as_json: bool) -> int:
    """Audit a transcript, or every one below a folder, and print the report; 1 where a file could not be read.

    Raises:
        NotFound: no such file, or no transcript below the folder.
    """
    files = transcripts(path)
    if not files:
        raise NotFound(f"{path}: no *.jsonl in this folder or below")
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder")
    with _progress(sum(file.stat().st_size for file in files)) as advanced:
        report = _audit(files, advanced)
    if as_json:
        print(json.dumps(report.data(), ensure_ascii=False, indent=1))
    else:
        print(report.text())
    return 1 if report.unreadable else 0


def _audit(files: list[Path], advanced: Callable[[int], object]) -> AuditReport:
    conversations: list[Audited] = []
    unreadable: list[str] = []
    broken = 0
    for file in files:
        entries = Entries(file, advanced)
        try:
            conversations += audit_file(entries, classify)
        except OSError as exc:
            unreadable.append(f"{file} ({exc.strerror})")
        broken += entries.broken
    return AuditReport(tuple(conversations), len(files), broken, tuple(unreadable))


@contextmanager
def _progress(total_bytes: int) -> Generator[Callable[[int], object]]:
    """What takes the bytes of each line: a bar on stderr when it is a terminal and there is much to read."""
    if total_bytes < _LONG_BYTES or not sys.stderr.isatty():
        yield int
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("audit", total=total_bytes)
        waiting = 0

        def advanced(size: int) -> None:
            nonlocal waiting
            waiting += size
            if waiting >= _TICK_BYTES:
                bar.advance(task, waiting)
                waiting = 0

        yield advanced
