"""Clauses and headers are heeded, or said to have no effect, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from tests.unit.embedded.load_client import Client, make_tables

from penstock.embedded.starrocks.server import EmbeddedStarRocks

LARGEST = str(2**127 - 1)
LEAST = str(-(2**127))


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(password="secret") as made:
        make_tables(made.store)
        yield made


@pytest.fixture
def client(server: EmbeddedStarRocks) -> Client:
    return Client(server)


@pytest.fixture
def sql(server: EmbeddedStarRocks) -> Iterator[Any]:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="secret", database="d"
    )
    cursor: Any = connection.cursor()

    def run(statement: str) -> list[Any]:
        cursor.execute(statement)
        return list(cursor.fetchall())

    yield run
    connection.close()


def refusal(sql: Any, statement: str) -> str:
    with pytest.raises(pymysql.MySQLError) as caught:
        sql(statement)
    return str(caught.value.args[1])


# ------------------------------------------------------------------------------------- no effect


@pytest.mark.parametrize(
    ("statement", "warning"),
    [
        ("CREATE TABLE n (id INT, b INT, INDEX i (b) USING BITMAP COMMENT 'x') DUPLICATE KEY (id)"
         " DISTRIBUTED BY HASH (id)", "INDEX i"),
        ("CREATE TABLE n (id INT, b INT) DUPLICATE KEY (id) DISTRIBUTED BY HASH (id)"
         " ROLLUP (r (id))", "ROLLUP (r (id))"),
        ("ALTER TABLE t ADD INDEX i (b) USING BITMAP", "INDEX i"),
        ("ALTER TABLE t DROP INDEX i", "INDEX i"),
        ("ALTER TABLE t ADD ROLLUP r (id, b)", "ROLLUP r"),
        ("CREATE INDEX i ON t (b)", "INDEX i"),
        ("DROP INDEX i ON d.t", "INDEX i"),
        ("CREATE DATABASE e PROPERTIES ('k' = 'v')", "property 'k' of a database"),
        ("INSERT INTO t PROPERTIES ('strict_mode' = 'false') VALUES (1, 'x', 2)",
         "property 'strict_mode' of INSERT"),
    ],
)  # fmt: skip
def test_a_clause_that_changes_no_answer_is_a_warning(
    sql: Any, statement: str, warning: str
) -> None:
    sql(statement)
    wanted = ("Warning", "1105", f"{warning} has no effect in the embedded server")
    assert sql("SHOW WARNINGS") == [wanted]
    sql("SELECT 1")
    assert sql("SHOW WARNINGS") == []


def test_a_property_that_nobody_knows_is_a_warning(sql: Any) -> None:
    sql("ALTER TABLE t SET ('replication_num' = '1', 'dynamic_partition.enable' = 'false')")
    assert sql("SHOW WARNINGS") == []
    sql("ALTER TABLE t SET ('replicaton_num' = '1')")
    assert sql("SHOW WARNINGS") == [("Warning", "1105", "Unknown property 'replicaton_num'")]
    sql("INSERT INTO t PROPERTIES ('strict_mode' = 'true') VALUES (1, 'x', 2)")
    assert sql("SHOW WARNINGS") == []


# --------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("ALTER TABLE t ORDER BY (b, id)", "ALTER TABLE t ORDER BY"),
        ("ALTER TABLE t DISTRIBUTED BY HASH (b)", "ALTER TABLE t DISTRIBUTED BY HASH"),
        ("ALTER TABLE t COMPACT", "ALTER TABLE t COMPACT"),
        ("ALTER TABLE d.t DROP PRIMARY KEY", "ALTER TABLE d"),
        ("ALTER SYSTEM ADD BACKEND 'x:1'", "ALTER SYSTEM ADD BACKEND"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW v"),
        ("CREATE EXTERNAL CATALOG c PROPERTIES ('type'='hive')", "CREATE EXTERNAL CATALOG c"),
        ("DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW v"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW"),
        ("ANALYZE TABLE t", "ANALYZE TABLE t"),
        ("LOAD LABEL l (DATA INFILE('x') INTO TABLE t)", "LOAD LABEL l"),
        ("ADMIN REPAIR TABLE t", "ADMIN REPAIR TABLE t"),
        ("ALTER TABLE t ADD COLUMN k INT KEY", "adding key column 'k'"),
    ],
)  # fmt: skip
def test_what_is_not_here_is_named(sql: Any, statement: str, named: str) -> None:
    text = refusal(sql, statement)
    assert named in text
    assert text.endswith("is not supported by the embedded server.")


def test_partitions_of_a_query_are_not_taken_for_an_alias(sql: Any) -> None:
    text = refusal(sql, "SELECT * FROM t PARTITION (p1)")
    assert "PARTITION of a table in a query is not supported" in text
    assert sql("SELECT sum(c) OVER (PARTITION BY id) FROM t") == []


def test_explain_says_what_it_is(sql: Any) -> None:
    assert "NOT STARROCKS' PLAN" in sql("EXPLAIN SELECT 1")[0][0]


def test_with_may_not_lead_past_the_versions(sql: Any) -> None:
    assert "only a query" in refusal(sql, "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 'a', 3")
    assert sql("SELECT COUNT(*) FROM t") == [(0,)]


# --------------------------------------------------------------------------------------- heeded


def test_columns_are_moved_and_commented(sql: Any) -> None:
    sql("INSERT INTO t VALUES (1, 'x', 2)")
    sql("ALTER TABLE t MODIFY COLUMN c BIGINT AFTER id")
    assert sql("SELECT * FROM t") == [(1, 2, "x")]
    sql("ALTER TABLE t MODIFY COLUMN b COMMENT 'of b'")
    assert [(row[0], row[-1]) for row in sql("SHOW FULL COLUMNS FROM t")] == [
        ("id", ""), ("c", ""), ("b", "of b"),
    ]  # fmt: skip
    assert "before key columns" in refusal(sql, "ALTER TABLE t MODIFY COLUMN b INT FIRST")
    assert "Can not move key" in refusal(sql, "ALTER TABLE t MODIFY COLUMN id BIGINT AFTER b")
    assert "Column does not exist: z" in refusal(sql, "ALTER TABLE t MODIFY COLUMN z INT")
    assert sql("SELECT * FROM t") == [(1, 2, "x")]


def test_key_beside_a_column(sql: Any) -> None:
    sql("CREATE TABLE k (a INT KEY, b INT KEY, c INT) DISTRIBUTED BY HASH (a)")
    assert "DUPLICATE KEY(`a`, `b`)" in sql("SHOW CREATE TABLE k")[0][1]


def test_an_insert_holds_its_label(sql: Any, client: Client) -> None:
    sql("INSERT INTO t WITH LABEL l VALUES (1, 'x', 2)")
    assert client.state("l") == "VISIBLE"
    assert "Label [l] has already been used" in refusal(
        sql, "INSERT INTO t WITH LABEL l VALUES (2, 'x', 2)"
    )
    taken = client.stream("t", "3\tx\t1\n", label="l")
    assert (taken["Status"], taken["ExistingJobStatus"]) == ("Label Already Exists", "FINISHED")
    assert sql("SELECT id FROM t") == [(1,)]
    loads = sql("SELECT LABEL, STATE, TYPE, SINK_ROWS FROM information_schema.loads")
    assert loads == [("l", "FINISHED", "INSERT", 1)]


def test_an_insert_that_is_refused_frees_its_label(
    server: EmbeddedStarRocks, sql: Any, client: Client
) -> None:
    server.configure("tablet_max_versions", 1)
    server.foreign_versions("d", "t", 3)
    assert "too many versions" in refusal(sql, "INSERT INTO t WITH LABEL l VALUES (1, 'x', 2)")
    assert client.state("l") == "ABORTED"
    server.configure("tablet_max_versions", 100)
    sql("INSERT INTO t WITH LABEL l VALUES (1, 'x', 2)")
    assert client.state("l") == "VISIBLE"


def test_a_partial_update_by_column_adds_no_rows(client: Client) -> None:
    client.stream("t", "1\tx\t1\n2\ty\t2\n")
    options = {"partial_update": "true", "columns": "id,c,__op"}
    body = "1\t10\t0\n2\t20\t1\n3\t30\t0\n"
    answer = client.stream("t", body, partial_update_mode="column", **options)
    assert (answer["Status"], answer["NumberLoadedRows"]) == ("Success", 3)
    assert client.rows() == [(1, "x", 10)]
    client.stream("t", body, partial_update_mode="row", **options)
    assert client.rows() == [(1, "x", 10), (3, None, 30)]


def test_largeint_has_all_of_its_128_bits(client: Client, sql: Any) -> None:
    sql("CREATE TABLE w (id LARGEINT NOT NULL, v LARGEINT) PRIMARY KEY (id)"
        " DISTRIBUTED BY HASH (id)")  # fmt: skip
    assert client.stream("w", f"{LARGEST}\t{LEAST}\n5\t{LARGEST}0\n")["Status"] == "Success"
    json = f'{{"id": "{LEAST}", "v": {LARGEST}}}'
    assert client.stream("w", json, format="json")["Status"] == "Success"
    assert sql("SELECT * FROM w ORDER BY id") == [
        (LEAST, LARGEST), ("5", None), (LARGEST, LEAST),
    ]  # fmt: skip
    client.stream("w", f"{LARGEST}\t7\n{LEAST}\t{LEAST}\n", merge_condition="v")
    client.stream("w", f"5\t1\n{LEAST}\t1\n", columns="id,v,__op=if(id=5,1,0)")
    assert sql("SELECT * FROM w ORDER BY id") == [(LEAST, "1"), (LARGEST, "7")]
    sql("CREATE TABLE a (id INT, s LARGEINT SUM) AGGREGATE KEY (id) DISTRIBUTED BY HASH (id)")
    assert client.stream("a", f"1\t{10**37}\n1\t{10**37}\n")["Status"] == "Success"
    assert sql("SELECT * FROM a") == [(1, str(2 * 10**37))]


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [("+05:30", "05:30"), ("-09:30", "14:30"), ("+8:00", "08:00"), ("Asia/Kolkata", "05:30")],
)
def test_zones_of_loads_and_sessions(client: Client, sql: Any, zone: str, wanted: str) -> None:
    columns = "id, b = date_format(from_unixtime(0), '%H:%i'), c"
    answer = client.stream(
        "t", "1\t1\n", columns=columns.replace("id,", "id, c,", 1)[:-3], timezone=zone
    )
    assert answer["Status"] == "Success", answer
    assert client.rows() == [(1, wanted, 1)]
    sql(f"SET time_zone = '{zone}'")
    assert sql("SELECT date_format(from_unixtime(0), '%H:%i')") == [(wanted,)]
    assert sql("SELECT unix_timestamp(from_unixtime(86400))") == [(86400,)]


def test_a_zone_that_is_none(client: Client, sql: Any) -> None:
    assert (
        "Invalid time zone: +15:00" in client.stream("t", "1\tx\t1\n", timezone="+15:00")["Message"]
    )
    assert "Unknown or incorrect time zone: 'Mars/X'" in refusal(sql, "SET time_zone = 'Mars/X'")
