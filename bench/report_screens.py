"""Screenshots of report pages in a real headless browser, light and dark, for people to look at; never committed.

    python3 bench/report_screens.py FOLDER [PAGE.html ...]

Without pages it makes its own: a run of forty steps, a plan of sixteen agents (ended, and half way), an audit.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from browser import chromium
from report_samples import make_pages

SIZES = {"wide": (1280, 4200), "narrow": (420, 5200)}


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pages = [Path(name).resolve() for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as home:
        for page in pages or anyio.run(make_pages, Path(home)):
            for mode in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    shot(page, folder / f"{page.stem}-{mode}-{size}.png", mode, width, height)
    return 0


def shot(page: Path, file: Path, mode: str, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        dark = (
            ["--blink-settings=preferredColorScheme=0"]
            if mode == "dark"
            else ["--blink-settings=preferredColorScheme=1"]
        )
        look = [f"--screenshot={file.resolve()}", f"--window-size={width},{height}", "--hide-scrollbars"]
        command = [*chromium(profile), *dark, *look, page.as_uri()]
        subprocess.run(command, check=True, timeout=120, stderr=subprocess.DEVNULL)
    print(file)


if __name__ == "__main__":
    sys.exit(main())
