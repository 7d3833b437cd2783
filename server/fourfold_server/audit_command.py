"""The audit at the command line: transcripts read with a progress bar, then a table or JSON."""

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from fourfold_config.settings import load_settings
from fourfold_server import __version__
from fourfold_tools.audit.audited import Audited, audit_file, transcripts
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.errors import Denied, NotFound
from fourfold_tools.ops.effects import classify
from fourfold_tools.page.audit_page import audit_page
from fourfold_tools.page.document import html as html_of
from fourfold_tools.runtime import user_settings_file

_LONG_BYTES = 16 << 20  # from here on reading takes a second or more, and a bar is shown
_TICK_BYTES = 1 << 20
_WHERE = "Claude Code keeps its transcripts below ~/.claude/projects"


def run_audit(path: Path, *, as_json: bool, html: str | None = None) -> int:
    """Audit a transcript, or every one below a folder, and print the report; 1 where a file could not be read.

    html: a file for a page that shows it turn by turn.

    Raises:
        NotFound: no such file, or no transcript below the folder.
    """
    files = transcripts(path)
    if not files:
        raise NotFound(f"{path}: no *.jsonl in this folder or below; {_WHERE}")
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder; {_WHERE}")
    with _progress(sum(file.stat().st_size for file in files)) as advanced:
        report = _audit(files, advanced, keep_course=html is not None)
    if html is not None:
        _write_page(report, path, Path(html))
    if as_json:
        print(json.dumps(report.data(), ensure_ascii=False, indent=1))
    else:
        print(report.text())
    return 1 if report.unreadable else 0


def _write_page(report: AuditReport, path: Path, file: Path) -> None:
    settings = load_settings(project=Path.cwd(), env=os.environ, user_file=user_settings_file(os.environ)).report
    page = audit_page(report, str(path.absolute()), settings.most_rows)
    try:
        file.write_text(html_of(page, __version__), encoding="utf-8")
    except OSError as exc:
        raise Denied(f"{file}: {exc.strerror}") from exc
    print(f"written: {file}", file=sys.stderr)


def _audit(files: list[Path], advanced: Callable[[int], object], *, keep_course: bool) -> AuditReport:
    conversations: list[Audited] = []
    unreadable: list[str] = []
    broken = 0
    for file in files:
        entries = Entries(file, advanced)
        try:
            conversations += audit_file(entries, classify, keep_course=keep_course)
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
