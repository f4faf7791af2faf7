"""Fixtures for pytest: put `pytest_plugins = ["penstock.testing.plugin"]` into `conftest.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from penstock.testing.starrocks_server import starrocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.testing.starrocks_server import StarRocksServer


@pytest.fixture(scope="session")
def starrocks_server() -> Iterator[StarRocksServer]:
    """An embedded StarRocks for the whole session; what a test leaves in it stays."""
    with starrocks() as server:
        yield server


@pytest.fixture
def empty_starrocks(starrocks_server: StarRocksServer) -> StarRocksServer:
    """The session's embedded StarRocks, as it was when it started."""
    starrocks_server.reset()
    return starrocks_server
