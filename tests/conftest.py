"""Fixtures that every test may use."""

from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from fourfold_config.settings import Settings, load_settings
from fourfold_tools.ops.workspace import Workspace

# A deadline would be a timed test: on a busy machine an example takes ten times as long.
hypothesis_settings.register_profile("fourfold", deadline=None)
hypothesis_settings.load_profile("fourfold")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings() -> Settings:
    return load_settings(env={})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace in a folder of its own."""
    root = tmp_path / "work"
    root.mkdir()
    return Workspace(root)
