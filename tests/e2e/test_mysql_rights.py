"""What an account of few rights, and a server without GTIDs, are enough for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.cdc_run import Run, Writer, fill, table_rows

from penstock.clients.mysql import MySqlConnection
from penstock.errors import ConnectorError
from penstock.testing import mysql_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

ACCOUNT = {"username": "few", "password": "Rights1!"}


@pytest.fixture
def session(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    opened.query("DROP USER IF EXISTS few@'%'")
    opened.query("CREATE USER few@'%' IDENTIFIED BY 'Rights1!'")
    yield opened
    opened.close()


def test_three_privileges_are_enough(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    session.query("GRANT SELECT ON shop.* TO few@'%'")
    session.query("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO few@'%'")
    fill(session, "rights", 1500)
    run = Run(server, tmp_path, "rights", given=ACCOUNT)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query("UPDATE shop.rights SET v = -1 WHERE id < 10")
    session.query("CREATE TABLE IF NOT EXISTS shop.unrelated (id INT PRIMARY KEY)")
    session.query("INSERT INTO shop.rights (id) VALUES (5000)")
    expected = table_rows(session, "rights")
    run.until(lambda: run.rows == expected)
    run.close()


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (["REPLICATION SLAVE, REPLICATION CLIENT ON *.*"], "SELECT"),
        (["SELECT ON shop.*", "REPLICATION SLAVE ON *.*"], "REPLICATION CLIENT"),
        (["SELECT ON shop.*", "REPLICATION CLIENT ON *.*"], "REPLICATION SLAVE"),
    ],
)
def test_a_missing_privilege_is_named(
    server: MySqlServer,
    session: MySqlConnection,
    tmp_path: Path,
    grants: list[str],
    missing: str,
) -> None:
    fill(session, "rights", 3)
    for grant in grants:
        session.query(f"GRANT {grant} TO few@'%'")

    def read() -> None:
        run = Run(server, tmp_path, "rights", given=ACCOUNT)
        try:
            session.query("INSERT INTO shop.rights (id) VALUES (77)")
            session.query("INSERT INTO shop.rights (id) VALUES (78)")
            run.until(lambda: len(run.log) > 5)
        finally:
            run.close()

    with pytest.raises(ConnectorError) as caught:
        read()
    assert not caught.value.retryable
    assert missing in caught.value.hint


def test_a_server_without_gtids_is_read_and_resumed(tmp_path: Path) -> None:
    """Binlogs without GTIDs and names of columns, as many clusters have them."""
    options = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
    with mysql_servers.start("mysql57", tmp_path / "server", options=options) as server:
        session = MySqlConnection.open(server.endpoint)
        session.query("CREATE DATABASE shop")
        fill(session, "orders", 2000)
        writer = Writer(server, "orders", 2000)
        writer.start()
        state: Any = None
        rows: dict[Any, tuple[Any, ...]] = {}
        try:
            for _ in range(4):
                run = Run(server, tmp_path / "job", "orders", state)
                run.rows = rows
                before = run.reader.progress()[0].rows_done
                run.until(
                    lambda run=run, before=before: run.reader.progress()[0].rows_done > before
                )
                state, rows = run.stop(), run.rows
        finally:
            writer.end()
        assert state["gtids"] == ""
        expected = table_rows(session, "orders")
        run = Run(server, tmp_path / "job", "orders", state)
        run.rows = rows
        run.until(lambda: run.rows == expected)
        run.close()
        session.close()
