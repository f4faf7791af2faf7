"""Every type from SQL text through a whole run into StarRocks, read back by PyMySQL."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

TARGET = """CREATE TABLE d.t (
 id INT, bo BOOLEAN, ti TINYINT, sm SMALLINT, bi BIGINT, la LARGEINT, fl FLOAT, dou DOUBLE,
 de DECIMAL(38,10), ch CHAR(10), st STRING, da DATE, ts DATETIME, ltz DATETIME, vb VARBINARY,
 js JSON, ar ARRAY<STRING>, ma MAP<STRING,INT>, ro STRUCT<a INT, b STRING>
) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)"""
SINK = """
SET 'table.local-time-zone' = 'Asia/Shanghai';
CREATE TABLE t (
 id INT, bo BOOLEAN, ti TINYINT, sm SMALLINT, bi BIGINT, la DECIMAL(38,0), fl FLOAT, dou DOUBLE,
 de DECIMAL(38,10), ch CHAR(10), st STRING, da DATE, ts TIMESTAMP(6), ltz TIMESTAMP_LTZ(6),
 vb BYTES, js STRING, ar ARRAY<STRING>, ma MAP<STRING,INT>, ro ROW<a INT, b STRING>,
 PRIMARY KEY (id) NOT ENFORCED
) WITH ('connector' = 'starrocks', 'jdbc-url' = '{jdbc}', 'load-url' = '{load}',
 'database-name' = 'd', 'table-name' = 't', 'username' = 'root', 'password' = ''{more});
INSERT INTO t VALUES
(1, TRUE, CAST(-128 AS TINYINT), CAST(32767 AS SMALLINT), 9223372036854775807,
 CAST('-12345678901234567890123456789012345678' AS DECIMAL(38,0)), CAST(1.5 AS FLOAT),
 CAST('1.7976931348623157E308' AS DOUBLE),
 CAST('-1234567890123456789012345678.0000000001' AS DECIMAL(38,10)),
 CAST('abc' AS CHAR(10)), 'tab\t "quote" \\N \U0001f600', DATE '9999-12-31',
 TIMESTAMP '1969-12-31 23:59:59.999999',
 CAST(TIMESTAMP '2024-01-02 08:00:00.000001' AS TIMESTAMP_LTZ(6)),
 x'00ff10', '{{"a": [1, "x"]}}', ARRAY['a"b', 'c,d'], MAP['k', 1], ROW(7, 'x')),
(2, CAST(NULL AS BOOLEAN), CAST(NULL AS TINYINT), CAST(NULL AS SMALLINT), CAST(NULL AS BIGINT),
 CAST(NULL AS DECIMAL(38,0)), CAST(NULL AS FLOAT), CAST(NULL AS DOUBLE),
 CAST(NULL AS DECIMAL(38,10)), CAST(NULL AS CHAR(10)), '', CAST(NULL AS DATE),
 CAST(NULL AS TIMESTAMP(6)), CAST(NULL AS TIMESTAMP_LTZ(6)), CAST(NULL AS BYTES),
 CAST(NULL AS STRING), CAST(NULL AS ARRAY<STRING>), CAST(NULL AS MAP<STRING,INT>),
 CAST(NULL AS ROW<a INT, b STRING>));
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture
def client(server: EmbeddedStarRocks) -> Iterator[Any]:
    connection = pymysql.connect(host="127.0.0.1", port=server.query_port, user="root")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS d")
        cursor.execute("DROP TABLE IF EXISTS d.t")
        cursor.execute(TARGET)
        yield cursor


@pytest.mark.parametrize(
    ("options", "zone_hour"),
    [({}, 0), ({"sink.properties.format": "json", "sink.timestamp-ltz.zone": "session"}, 8)],
)
def test_every_type_arrives_exactly(
    server: EmbeddedStarRocks, client: Any, tmp_path: Path, options: dict[str, str], zone_hour: int
) -> None:
    more = "".join(f", '{key}' = '{value}'" for key, value in options.items())
    script = tmp_path / "types.sql"
    text = SINK.format(jdbc=server.jdbc_url, load=server.load_url, more=more)
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "run", str(script)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    client.execute("SELECT * FROM d.t ORDER BY id")
    first, second = client.fetchall()
    assert first[:15] == (
        1, 1, -128, 32767, 2**63 - 1, "-12345678901234567890123456789012345678", 1.5, 1.7976931348623157e308,
        Decimal("-1234567890123456789012345678.0000000001"), "abc       ",
        'tab\t "quote" \\N \U0001f600', dt.date(9999, 12, 31),
        dt.datetime.fromisoformat("1969-12-31T23:59:59.999999"),
        dt.datetime.fromisoformat(f"2024-01-02T{zone_hour:02}:00:00.000001"),
        b"\x00\xff\x10",
    )  # fmt: skip
    assert [json.loads(value) for value in first[15:]] == [
        {"a": [1, "x"]},
        ['a"b', "c,d"],
        {"k": 1},
        {"a": 7, "b": "x"},
    ]
    assert second[:11] == (2, *[None] * 9, "")
    assert second[11:] == (None,) * 8
