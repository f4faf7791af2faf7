"""Names that would break out of their quotes: through snapshot, binlog and load, both servers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.backends.local.jobs import LocalJobs
from penstock.backends.local.kept_script import KeptScript
from penstock.clients.mysql import MySqlConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.session import Session
from penstock.testing.mysql_servers import available, start_mariadb
from penstock.types import quote_identifier as quoted
from penstock.types import quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

NAMES = [
    "back`tick",
    'it\'s "so"',
    "`; DROP TABLE t; --",
    "x" * 64,
    "tea é 茶",
    "a b\tc",
    "a%2Fb/c?d=e&f",
]


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: Any) -> Iterator[MySqlServer]:
    if "mariadb" not in available():
        pytest.fail("no MariaDB server here: make test-servers")
    with start_mariadb(tmp_path_factory.mktemp("mariadb")) as running:
        yield running


@pytest.fixture(scope="module")
def starrocks() -> Iterator[EmbeddedStarRocks]:
    server = EmbeddedStarRocks()
    server.start()
    yield server
    server.stop()


def java_quoted(name: str) -> str:
    """The name as a pattern that only it matches, as a literal."""
    return quote_literal("".join(c if c.isalnum() else f"\\{c}" for c in name))


def test_hostile_names_go_all_the_way(
    mariadb: MySqlServer, starrocks: EmbeddedStarRocks, tmp_path: Path
) -> None:
    source = MySqlConnection.open(mariadb.endpoint)
    client = pymysql.connect(
        host="127.0.0.1", port=starrocks.query_port, user="root", autocommit=True
    )
    target = client.cursor()
    script = []
    for number, name in enumerate(NAMES):
        q, literal = quoted(name), quote_literal(name)
        source.query(f"CREATE DATABASE {q}")
        source.query(f"CREATE TABLE {q}.{q} ({q} INT PRIMARY KEY, v VARCHAR(99))")
        source.query(f"INSERT INTO {q}.{q} VALUES (1, 'snapshot')")
        target.execute(f"CREATE DATABASE {q}")
        target.execute(
            f"CREATE TABLE {q}.{q} ({q} INT NOT NULL, v VARCHAR(99)) PRIMARY KEY ({q})"
            f" DISTRIBUTED BY HASH ({q})"
        )
        columns = f"({q} INT, v STRING, PRIMARY KEY ({q}) NOT ENFORCED)"
        script.append(
            f"CREATE TABLE s{number} {columns} WITH ('connector' = 'mysql-cdc',"
            f" 'hostname' = '127.0.0.1', 'port' = '{mariadb.endpoint.port}', 'username' = 'root',"
            f" 'password' = '', 'server-time-zone' = 'UTC', 'server-id' = '7300-7310',"
            f" 'database-name' = {java_quoted(name)}, 'table-name' = {java_quoted(name)});"
            f"CREATE TABLE t{number} {columns} WITH ('connector' = 'starrocks',"
            f" 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{starrocks.query_port}',"
            f" 'load-url' = '127.0.0.1:{starrocks.fe_http_port}', 'username' = 'root',"
            f" 'password' = '', 'sink.buffer-flush.interval-ms' = '1000',"
            f" 'database-name' = {literal}, 'table-name' = {literal});"
        )
    inserts = "".join(f"INSERT INTO t{n} SELECT * FROM s{n};" for n in range(len(NAMES)))
    script.append(f"BEGIN STATEMENT SET; {inserts} END;")
    jobs = LocalJobs(tmp_path, KeptScript(()), {}, fresh=True)
    try:
        list(Session(submitter=jobs).execute_script("".join(script)))
        jobs.group.seal()
        wait_for(target, jobs, {(1, "snapshot")})
        for name in NAMES:
            q = quoted(name)
            source.query(f"INSERT INTO {q}.{q} VALUES (2, 'binlog')")
            source.query(f"UPDATE {q}.{q} SET v = 'changed' WHERE {q} = 1")
        wait_for(target, jobs, {(1, "changed"), (2, "binlog")})
    finally:
        jobs.group.stop_now()
        jobs.group.join(30)
        source.close()
        client.close()


def wait_for(target: Any, jobs: LocalJobs, rows: set[Any]) -> None:
    """Until every target table holds these rows."""
    deadline = time.monotonic() + 60
    for name in NAMES:
        while True:
            target.execute(f"SELECT * FROM {quoted(name)}.{quoted(name)}")
            found = set(target.fetchall())
            if found == rows:
                break
            failed = [job.error for job in jobs.group.jobs if job.error]
            assert not failed, [error.render() for error in failed]
            assert time.monotonic() < deadline, (name, found)
            time.sleep(0.05)


def test_the_embedded_server_shows_statements_that_make_its_tables_again(
    starrocks: EmbeddedStarRocks,
) -> None:
    connection = pymysql.connect(host="127.0.0.1", port=starrocks.query_port, user="root")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE again")
        cursor.execute("USE again")
        for name in NAMES:
            q = quoted(name)
            cursor.execute(
                f"CREATE TABLE {q} ({q} INT NOT NULL, v INT) PRIMARY KEY ({q})"
                f" DISTRIBUTED BY HASH ({q})"
            )
            made = shown(cursor, f"SHOW CREATE TABLE {q}")
            cursor.execute(f"DROP TABLE {q}")
            cursor.execute(made)
            assert shown(cursor, f"SHOW CREATE TABLE {q}") == made
            cursor.execute(f"CREATE VIEW again.v AS SELECT {q} FROM {q}")
            assert q in shown(cursor, "SHOW CREATE VIEW v")
            cursor.execute("DROP VIEW v")


def shown(cursor: Any, statement: str) -> str:
    cursor.execute(statement)
    return str(cursor.fetchone()[1])
