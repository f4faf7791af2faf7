"""A port that accepts and says nothing: another protocol's, most often."""

from __future__ import annotations

import socket

import pytest

from penstock.clients import mysql_login
from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.errors import ConnectorError


def test_a_server_that_does_not_greet_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_login, "GREETING_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        endpoint = MySqlEndpoint("127.0.0.1", port, read_timeout_ms=600_000)
        with pytest.raises(ConnectorError) as met:
            MySqlConnection.open(endpoint)
    assert met.value.retryable
    assert f"127.0.0.1:{port} accepted the connection but sent no MySQL greeting within 1 s" in str(
        met.value
    )
