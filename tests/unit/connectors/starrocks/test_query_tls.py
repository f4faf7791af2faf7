"""The query port over TLS: who is trusted, and what is said where nobody is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.clients.certificates import self_signed
from tests.unit.connectors.starrocks.mysql_tls import MysqlTls

from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import TargetConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(server: EmbeddedStarRocks, certificate: Path) -> Iterator[MysqlTls]:
    with MysqlTls(certificate, (server.host, server.query_port or 0)) as made:
        yield made


def ask(tls: MysqlTls, host: str, mode: str, ca_file: str = "") -> None:
    """One query over a URL of that mode."""
    options = {
        "connector": "starrocks",
        "jdbc-url": f"jdbc:mysql://{host}:{tls.port}?sslMode={mode}",
        "load-url": "fe:8030",
        "database-name": "d",
        "table-name": "t",
        "username": "root",
        "password": "",
    }
    if ca_file:
        options["sink.ssl.ca-file"] = ca_file
    connection = TargetConnection(StarRocksOptions(options))
    try:
        assert connection.query("SELECT 1") == [(1,)]
        assert connection.query("SELECT repeat('x', 100000)") == [("x" * 100_000,)]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("mode", "host"),
    [("REQUIRED", "127.0.0.1"), ("VERIFY_CA", "127.0.0.1"), ("VERIFY_IDENTITY", "localhost")],
)
def test_queries_go_over_tls(tls: MysqlTls, certificate: Path, mode: str, host: str) -> None:
    ask(tls, host, mode, "" if mode == "REQUIRED" else str(certificate))
    assert tls.encrypted == 1


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_certificate_nobody_vouches_for_is_not_taken(tls: MysqlTls, mode: str) -> None:
    with pytest.raises(ConnectorError, match="could not connect") as caught:
        ask(tls, "localhost", mode)
    assert "self-signed certificate" in caught.value.detail


def test_a_certificate_for_another_host_is_not_taken(tls: MysqlTls, certificate: Path) -> None:
    with pytest.raises(ConnectorError, match="could not connect") as caught:
        ask(tls, "127.0.0.1", "VERIFY_IDENTITY", str(certificate))
    assert "not valid for '127.0.0.1'" in caught.value.detail
