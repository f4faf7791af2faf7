"""Clients that nobody here wrote, against the embedded StarRocks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
import sqlalchemy

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.testing.fetch_servers import fetch, servers_dir

SESSION = r"""
CREATE DATABASE shop;
USE shop;
CREATE TABLE t (id INT NOT NULL, name VARCHAR(20), ts DATETIME, x DECIMAL(10,2))
  PRIMARY KEY (id) DISTRIBUTED BY HASH(id);
INSERT INTO t VALUES (1, 'a', '2024-01-01 00:00:00', 1.5), (2, NULL, NULL, NULL);
SELECT * FROM t ORDER BY id;
DESC t;
SHOW TABLES;
STATUS
SHOW WARNINGS;
SELECT 1 FROM nowhere;
UPDATE t SET name = 'b' WHERE id = 2;
DELETE FROM t WHERE id = 1;
SELECT COUNT(*) AS n FROM t\G
"""

CHATTER = {
    "DBeaver": [
        "SET SESSION sql_mode='STRICT_TRANS_TABLES', NAMES utf8mb4",
        "SELECT DATABASE()",
        "SHOW PLUGINS",
        "SELECT @@GLOBAL.character_set_server,@@GLOBAL.collation_server",
        "SHOW ENGINES",
        "SHOW CHARSET",
        "SHOW COLLATION",
        "SHOW VARIABLES LIKE 'lower_case_%'",
        "SELECT * FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = 'information_schema'"
        " AND t.TABLE_NAME = 'CHECK_CONSTRAINTS'",
        "SHOW FULL TABLES FROM `d`",
        "SHOW TABLE STATUS FROM `d`",
        "SHOW FULL COLUMNS FROM `d`.`t`",
        "SHOW CREATE TABLE `d`.`t`",
        "SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='d' AND TABLE_NAME='t'"
        " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        "SELECT DISTINCT A.REFERENCED_TABLE_SCHEMA AS PKTABLE_CAT,A.REFERENCED_TABLE_NAME"
        " FROM information_schema.KEY_COLUMN_USAGE A WHERE A.TABLE_SCHEMA='d'",
        "SHOW TRIGGERS FROM `d`",
        "SHOW EVENTS FROM `d`",
        "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='d' ORDER BY ROUTINE_NAME",
        "SHOW GLOBAL STATUS",
        "SELECT @@session.tx_isolation",
        "SET autocommit=1",
        "SELECT x.* FROM d.t x LIMIT 0, 200",
        "EXPLAIN SELECT * FROM d.t",
    ],
    "Metabase": [
        "set autocommit=1, session_track_schema=1, sql_mode = concat(@@sql_mode,"
        "',STRICT_TRANS_TABLES')",
        "SELECT @@max_allowed_packet,@@system_time_zone,@@time_zone,@@auto_increment_increment",
        "SET @@session.time_zone = 'UTC'",
        "SELECT TRUE AS `_`",
        "SHOW GRANTS FOR CURRENT_USER()",
        "SELECT VERSION()",
        "SELECT @@GLOBAL.time_zone AS global_tz, @@system_time_zone AS system_tz",
        "SHOW DATABASES",
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'd'",
        "SELECT `d`.`t`.`id` AS `id`, SUM(`d`.`t`.`id`) AS `sum` FROM `d`.`t`"
        " GROUP BY `d`.`t`.`id` ORDER BY `d`.`t`.`id` ASC LIMIT 2000",
        "SELECT STR_TO_DATE(CONCAT(DATE_FORMAT(NOW(6), '%Y-%m'), '-01'), '%Y-%m-%d') AS `month`",
    ],
    "JDBC": [
        "/* mysql-connector-j-8.4.0 */SELECT  @@session.auto_increment_increment AS"
        " auto_increment_increment, @@character_set_client AS character_set_client",
        "SHOW WARNINGS",
        "SET character_set_results = NULL",
        "SET SESSION TRANSACTION READ WRITE",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SELECT @@session.transaction_read_only",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(password="pw") as made:
        yield made


def mariadb() -> tuple[str, dict[str, str]]:
    """The `mariadb` client and the environment it needs."""
    installed = shutil.which("mariadb")
    if installed is not None:
        return installed, dict(os.environ)
    root = fetch(servers_dir(), "mariadb")
    libraries = str(root / "usr/lib/x86_64-linux-gnu")
    return str(root / "usr/bin/mariadb"), {**os.environ, "LD_LIBRARY_PATH": libraries}


def test_the_mariadb_client(server: EmbeddedStarRocks) -> None:
    program, environment = mariadb()
    address = ["-h", "127.0.0.1", "-P", str(server.query_port), "-u", "root", "-ppw"]
    done = subprocess.run(
        [program, *address, "-vv", "--force", "--table"],
        input=SESSION, text=True, capture_output=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    out = done.stdout
    assert done.stderr.strip() == (
        "ERROR 5502 (42S02) at line 12: Getting analyzing error. Detail message: Unknown table"
        " 'shop.nowhere'."
    )
    assert "|    1 | a    | 2024-01-01 00:00:00 | 1.50 |" in out
    assert "|    2 | NULL | NULL                | NULL |" in out
    assert "Query OK, 2 rows affected" in out
    assert "'status':'VISIBLE'" in out
    assert "Current database:\tshop" in out
    assert out.rstrip().endswith("n: 1\n1 row in set\n\nBye")
    wrong = subprocess.run(
        [program, *address[:-1], "-pwrong", "-e", "SELECT 1"],
        text=True, capture_output=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert "ERROR 1045 (28000): Access denied for user 'root'@" in wrong.stderr


def mysql() -> list[str]:
    """The `mysql` client by its own loader and C library."""
    usr = fetch(servers_dir(), "mysql-client") / "usr"
    libraries = next((usr / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*.so.*"))
    program = [str(loader), "--library-path", str(libraries), str(usr / "bin" / "mysql")]
    # MySQL 9 has the plugin that StarRocks asks for in a file.
    return [*program, "--no-defaults", f"--plugin-dir={usr / 'lib' / 'mysql' / 'plugin'}"]


def test_the_mysql_client(server: EmbeddedStarRocks) -> None:
    address = ["-h", "127.0.0.1", "-P", str(server.query_port), "-u", "root", "-ppw"]
    done = subprocess.run(
        [*mysql(), *address, "--commands", "-vv", "--force", "--table"],
        input=SESSION.replace("shop", "bazaar"), text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    out = done.stdout
    assert "ERROR 5502 (42S02) at line 12: Getting analyzing error." in done.stderr
    assert "|    1 | a    | 2024-01-01 00:00:00 | 1.50 |" in out
    assert "Query OK, 2 rows affected" in out
    assert "Current database:\tbazaar" in out
    assert out.rstrip().endswith("n: 1\n1 row in set\n\nBye")


# mysqlclient has its own process, for a package built outside of this environment.
MYSQLCLIENT = r"""
import datetime, decimal, sys
import MySQLdb
db = MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root", password="pw",
                     charset="utf8mb4", autocommit=True)
cursor = db.cursor()
cursor.execute("CREATE DATABASE c")
cursor.execute("USE c")
cursor.execute("CREATE TABLE t (id INT NOT NULL, s VARCHAR(50), x DECIMAL(10,2), ts DATETIME)"
               " PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
rows = [(1, "O'Neil %s \\\\ 1", decimal.Decimal("1.50"), datetime.datetime(2024, 1, 2, 3, 4, 5)),
        (2, None, None, None)]
print(cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)", rows))
cursor.execute("SELECT * FROM t ORDER BY id")
print(cursor.fetchall() == tuple(rows), [d[0] for d in cursor.description])
print(cursor.execute("UPDATE t SET s = %s WHERE id = %s", ("neu", 2)), db.get_server_info())
streamed = db.cursor(MySQLdb.cursors.SSCursor)
streamed.execute("SELECT id FROM t ORDER BY id")
print(streamed.fetchall())
streamed.close()
try:
    cursor.execute("SELECT * FROM nothing")
except MySQLdb.Error as error:
    print(error.args[0])
db.ping()
db.close()
"""


def test_mysqlclient(server: EmbeddedStarRocks) -> None:
    library = fetch(servers_dir(), "mysqlclient") / "python"
    done = subprocess.run(
        [sys.executable, "-c", MYSQLCLIENT, str(server.query_port)], text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(library)}, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "2", "True ['id', 's', 'x', 'ts']", "1 8.0.33", "((1,), (2,))", "5502",
    ]  # fmt: skip


# The dialect's grammar is loaded by a call that is deprecated.
@pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")
def test_sqlalchemy_with_the_starrocks_dialect(server: EmbeddedStarRocks) -> None:
    engine = sqlalchemy.create_engine(f"starrocks://root:pw@127.0.0.1:{server.query_port}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE orm"))
    engine = sqlalchemy.create_engine(f"starrocks://root:pw@127.0.0.1:{server.query_port}/orm")
    users = sqlalchemy.Table(
        "users",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True, autoincrement=False),
        sqlalchemy.Column("name", sqlalchemy.String(20)),
        starrocks_primary_key="id",
        starrocks_distributed_by="HASH(id)",
        starrocks_properties={"replication_num": "1"},
    )
    users.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(users.insert(), [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}])
        connection.execute(users.update().where(users.c.id == 1).values(name="z"))
        found = connection.execute(sqlalchemy.select(users).order_by(users.c.id)).fetchall()
        assert found == [(1, "z"), (2, "y")]
    inspector = sqlalchemy.inspect(engine)
    assert inspector.get_table_names() == ["users"]
    assert [c["name"] for c in inspector.get_columns("users")] == ["id", "name"]
    assert inspector.get_pk_constraint("users")["constrained_columns"] == ["id"]
    sqlalchemy.MetaData().reflect(engine)
    engine.dispose()


@pytest.mark.parametrize("tool", sorted(CHATTER))
def test_what_tools_say_when_they_come(server: EmbeddedStarRocks, tool: str) -> None:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="pw"
    )
    cursor: Any = connection.cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS d")
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS d.t (id INT) DUPLICATE KEY (id) DISTRIBUTED BY HASH(id)"
    )
    refused = []
    for statement in CHATTER[tool]:
        try:
            cursor.execute(statement)
            cursor.fetchall()
        except pymysql.MySQLError as error:
            refused.append((statement, error.args[1]))
    connection.close()
    assert refused == []
