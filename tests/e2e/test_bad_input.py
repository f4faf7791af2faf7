"""What a user gets wrong, against real servers: a clear error, and nothing half done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.clients.mysql import MySqlConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.testing.mysql_servers import available, start_mysql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.testing.mysql_servers import MySqlServer

SECRET = "sesam-öffne-dich"
WRONG = "hunter2-geheim"
TEMPLATE = """CREATE TABLE source (id BIGINT, name STRING, amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '${MYSQL_PORT}', 'username' = 'cdc',
 'password' = '${MYSQL_PASSWORD}', 'server-time-zone' = 'UTC', 'database-name' = 'shop', 'table-name' = 'orders');
CREATE TABLE target (id BIGINT, name STRING, amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:${QUERY_PORT}', 'load-url' = '127.0.0.1:${LOAD_PORT}',
 'database-name' = 'shop', 'table-name' = 'orders', 'username' = 'root', 'password' = '${SR_PASSWORD}');
INSERT INTO target SELECT id, name, amount FROM source;
"""
ROWS = [(1, "tea", 1), (2, "jam", 2), (3, "rum", 3)]


@pytest.fixture(scope="module")
def mysql(tmp_path_factory: Any) -> Iterator[MySqlServer]:
    if "mysql" not in available():
        pytest.fail("no MySQL server here: make test-servers")
    with start_mysql(tmp_path_factory.mktemp("mysql")) as running:
        session = MySqlConnection.open(running.endpoint)
        for statement in (
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, name VARCHAR(50), amount DECIMAL(10, 2))",
            "INSERT INTO shop.orders VALUES (1, 'tea', 1), (2, 'jam', 2), (3, 'rum', 3)",
            f"CREATE USER cdc IDENTIFIED BY '{SECRET}'",
            "GRANT SELECT, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO cdc",
        ):
            session.query(statement)
        session.close()
        yield running


@pytest.fixture(scope="module")
def starrocks() -> Iterator[EmbeddedStarRocks]:
    server = EmbeddedStarRocks(
        fe_http_port=0, be_http_port=0, query_port=0, user="root", password=SECRET
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(starrocks: EmbeddedStarRocks) -> Iterator[Any]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=starrocks.query_port,
        user="root",
        password=SECRET.encode(),
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS shop")
        cursor.execute("CREATE DATABASE shop")
        cursor.execute(
            "CREATE TABLE shop.orders (id BIGINT NOT NULL, name VARCHAR(200), amount DECIMAL(10, 2))"
            " PRIMARY KEY (id) DISTRIBUTED BY HASH (id)"
        )
        yield cursor


class Bench:
    """A folder with a script, the command, and both servers' addresses."""

    def __init__(self, folder: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks) -> None:
        self.folder = folder
        self.script = folder / "pipeline.sql"
        self.script.write_text(TEMPLATE)
        self.environment = {
            **os.environ,
            "MYSQL_PORT": str(mysql.endpoint.port),
            "MYSQL_PASSWORD": SECRET,
            "QUERY_PORT": str(starrocks.query_port),
            "LOAD_PORT": str(starrocks.fe_http_port),
            "SR_PASSWORD": SECRET,
        }

    def change(self, before: str, after: str) -> None:
        text = self.script.read_text()
        assert before in text
        self.script.write_text(text.replace(before, after, 1))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "penstock.cli", "run", str(self.script), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str], seconds: float = 30) -> tuple[int, str]:
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        said = out + err
        assert SECRET not in said
        assert WRONG not in said
        assert "Traceback" not in said
        return process.returncode, said

    def run(self, *arguments: str) -> tuple[int, str]:
        return self.end(self.start(*arguments))

    def copied(self, client: Any, rows: int = 3) -> subprocess.Popen[str]:
        """A job that has committed `rows` rows and goes on."""
        process = self.start()
        deadline = time.monotonic() + 30
        while len(content(client)) < rows:
            assert process.poll() is None, self.end(process)
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process


@pytest.fixture
def bench(tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks) -> Bench:
    return Bench(tmp_path, mysql, starrocks)


def content(client: Any) -> list[Any]:
    client.execute("SELECT id, name, CAST(amount AS INT) FROM shop.orders ORDER BY id")
    return list(client.fetchall())


def open_transactions(client: Any) -> list[Any]:
    client.execute("SHOW PROC '/transactions/shop/running'")
    return list(client.fetchall())


def refused(code: str, said: str) -> list[str]:
    """The three parts of the error with that code."""
    block = re.search(rf"^error\[{code}\]: .*(?:\n  .*)*", said, re.MULTILINE)
    assert block is not None, said
    return block[0].splitlines()


@pytest.mark.parametrize(
    ("before", "after", "code", "parts"),
    [
        ("${MYSQL_PASSWORD}", WRONG, "mysql-1045", ["Access denied", ":1:1", "hint: Check user"]),
        ("${SR_PASSWORD}", WRONG, "access-denied", ["Access denied", ":4:1", "hint: Check 'user"]),
        ("${MYSQL_PORT}", "1", "mysql-2003", ["refused", ":1:1", "hint: Check 'hostname'"]),
        ("${QUERY_PORT}", "1", "starrocks-unreachable", ["refused", "hint: Check 'jdbc-url'"]),
        ("127.0.0.1:${LOAD_PORT}", "127.0.0.1:1", "http-connect-failed", ["refused", "hint: "]),
        ("'hostname'", "'hostnam'", "unknown-option", [":2:34", "Did you mean 'hostname'?"]),
        (
            "'load-url'",
            "'load-urll'",
            "unknown-option",
            ["pipeline.sql:5:", "Did you mean 'load-url'?"],
        ),
        (
            "'table-name' = 'orders');",
            "'table-name' = 'nope');",
            "no-matching-table",
            ["'nope'", "hint: Check both patterns"],
        ),
        (
            "'table-name' = 'orders', 'user",
            "'table-name' = 'nope', 'user",
            "missing-table",
            ["shop.nope", ":4:1", "hint: Create the table"],
        ),
        ("'mysql-cdc'", "'mysql_cd'", "unknown-connector", [":2:7", "Did you mean 'mysql-cdc'?"]),
        ("FROM source", "FROM sourc", "unknown-table", [":7:49", "Did you mean 'source'?"]),
        ("SELECT id", "SELECT ids", "unknown-column", [":7:27", "Did you mean 'id'?"]),
        ("name, amount FROM", "UPER(name), amount FROM", "unknown-function", [":7:31", '"UPPER"']),
        ("FROM source", "FORM source", "syntax", [":7:49", "FORM source"]),
        ("'${SR_PASSWORD}'", f"'{WRONG}", "syntax", ["-->"]),
        (
            "${SR_PASSWORD}",
            "${NO_SUCH_VARIABLE}",
            "unset-variable",
            ["pipeline.sql:6:", "hint: Set it"],
        ),
    ],
)
def test_a_mistake_is_named_and_nothing_is_done(
    bench: Bench, client: Any, before: str, after: str, code: str, parts: list[str]
) -> None:
    bench.change(before, after)
    returned, said = bench.run()
    assert returned == 1
    shown = "\n".join(refused(code, said))
    for part in parts:
        assert part in shown
    assert content(client) == []
    assert open_transactions(client) == []


@pytest.mark.parametrize(
    ("definition", "change", "code", "parts"),
    [
        (
            "(id BIGINT NOT NULL, name VARCHAR(200), amount DECIMAL(10, 2)) PRIMARY KEY (id)",
            ("amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED)\nWITH ('connector' = 'starrocks'",
             "amount DECIMAL(10, 2))\nWITH ('connector' = 'starrocks', 'sink.ignore-delete' = 'true'"),
            "missing-primary-key",
            ["hint: Add PRIMARY KEY (id) NOT ENFORCED"],
        ),
        (
            "(id BIGINT NOT NULL, nick VARCHAR(200), amount DECIMAL(10, 2)) PRIMARY KEY (id)",
            None,
            "unknown-column",
            ['column "name"', "does not have column name", "hint: "],
        ),
        (
            "(id BIGINT NOT NULL, name INT, amount DECIMAL(10, 2)) PRIMARY KEY (id)",
            None,
            "type-mismatch",
            ['column "name"', "flink type is STRING, starrocks type is int", "hint: CAST it"],
        ),
        (
            "(id BIGINT NOT NULL, name VARCHAR(200) NOT NULL, amount DECIMAL(10, 2)) PRIMARY KEY (id, name)",
            None,
            "primary-key-mismatch",
            ["Sink: id. StarRocks: id, name", "hint: Declare PRIMARY KEY (id, name)"],
        ),
    ],
)  # fmt: skip
def test_a_target_that_does_not_fit_is_refused(
    bench: Bench,
    client: Any,
    definition: str,
    change: tuple[str, str] | None,
    code: str,
    parts: list[str],
) -> None:
    client.execute("DROP TABLE shop.orders")
    client.execute(f"CREATE TABLE shop.orders {definition} DISTRIBUTED BY HASH (id)")
    if change is not None:
        bench.change(*change)
    returned, said = bench.run()
    assert returned == 1
    shown = "\n".join(refused(code, said))
    for part in [*parts, "pipeline.sql:4:1"]:
        assert part in shown
    client.execute("SELECT COUNT(*) FROM shop.orders")
    assert client.fetchall()[0][0] == 0
    assert open_transactions(client) == []


def test_a_value_that_does_not_fit_fails_the_job_and_leaves_no_row(
    bench: Bench, client: Any
) -> None:
    client.execute("DROP TABLE shop.orders")
    client.execute(
        "CREATE TABLE shop.orders (id BIGINT NOT NULL, name VARCHAR(2), amount DECIMAL(10, 2))"
        " PRIMARY KEY (id) DISTRIBUTED BY HASH (id)"
    )
    returned, said = bench.run()
    assert returned == 1
    shown = refused("rows-refused", said)
    assert "shop.orders" in shown[0]
    assert any("hint: Correct the values" in line for line in shown)
    assert content(client) == []
    assert open_transactions(client) == []


def test_a_binlog_without_rows_is_refused(bench: Bench, client: Any, mysql: MySqlServer) -> None:
    session = MySqlConnection.open(mysql.endpoint)
    session.query("SET GLOBAL binlog_format = 'STATEMENT'")
    try:
        returned, said = bench.run()
    finally:
        session.query("SET GLOBAL binlog_format = 'ROW'")
        session.close()
    assert returned == 1
    shown = refused("mysql-binlog-format", said)
    assert "'STATEMENT'" in shown[0]
    assert shown[-1] == "  hint: Set binlog_format=ROW on the server."
    assert content(client) == []


def test_a_binlog_purged_meanwhile_is_refused_and_a_fresh_start_helps(
    bench: Bench, client: Any, mysql: MySqlServer
) -> None:
    process = bench.copied(client)
    process.send_signal(signal.SIGINT)
    returned, _ = bench.end(process)
    assert returned == 130
    session = MySqlConnection.open(mysql.endpoint)
    session.query("INSERT INTO shop.orders VALUES (4, 'lost', 4)")
    session.query("FLUSH BINARY LOGS")
    newest = session.query("SHOW BINARY LOGS")[-1][0]
    session.query(f"PURGE BINARY LOGS TO '{newest}'")
    try:
        returned, said = bench.run()
        assert returned == 1
        shown = "\n".join(refused("binlog-purged", said))
        assert "no longer on the server" in shown
        assert newest in shown
        assert "hint: Start the job without its state" in shown
        assert content(client) == ROWS
        process = bench.start("--fresh")
        deadline = time.monotonic() + 30
        while len(content(client)) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert bench.end(process)[0] == 143
        assert content(client) == [*ROWS, (4, "lost", 4)]
    finally:
        session.query("DELETE FROM shop.orders WHERE id = 4")
        session.close()


def test_a_later_mistake_stops_the_script_before_anything_runs(bench: Bench, client: Any) -> None:
    with bench.script.open("a") as file:
        file.write("INSERT INTO target SELECT id, nam, amount FROM source;\n")
    returned, said = bench.run()
    assert returned == 1
    assert "pipeline.sql:8:31" in "\n".join(refused("unknown-column", said))
    assert "Job ID" not in said
    assert content(client) == []
    assert not (bench.folder / ".penstock").exists()


def test_a_script_with_nothing_to_run_is_refused(bench: Bench) -> None:
    bench.change("INSERT INTO target SELECT id, name, amount FROM source;", "")
    returned, said = bench.run()
    assert returned == 1
    assert "nothing to run" in refused("nothing-to-run", said)[0]


def test_a_state_directory_that_cannot_be_used_is_refused(bench: Bench, client: Any) -> None:
    (bench.folder / "file").write_text("")
    for directory in (str(bench.folder / "file"), "/proc/penstock"):
        returned, said = bench.run("--state-dir", directory)
        assert returned == 1
        assert directory in refused("state-directory", said)[0]
    assert content(client) == []


def test_a_state_directory_in_use_is_refused_and_the_first_job_goes_on(
    bench: Bench, client: Any
) -> None:
    first = bench.copied(client)
    returned, said = bench.run()
    assert returned == 1
    shown = refused("state-directory-in-use", said)
    assert shown[-1].startswith("  hint: Stop the other run")
    assert first.poll() is None
    first.send_signal(signal.SIGINT)
    assert bench.end(first)[0] == 130


def test_a_missing_file_and_a_wrong_option_are_usage_errors(bench: Bench) -> None:
    bench.script.unlink()
    returned, said = bench.run()
    assert (returned, "does not exist" in said) == (2, True)
    bench.script.write_text(TEMPLATE)
    returned, said = bench.run("--frsh")
    assert (returned, "--fresh" in said) == (2, True)
    returned, said = bench.run("-D", "nothing")
    assert (returned, "not key=value" in said) == (1, True)
