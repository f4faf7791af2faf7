"""Partitioned tables: which rows go where, and which partitions a load makes a version of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from tests.unit.embedded.load_client import Client

from penstock.embedded.starrocks.server import EmbeddedStarRocks


class Database:
    def __init__(self, server: EmbeddedStarRocks) -> None:
        self.http = Client(server)
        self._connection = pymysql.connect(
            host="127.0.0.1", port=server.query_port, user="root", password="secret"
        )
        self._cursor = self._connection.cursor()
        self.ask("CREATE DATABASE d")
        self.ask("USE d")

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(statement)
        return list(self._cursor.fetchall())

    def partitions(self, table: str = "t") -> dict[str, tuple[int, int]]:
        """Visible version and rows by partition name."""
        found = self.ask(
            "SELECT PARTITION_NAME, VISIBLE_VERSION, ROW_COUNT FROM information_schema.partitions_meta"
            f" WHERE TABLE_NAME = '{table}'"
        )
        return {name: (version, rows) for name, version, rows in found}

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def db() -> Iterator[Database]:
    with EmbeddedStarRocks(password="secret") as server:
        database = Database(server)
        yield database
        database.close()


def test_a_load_makes_a_version_only_of_the_partitions_it_touches(db: Database) -> None:
    db.ask(
        "CREATE TABLE t (dt DATE NOT NULL, id INT NOT NULL, v INT) PRIMARY KEY (dt, id)"
        ' PARTITION BY RANGE(dt) (PARTITION a VALUES LESS THAN ("2024-01-01"),'
        ' PARTITION b VALUES [("2024-01-01"), ("2024-02-01")),'
        ' START ("2024-02-01") END ("2024-02-03") EVERY (INTERVAL 1 DAY))'
        " DISTRIBUTED BY HASH(id) BUCKETS 3"
    )
    assert set(db.partitions()) == {"a", "b", "p20240201", "p20240202"}
    assert db.http.stream("t", "2023-05-05\t1\t1\n2024-01-31\t2\t2\n")["Status"] == "Success"
    assert db.http.stream("t", "2024-01-30\t3\t3\n")["Status"] == "Success"
    assert db.partitions() == {
        "a": (2, 1), "b": (3, 2), "p20240201": (1, 0), "p20240202": (1, 0),
    }  # fmt: skip
    tablets = db.ask("SHOW TABLET FROM t PARTITION (b)")
    assert len(tablets) == 3
    assert {row[17] for row in tablets} == {"3"}
    assert sum(int(row[12]) for row in tablets) == 2


def test_a_row_without_a_partition_is_filtered(db: Database) -> None:
    db.ask(
        "CREATE TABLE t (k INT, v INT) DUPLICATE KEY (k) PARTITION BY RANGE(k)"
        ' (PARTITION low VALUES LESS THAN ("10"), START ("10") END ("30") EVERY (10))'
        " DISTRIBUTED BY HASH(k) BUCKETS 1"
    )
    answer = db.http.stream("t", "1\t1\n35\t1\n\\N\t2\n12\t3\n", max_filter_ratio="0.5")
    assert (answer["NumberFilteredRows"], answer["NumberLoadedRows"]) == (1, 3)
    text = "Error: The row is out of partition ranges. Please add a new partition. Row: [35, 1]"
    assert db.http.error_log(answer).strip() == text
    assert db.partitions() == {"low": (2, 2), "p10": (2, 1), "p20": (1, 0)}
    with pytest.raises(pymysql.MySQLError, match="out of partition ranges"):
        db.ask("INSERT INTO t VALUES (99, 1)")
    db.ask('ALTER TABLE t ADD PARTITION high VALUES LESS THAN ("100")')
    db.ask("INSERT INTO t VALUES (99, 1)")
    assert db.partitions()["high"] == (2, 1)
    db.ask("TRUNCATE TABLE t PARTITION (high)")
    assert db.partitions()["high"] == (1, 0)
    db.ask("ALTER TABLE t DROP PARTITION low")
    assert db.ask("SELECT k FROM t ORDER BY k") == [(12,)]
    assert "low" not in db.partitions()


@pytest.mark.parametrize(
    ("every", "text"),
    [
        ('START ("1") END ("9") EVERY (0)', "must be greater than 0"),
        ('START ("1") END ("x") EVERY (1)', "Invalid batch partition"),
        ('START ("1") END ("99999") EVERY (1)', "should not exceed:4096"),
        ("PARTITION a VALUES LESS THAN", "Unexpected input"),
    ],
)
def test_clauses_that_are_refused(db: Database, every: str, text: str) -> None:
    statement = f"CREATE TABLE t (k INT) DUPLICATE KEY (k) PARTITION BY RANGE(k) ({every})"
    with pytest.raises(pymysql.MySQLError, match=text):
        db.ask(statement)


def test_partitions_appear_with_their_first_row(db: Database) -> None:
    db.ask(
        "CREATE TABLE t (ts DATETIME NOT NULL, id INT NOT NULL) PRIMARY KEY (ts, id)"
        " PARTITION BY date_trunc('month', ts) DISTRIBUTED BY HASH(id) BUCKETS 2"
    )
    assert db.partitions() == {}
    db.http.stream("t", "2024-01-31 10:00:00\t1\n2024-02-01 00:00:00\t2\n2024-02-28 01:01:01\t3\n")
    db.http.stream("t", "2024-02-02 00:00:00\t4\n")
    assert db.partitions() == {"p202401": (2, 1), "p202402": (3, 3)}
    shown = db.ask("SHOW PARTITIONS FROM t")
    assert [row[7] for row in shown] == [
        '[("2024-01-01 00:00:00"), ("2024-02-01 00:00:00"))',
        '[("2024-02-01 00:00:00"), ("2024-03-01 00:00:00"))',
    ]
    db.ask("ADMIN SET FRONTEND CONFIG ('max_automatic_partition_number' = '2')")
    with pytest.raises(pymysql.MySQLError, match="exceeded the maximum limit: 2"):
        db.ask("INSERT INTO t VALUES ('2025-01-01 00:00:00', 1)")


def test_dynamic_partitions_begin_today(db: Database) -> None:
    db.ask(
        "CREATE TABLE t (dt DATE NOT NULL, n INT) DUPLICATE KEY (dt) PARTITION BY RANGE(dt) ()"
        " DISTRIBUTED BY HASH(dt) PROPERTIES ('dynamic_partition.enable' = 'true',"
        " 'dynamic_partition.time_unit' = 'DAY', 'dynamic_partition.end' = '2',"
        " 'dynamic_partition.prefix' = 'd', 'dynamic_partition.start' = '-7')"
    )
    names = sorted(db.partitions())
    assert len(names) == 3
    assert all(len(name) == 9 and name.startswith("d20") for name in names)
    db.ask("INSERT INTO t SELECT curdate(), 1")
    assert db.partitions()[names[0]] == (2, 1)
    with pytest.raises(pymysql.MySQLError, match="out of partition ranges"):
        db.ask("INSERT INTO t VALUES ('2001-01-01', 1)")


def test_lists_declared_and_automatic(db: Database) -> None:
    db.ask(
        "CREATE TABLE t (city VARCHAR(20) NOT NULL, n INT) DUPLICATE KEY (city)"
        ' PARTITION BY LIST (city) (PARTITION east VALUES IN ("sh", "hz"), PARTITION south VALUES IN ("gz"))'
        " DISTRIBUTED BY RANDOM BUCKETS 1"
    )
    db.http.stream("t", "sh\t1\nhz\t2\n")
    assert db.partitions() == {"east": (2, 2), "south": (1, 0)}
    db.ask(
        "CREATE TABLE auto (city VARCHAR(20) NOT NULL, n INT NOT NULL) DUPLICATE KEY (city, n)"
        " PARTITION BY (city, n) DISTRIBUTED BY HASH(city) BUCKETS 1"
    )
    db.http.stream("auto", "sh\t1\nsh\t2\nsh\t1\n")
    assert db.partitions("auto") == {"psh_1": (2, 2), "psh_2": (2, 1)}
    again = db.ask("SHOW CREATE TABLE auto")[0][1]
    assert "PARTITION BY (`city`, `n`)" in again


def test_a_table_is_partitioned_after_a_restart(tmp_path: Any) -> None:
    with EmbeddedStarRocks(tmp_path, password="secret") as server:
        db = Database(server)
        db.ask(
            "CREATE TABLE t (dt DATE NOT NULL, id INT NOT NULL) PRIMARY KEY (dt, id)"
            " PARTITION BY date_trunc('day', dt) DISTRIBUTED BY HASH(id) BUCKETS 1"
        )
        db.http.stream("t", "2024-01-01\t1\n")
        db.http.stream("t", "2024-01-01\t2\n2024-01-02\t2\n")
        before = db.partitions()
        db.close()
    with EmbeddedStarRocks(tmp_path, password="secret") as server:
        db = Database.__new__(Database)
        db.http = Client(server)
        table = server.store.table("d", "t")
        versions = {
            p.name: server.store.versions.partition(table.table_id, p.partition_id).version
            for p in table.partitions
        }
        assert versions == {name: version for name, (version, _) in before.items()}
        assert server.store.versions.in_use(table.table_id) == 3
        assert db.http.stream("t", "2024-01-03\t2\n")["Status"] == "Success"
