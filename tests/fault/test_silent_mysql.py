"""A MySQL server whose connections fall silent without being closed must not stall the job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.clients.mysql_binlog import current_position
from penstock.connectors.mysql_cdc.binlog_reader import BinlogReader
from penstock.errors import ConnectorError
from penstock.testing.mysql_servers import start_mariadb
from penstock.testing.tcp_proxy import TcpProxy


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[MySqlEndpoint]:
    with start_mariadb(tmp_path_factory.mktemp("mariadb") / "data") as running:
        yield running.endpoint


@pytest.fixture
def proxy(server: MySqlEndpoint) -> Iterator[TcpProxy]:
    with TcpProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def endpoint(server: MySqlEndpoint, proxy: TcpProxy) -> MySqlEndpoint:
    return replace(server, port=proxy.port, read_timeout_ms=1000)


def assert_lost(call: Any) -> None:
    started = time.monotonic()
    with pytest.raises(ConnectorError) as caught:
        call()
    assert caught.value.retryable
    assert time.monotonic() - started < 10


def test_a_question_is_given_up(endpoint: MySqlEndpoint, proxy: TcpProxy) -> None:
    connection = MySqlConnection.open(endpoint)
    assert connection.query("SELECT 1") == [(1,)]
    proxy.half_open()
    assert_lost(lambda: connection.query("SELECT 1"))
    again = MySqlConnection.open(endpoint)
    assert again.query("SELECT 2") == [(2,)]
    again.close()


def test_a_result_that_stops_coming_is_given_up(endpoint: MySqlEndpoint, proxy: TcpProxy) -> None:
    connection = MySqlConnection.open(endpoint)
    connection.query("SELECT 1")
    proxy.half_open()
    assert_lost(lambda: list(connection.stream_text("SELECT 1")))


def test_a_binlog_without_heartbeats_is_given_up(
    endpoint: MySqlEndpoint, proxy: TcpProxy, tmp_path: Path
) -> None:
    connection = MySqlConnection.open(endpoint)
    position, _ = current_position(connection)
    woken = threading.Event()
    reader = BinlogReader(
        endpoint, 5399, position, tmp_path, lambda *_: None, woken.set, silence_s=3.0
    )
    try:
        # Idle for longer than that: the heartbeats keep it.
        time.sleep(4)
        reader.read()
        proxy.half_open()

        def read_on() -> None:
            while True:
                reader.read()
                woken.wait(0.05)

        assert_lost(read_on)
    finally:
        reader.close()
