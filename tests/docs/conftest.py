"""A fresh clone for the examples of one module, and one reader for all pages with commands."""

from pathlib import Path

import pytest
from doc_ground import fresh_clone
from doc_reader import Reader


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_clone(tmp_path_factory.mktemp("clone") / "fourfold")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """uv's cache is the one that the tests of the packages use."""
    return Reader.below(tmp_path_factory.mktemp("reader"), tmp_path_factory.getbasetemp() / "uv")
