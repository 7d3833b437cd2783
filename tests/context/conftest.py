"""The client's home that the tests of the context read."""

from pathlib import Path

import pytest
from claude_home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a project and no transcript; the server was started with session `first`."""
    cwd = tmp_path / "my project.x"
    cwd.mkdir()
    root = tmp_path / "home"
    return Home(root, cwd, {"HOME": str(root), "CLAUDE_CODE_SESSION_ID": "first", "CLAUDECODE": "1"})
