"""The report at the command line: a page for the browser, a picture, or the same in the terminal."""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fourfold_server import __version__
from fourfold_server.ends import OK, bad
from fourfold_tools.page.document import html
from fourfold_tools.page.model import Page
from fourfold_tools.page.picture import png
from fourfold_tools.page.text import text
from fourfold_tools.report import report as page_of
from fourfold_tools.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. html, png: files; `-` as html is standard output. open_page: show it in the browser."""

    name: str
    html: str | None = None
    png: str | None = None
    open_page: bool = False


async def report(wanted: Wanted) -> int:
    """Write or print the report of a run or a plan.

    Raises:
        NotFound: nothing of that name. Unsupported: a picture that cannot be drawn here.
    """
    async with Runtime.open() as runtime:
        page = await page_of(runtime, wanted.name)
    try:
        write(page, wanted)
    except OSError as exc:
        return bad(f"{exc.filename}: {exc.strerror}")
    return OK


def write(page: Page, wanted: Wanted) -> None:
    if wanted.png:
        Path(wanted.png).write_bytes(png(page))
        print(f"written: {wanted.png}", file=sys.stderr)
    if wanted.html or wanted.open_page:
        _write_html(html(page, __version__), wanted)
    if not (wanted.html or wanted.png or wanted.open_page):
        print(text(page, shutil.get_terminal_size((100, 24)).columns))


def _write_html(content: str, wanted: Wanted) -> None:
    if wanted.html == "-":
        sys.stdout.write(content)
        return
    path = Path(wanted.html) if wanted.html else Path(tempfile.mkdtemp(prefix="fourfold-")) / f"{wanted.name}.html"
    path.write_text(content, encoding="utf-8")
    print(f"written: {path}", file=sys.stderr)
    if wanted.open_page:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
