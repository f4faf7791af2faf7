"""Catalogs over a real MariaDB and the embedded StarRocks."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.cli import demo_shop
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import (
    ConnectorError,
    PenstockError,
    UnsupportedFeatureError,
    ValidationError,
)
from penstock.session import Session
from penstock.testing.mysql_servers import available, start_mariadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLES = [table.name for table in demo_shop.TABLES]


class Ends:
    """Both servers, a cursor of each, and the catalogs over them."""

    def __init__(self, mysql_port: int, starrocks: EmbeddedStarRocks) -> None:
        self.source = cursor(mysql_port)
        self.target = cursor(starrocks.query_port)
        self.catalogs = (
            "CREATE CATALOG my WITH ('type'='mysql', 'hostname'='127.0.0.1',"
            f" 'port'='{mysql_port}', 'username'='root', 'password'='',"
            " 'server-time-zone'='UTC');\n"
            "CREATE CATALOG sr WITH ('type'='starrocks',"
            f" 'jdbc-url'='jdbc:mysql://127.0.0.1:{starrocks.query_port}',"
            f" 'http-url'='127.0.0.1:{starrocks.fe_http_port}', 'username'='root',"
            " 'password'='', 'sink.buffer-flush.interval-ms'='1000');\n"
        )

    def session(self) -> Session:
        session = Session()
        rows(session, self.catalogs)
        return session


def cursor(port: int) -> Any:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="root", charset="utf8mb4", autocommit=True
    ).cursor()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    if "mariadb" not in available():
        pytest.fail("no MariaDB server here: make test-servers")
    starrocks = EmbeddedStarRocks(fe_http_port=0, be_http_port=0, query_port=0)
    starrocks.start()
    with start_mariadb(tmp_path_factory.mktemp("mariadb")) as mysql:
        found = Ends(mysql.endpoint.port, starrocks)
        yield found
        found.source.connection.close()
        found.target.connection.close()
    starrocks.stop()


@pytest.fixture
def fresh(ends: Ends) -> Ends:
    """The servers, with the five-table shop in MySQL and no `shop` in StarRocks."""
    demo_shop.create_source(ends.source, 300)
    ends.target.execute("DROP DATABASE IF EXISTS shop")
    return ends


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for result in session.execute_script(text):
        found = list(result.rows)
    return found


def content(at: Any, query: str) -> set[str]:
    at.execute(query)
    return {repr(row) for row in at.fetchall()}


def equal(ends: Ends, tables: list[str]) -> bool:
    try:
        return all(
            content(ends.source, f"SELECT * FROM shop.`{name}`")
            == content(ends.target, f"SELECT * FROM shop.`{name}`")
            for name in tables
        )
    except pymysql.Error:
        return False  # not yet created


def penstock(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=90, check=False)


def run_until(script: Path, done: Callable[[], bool]) -> str:
    """Run a script until something is so, then Ctrl-C; what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", "run", str(script)],
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    try:
        while not done():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    return err


def test_a_whole_database_is_copied_without_one_declaration(tmp_path: Path, fresh: Ends) -> None:
    fresh.target.execute("CREATE DATABASE shop")
    for table in demo_shop.TABLES:
        columns = table.columns.replace("{micros}", "")
        fresh.target.execute(
            f"CREATE TABLE shop.`{table.name}` ({columns}) PRIMARY KEY ({table.key})"
            f" DISTRIBUTED BY HASH ({table.key.split(',')[0]})"
        )
    inserts = "".join(
        f"INSERT INTO sr.shop.`{name}` SELECT * FROM my.shop.`{name}`;\n" for name in TABLES
    )
    script = tmp_path / "copy.sql"
    script.write_text(f"{fresh.catalogs}EXECUTE STATEMENT SET BEGIN\n{inserts}END;")
    changed = False

    def done() -> bool:
        nonlocal changed
        if not equal(fresh, TABLES):
            return False
        if not changed:
            changed = True
            fresh.source.execute("DELETE FROM shop.customers WHERE id < 9")
            fresh.source.execute("UPDATE shop.`商品` SET `编号` = `编号` + 1000 WHERE `编号` < 5")
            return False
        return True

    run_until(script, done)
    assert changed


def test_created_tables_are_gone_on_with_after_a_stop(tmp_path: Path, fresh: Ends) -> None:
    statements = "".join(
        f"CREATE TABLE sr.shop.`{name}` AS SELECT * FROM my.shop.`{name}`;\n" for name in TABLES
    )
    script = tmp_path / "create.sql"
    script.write_text(f"{fresh.catalogs}CREATE DATABASE IF NOT EXISTS sr.shop;\n{statements}")

    checked = penstock("check", str(script), cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("note[table-created]") == len(TABLES)
    assert not content(fresh.target, "SHOW DATABASES LIKE 'shop'")

    told = run_until(script, lambda: equal(fresh, TABLES))
    assert "'sr.shop.order_items' was created: primary key (order_id, line) is that of" in told
    fresh.source.execute("UPDATE shop.customers SET name = 'else' WHERE id > 50")
    again = run_until(script, lambda: equal(fresh, TABLES))
    assert "Resuming after epoch" in again
    assert "'sr.shop.orders' exists and has the query's columns" in again

    anew = penstock("run", str(script), "--fresh", cwd=tmp_path)
    assert anew.returncode == 1
    assert "table or view 'sr.shop.customers' already exists" in anew.stderr
    assert "IF NOT EXISTS" in anew.stderr


def test_a_table_that_differs_is_refused_column_by_column(fresh: Ends) -> None:
    fresh.target.execute("CREATE DATABASE shop")
    fresh.target.execute(
        "CREATE TABLE shop.customers (city VARCHAR(10) NOT NULL, id BIGINT NOT NULL,"
        " name VARCHAR(400), credit DECIMAL(12, 2), stamp BIGINT, extra INT NOT NULL)"
        " PRIMARY KEY (city) DISTRIBUTED BY HASH (city)"
    )
    session = fresh.session()
    text = "CREATE TABLE IF NOT EXISTS sr.shop.customers AS SELECT * FROM my.shop.customers"
    with pytest.raises(ValidationError) as caught:
        list(session.explain_script(text))
    assert caught.value.message == "table 'sr.shop.customers' exists and differs from the query"
    assert caught.value.detail.splitlines() == [
        "id: bigint(20) in StarRocks, INT in the query",
        "city: varchar(10) in StarRocks, VARCHAR(400) in the query",
        "city: NOT NULL in StarRocks, may be NULL in the query",
        "created_at: does not exist in StarRocks, DATETIME in the query",
        "extra: is NOT NULL in StarRocks and gets no value",
        "primary key: (city) in StarRocks, (id) in the query",
    ]


def test_types_of_mysql_become_flinks(ends: Ends) -> None:
    ends.source.execute("DROP DATABASE IF EXISTS kinds")
    ends.source.execute("CREATE DATABASE kinds")
    ends.source.execute(
        "CREATE TABLE kinds.`all` (id BIGINT UNSIGNED, `a,b` INT COMMENT 'it''s', t1 BOOL,"
        " t2 TINYINT UNSIGNED, t3 TINYINT, si SMALLINT UNSIGNED, m MEDIUMINT UNSIGNED,"
        " i INT UNSIGNED, d DECIMAL(10, 2), d2 DECIMAL(50, 2), b1 BIT, b9 BIT(9), tm TIME(3),"
        " dt DATETIME(6), ts TIMESTAMP NULL, ch CHAR(3), vc VARCHAR(20) CHARACTER SET latin1,"
        " tx TEXT, e ENUM('a', 'b') NOT NULL, s SET('x', 'y'), j JSON, p POINT, g INET6, bi BINARY(4),"
        " vb VARBINARY(9), bl BLOB, y YEAR, f FLOAT, db DOUBLE, da DATE,"
        " PRIMARY KEY (`a,b`, id)) COMMENT 'what'"
    )
    found = rows(ends.session(), "DESCRIBE my.kinds.`all`")
    assert {row[0]: f"{row[1]}{'' if row[2] else ' NOT NULL'}" for row in found} == {
        "id": "DECIMAL(20, 0) NOT NULL",
        "a,b": "INT NOT NULL",
        "t1": "BOOLEAN",
        "t2": "SMALLINT",
        "t3": "TINYINT",
        "si": "INT",
        "m": "INT",
        "i": "BIGINT",
        "d": "DECIMAL(10, 2)",
        "d2": "STRING",
        "b1": "BOOLEAN",
        "b9": "BINARY(2)",
        "tm": "TIME(3)",
        "dt": "TIMESTAMP(6)",
        "ts": "TIMESTAMP(0)",
        "ch": "CHAR(3)",
        "vc": "VARCHAR(20)",
        "tx": "STRING",
        "e": "STRING NOT NULL",
        "s": "ARRAY<STRING>",
        "j": "STRING",
        "p": "STRING",
        "g": "(none)",
        "bi": "BINARY(4)",
        "vb": "VARBINARY(9)",
        "bl": "BYTES",
        "y": "INT",
        "f": "FLOAT",
        "db": "DOUBLE",
        "da": "DATE",
    }
    assert found[0][3] == "PRI(a,b, id)"
    assert found[1][6] == "it's"
    text = rows(ends.session(), "SHOW CREATE TABLE my.kinds.`all`")[0][0]
    assert "-- `g` is left out: MySQL's type inet6 has no counterpart" in text
    assert "'password' = '******'" in text


def test_a_jdbc_catalog_shows_the_same_tables(fresh: Ends) -> None:
    session = fresh.session()
    port = fresh.source.connection.port
    rows(
        session,
        f"CREATE CATALOG j WITH ('type'='jdbc', 'base-url'='jdbc:mysql://127.0.0.1:{port}/',"
        " 'username'='root', 'password'='', 'default-database'='shop')",
    )
    assert rows(session, "USE CATALOG j; SHOW TABLES") == rows(session, "SHOW TABLES FROM my.shop")
    assert rows(session, "DESCRIBE orders") == rows(session, "DESCRIBE my.shop.orders")
    fresh.source.execute("CREATE TABLE shop.odd (id INT PRIMARY KEY, s SET('a'), p POINT)")
    shown = [row[1] for row in rows(session, "DESCRIBE odd")]
    assert shown == ["INT", "STRING", "(none)"]
    assert [row[1] for row in rows(session, "DESCRIBE my.shop.odd")][1:] == [
        "ARRAY<STRING>",
        "STRING",
    ]
    text = rows(session, "SHOW CREATE TABLE orders")[0][0]
    assert f"'url' = 'jdbc:mysql://127.0.0.1:{port}/shop'" in text


def test_a_column_without_type_is_refused_where_it_is_named(ends: Ends) -> None:
    ends.source.execute("DROP DATABASE IF EXISTS odd")
    ends.source.execute("CREATE DATABASE odd")
    ends.source.execute("CREATE TABLE odd.t (id INT PRIMARY KEY, g INET6)")
    session = ends.session()
    assert "TableSourceScan" in rows(session, "EXPLAIN SELECT id FROM my.odd.t")[0][0]
    for query in ("SELECT * FROM my.odd.t", "SELECT x.g FROM my.odd.t x"):
        with pytest.raises(ValidationError, match="column 'g' has no type in Flink SQL"):
            session.execute_script(f"EXPLAIN {query}").__next__()
    with pytest.raises(ValidationError, match="column 'g' has no type"):
        rows(session, "CREATE TABLE copy LIKE my.odd.t")


def test_names_are_compared_exactly_and_near_ones_proposed(ends: Ends) -> None:
    ends.source.execute("DROP DATABASE IF EXISTS `case`")
    ends.source.execute("CREATE DATABASE `case`")
    for name in ("T", "t", "a.b,c"):
        ends.source.execute(f"CREATE TABLE `case`.`{name}` (id INT PRIMARY KEY)")
    session = ends.session()
    assert rows(session, "SHOW TABLES FROM my.`case`") == [("T",), ("a.b,c",), ("t",)]
    ends.source.execute("CREATE VIEW `case`.v AS SELECT 1")
    text = rows(session, "SHOW CREATE TABLE my.`case`.T")[0][0]
    assert "'database-name' = 'case'" in text
    assert "'table-name' = '(?-i:T)'" in text
    with pytest.raises(ValidationError, match=r"'case\.v' is a view of MySQL"):
        rows(session, "SHOW CREATE TABLE my.`case`.v")
    assert (
        "'table-name' = 'a\\.b[,]c'" in rows(session, "SHOW CREATE TABLE my.`case`.`a.b,c`")[0][0]
    )
    with pytest.raises(ValidationError) as caught:
        rows(session, "DESCRIBE my.`case`.`a.b,d`")
    assert caught.value.hint == "Did you mean 'a.b,c'?"
    with pytest.raises(ValidationError) as caught:
        rows(session, "DESCRIBE my.casee.t")
    assert caught.value.hint == "Did you mean 'case'?"


def test_tables_are_created_and_dropped_in_starrocks(fresh: Ends) -> None:
    session = fresh.session()
    rows(
        session,
        "CREATE DATABASE sr.shop; USE sr.shop;"
        "CREATE TABLE t (v VARCHAR(10) COMMENT 'a \"q\" \\b', id DECIMAL(20, 0), d DATE,"
        " tm TIME(3), ts TIMESTAMP_LTZ(3), a ARRAY<STRING>, r ROW<x INT, y STRING>,"
        " bi BINARY(3), PRIMARY KEY (id, d) NOT ENFORCED) COMMENT 'it''s'"
        " DISTRIBUTED BY HASH(id) INTO 3 BUCKETS PARTITIONED BY (d)"
        " WITH ('sink.semantic'='at-least-once', 'table.properties.compression'='ZSTD')",
    )
    shown = {row[0]: row[1] for row in rows(session, "DESCRIBE t")}
    assert shown == {
        "id": "STRING",
        "d": "DATE",
        "v": "VARCHAR(40)",
        "tm": "VARCHAR(12)",
        "ts": "TIMESTAMP(6)",
        "a": "ARRAY<STRING>",
        "r": "ROW<`x` INT, `y` STRING>",
        "bi": "BYTES",
    }
    text = rows(session, "SHOW CREATE TABLE t")[0][0]
    assert "`v` VARCHAR(40) COMMENT 'a \"q\" \\b'" in text
    assert "'sink.semantic' = 'at-least-once'" in text
    fresh.target.execute("SHOW CREATE TABLE shop.t")
    assert "BUCKETS 3" in fresh.target.fetchone()[1]

    rows(session, "CREATE TABLE IF NOT EXISTS t (x INT); CREATE TABLE copy LIKE my.shop.orders")
    assert rows(session, "SHOW TABLES") == [("copy",), ("t",)]
    assert rows(session, "DESCRIBE copy")[0][:4] == ("id", "BIGINT", False, "PRI(id)")
    with pytest.raises(ValidationError, match="already exists"):
        rows(session, "CREATE TABLE t (x INT)")
    with pytest.raises(ValidationError, match="is not empty"):
        rows(session, "USE CATALOG default_catalog; DROP DATABASE sr.shop")
    for change in ("ADD x INT", "DROP v", "SET ('a'='b')"):
        with pytest.raises(UnsupportedFeatureError, match="ALTER TABLE in a catalog of type"):
            rows(session, f"ALTER TABLE sr.shop.t {change}")
    for missing in ("DROP TABLE sr.shop.x", "DROP DATABASE sr.x", "DESCRIBE sr.shop.x"):
        with pytest.raises(ValidationError, match=r"does not exist|not found"):
            rows(session, missing)
    rows(session, "DROP TABLE IF EXISTS sr.shop.x; DROP DATABASE IF EXISTS sr.x")
    with pytest.raises(ValidationError, match="already exists"):
        rows(session, "CREATE DATABASE sr.shop")
    (made,) = session.execute_script("CREATE DATABASE sr.noted COMMENT 'x'")
    assert made.messages == ("[INFO] the comment of database 'sr.noted' is not kept at its server",)
    rows(session, "DROP DATABASE sr.noted")
    rows(session, "DROP TABLE sr.shop.t")
    assert content(fresh.target, "SHOW TABLES FROM shop") == {"('copy',)"}
    rows(session, "DROP DATABASE sr.shop CASCADE")
    assert ("shop",) not in rows(session, "SHOW DATABASES FROM sr")


def test_what_others_change_is_seen_when_the_cache_ends(fresh: Ends) -> None:
    session = Session()
    rows(
        session,
        fresh.catalogs.replace("'type'='mysql'", "'type'='mysql', 'metadata.cache-ttl'='0'"),
    )
    before = rows(session, "SHOW TABLES FROM my.shop")
    assert rows(session, "SHOW DATABASES FROM sr LIKE 'shop'") == []
    fresh.source.execute("CREATE TABLE shop.extra (id INT PRIMARY KEY)")
    fresh.target.execute("CREATE DATABASE shop")
    try:
        assert rows(session, "SHOW TABLES FROM my.shop") == sorted([*before, ("extra",)])
        assert rows(session, "SHOW DATABASES FROM sr LIKE 'shop'") == []
    finally:
        fresh.source.execute("DROP TABLE shop.extra")


def test_a_server_that_does_not_answer_is_named(ends: Ends) -> None:
    session = ends.session()
    rows(
        session,
        "CREATE CATALOG off WITH ('type'='mysql', 'hostname'='127.0.0.1', 'port'='1',"
        " 'username'='u', 'password'='s3cret')",
    )
    with pytest.raises(ConnectorError) as caught:
        rows(session, "SHOW DATABASES FROM off")
    assert caught.value.endpoint == "u@127.0.0.1:1"
    assert "s3cret" not in caught.value.render()


def test_tables_of_starrocks_are_read_too(tmp_path: Path, fresh: Ends) -> None:
    fresh.target.execute("CREATE DATABASE shop")
    fresh.target.execute(
        "CREATE TABLE shop.e (id BIGINT NOT NULL, l LARGEINT, vc VARCHAR(77), dt DATETIME,"
        " a ARRAY<INT>, twice BIGINT AS (id + id)) PRIMARY KEY (id) DISTRIBUTED BY HASH (id)"
    )
    fresh.target.execute(
        "INSERT INTO shop.e (id, l, vc, dt, a) VALUES"
        " (1, 123456789012345678901234567890123456789, 'x', '2024-01-01 01:02:03.123456', [1, 2])"
    )
    fresh.target.execute(
        "CREATE TABLE shop.agg (id BIGINT NOT NULL, h HLL HLL_UNION) AGGREGATE KEY (id)"
        " DISTRIBUTED BY HASH (id)"
    )
    script = tmp_path / "read.sql"
    script.write_text(
        f"{fresh.catalogs}USE sr.shop;\nCREATE TABLE e2 AS SELECT * FROM e;\n"
        "INSERT INTO agg (id) SELECT twice FROM e;\nINSERT INTO e (id) SELECT 7;"
    )
    done = penstock("run", str(script), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    fresh.target.execute("SELECT l, vc, dt, a, twice FROM shop.e2 WHERE id = 1")
    assert repr(fresh.target.fetchone()) == (
        "('123456789012345678901234567890123456789', 'x',"
        " datetime.datetime(2024, 1, 1, 1, 2, 3, 123456), '[1,2]', 2)"
    )
    assert content(fresh.target, "SELECT id FROM shop.agg WHERE id = 2") == {"(2,)"}
    assert content(fresh.target, "SELECT twice FROM shop.e WHERE id = 7") == {"(14,)"}
    with pytest.raises(ValidationError, match="column 'h' has no type"):
        list(fresh.session().explain_script("INSERT INTO sr.shop.agg SELECT 1"))


def test_create_table_as_follows_flinks_rules(fresh: Ends) -> None:
    session = fresh.session()
    rows(session, "CREATE DATABASE sr.shop")

    def created(text: str) -> str:
        (job,) = session.explain_script(text)
        sink = next(end for end in job.ends if end["role"] == "sink")
        return str(sink["created"]["ddl"])

    query = "SELECT id, customer_id, amount FROM my.shop.orders"
    assert "(\n  `id` BIGINT NOT NULL,\n  `note` VARCHAR(1048576) NULL,\n  `customer_id` INT" in (
        created(f"CREATE TABLE sr.shop.a (note STRING) AS {query}")
    )
    assert "`amount` DOUBLE NULL" in created(f"CREATE TABLE sr.shop.a (amount DOUBLE) AS {query}")
    assert "`id` BIGINT NOT NULL,\n  `amount` DECIMAL(10, 2) NULL,\n  `customer_id`" in created(
        f"CREATE TABLE sr.shop.a (amount, id, customer_id) AS {query}"
    )
    text = rows(session, f"EXPLAIN CREATE TABLE sr.shop.a AS {query}")[0][0]
    assert "== Created Table ==\nCREATE TABLE `shop`.`a` (" in text
    assert "\n- primary key (id) is that of 'my.shop.orders'\n- buckets left" in text
    assert "PRIMARY KEY (`id`, `customer_id`)" in created(
        f"CREATE TABLE sr.shop.a (PRIMARY KEY (id, customer_id) NOT ENFORCED) AS {query}"
    )
    fresh.source.execute(
        "CREATE TABLE shop.texts (id INT PRIMARY KEY, a VARCHAR(10) CHARACTER SET utf8mb3,"
        " b VARCHAR(10) CHARACTER SET ascii, c VARCHAR(10) CHARACTER SET utf8mb4)"
    )
    query_of_texts = "SELECT id, b, a, c, UPPER(c) AS d FROM my.shop.texts"
    assert (
        "`b` VARCHAR(10) NULL,\n  `a` VARCHAR(30) NULL,\n  `c` VARCHAR(40) NULL,"
        "\n  `d` VARCHAR(40) NULL"
    ) in created(f"CREATE TABLE sr.shop.a AS {query_of_texts}")
    place = fresh.catalogs[fresh.catalogs.index("'jdbc-url'") :].split(", 'username'")[0]
    options = (
        f"'connector'='starrocks', {place.replace('http-url', 'load-url')}, 'username'='root',"
        " 'password'='', 'database-name'='shop', 'table-name'='b'"
    )
    assert "`shop`.`b` (\n  `id` BIGINT NOT NULL" in created(
        f"CREATE TABLE c WITH ({options}) AS {query}"
    )
    groups = "SELECT status, COUNT(*) AS orders FROM my.shop.orders"
    assert "PRIMARY KEY (`status`)" in created(
        f"CREATE TABLE sr.shop.a (PRIMARY KEY (status) NOT ENFORCED) AS {groups} GROUP BY status"
    )
    for text, message in (
        (f"CREATE TABLE sr.shop.a AS {groups} GROUP BY status", "doesn't support consuming"),
        (f"CREATE TEMPORARY TABLE a AS {query}", "does not support to create temporary table"),
        (f"CREATE OR REPLACE TABLE a AS {query}", "unsupported: REPLACE TABLE AS"),
        (f"CREATE TABLE sr.shop.a (id) AS {query}", "must match the number of columns"),
        (f"CREATE TABLE sr.shop.a (x, id, amount) AS {query}", "Column 'x' not found"),
        (
            "CREATE TABLE sr.shop.a AS SELECT amount FROM my.shop.orders",
            "doesn't support consuming",
        ),
    ):
        with pytest.raises(PenstockError, match=message):
            list(session.explain_script(text))
    assert rows(session, "SHOW TABLES FROM sr.shop") == []


def test_every_type_arrives_in_a_created_table(tmp_path: Path, ends: Ends) -> None:
    ends.source.execute("DROP DATABASE IF EXISTS types")
    ends.source.execute("CREATE DATABASE types CHARACTER SET utf8mb4")
    ends.target.execute("DROP DATABASE IF EXISTS types")
    ends.source.execute(
        "CREATE TABLE types.t (id BIGINT UNSIGNED, code CHAR(3), t1 BOOL, t2 TINYINT UNSIGNED,"
        " i INT UNSIGNED, d DECIMAL(10, 2), d2 DECIMAL(50, 2), b1 BIT, b9 BIT(9), tm TIME(3),"
        " dt DATETIME(6), ts TIMESTAMP(3) NULL, vc VARCHAR(4), tx TEXT, e ENUM('a', 'b'),"
        " s SET('x', 'y'), j JSON, p POINT, bi BINARY(4), bl BLOB, y YEAR, f FLOAT, db DOUBLE,"
        " da DATE, PRIMARY KEY (code, id))"
    )
    ends.source.execute("SET time_zone = '+00:00'")
    ends.source.execute(
        "INSERT INTO types.t VALUES (18446744073709551615, '中文é', 1, 255, 4294967295,"
        " 12345678.91, 123456789012345678901234567890123456789012345678.9, b'1', b'100000001',"
        " '23:59:58.125', '2024-02-29 01:02:03.123456', '2024-01-01 00:00:00.5', '😀😀😀😀',"
        " 'long', 'b', 'x,y', '{\"a\": [1, 2]}', POINT(1, 2), 'ab', x'00FF', 2024, 1.5, 2.5,"
        " '9999-12-31')"
    )
    ends.source.execute("INSERT INTO types.t (id, code) VALUES (0, '')")
    script = tmp_path / "types.sql"
    catalogs = ends.catalogs.replace(
        "'type'='mysql'", "'type'='mysql', 'scan.startup.mode'='snapshot'"
    )
    script.write_text(
        f"{catalogs}CREATE DATABASE sr.types; CREATE TABLE sr.types.t AS SELECT * FROM my.types.t;"
    )
    done = penstock("run", str(script), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ends.target.execute("SELECT * FROM types.t ORDER BY id DESC")
    full, empty = ends.target.fetchall()
    assert [repr(value) for value in full] == [
        "'中文é'",
        "'18446744073709551615'",
        "1",
        "255",
        "4294967295",
        "Decimal('12345678.91')",
        "'123456789012345678901234567890123456789012345678.90'",
        "1",
        "b'\\x01\\x01'",
        "'23:59:58.125'",
        "datetime.datetime(2024, 2, 29, 1, 2, 3, 123456)",
        "datetime.datetime(2024, 1, 1, 0, 0, 0, 500000)",
        "'😀😀😀😀'",
        "'long'",
        "'b'",
        '\'["x","y"]\'',
        "'{\"a\": [1, 2]}'",
        '\'{"coordinates":[1,2],"type":"Point","srid":0}\'',
        "b'ab\\x00\\x00'",
        "b'\\x00\\xff'",
        "2024",
        "1.5",
        "2.5",
        "datetime.date(9999, 12, 31)",
    ]
    assert empty[:2] == ("", "0")
    assert set(empty[2:]) == {None}
    ends.target.execute("SHOW CREATE TABLE types.t")
    made = ends.target.fetchone()[1]
    assert "PRIMARY KEY(`code`, `id`)" in made
    assert "`id` largeint(40) NOT NULL" in made
    assert "`tm` varchar(12) NULL" in made
