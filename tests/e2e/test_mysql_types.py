"""One table with every type: snapshot, binlog and SELECT agree cell by cell on all servers."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.e2e.cdc_run import Run

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc.catalog.types import flink_type
from penstock.errors import ConnectorError, DataError
from penstock.types import ARRAY, BIGINT, DATE, STRING, TIMESTAMP, TIMESTAMP_LTZ, Column, Schema
from penstock.wire.mysql.column import parse_column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Fleet

    from penstock.testing.mysql_servers import MySqlServer
    from penstock.types import DataType

# column, its MySQL type, values as SQL
COLUMNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("tiny", "TINYINT", ("-128", "127", "0", "NULL")),
    ("tiny_u", "TINYINT UNSIGNED", ("255", "0", "128", "NULL")),
    ("flag", "TINYINT(1)", ("1", "0", "2", "NULL")),
    ("flag_b", "BOOLEAN", ("TRUE", "FALSE", "TRUE", "NULL")),
    ("small", "SMALLINT", ("-32768", "32767", "-1", "NULL")),
    ("small_u", "SMALLINT UNSIGNED", ("65535", "0", "32768", "NULL")),
    ("medium", "MEDIUMINT", ("-8388608", "8388607", "-1", "NULL")),
    ("medium_u", "MEDIUMINT UNSIGNED", ("16777215", "0", "8388608", "NULL")),
    ("number", "INT", ("-2147483648", "2147483647", "-1", "NULL")),
    ("number_u", "INT UNSIGNED", ("4294967295", "0", "2147483648", "NULL")),
    ("number_z", "INT(8) ZEROFILL", ("42", "0", "4294967295", "NULL")),
    ("big", "BIGINT", ("-9223372036854775808", "9223372036854775807", "-1", "NULL")),
    ("big_u", "BIGINT UNSIGNED", ("18446744073709551615", "0", "9223372036854775808", "NULL")),
    ("f", "FLOAT", ("1.1", "-3.4e38", "16777217", "NULL")),
    ("f_ps", "FLOAT(7,3)", ("123.102", "-0.001", "9999.999", "NULL")),
    ("d", "DOUBLE", ("404.4443", "-1.7976931348623157e308", "4.9e-324", "NULL")),
    ("d_ps", "DOUBLE(10,4)", ("123.4567", "-0.0001", "99999.9999", "NULL")),
    ("r", "REAL", ("0.1", "-0.1", "1e100", "NULL")),
    ("dec_10_2", "DECIMAL(10,2)", ("-12345678.91", "99999999.99", "-0.01", "NULL")),
    ("dec_38_10", "DECIMAL(38,10)", ("-1234567890123456789012345678.0123456789", "0", "1", "NULL")),
    (
        "dec_65_30",
        "DECIMAL(65,30)",
        ("-12345678901234567890123456789012345.1", "0", "1e-30", "NULL"),
    ),
    ("dec_6_0", "NUMERIC(6,0)", ("345.6", "-1", "999999", "NULL")),
    ("bit_1", "BIT(1)", ("b'1'", "b'0'", "b'1'", "NULL")),
    ("bit_10", "BIT(10)", ("b'1000000001'", "b'0'", "b'11'", "NULL")),
    ("bit_64", "BIT(64)", ("b'1' << 63", "4", "18446744073709551615", "NULL")),
    ("y", "YEAR", ("2021", "1901", "0", "NULL")),
    ("da", "DATE", ("'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "NULL")),
    ("da_zero", "DATE", ("'0000-00-00'", "'2024-00-10'", "'2024-02-00'", "NULL")),
    ("ti", "TIME", ("'18:00:22'", "'-838:59:59'", "'838:59:59'", "NULL")),
    ("ti_3", "TIME(3)", ("'18:00:22.123'", "'-00:00:00.001'", "'100:00:00.5'", "NULL")),
    ("ti_6", "TIME(6)", ("'18:00:22.123456'", "'-00:00:01.000001'", "'-12:59:59.999999'", "NULL")),
    (
        "dt_0",
        "DATETIME",
        ("'2020-07-17 18:00:22'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "NULL"),
    ),
    (
        "dt_1",
        "DATETIME(1)",
        ("'2020-07-17 18:00:22.1'", "'2020-01-01 00:00:00'", "'2020-01-01 00:00:00.9'", "NULL"),
    ),
    (
        "dt_3",
        "DATETIME(3)",
        ("'2020-07-17 18:00:22.123'", "'1969-12-31 23:59:59.999'", "'2020-01-01'", "NULL"),
    ),
    (
        "dt_6",
        "DATETIME(6)",
        (
            "'2020-07-17 18:00:22.123456'",
            "'1969-12-31 23:59:59.999999'",
            "'0017-08-12 00:00:00'",
            "NULL",
        ),
    ),
    (
        "dt_zero",
        "DATETIME",
        ("'0000-00-00 00:00:00'", "'2024-00-10 01:02:03'", "'2024-01-00 00:00:00'", "NULL"),
    ),
    (
        "ts_0",
        "TIMESTAMP NULL",
        ("'2020-07-17 18:00:22'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "NULL"),
    ),
    (
        "ts_6",
        "TIMESTAMP(6) NULL",
        (
            "'2020-07-17 18:00:22.123456'",
            "'2001-01-01 00:00:00.000001'",
            "'2038-01-19 03:14:07.999999'",
            "NULL",
        ),
    ),
    (
        "ts_zero",
        "TIMESTAMP NULL",
        ("'0000-00-00 00:00:00'", "'2020-01-01'", "'2020-01-01'", "NULL"),
    ),
    ("ch", "CHAR(5)", ("'ab'", "''", "'  x'", "NULL")),
    ("ch_long", "CHAR(200)", ("REPEAT('é', 200)", "'中'", "''", "NULL")),
    ("vc", "VARCHAR(20)", ("'Hello World'", "''", "'end  '", "NULL")),
    ("vc_long", "VARCHAR(3000)", ("REPEAT('中', 3000)", "''", "'x'", "NULL")),
    ("vc_0", "VARCHAR(0)", ("''", "''", "''", "NULL")),
    ("emoji", "VARCHAR(20)", ("'a😀b'", "'𝄞'", "'it''s'", "NULL")),
    ("gbk", "VARCHAR(20) CHARACTER SET gbk", ("'中文字'", "'a'", "''", "NULL")),
    ("gb2312", "VARCHAR(20) CHARACTER SET gb2312", ("'中文'", "'b'", "''", "NULL")),
    ("big5", "VARCHAR(20) CHARACTER SET big5", ("'中文'", "'功'", "''", "NULL")),
    ("latin1", "VARCHAR(20) CHARACTER SET latin1", ("'é€ß'", "'a'", "''", "NULL")),
    ("latin2", "VARCHAR(20) CHARACTER SET latin2", ("'łžő'", "'a'", "''", "NULL")),
    ("cp1250", "VARCHAR(20) CHARACTER SET cp1250", ("'łžő'", "'a'", "''", "NULL")),
    ("cp1251", "VARCHAR(20) CHARACTER SET cp1251", ("'Привет'", "'a'", "''", "NULL")),
    ("cp1257", "VARCHAR(20) CHARACTER SET cp1257", ("'ąčę'", "'a'", "''", "NULL")),
    ("cp866", "VARCHAR(20) CHARACTER SET cp866", ("'Привет'", "'a'", "''", "NULL")),
    ("koi8r", "VARCHAR(20) CHARACTER SET koi8r", ("'Привет'", "'a'", "''", "NULL")),
    ("greek", "VARCHAR(20) CHARACTER SET greek", ("'Αθήνα'", "'a'", "''", "NULL")),
    ("hebrew", "VARCHAR(20) CHARACTER SET hebrew", ("'שלום'", "'a'", "''", "NULL")),
    ("sjis", "VARCHAR(20) CHARACTER SET sjis", ("'ピカチュウ'", "'ソ表'", "''", "NULL")),
    ("cp932", "VARCHAR(20) CHARACTER SET cp932", ("'ピカチュウ①'", "'ソ～'", "''", "NULL")),
    ("ujis", "VARCHAR(20) CHARACTER SET ujis", ("'ピカチュウ'", "'a'", "''", "NULL")),
    ("eucjpms", "VARCHAR(20) CHARACTER SET eucjpms", ("'ピカチュウ①'", "'a'", "''", "NULL")),
    ("euckr", "VARCHAR(20) CHARACTER SET euckr", ("'죠주쥬'", "'똠'", "''", "NULL")),
    ("tis620", "VARCHAR(20) CHARACTER SET tis620", ("'ภาษาไทย'", "'a'", "''", "NULL")),
    ("macroman", "VARCHAR(20) CHARACTER SET macroman", ("'ÀÕŒ'", "'a'", "''", "NULL")),
    ("macce", "VARCHAR(20) CHARACTER SET macce", ("'ÓŘů'", "'a'", "''", "NULL")),
    ("cp852", "VARCHAR(20) CHARACTER SET cp852", ("'łžő'", "'a'", "''", "NULL")),
    ("cp1256", "VARCHAR(20) CHARACTER SET cp1256", ("'مرحبا'", "'a'", "''", "NULL")),
    ("latin5", "VARCHAR(20) CHARACTER SET latin5", ("'ğış'", "'a'", "''", "NULL")),
    ("latin7", "VARCHAR(20) CHARACTER SET latin7", ("'ąčę'", "'a'", "''", "NULL")),
    ("ascii", "VARCHAR(20) CHARACTER SET ascii", ("'abc'", "'~'", "''", "NULL")),
    ("utf8mb3", "VARCHAR(20) CHARACTER SET utf8", ("'中é'", "'a'", "''", "NULL")),
    ("ucs2", "VARCHAR(20) CHARACTER SET ucs2", ("'中é'", "'a'", "''", "NULL")),
    ("utf16", "VARCHAR(20) CHARACTER SET utf16", ("'😀é'", "'a'", "''", "NULL")),
    ("utf16le", "VARCHAR(20) CHARACTER SET utf16le", ("'😀é'", "'a'", "''", "NULL")),
    ("utf32", "VARCHAR(20) CHARACTER SET utf32", ("'😀é'", "'a'", "''", "NULL")),
    ("ch_ucs2", "CHAR(10) CHARACTER SET ucs2", ("'中é'", "'a '", "''", "NULL")),
    ("text_gbk", "TEXT CHARACTER SET gbk", ("REPEAT('中', 300)", "'a'", "''", "NULL")),
    ("enum_gbk", "ENUM('红','蓝') CHARACTER SET gbk", ("'红'", "'蓝'", "'红'", "NULL")),
    ("tt", "TINYTEXT", ("'t'", "''", "REPEAT('x', 255)", "NULL")),
    ("te", "TEXT", ("REPEAT('x', 65535)", "''", "'a\\nb\\tc'", "NULL")),
    ("mt", "MEDIUMTEXT", ("REPEAT('é', 40000)", "''", "'m'", "NULL")),
    ("lt", "LONGTEXT", ("REPEAT('é', 70000)", "''", "'l'", "NULL")),
    ("e", "ENUM('red','gr,een','it''s')", ("'red'", "'gr,een'", "'it''s'", "NULL")),
    ("e_empty", "ENUM('x')", ("''", "'x'", "'bad'", "NULL")),
    ("s", "SET('a','b','c')", ("'b,a'", "''", "'a,b,c'", "NULL")),
    ("bn", "BINARY(5)", ("'ab'", "''", "'a\\0\\0'", "NULL")),
    ("vb", "VARBINARY(300)", ("'\\0x\\0'", "''", "REPEAT(X'ff', 300)", "NULL")),
    ("tb", "TINYBLOB", ("X'10'", "''", "X'00'", "NULL")),
    ("bl", "BLOB", ("X'10'", "''", "REPEAT(X'00ff', 1000)", "NULL")),
    ("mb", "MEDIUMBLOB", ("X'10'", "''", "REPEAT(X'00', 70000)", "NULL")),
    ("lb", "LONGBLOB", ("X'10'", "''", "X'ff'", "NULL")),
)
JSON_VALUES = (
    """'{"key1": "value1", "a": [1, 2.5, true, null, "é😀"], "bb": {}, "n": 12345678901}'""",
    """'[]'""",
    """'"text with \\\\"quotes\\\\" and \\\\\\\\ "'""",
    "NULL",
    """'{"big": 18446744073709551615, "neg": -9223372036854775808, "d": 1e-7, "e": 1e30}'""",
    "CAST(CAST('2020-01-02 03:04:05.123456' AS DATETIME(6)) AS JSON)",
    "CAST(CAST('2020-01-02' AS DATE) AS JSON)",
    "CAST(CAST('-12:59:59.5' AS TIME(6)) AS JSON)",
    "CAST(CAST(123.4560 AS DECIMAL(20,4)) AS JSON)",
    "JSON_ARRAY(1.0, 1e0, 1e14, 1e15, 1234567890123456.8e0, 1e-15, 1e-16, 0.1, -0e0, 1.5e300)",
    "JSON_ARRAY(X'00ff10', b'101')",
    """CONCAT('{"', REPEAT('k', 300), '": "', REPEAT('v', 70000), '"}')""",
    "CONCAT('[', REPEAT('1,', 40000), '1]')",
)
# JSON of MariaDB is text: what it makes of these is not comparable but must be equal in both.
POINTS = (
    "ST_GeomFromText('POINT(3 1)')",
    "ST_GeomFromText('LINESTRING(3 0,3 3,3 5.5)')",
    "ST_GeomFromText('POLYGON((1 1,2 1,2 2,1 2,1 1))')",
    "ST_GeomFromText('MULTIPOINT(1 1,2 2)')",
    "ST_GeomFromText('MULTILINESTRING((1 1,2 2,3 3),(4 4,5 5))')",
    "ST_GeomFromText('MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0)),((5 5,7 5,7 7,5 7,5 5)))')",
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(10 10),POINT(30 30),LINESTRING(15 15,20 20))')",
    "NULL",
)
GEOMETRIES = [
    '{"coordinates":[3,1],"type":"Point","srid":0}',
    '{"coordinates":[[3,0],[3,3],[3,5.5]],"type":"LineString","srid":0}',
    '{"coordinates":[[[1,1],[2,1],[2,2],[1,2],[1,1]]],"type":"Polygon","srid":0}',
    '{"coordinates":[[1,1],[2,2]],"type":"MultiPoint","srid":0}',
    '{"coordinates":[[[1,1],[2,2],[3,3]],[[4,4],[5,5]]],"type":"MultiLineString","srid":0}',
    '{"coordinates":[[[[0,0],[10,0],[10,10],[0,10],[0,0]]],[[[5,5],[7,5],[7,7],[5,7],[5,5]]]],'
    '"type":"MultiPolygon","srid":0}',
    '{"geometries":[{"type":"Point","coordinates":[10,10]},{"type":"Point","coordinates":[30,30]},'
    '{"type":"LineString","coordinates":[[15,15],[20,20]]}],"type":"GeometryCollection","srid":0}',
    None,
]


@pytest.fixture
def session(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    opened.query("SET NAMES utf8mb4")
    opened.query("SET sql_mode = 'ALLOW_INVALID_DATES'")
    yield opened
    opened.close()


def both_phases(
    server: MySqlServer,
    session: MySqlConnection,
    directory: Path,
    columns: list[tuple[str, str]],
    rows: list[list[str]],
    types: dict[str, DataType],
) -> tuple[list[Any], list[Any], list[Any]]:
    """The same rows read by a snapshot, out of the binlog, and by SELECT, in order of id."""
    session.query("DROP TABLE IF EXISTS shop.every_type")
    made = ", ".join(f"{name} {kind}" for name, kind in columns)
    session.query(
        f"CREATE TABLE shop.every_type (id BIGINT PRIMARY KEY, {made})"
        " CHARACTER SET utf8mb4 ROW_FORMAT=DYNAMIC"
    )
    names = ", ".join(name for name, _ in columns)
    for number, row in enumerate(rows):
        session.query(
            f"INSERT INTO shop.every_type (id, {names}) VALUES ({number}, {', '.join(row)})"
        )
    key = Column("id", BIGINT.with_nullable(nullable=False))
    schema = Schema((key, *(Column(name, types[name]) for name, _ in columns)), ("id",))
    run = Run(server, directory, "every_type", schema=schema)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    snapshot = [row[1:] for _, row in sorted(run.rows.items())]
    session.query(
        f"INSERT INTO shop.every_type (id, {names}) SELECT id + 1000, {names} FROM shop.every_type"
    )
    run.until(lambda: len(run.rows) == 2 * len(rows))
    run.close()
    binlog = [row[1:] for number, row in sorted(run.rows.items()) if number >= 1000]
    # the text of a FLOAT has six digits only
    exact = ", ".join(f"{name} + 0e0" if kind == "FLOAT" else name for name, kind in columns)
    selected = session.query(f"SELECT {exact} FROM shop.every_type WHERE id < 1000 ORDER BY id")
    return snapshot, binlog, [list(row) for row in selected]


def as_read(kind: str, value: Any) -> Any:
    """A value of PyMySQL as the exact value our readers give."""
    if value is None:
        return None
    base = kind.split("(", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    if base in {"DATE", "DATETIME", "TIMESTAMP"}:
        if isinstance(value, str):
            return None  # PyMySQL leaves dates that do not exist as text
        return value.replace(tzinfo=dt.UTC) if base == "TIMESTAMP" else value
    if kind == "FLOAT(7,3)":
        return float(np.float32(value))
    if kind == "BIT(1)":
        return value != b"\0"
    if kind == "DECIMAL(65,30)":
        return format(value, "f")
    return value


def natural(kind: str) -> DataType:
    """The declared type that takes all values of a MySQL type."""
    found = flink_type(
        parse_column("c", kind.split(" CHARACTER", maxsplit=1)[0].lower()), tiny_is_bit=False
    )
    assert found is not None, kind
    return found


def test_every_type_is_equal_in_snapshot_binlog_and_select(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    columns = [(name, kind) for name, kind, _ in COLUMNS]
    rows = [list(row) for row in zip(*(values for _, _, values in COLUMNS), strict=True)]
    types = {name: natural(kind) for name, kind in columns}
    for name, kind in columns:
        if kind.split("(")[0] in {"TIME", "SET"}:
            types[name] = STRING
        if kind.startswith("TIMESTAMP"):
            types[name] = TIMESTAMP_LTZ(6)
    snapshot, binlog, selected = both_phases(server, session, tmp_path, columns, rows, types)
    different = []
    for number, row in enumerate(selected):
        for place, (name, kind) in enumerate(columns):
            expected = as_read(kind, row[place])
            if (
                kind.startswith("TIME")
                and not kind.startswith("TIMESTAMP")
                and expected is not None
            ):
                expected = session.query(
                    f"SELECT CAST({name} AS CHAR) FROM shop.every_type WHERE id = {number}"
                )[0][0]
                expected = expected.rstrip("0").rstrip(".") if "." in expected else expected
            found = (snapshot[number][place], binlog[number][place])
            if found != (expected, expected):
                different.append((name, number, repr(expected)[:60], [repr(v)[:60] for v in found]))
    assert not different


def test_json_has_the_same_text_in_both_phases(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    values = [
        value
        for value in JSON_VALUES
        if not (session.server_info.is_mariadb and value.startswith("CAST"))
    ]
    snapshot, binlog, selected = both_phases(
        server, session, tmp_path, [("j", "JSON")], [[v] for v in values], {"j": STRING}
    )
    assert [row[0] for row in snapshot] == [row[0] for row in selected]
    assert [row[0] for row in binlog] == [row[0] for row in selected]
    for (text,) in snapshot:
        assert text is None or json.loads(text) is not Ellipsis


def test_geometries_are_the_text_upstream_makes(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    rows = [[value] for value in POINTS]
    snapshot, binlog, _ = both_phases(
        server, session, tmp_path, [("g", "GEOMETRY")], rows, {"g": STRING}
    )
    assert [row[0] for row in snapshot] == GEOMETRIES
    assert [row[0] for row in binlog] == GEOMETRIES


def test_a_set_may_be_declared_as_an_array(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    snapshot, binlog, _ = both_phases(
        server,
        session,
        tmp_path,
        [("s", "SET('a','b','c')")],
        [["'c,a'"], ["''"], ["NULL"]],
        {"s": ARRAY(STRING)},
    )
    assert snapshot == binlog == [(["a", "c"],), ([""],), (None,)]


def test_partial_json_updates_are_refused_by_name(fleet: Fleet, tmp_path: Path) -> None:
    server = fleet("mysql")
    session = MySqlConnection.open(server.endpoint)
    session.query("DROP TABLE IF EXISTS shop.partial")
    session.query("CREATE TABLE shop.partial (id BIGINT PRIMARY KEY, j JSON)")
    session.query("""INSERT INTO shop.partial VALUES (1, '{"a": 1, "b": "xxxxxxxxxxxxxxxxxx"}')""")
    key = Column("id", BIGINT.with_nullable(nullable=False))
    run = Run(server, tmp_path, "partial", schema=Schema((key, Column("j", STRING)), ("id",)))
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'")
    session.query("UPDATE shop.partial SET j = JSON_SET(j, '$.a', 2)")
    with pytest.raises(DataError, match="partial JSON") as caught:
        run.until(lambda: len(run.log) > 1)
    run.close()
    session.close()
    assert "binlog_row_value_options" in caught.value.hint


def test_years_of_two_digits_and_text_of_bytes_are_as_asked(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    """Upstream's MySqlAncientDateAndTimeITCase and testBinaryHandlingModeWithBase64."""
    session.query("DROP TABLE IF EXISTS shop.ancient")
    session.query("CREATE TABLE shop.ancient (id BIGINT PRIMARY KEY, d DATE, t DATETIME, b BLOB)")
    session.query(
        "INSERT INTO shop.ancient VALUES (1, '0017-08-12', '0095-08-12 01:02:03', X'00ff10'),"
        " (2, '0444-08-12', '2016-02-29 01:02:03', NULL)"
    )
    key = Column("id", BIGINT.with_nullable(nullable=False))
    columns = (key, Column("d", DATE), Column("t", TIMESTAMP(0)), Column("b", STRING))
    asked = {
        "debezium.enable.time.adjuster": "true",
        "debezium.binary.handling.mode": "base64",
    }
    run = Run(server, tmp_path, "ancient", schema=Schema(columns, ("id",)), given=asked)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query("INSERT INTO shop.ancient SELECT id + 10, d, t, b FROM shop.ancient")
    run.until(lambda: len(run.rows) == 4)
    run.close()
    first = (dt.date(2017, 8, 12), dt.datetime(1995, 8, 12, 1, 2, 3), "AP8Q")  # noqa: DTZ001
    second = (dt.date(444, 8, 12), dt.datetime(2016, 2, 29, 1, 2, 3), None)  # noqa: DTZ001
    assert run.rows == {
        1: (1, *first),
        2: (2, *second),
        11: (11, *first),
        12: (12, *second),
    }


def test_a_character_set_that_cannot_be_decoded_is_refused_at_the_start(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    session.query("DROP TABLE IF EXISTS shop.georgian")
    session.query(
        "CREATE TABLE shop.georgian (id BIGINT PRIMARY KEY, t VARCHAR(9) CHARACTER SET geostd8)"
    )
    key = Column("id", BIGINT.with_nullable(nullable=False))
    with pytest.raises(ConnectorError, match="geostd8") as caught:
        Run(server, tmp_path, "georgian", schema=Schema((key, Column("t", STRING)), ("id",)))
    assert caught.value.code == "unknown-charset"
    Run(server, tmp_path, "georgian", schema=Schema((key,), ("id",))).close()
