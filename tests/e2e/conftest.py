"""Fixtures of the tests that talk to a whole server."""

from collections.abc import AsyncGenerator

import pytest
import twelve_steps
from mcp import Client
from mcp_client import ERAS, Place

PRIVATE = {"FOURFOLD_FETCH__ALLOW_PRIVATE": "true"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("client"))
    twelve_steps.write_tree(place.root)
    return place


@pytest.fixture(scope="module", params=ERAS)
async def client(request: pytest.FixtureRequest, place: Place) -> AsyncGenerator[Client, None]:
    async with place.client(request.param, **PRIVATE) as connected:
        yield connected
