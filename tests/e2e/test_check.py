"""`penstock check` against real servers: what it finds, and that it writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.clients.mysql import MySqlConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.testing.mysql_servers import available, start_mariadb, start_mysql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

PASSWORD = "sesam-öffne-dich"


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def mysql(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[MySqlServer]:
    if request.param not in available():
        pytest.fail(f"no {request.param} server here: make test-servers")
    start = start_mariadb if request.param == "mariadb" else start_mysql
    with start(tmp_path_factory.mktemp(request.param)) as running:
        session = MySqlConnection.open(running.endpoint)
        for statement in (
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, name VARCHAR(50), big BIGINT UNSIGNED,"
            " paid TIMESTAMP NULL, made DATETIME) CHARACTER SET utf8mb4",
            "CREATE TABLE shop.secret (id BIGINT PRIMARY KEY)",
            f"CREATE USER reader IDENTIFIED BY '{PASSWORD}'",
            "GRANT SELECT ON shop.orders TO reader",
        ):
            session.query(statement)
        session.close()
        yield running


@pytest.fixture(scope="module")
def starrocks() -> Iterator[EmbeddedStarRocks]:
    server = EmbeddedStarRocks(
        fe_http_port=0, be_http_port=0, query_port=0, user="root", password=PASSWORD
    )
    server.start()
    with pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password=PASSWORD.encode()
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE DATABASE shop")
        columns = "(id BIGINT NOT NULL, name VARCHAR(50), big DECIMAL(20,0), paid DATETIME, made DATETIME)"
        for model in ("PRIMARY", "DUPLICATE"):
            cursor.execute(
                f"CREATE TABLE shop.{model.lower()}_orders {columns} {model} KEY (id) DISTRIBUTED BY HASH (id)"
            )
    yield server
    server.stop()


def source(name: str, mysql: MySqlServer, columns: str, **options: str) -> str:
    given = {
        "connector": "mysql-cdc",
        "hostname": mysql.endpoint.host,
        "port": str(mysql.endpoint.port),
        "username": "root",
        "password": "",
        "server-time-zone": "UTC",
        "server-id": "5601",
        "database-name": "shop",
        "table-name": "orders",
        **{key.replace("_", "-"): value for key, value in options.items()},
    }
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in given.items())
    return f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH ({listed});\n"


def sink(name: str, starrocks: EmbeddedStarRocks, columns: str, table: str) -> str:
    return (
        f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH ("
        f"'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{starrocks.query_port}', "
        f"'load-url' = '{starrocks.load_url}', 'database-name' = 'shop', 'table-name' = '{table}', "
        "'username' = 'root', 'password' = '${SR_PASSWORD}');\n"
    )


COLUMNS = "id BIGINT, name STRING, big DECIMAL(20,0), paid TIMESTAMP(0), made TIMESTAMP(0)"


def check(tmp_path: Path, text: str) -> tuple[int, dict[str, Any], str]:
    script = tmp_path / "script.sql"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "check", str(script), "--json"],
        env={**os.environ, "SR_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".penstock").exists()
    return done.returncode, json.loads(done.stdout), done.stdout


def codes(report: dict[str, Any], severity: str) -> list[str]:
    return sorted(f["code"] for f in report["findings"] if f["severity"] == severity)


def test_a_sound_pipeline_passes(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    text = source("s", mysql, COLUMNS) + sink("t", starrocks, COLUMNS, "primary_orders")
    returned, report, _ = check(tmp_path, text + "INSERT INTO t SELECT * FROM s")
    assert (returned, codes(report, "error"), report["jobs"]) == (0, [], 1)
    (pair,) = report["tables"]
    first = pair["columns"][0]
    assert (first["origin_type"].split("(")[0], first["target_type"]) == ("bigint", "bigint")
    # VARCHAR(50) holds 200 bytes of utf8mb4 at most, the target 50.
    assert "text-too-long" in codes(report, "warning")


def test_what_does_not_fit_is_found_column_by_column(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    columns = "id BIGINT, nam STRING, big BIGINT, paid TIMESTAMP_LTZ(0), made INT"
    target = "id BIGINT, name INT, big BIGINT, paid TIMESTAMP_LTZ(0), nope INT"
    text = source("s", mysql, columns, server_time_zone="Asia/Shanghai")
    text += sink("t", starrocks, target, "primary_orders")
    text += "INSERT INTO t SELECT id, made, big, paid, 1 FROM s"
    returned, report, _ = check(tmp_path, text)
    assert returned == 1
    found = {(f["code"], f["column"], f["line"]) for f in report["findings"]}
    assert {
        ("unknown-column", "nam", 1),
        ("type-narrower", "big", 1),
        ("type-mismatch", "made", 1),
        ("time-zone-shift", "paid", 1),
        ("type-mismatch", "name", 2),
        ("unknown-column", "nope", 2),
    } <= found
    for finding in report["findings"]:
        if finding["severity"] != "note":
            assert finding["message"]
            assert finding["cause"], finding
            assert finding["remedy"], finding


def test_a_zone_that_is_not_the_servers_is_an_error_for_timestamps(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    text = source("s", mysql, COLUMNS, server_time_zone="Asia/Shanghai")
    text += sink("t", starrocks, COLUMNS, "primary_orders") + "INSERT INTO t SELECT * FROM s"
    returned, report, _ = check(tmp_path, text)
    (error,) = (f for f in report["findings"] if f["severity"] == "error")
    assert (returned, error["code"]) == (1, "server-time-zone")
    assert "8 hours" in error["message"]
    assert "paid" in error["cause"]


def test_one_broken_server_does_not_hide_the_others(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    text = source("gone", mysql, COLUMNS, port="1")
    text += source("wrong", mysql, COLUMNS, username="reader", password="geheim")
    text += source("low", mysql, COLUMNS, username="reader", password=PASSWORD, server_id="1")
    text += sink("t", starrocks, COLUMNS, "duplicate_orders")
    text += "".join(f"INSERT INTO t SELECT * FROM {name};" for name in ("gone", "wrong", "low"))
    returned, report, output = check(tmp_path, text)
    assert returned == 1
    errors = codes(report, "error")
    assert "mysql-2003" in errors
    assert "mysql-1045" in errors
    # Its deletes would fail the job.
    assert "key-model" in errors
    assert "geheim" not in output


def test_missing_privileges_and_a_taken_id_are_found(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    text = source("low", mysql, COLUMNS, username="reader", password=PASSWORD, server_id="1")
    text += sink("t", starrocks, COLUMNS, "primary_orders") + "INSERT INTO t SELECT * FROM low"
    returned, report, _ = check(tmp_path, text)
    assert returned == 1
    missing = [f["message"] for f in report["findings"] if f["code"] == "missing-privilege"]
    assert "the account lacks REPLICATION SLAVE" in missing
    assert "the account lacks REPLICATION CLIENT" in missing
    assert "server-id-taken" in codes(report, "error")


def test_settings_of_the_binlog_are_found(
    tmp_path: Path, mysql: MySqlServer, starrocks: EmbeddedStarRocks
) -> None:
    session = MySqlConnection.open(mysql.endpoint)
    session.query("SET GLOBAL binlog_format = 'STATEMENT'")
    session.query("SET GLOBAL binlog_row_image = 'MINIMAL'")
    session.query("SET GLOBAL binlog_row_metadata = 'MINIMAL'")
    seconds = 3600 * 24
    session.query(f"SET GLOBAL binlog_expire_logs_seconds = {seconds}")
    text = source("s", mysql, COLUMNS) + sink("t", starrocks, COLUMNS, "primary_orders")
    try:
        returned, report, _ = check(tmp_path, text + "INSERT INTO t SELECT * FROM s")
    finally:
        session.query("SET GLOBAL binlog_format = 'ROW'")
        session.query("SET GLOBAL binlog_row_image = 'FULL'")
        session.query("SET GLOBAL binlog_row_metadata = 'FULL'")
        session.close()
    assert returned == 1
    assert codes(report, "error") == ["mysql-binlog-format", "mysql-binlog-row-image"]
    retention = [f for f in report["findings"] if f["code"] == "binlog-retention"]
    assert [(f["severity"], "1 d" in f["message"]) for f in retention] == [("warning", True)]
    assert "mysql-binlog-row-metadata" in codes(report, "note")
