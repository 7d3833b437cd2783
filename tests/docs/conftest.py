"""A fresh clone for the examples of one module, one reader for all pages with commands, the tutorial beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_ground import Tutorial, fresh_clone
from doc_reader import Reader


@pytest.fixture(scope="session", autouse=True)
def tutorial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial | None]:
    """The tutorial, begun before the first of these tests: for most of its time it waits for the package index."""
    if not any(item.name == "test_the_tutorial_works_word_for_word" for item in request.session.items):
        yield None
        return
    begun = Tutorial.begun(tmp_path_factory.mktemp("tutorial"))
    yield begun
    begun.process.kill()
    begun.process.wait()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_clone(tmp_path_factory.mktemp("clone") / "fourfold")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """uv's cache is the one that the tests of the packages use."""
    return Reader.below(tmp_path_factory.mktemp("reader"), tmp_path_factory.getbasetemp() / "uv")
