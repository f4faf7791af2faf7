"""Tables and views by SQL: what people write in CREATE and ALTER, and what the models keep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from tests.unit.embedded.load_client import Client

from penstock.embedded.starrocks.server import EmbeddedStarRocks

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(password="secret") as made:
        yield made


@pytest.fixture
def ask(server: EmbeddedStarRocks) -> Iterator[Ask]:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="secret"
    )
    cursor = connection.cursor()

    def run(statement: str) -> list[tuple[Any, ...]]:
        cursor.execute(statement)
        return list(cursor.fetchall())

    run("CREATE DATABASE d")
    run("USE d")
    yield run
    connection.close()


def refused(ask: Ask, statement: str) -> str:
    with pytest.raises(pymysql.MySQLError) as caught:
        ask(statement)
    return str(caught.value.args[1])


def test_the_four_models(server: EmbeddedStarRocks, ask: Ask) -> None:
    columns = "k INT NOT NULL, v INT {0} DEFAULT '0'"
    for model, function in (
        ("DUPLICATE", ""),
        ("UNIQUE", ""),
        ("PRIMARY", ""),
        ("AGGREGATE", "SUM"),
    ):
        ask(
            f"CREATE TABLE {model.lower()} ({columns.format(function)}) ENGINE=OLAP"
            f" {model} KEY (k) COMMENT 'x' DISTRIBUTED BY HASH(k) BUCKETS 2"
            ' PROPERTIES ("replication_num" = "1", "compression" = "ZSTD")'
        )
        Client(server).stream(model.lower(), "1\t1\n1\t2\n2\t5\n")
        ask(f"INSERT INTO {model.lower()} VALUES (1, 10)")
    assert ask("SELECT * FROM duplicate ORDER BY k, v") == [(1, 1), (1, 2), (1, 10), (2, 5)]
    assert ask("SELECT * FROM `unique` ORDER BY k") == [(1, 10), (2, 5)]
    assert ask("SELECT * FROM `primary` ORDER BY k") == [(1, 10), (2, 5)]
    assert ask("SELECT * FROM aggregate ORDER BY k") == [(1, 13), (2, 5)]
    models = ask("SELECT TABLE_NAME, TABLE_MODEL FROM information_schema.tables_config ORDER BY 1")
    assert models == [
        ("aggregate", "AGG_KEYS"), ("duplicate", "DUP_KEYS"), ("primary", "PRI_KEYS"),
        ("unique", "UNQ_KEYS"),
    ]  # fmt: skip


def test_what_aggregates_keep(server: EmbeddedStarRocks, ask: Ask) -> None:
    ask(
        "CREATE TABLE t (k INT, s BIGINT SUM, lo INT MIN, hi INT MAX, r VARCHAR(9) REPLACE,"
        " n VARCHAR(9) REPLACE_IF_NOT_NULL) AGGREGATE KEY (k) DISTRIBUTED BY HASH(k)"
    )
    Client(server).stream("t", "1\t1\t5\t5\ta\ta\n1\t2\t3\t9\t\\N\t\\N\n")
    ask("INSERT INTO t VALUES (1, 4, 7, 7, 'c', NULL)")
    assert ask("SELECT * FROM t") == [(1, 7, 3, 9, "c", "a")]


def test_generated_and_automatic_columns(server: EmbeddedStarRocks, ask: Ask) -> None:
    ask(
        "CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT, name VARCHAR(20) DEFAULT 'none',"
        " n INT, twice INT AS (n * 2), big VARCHAR(30) AS upper(name) COMMENT 'x')"
        " PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"
    )
    ask("INSERT INTO t (name, n) VALUES ('a', 1), ('b', 2)")
    ask("INSERT INTO t (n) VALUES (3)")
    answer = Client(server).stream("t", "c\t4\n", columns="name, n")
    assert answer["Status"] == "Success", answer
    found = ask("SELECT * FROM t ORDER BY n")
    assert [row[1:] for row in found] == [
        ("a", 1, 2, "A"), ("b", 2, 4, "B"), ("none", 3, 6, "NONE"), ("c", 4, 8, "C"),
    ]  # fmt: skip
    assert len({row[0] for row in found}) == 4
    ask("UPDATE t SET n = 10 WHERE name = 'a'")
    assert ask("SELECT twice FROM t WHERE name = 'a'") == [(20,)]
    partial = Client(server).stream(
        "t", f"{found[1][0]}\tnew\n", columns="id, name", partial_update="true"
    )
    assert partial["Status"] == "Success", partial
    assert ask("SELECT n, twice, big FROM t WHERE name = 'new'") == [(2, 4, "NEW")]
    assert "can not be specified" in refused(ask, "INSERT INTO t (name, twice) VALUES ('x', 1)")
    assert "`twice` int(11) NULL AS (n * 2)" in ask("SHOW CREATE TABLE t")[0][1]
    assert "must be BIGINT" in refused(
        ask,
        "CREATE TABLE x (id INT AUTO_INCREMENT) DUPLICATE KEY (id) DISTRIBUTED BY HASH(id)",
    )


def test_create_like_and_as(ask: Ask) -> None:
    ask(
        "CREATE TABLE a (k INT NOT NULL, x DECIMAL(10,2), ts DATETIME) PRIMARY KEY (k)"
        " DISTRIBUTED BY HASH(k) BUCKETS 3"
    )
    ask("INSERT INTO a VALUES (1, 1.5, '2024-01-01 00:00:00'), (2, 2.5, NULL)")
    ask("CREATE TABLE b LIKE a")
    assert ask("SELECT * FROM b") == []
    assert ask("SHOW CREATE TABLE b")[0][1] == ask("SHOW CREATE TABLE a")[0][1].replace(
        "`a`", "`b`"
    )
    ask("CREATE TABLE c AS SELECT k, x * 2 AS y, concat('n', k) AS s, ts FROM a")
    assert ask("SELECT k, y, s FROM c ORDER BY k") == [(1, 3, "n1"), (2, 5, "n2")]
    assert [row[1] for row in ask("DESC c")][2:] == ["varchar(65533)", "datetime"]
    ask(
        "CREATE TABLE e (id, total) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) BUCKETS 2"
        " PROPERTIES ('replication_num' = '1') AS SELECT k, x FROM a WHERE k > 1"
    )
    assert ask("SELECT id, total FROM e") == [(2, 2.5)]


def test_alter(ask: Ask) -> None:
    ask("CREATE TABLE t (k INT, v INT) DUPLICATE KEY (k) DISTRIBUTED BY HASH(k)")
    ask("INSERT INTO t VALUES (1, 2)")
    ask("ALTER TABLE t ADD COLUMN a VARCHAR(10) DEFAULT 'x' AFTER k, ADD COLUMN b INT")
    assert ask("SELECT * FROM t") == [(1, "x", 2, None)]
    ask("ALTER TABLE t MODIFY COLUMN v BIGINT")
    ask("ALTER TABLE t RENAME COLUMN v TO w")
    ask("ALTER TABLE t DROP COLUMN b")
    assert [(row[0], row[1]) for row in ask("DESC t")] == [
        ("k", "int(11)"), ("a", "varchar(10)"), ("w", "bigint(20)"),
    ]  # fmt: skip
    ask("ALTER TABLE t COMMENT = 'mine'")
    ask("ALTER TABLE t SET ('replication_num' = '1')")
    ask("ALTER TABLE t RENAME u")
    ask("CREATE TABLE t (z INT) DUPLICATE KEY (z) DISTRIBUTED BY HASH(z)")
    ask("ALTER TABLE t SWAP WITH u")
    assert ask("SELECT k, w FROM t") == [(1, 2)]
    assert ask("SELECT z FROM u") == []
    ask("INSERT INTO t VALUES (2, 'y', 3)")
    assert ask("SHOW TABLES") == [("t",), ("u",)]
    states = ask("SHOW ALTER TABLE COLUMN FROM d ORDER BY JobId DESC LIMIT 1")
    assert states[0][9] == "FINISHED"
    for statement, text in (
        ("ALTER TABLE t DROP COLUMN k", "Can not drop key column"),
        ("ALTER TABLE t DROP COLUMN q", "Column does not exist"),
        ("ALTER TABLE t ADD COLUMN a INT", "Can not add column which already exists"),
        ("ALTER TABLE nope ADD COLUMN a INT", "Unknown table 'd.nope'"),
        ("ALTER TABLE t COMPACT", "not supported by the embedded server"),
    ):
        assert text in refused(ask, statement)


def test_views(server: EmbeddedStarRocks, ask: Ask) -> None:
    ask("CREATE TABLE t (k INT, v INT) DUPLICATE KEY (k) DISTRIBUTED BY HASH(k)")
    ask("INSERT INTO t VALUES (1, 2), (2, 4)")
    ask("CREATE VIEW w (key_, double_) COMMENT 'c' AS SELECT k, v * 2 FROM t WHERE k > 1")
    assert ask("SELECT * FROM w") == [(2, 8)]
    assert ask("SELECT a.key_ FROM d.w a JOIN t ON a.key_ = t.k") == [(2,)]
    ask(
        "CREATE OR REPLACE VIEW w AS SELECT date_format('2024-01-02', '%Y') AS y, count(*) AS n FROM t"
    )
    assert ask("SELECT * FROM w") == [("2024", 2)]
    ask("ALTER VIEW w AS SELECT k FROM t")
    ask("INSERT INTO t VALUES (3, 6)")
    assert ask("SELECT count(*) FROM w") == [(3,)]
    assert ask("SHOW FULL TABLES") == [("t", "BASE TABLE"), ("w", "VIEW")]
    assert ask("DESC w") == [("k", "int(11)", "YES", "false", None, "")]
    assert ask("SELECT TABLE_NAME FROM information_schema.views") == [("w",)]
    assert ask("SHOW CREATE VIEW w")[0][1] == "CREATE VIEW `w` AS SELECT k FROM t;"
    assert "already exists" in refused(ask, "CREATE VIEW w AS SELECT 1 AS one")
    assert "already exists" in refused(ask, "CREATE TABLE w (a INT) DISTRIBUTED BY HASH(a)")
    assert "no_such" in refused(ask, "CREATE VIEW x AS SELECT no_such FROM t")
    ask("DROP VIEW w")
    ask("DROP VIEW IF EXISTS w")
    assert "Unknown table 'd.w'" in refused(ask, "SELECT * FROM w")


def test_views_and_counters_are_there_after_a_restart(tmp_path: Any) -> None:
    def connect(server: EmbeddedStarRocks) -> Any:
        return pymysql.connect(host="127.0.0.1", port=server.query_port, user="root").cursor()

    with EmbeddedStarRocks(tmp_path) as server:
        cursor = connect(server)
        cursor.execute("CREATE DATABASE d")
        cursor.execute("USE d")
        cursor.execute(
            "CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT, v INT, w INT AS (v + 1))"
            " PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"
        )
        cursor.execute("INSERT INTO t (v) VALUES (1), (2)")
        cursor.execute("CREATE VIEW x AS SELECT w FROM t")
    with EmbeddedStarRocks(tmp_path) as server:
        cursor = connect(server)
        cursor.execute("USE d")
        cursor.execute("INSERT INTO t (v) VALUES (3)")
        cursor.execute("SELECT w FROM x ORDER BY w")
        assert list(cursor.fetchall()) == [(2,), (3,), (4,)]


def test_overwrite_truncate_and_drop(ask: Ask) -> None:
    ask("CREATE TABLE IF NOT EXISTS t (k INT, v INT) DUPLICATE KEY (k) DISTRIBUTED BY HASH(k)")
    ask("INSERT INTO t VALUES (1, 2)")
    ask("INSERT OVERWRITE t SELECT 5, 6")
    assert ask("SELECT * FROM t") == [(5, 6)]
    ask("TRUNCATE TABLE t")
    assert ask("SELECT * FROM t") == []
    assert "Table 't' already exists" in refused(
        ask, "CREATE TABLE t (k INT) DUPLICATE KEY (k) DISTRIBUTED BY HASH(k)"
    )
    ask("DROP TABLE t FORCE")
    ask("DROP TABLE IF EXISTS t")
    assert "Unknown table 'd.t'" in refused(ask, "DROP TABLE t")
    ask("DROP DATABASE d")
    assert "Unknown database 'd'" in refused(ask, "SELECT * FROM d.t")


@pytest.mark.parametrize("statement", ["DROP TABLE d.t", "DROP DATABASE d FORCE"])
def test_who_drops_a_table_waits_for_its_writer_without_the_stores_lock(
    server: EmbeddedStarRocks, ask: Ask, statement: str
) -> None:
    """Publishing takes the writer's lock, then the store's: the other way round both would wait."""
    ask("CREATE TABLE t (k INT) PRIMARY KEY (k) DISTRIBUTED BY HASH(k)")
    store = server.store
    with store.writer(store.table("d", "t")):
        dropping = threading.Thread(target=ask, args=(statement,))
        dropping.start()
        dropping.join(0.3)
        assert dropping.is_alive()
        assert store.lock.acquire(timeout=5)
        store.lock.release()
    dropping.join(10)
    assert not store.has_table("d", "t")
