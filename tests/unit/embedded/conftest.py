"""An embedded server with a few tables, and a client that speaks HTTP as loaders do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.unit.embedded.load_client import Client, make_tables

from penstock.embedded.starrocks.server import EmbeddedStarRocks


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    made = EmbeddedStarRocks(query_port=None, password="secret")
    make_tables(made.store)
    with made:
        yield made


@pytest.fixture
def client(server: EmbeddedStarRocks) -> Client:
    return Client(server)
