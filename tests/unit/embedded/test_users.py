"""Users: log-in over both protocols, privileges, and what a restart remembers."""

from __future__ import annotations

import base64
import http.client
import json
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

TABLE = "CREATE TABLE d.{0} (id INT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"


class As:
    """One user's connection."""

    def __init__(self, server: EmbeddedStarRocks, user: str = "root", password: str = "pw") -> None:
        self._server = server
        self._login = f"{user}:{password}"
        self._connection = pymysql.connect(
            host="127.0.0.1", port=server.query_port, user=user, password=password
        )
        self._cursor = self._connection.cursor()

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(statement)
        return list(self._cursor.fetchall())

    def refused(self, statement: str) -> int:
        with pytest.raises(pymysql.MySQLError) as caught:
            self._cursor.execute(statement)
        return int(caught.value.args[0])

    def load(self, table: str) -> tuple[int, Any]:
        """HTTP status and answer of a load sent straight to the backend."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.be_http_port)
        headers = {"Authorization": "Basic " + base64.b64encode(self._login.encode()).decode()}
        connection.request("PUT", f"/api/d/{table}/_stream_load", b"7\n", headers)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def close(self) -> None:
        self._connection.close()


def test_privileges(tmp_path: Path) -> None:
    with EmbeddedStarRocks(tmp_path, password="pw") as server:
        root = As(server)
        root.ask("CREATE DATABASE d")
        for name in ("a", "b"):
            root.ask(TABLE.format(name))
            root.ask(f"INSERT INTO d.{name} VALUES (1)")
        root.ask("CREATE USER 'ann'@'%' IDENTIFIED BY 'secret'")
        assert root.refused("CREATE USER ann IDENTIFIED BY 'x'") == 1396
        root.ask("GRANT SELECT, INSERT ON TABLE d.a TO USER 'ann'@'%'")
        root.ask("GRANT SELECT ON ALL TABLES IN DATABASE d TO USER ann")
        ann = As(server, "ann", "secret")
        assert ann.ask("SELECT * FROM d.a") == ann.ask("SELECT * FROM d.b") == [(1,)]
        ann.ask("INSERT INTO d.a VALUES (2)")
        for statement in (
            "INSERT INTO d.b VALUES (2)",
            "DELETE FROM d.a WHERE id = 1",
            "UPDATE d.a SET id = 1 WHERE id = 1",
            "TRUNCATE TABLE d.a",
            "DROP TABLE d.a",
            "ALTER TABLE d.a SET ('x' = 'y')",
            "CREATE DATABASE e",
            "CREATE USER bob",
            "GRANT SELECT ON d.b TO USER ann",
            "ADMIN SET FRONTEND CONFIG ('label_keep_max_num' = '1')",
            "UPDATE information_schema.be_configs SET value = 1 WHERE name = 'tablet_max_versions'",
        ):
            assert ann.refused(statement) == 5203, statement
        assert ann.load("a")[1]["Status"] == "Success"
        status, answer = ann.load("b")
        assert (status, answer["Status"]) == (200, "FAILED")
        assert "you need (at least one of) the INSERT privilege(s) on TABLE b" in answer["Message"]
        assert ann.ask("SHOW GRANTS") == [
            ("'ann'@'%'", "default_catalog", "GRANT SELECT ON TABLE d.a TO USER 'ann'@'%'"),
            ("'ann'@'%'", "default_catalog", "GRANT INSERT ON TABLE d.a TO USER 'ann'@'%'"),
            (
                "'ann'@'%'",
                "default_catalog",
                "GRANT SELECT ON ALL TABLES IN DATABASE d TO USER 'ann'@'%'",
            ),
        ]
        root.ask("REVOKE SELECT ON ALL TABLES IN DATABASE d FROM USER ann")
        assert ann.refused("SELECT * FROM d.b") == 5203
        ann.ask("SET PASSWORD = PASSWORD('new')")
        ann.close()
        root.close()
    assert b"secret" not in (tmp_path / "store.duckdb").read_bytes()
    with EmbeddedStarRocks(tmp_path, password="pw") as server:
        with pytest.raises(pymysql.OperationalError):
            As(server, "ann", "secret")
        ann = As(server, "ann", "new")
        assert ann.ask("SELECT * FROM d.a ORDER BY id") == [(1,), (2,), (7,)]
        root = As(server)
        root.ask("GRANT 'root' TO USER ann")
        ann.ask("INSERT INTO d.b VALUES (5)")
        root.ask("ALTER USER ann IDENTIFIED BY 'third'")
        root.ask("DROP USER 'ann'@'%'")
        assert [row[0] for row in root.ask("SHOW USERS")] == ["'root'@'%'"]
        with pytest.raises(pymysql.OperationalError):
            As(server, "ann", "third")
        ann.close()
        root.close()


def test_a_user_without_a_password() -> None:
    with EmbeddedStarRocks() as server:
        As(server, "root", "").close()
        with pytest.raises(pymysql.OperationalError):
            As(server, "root", "guess")
        with pytest.raises(pymysql.OperationalError):
            As(server, "nobody", "")
