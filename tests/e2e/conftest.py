"""Real MySQL-protocol servers, each started once for all tests of a process that want it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from penstock.clients.mysql import MySqlConnection
from penstock.testing import mysql_servers
from penstock.testing.fetch_servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penstock.testing.mysql_servers import MySqlServer

    Fleet = Callable[[str], MySqlServer]


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server by its name."""
    running: dict[str, MySqlServer] = {}
    with contextlib.ExitStack() as stack:

        def get(name: str) -> MySqlServer:
            if name not in running:
                if name not in mysql_servers.available():
                    pytest.fail(f"no {name} server here: make test-servers")
                folder = tmp_path_factory.mktemp("servers") / name
                running[name] = stack.enter_context(mysql_servers.start(name, folder))
                session = MySqlConnection.open(running[name].endpoint)
                session.query("CREATE DATABASE shop")
                session.close()
            return running[name]

        yield get


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, fleet: Fleet) -> MySqlServer:
    """Each of the servers in turn; it has an empty database `shop` at first."""
    return fleet(str(request.param))
