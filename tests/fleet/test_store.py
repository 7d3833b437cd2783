"""The address of the fleet's database."""

from pathlib import Path

import pytest

from fourfold_tools.errors import Unsupported
from fourfold_tools.fleet.store import url_of


def test_without_an_address_it_is_a_file() -> None:
    assert url_of("", Path("/s/p-1.sqlite")) == "sqlite:////s/p-1.sqlite"


@pytest.mark.parametrize("prefix", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_of_postgresql_is_taken_in_each_of_its_spellings(prefix: str) -> None:
    assert url_of(f"{prefix}://u:p%40ss@db/x?sslmode=require", Path()) == (
        "postgresql+psycopg://u:p%40ss@db/x?sslmode=require"
    )


@pytest.mark.parametrize("address", ["mysql://db/x", "postgresql://u@db:five/x", "postgresql://u@db/x?nonsense=1"])
def test_another_address_is_refused_with_the_settings_name(address: str) -> None:
    with pytest.raises(Unsupported, match=r"fleet\.database: "):
        url_of(address, Path())
