"""What a check finds about a StarRocks cluster that the embedded server cannot be made to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from tests.unit.connectors.starrocks.fake_server import FakeStarRocks

from penstock.connectors.base import Finding, Severity
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.preflight import loading, privileges, version
from penstock.errors import ConnectorError

GIVEN = {
    "connector": "starrocks",
    "jdbc-url": "jdbc:mysql://fe:9030",
    "load-url": "127.0.0.1:1;127.0.0.1:2",
    "database-name": "shop",
    "table-name": "orders",
    "username": "loader",
    "password": "geheim",
}


class FakeConnection:
    """Answers by the start of the statement; refuses what it does not know."""

    def __init__(self, **answers: list[tuple[Any, ...]]) -> None:
        self._answers = answers

    def query(self, sql: str, args: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        for start, rows in self._answers.items():
            if start.replace("_", " ") in sql.replace("_", " "):
                return rows
        raise ConnectorError("could not query StarRocks", retryable=False, detail="Access denied.")


def found(findings: Iterable[Finding]) -> list[tuple[Severity, str]]:
    return [(f.severity, f.code) for f in findings]


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (["GRANT INSERT, SELECT ON TABLE shop.orders TO USER 'loader'@'%'"], []),
        (["GRANT ALL ON ALL TABLES IN ALL DATABASES TO USER 'loader'@'%'"], []),
        (["GRANT SELECT ON ALL TABLES IN DATABASE shop TO USER 'loader'@'%'"], ["INSERT"]),
        (["GRANT INSERT ON TABLE shop.others TO USER 'loader'@'%'"], ["INSERT", "SELECT"]),
        (["GRANT 'writers' TO USER 'loader'@'%'"], []),
        ([], ["INSERT", "SELECT"]),
    ],
)
def test_missing_privileges_are_named(grants: list[str], missing: list[str]) -> None:
    connection: Any = FakeConnection(
        SHOW_GRANTS=[("'loader'@'%'", None, grant) for grant in grants], be_tablets=[]
    )
    messages = [f.message for f in privileges.findings(connection, "shop", "orders", "loader")]
    assert messages == [f"the account lacks {name} on shop.orders" for name in missing]


def test_versions_that_cannot_be_read_are_a_note() -> None:
    grant = "GRANT INSERT, SELECT ON TABLE shop.orders TO USER 'loader'@'%'"
    connection: Any = FakeConnection(SHOW_GRANTS=[("", None, grant)])
    assert found(privileges.findings(connection, "shop", "orders", "loader")) == [
        (Severity.NOTE, "versions-hidden")
    ]


@pytest.mark.parametrize(
    ("text", "warned"),
    [("3.5.2-abcdef1", ["prepared_timeout"]), ("3.1.9-x", ["compression", "prepared_timeout"]),
     ("4.0.1-x", []), ("main-abcdef1", [])],
)  # fmt: skip
def test_an_old_server_does_not_know_every_option(text: str, warned: list[str]) -> None:
    properties = {
        "sink.properties.format": "json",
        "sink.properties.compression": "lz4_frame",
        "sink.properties.prepared_timeout": "60",
    }
    connection: Any = FakeConnection(current_version=[(text,)])
    options = StarRocksOptions(GIVEN | properties)
    note, *warnings = version.findings(connection, options)
    assert note.message == f"server is StarRocks {text}"
    assert [f.message.rpartition(".")[2].rstrip("'") for f in warnings] == warned


def test_addresses_that_do_not_answer_are_found_one_by_one() -> None:
    both = found(loading.findings(StarRocksOptions(GIVEN), wanted=True))
    assert both == [(Severity.ERROR, "http-connect-failed")] * 2
    fake = FakeStarRocks()
    fake.transactions = False
    try:
        options = StarRocksOptions(GIVEN | {"load-url": f"{fake.address};127.0.0.1:1"})
        plain, unreachable = loading.findings(options, wanted=True)
        unwanted = found(loading.findings(options, wanted=False))
    finally:
        fake.close()
    assert (plain.code, plain.place.rpartition("/")[2]) == ("no-transactions", fake.address)
    assert "at least once" in plain.cause
    assert (unreachable.severity, unreachable.code) == (
        Severity.WARNING,
        "load-address-unreachable",
    )
    assert unwanted == [(Severity.WARNING, "load-address-unreachable")]
