"""Pages: real HTML to convert, and their main text as a plain parser of its own reads it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from case import NotMeasured

SOURCE = "python3.11-doc"  # Debian's package of Python's own documentation
_TYPICAL_BYTES = 65_000
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def cache_folder() -> Path:
    """Where peers and pages are kept between runs, outside of any checkout."""
    named = os.environ.get("FOURFOLD_BENCH_CACHE")
    return (
        Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fourfold-bench"
    )


def documentation() -> Path:
    """The folder of Python's documentation as HTML, taken from Debian's package once.

    Raises:
        NotMeasured: it is not there and cannot be had.
    """
    folder = cache_folder() / "pages"
    found = folder / "usr" / "share" / "doc" / SOURCE.replace("-doc", "") / "html"
    if not found.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if not list(folder.glob("*.deb")):
                subprocess.run(["apt-get", "download", SOURCE], cwd=folder, capture_output=True, check=True)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as exc:
            raise NotMeasured(f"apt-get download {SOURCE} failed") from exc
    if not found.is_dir():
        raise NotMeasured(f"{SOURCE} holds no HTML where it was looked for")
    return found


@contextmanager
def typical_pages(count: int) -> Iterator[Path]:
    """A folder of the pages whose size is nearest to 65 KB, named by number."""
    source = documentation()
    pages = sorted(source.rglob("*.html"), key=lambda page: abs(page.stat().st_size - _TYPICAL_BYTES))
    with tempfile.TemporaryDirectory(prefix="fourfold-pages-") as folder:
        for i, page in enumerate(pages[:count]):
            shutil.copy(page, Path(folder) / f"{i}.html")
        yield Path(folder)


def recall(page: str, shown: str) -> float:
    """The share of the words of a page's main text that what is shown holds, each as often as it stands there."""
    parser = _MainText()
    parser.feed(page)
    wanted, found = _words("".join(parser.parts)), _words(shown)
    return sum((wanted & found).values()) / max(1, sum(wanted.values()))


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.replace("\\", "")))


class _MainText(HTMLParser):
    """Collects the text below the element that says it is the main one, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._depth = 0  # of open elements below the main one, itself included
        self._mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self._mute += 1
        if tag not in _VOID and (self._depth or tag == "main" or ("role", "main") in attrs):
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._mute -= 1
        if tag not in _VOID and self._depth:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth and not self._mute:
            self.parts.append(data)
