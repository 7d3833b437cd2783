"""The browser of the tests: Debian's Chromium, headless and without a network of its own."""

import os
import shutil

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium(profile: str) -> list[str]:
    """The command that starts it with a profile of its own; where there is none a skip, in CI a failure."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        assert "FOURFOLD_TESTS_NEED_NODE" not in os.environ, "no chromium on PATH"
        pytest.skip("no chromium on PATH: apt-get install chromium")
    return [program, *FLAGS, f"--user-data-dir={profile}"]
