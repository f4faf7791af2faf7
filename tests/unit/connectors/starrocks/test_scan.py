"""Scans of the embedded StarRocks: types, versions, resuming, failures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest
from tests.unit.connectors.sql_table.scan_run import ScanRun, read_all, source_of

from penstock.connectors.base import Narrowing, TableDescriptor
from penstock.connectors.base.sql_table import SqlTableSource
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError, ValidationError
from penstock.types import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    BYTES,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INT,
    MAP,
    ROW,
    SMALLINT,
    STRING,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TINYINT,
    Column,
    DataType,
    Schema,
)

MANY = 60_000


class Table:
    """`d.t` of a server."""

    def __init__(self, server: EmbeddedStarRocks) -> None:
        self.server = server
        self.client: Any = pymysql.connect(
            host=server.host, port=server.query_port, user="root", autocommit=True
        )
        self.sql("CREATE DATABASE IF NOT EXISTS d")

    def sql(self, text: str) -> Any:
        with self.client.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    def create(self, ddl: str, *rows: str) -> None:
        self.sql("DROP TABLE IF EXISTS d.t")
        self.sql(f"CREATE TABLE d.t {ddl}")
        for row in rows:
            self.sql(f"INSERT INTO d.t {row}")

    def many(self) -> None:
        self.create(
            "(id INT, s STRING) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)",
            f"SELECT generate_series, concat('row ', generate_series)"
            f" FROM TABLE(generate_series(1, {MANY}))",
        )

    def source(self, *columns: tuple[str, DataType], **options: str) -> SqlTableSource:
        schema = Schema(tuple(Column(name, kind) for name, kind in columns))
        given = {
            "connector": "starrocks",
            "jdbc-url": self.server.jdbc_url,
            "scan-url": "fe:8030",
            "database-name": "d",
            "table-name": "t",
            "username": "root",
            "password": "",
            **options,
        }
        return source_of(TableDescriptor("c.d.t", schema, given))


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with EmbeddedStarRocks() as server:
        made = Table(server)
        yield made
        made.client.close()


TYPES = """(
 id INT, bo BOOLEAN, ti TINYINT, sm SMALLINT, bi BIGINT, la LARGEINT, fl FLOAT, dou DOUBLE,
 de DECIMAL(38,10), ch CHAR(10), st STRING, da DATE, ts DATETIME, vb VARBINARY,
 js JSON, ar ARRAY<STRING>, ma MAP<INT,STRING>, ro STRUCT<a INT, b STRING>
) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"""
VALUES = r"""VALUES (1, TRUE, -128, 32767, 9223372036854775807,
 '-12345678901234567890123456789012345678', 1.1, 1.7976931348623157E308,
 '-1234567890123456789012345678.0000000001', 'abc', 'tab\t"q" \\N 😀', '9999-12-31',
 '1969-12-31 23:59:59.999999', x'00ff10', '{"a": [1, "x"]}', ['a"b', 'c,d', 'e
f'], map{1:'k'}, '{"a": 7, "b": "x"}'),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '0001-01-01', NULL, NULL, NULL,
 NULL, NULL, NULL)"""
ALL_TYPES = (
    ("id", INT),
    ("bo", BOOLEAN),
    ("ti", TINYINT),
    ("sm", SMALLINT),
    ("bi", BIGINT),
    ("la", STRING),
    ("fl", FLOAT),
    ("dou", DOUBLE),
    ("de", DECIMAL(38, 10)),
    ("ch", CHAR(10)),
    ("st", STRING),
    ("da", DATE),
    ("ts", TIMESTAMP(6)),
    ("vb", BYTES),
    ("js", STRING),
    ("ar", ARRAY(STRING)),
    ("ma", MAP(INT, STRING)),
    ("ro", ROW(("a", INT), ("b", STRING))),
)


def test_every_type_is_read_exactly(table: Table, tmp_path: Path) -> None:
    table.create(TYPES, VALUES)
    first, second = sorted(read_all(table.source(*ALL_TYPES), tmp_path), key=lambda row: row["id"])
    assert first == {
        "id": 1,
        "bo": True,
        "ti": -128,
        "sm": 32767,
        "bi": 2**63 - 1,
        "la": "-12345678901234567890123456789012345678",
        "fl": pytest.approx(1.1, rel=1e-7),
        "dou": 1.7976931348623157e308,
        "de": Decimal("-1234567890123456789012345678.0000000001"),
        "ch": "abc",
        "st": 'tab\t"q" \\N 😀',
        "da": dt.date(9999, 12, 31),
        "ts": dt.datetime.fromisoformat("1969-12-31T23:59:59.999999"),
        "vb": b"\x00\xff\x10",
        "js": '{"a": [1, "x"]}',
        "ar": ['a"b', "c,d", "e\nf"],
        "ma": [(1, "k")],
        "ro": {"a": 7, "b": "x"},
    }
    assert second == dict.fromkeys(first) | {"id": 2, "st": "", "da": dt.date(1, 1, 1)}


def test_types_may_be_wider_and_times_coarser(table: Table, tmp_path: Path) -> None:
    table.create(
        "(a TINYINT, b FLOAT, c DECIMAL(10,2), d DATETIME, e DATETIME, f LARGEINT, g DATE)"
        " DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)",
        "VALUES (7, 0.1, 1.25, '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05', -5,"
        " '2024-01-02')",
    )
    source = table.source(
        ("a", BIGINT),
        ("b", DOUBLE),
        ("c", DECIMAL(20, 4)),
        ("d", TIMESTAMP(3)),
        ("e", TIMESTAMP_LTZ(6)),
        ("f", DECIMAL(38, 0)),
        ("g", STRING),
        **{"sink.timestamp-ltz.zone": "Asia/Shanghai"},
    )
    (row,) = read_all(source, tmp_path)
    assert row["a"] == 7
    assert row["c"] == Decimal("1.2500")
    assert row["d"] == dt.datetime.fromisoformat("2024-01-02 03:04:05.678")
    assert row["e"] == dt.datetime.fromisoformat("2024-01-01T19:04:05+00:00")
    assert row["f"] == Decimal(-5)
    assert row["g"] == "2024-01-02"


@pytest.mark.parametrize(
    ("column", "declared", "code"),
    [
        ("b BIGINT", INT, "type-mismatch"),
        ("b DECIMAL(10,2)", DECIMAL(10, 1), "type-mismatch"),
        ("b DOUBLE", FLOAT, "type-mismatch"),
        ("b VARCHAR(5)", INT, "type-mismatch"),
        ("b BITMAP BITMAP_UNION", BYTES, "unsupported-type"),
        ("b HLL HLL_UNION", BYTES, "unsupported-type"),
        ("c INT", INT, "unknown-column"),
    ],
)
def test_a_column_that_does_not_fit_is_refused(
    table: Table, tmp_path: Path, column: str, declared: DataType, code: str
) -> None:
    model = "AGGREGATE" if "_UNION" in column else "DUPLICATE"
    table.create(f"(a INT, {column}) {model} KEY(a) DISTRIBUTED BY HASH(a)")
    run = ScanRun(table.source(("a", INT), ("b", declared)), tmp_path)
    with pytest.raises(ValidationError) as failure:
        run.until()
    run.close()
    assert failure.value.code == code
    assert '"b"' in failure.value.message


def test_a_missing_table_is_named(table: Table, tmp_path: Path) -> None:
    run = ScanRun(table.source(("a", INT), **{"table-name": "nix"}), tmp_path)
    with pytest.raises(ValidationError, match=r'"d\.nix" does not exist'):
        run.until()
    run.close()


def test_an_interrupted_scan_goes_on_in_the_version_it_began_with(
    table: Table, tmp_path: Path
) -> None:
    table.many()
    source = table.source(("id", INT), ("s", STRING))
    first = ScanRun(source, tmp_path).until(batches=2)
    state = first.state()
    emitted = list(first.rows)
    first.close()
    assert 0 < len(emitted) < MANY
    table.sql("TRUNCATE TABLE d.t")
    second = ScanRun(source, tmp_path, state).until()
    second.close()
    ids = sorted(row["id"] for row in emitted + second.rows)
    assert ids == list(range(1, MANY + 1))
    assert second.state()["finished"]


def test_a_scan_that_had_emitted_nothing_starts_anew(table: Table, tmp_path: Path) -> None:
    table.many()
    source = table.source(("id", INT))
    first = ScanRun(source, tmp_path)
    state = first.state()
    first.close()
    table.sql("TRUNCATE TABLE d.t")
    assert state["rows"] == 0
    second = ScanRun(source, tmp_path, state).until()
    second.close()
    assert second.rows == []


def test_nothing_is_left_on_disk_once_the_end_is_durable(table: Table, tmp_path: Path) -> None:
    table.many()
    run = ScanRun(table.source(("id", INT)), tmp_path).until()
    assert list(tmp_path.glob("scan-*"))
    run.state()
    run.reader.acknowledge(1)
    run.close()
    assert not list(tmp_path.glob("scan-*"))


def test_rows_are_counted_under_upstreams_name(table: Table, tmp_path: Path) -> None:
    table.many()
    run = ScanRun(table.source(("id", INT)), tmp_path).until()
    run.close()
    assert run.metrics["c.d.t"].get("totalScannedRows") == MANY


def test_only_what_is_wanted_is_read(table: Table, tmp_path: Path) -> None:
    table.many()
    source = table.source(("id", INT), ("s", STRING))
    narrowed = source.narrow(Narrowing((1,), (), 3))
    assert narrowed.limited
    rows = read_all(narrowed.source, tmp_path)  # type: ignore[arg-type]
    assert len(rows) == 3
    assert all(set(row) == {"s"} for row in rows)


def test_a_server_that_is_down_is_tried_as_often_as_wanted(tmp_path: Path) -> None:
    with EmbeddedStarRocks() as server:
        gone = Table(server)
        source = gone.source(("id", INT), **{"scan.max-retries": "2"})
        gone.client.close()
    run = ScanRun(source, tmp_path)
    with pytest.raises(ConnectorError) as failure:
        run.until()
    run.close()
    assert failure.value.retryable
    assert "jdbc-url" in failure.value.hint
