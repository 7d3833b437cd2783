"""Fixtures of the tests that talk to a server over HTTP."""

from collections.abc import Generator

import pytest
import twelve_steps
from http_server import HttpServer, http_server
from mcp_client import Place

PRIVATE = {"FOURFOLD_FETCH__ALLOW_PRIVATE": "true"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("http"))
    twelve_steps.write_tree(place.root)
    return place


@pytest.fixture(scope="module")
def server(place: Place) -> Generator[HttpServer, None, None]:
    """One server for the whole module, as several clients have it; the environment speaks of a client of its own."""
    owner = {"CLAUDE_CODE_SESSION_ID": "owner", "CLAUDE_PROJECT_DIR": str(place.home)}
    with http_server(place, **PRIVATE, **owner) as running:
        yield running
