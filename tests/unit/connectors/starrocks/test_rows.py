"""Rows into an embedded StarRocks, read back by PyMySQL: every type exact, in every format."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.types import (
    ARRAY,
    BIGINT,
    BINARY,
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
    VARCHAR,
    Column,
    DataType,
    Schema,
)

FORMATS: dict[str, dict[str, str]] = {
    "auto": {},
    "csv": {"sink.properties.format": "csv"},
    "json": {"sink.properties.format": "json"},
    "csv lz4": {"sink.properties.format": "csv", "sink.properties.compression": "lz4_frame"},
    "json lz4": {"sink.properties.format": "json", "sink.properties.compression": "lz4_frame"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture(params=FORMATS)
def format_options(request: pytest.FixtureRequest) -> dict[str, str]:
    return FORMATS[request.param]


def schema(*types: DataType) -> Schema:
    columns = [Column("id", INT.with_nullable(nullable=False))]
    columns += [Column(f"c{place}", kind) for place, kind in enumerate(types)]
    return Schema(tuple(columns), ("id",))


def round_trip(
    server: EmbeddedStarRocks,
    target: str,
    kind: DataType,
    values: list[Any],
    options: dict[str, str],
    select: str = "c0",
) -> list[Any]:
    table = TargetTable(server, f"(id INT, c0 {target}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
    try:
        rows = [(place, value) for place, value in enumerate(values)]
        answer = table.load(schema(kind), rows, table.options(**options))
        assert answer.loaded_rows == len(rows)
        return [row[0] for row in table.sql(f"SELECT {select} FROM d.t ORDER BY id")]
    finally:
        table.close()


UTC = dt.UTC
MOMENT = dt.datetime.fromisoformat("2024-01-02T03:04:05.678901")
# Target type, Flink type, values, and what is read where it is not the same.
EXACT: dict[str, tuple[str, DataType, list[Any], list[Any] | None]] = {
    "boolean": ("BOOLEAN", BOOLEAN, [True, False, None], [1, 0, None]),
    "tinyint": ("TINYINT", TINYINT, [-128, 127, None], None),
    "smallint": ("SMALLINT", SMALLINT, [-32768, 32767, None], None),
    "int": ("INT", INT, [-(2**31), 2**31 - 1, None], None),
    "bigint": ("BIGINT", BIGINT, [-(2**63), 2**63 - 1, None], None),
    "int to bigint": ("BIGINT", INT, [-(2**31), 2**31 - 1, None], None),
    "largeint": (
        "LARGEINT",
        DECIMAL(38, 0),
        [Decimal(10**37), Decimal(-(10**38) + 1), None],
        [str(10**37), str(-(10**38) + 1), None],
    ),
    "largeint of text": ("LARGEINT", STRING, [str(2**126), "-1", None], [str(2**126), "-1", None]),
    "decimal": (
        "DECIMAL(38,18)",
        DECIMAL(38, 18),
        [Decimal("99999999999999999999.999999999999999999"), Decimal("-1E-18"), Decimal(0), None],
        None,
    ),
    "decimal(10,2)": ("DECIMAL(10,2)", DECIMAL(10, 2), [Decimal("-0.01"), Decimal("1E+3")], None),
    "float": ("FLOAT", FLOAT, [1.5, -3.4028235e38, 1e-45, None], None),
    "double": ("DOUBLE", DOUBLE, [0.1, 1.7976931348623157e308, 5e-324, -0.0, None], None),
    "not a number": (
        "DOUBLE",
        DOUBLE,
        [float("nan"), float("inf"), float("-inf"), 1.0],
        [None, None, None, 1.0],
    ),
    "char": ("CHAR(20)", CHAR(20), ["abc", "", None], None),
    "date": ("DATE", DATE, [dt.date(1, 1, 1), dt.date(9999, 12, 31), None], None),
    "datetime": (
        "DATETIME",
        TIMESTAMP(6),
        [
            MOMENT,
            dt.datetime.fromisoformat("1969-12-31T23:59:59.999999"),
            dt.datetime.fromisoformat("0001-01-01"),
            None,
        ],
        None,
    ),
    "datetime(0)": (
        "DATETIME",
        TIMESTAMP(0),
        [dt.datetime.fromisoformat("2024-01-02T03:04")],
        None,
    ),
    "timestamp_ltz": (
        "DATETIME",
        TIMESTAMP_LTZ(6),
        [MOMENT.replace(tzinfo=UTC), None],
        [MOMENT, None],
    ),
    "binary to bigint": ("BIGINT", BINARY(2), [b"\x01\x02", None], [258, None]),
    "date of text": ("DATE", STRING, ["2024-01-02", None], [dt.date(2024, 1, 2), None]),
}
TEXTS = [
    "plain",
    "",
    None,
    "\\N",
    "NULL",
    "null",
    "\\",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\x01b\x02c",
    "".join(map(chr, range(1, 32))),
    'say "hi"',
    "'single'",
    "{not json",
    '{"a": 1}',
    " padded ",
    "é ü 中文 \U0001f600 \U00010348",
    "\u2028\u2029\ufeff",
    ",",
    "||",
    "a" * 1000,
]


@pytest.mark.parametrize("case", EXACT)
def test_every_type_is_exact(
    server: EmbeddedStarRocks, format_options: dict[str, str], case: str
) -> None:
    target, kind, values, expected = EXACT[case]
    found = round_trip(server, target, kind, values, format_options)
    assert found == (expected or values)


@pytest.mark.parametrize("options", [FORMATS["auto"], FORMATS["json"], FORMATS["json lz4"]])
def test_any_text_is_exact(server: EmbeddedStarRocks, options: dict[str, str]) -> None:
    assert round_trip(server, "VARCHAR(65533)", VARCHAR(2000), TEXTS, options) == TEXTS
    for text in TEXTS:
        assert round_trip(server, "STRING", STRING, [text], options) == [text]


@pytest.mark.parametrize(
    "separators", [("\\x01", "\\x02"), ("||", "<row>"), (",", "\n"), ("\t", "\r\n")]
)
def test_separators_of_the_user(server: EmbeddedStarRocks, separators: tuple[str, str]) -> None:
    options = {
        "sink.properties.column_separator": separators[0],
        "sink.properties.row_delimiter": separators[1],
    }
    values = ["plain", "", None, "\\N", "a\tb", "a,b", "a\nb", "||", "\x01"]
    assert round_trip(server, "STRING", STRING, values, options) == values


@pytest.mark.parametrize(
    ("zone", "read"),
    [("UTC", "03:04:05"), ("session", "11:04:05"), ("America/New_York", "22:04:05")],
)
def test_timestamp_ltz_in_the_zone_asked_for(
    server: EmbeddedStarRocks, format_options: dict[str, str], zone: str, read: str
) -> None:
    options = {**format_options, "sink.timestamp-ltz.zone": zone}
    value = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    (found,) = round_trip(server, "DATETIME", TIMESTAMP_LTZ(6), [value], options)
    assert f"{found:%H:%M:%S}" == read


def test_bytes_are_exact(server: EmbeddedStarRocks, format_options: dict[str, str]) -> None:
    values = [bytes(range(256)), b"", None, b"\\N", b"\t\n\x00"]
    found = round_trip(server, "VARBINARY", BYTES, values, format_options)
    assert found == values


JSON_VALUES = ['{"b": 1, "a": [1, 2]}', "[]", "1", "true", '"x"', "", "no json", None]
JSON_READ = [{"b": 1, "a": [1, 2]}, [], 1, True, "x", "", "no json", None]


def test_json_columns_hold_json(server: EmbeddedStarRocks, format_options: dict[str, str]) -> None:
    found = round_trip(server, "JSON", STRING, JSON_VALUES, format_options)
    assert [
        None if value is None else json.loads(value, strict=False) for value in found
    ] == JSON_READ


def test_json_text_into_a_text_column_stays_as_it_is(
    server: EmbeddedStarRocks, format_options: dict[str, str]
) -> None:
    values = ['{"b": 1,  "a": 2, "b": 3}', "[1,   2]"]
    assert round_trip(server, "STRING", STRING, values, format_options) == values


NESTED: dict[str, tuple[str, DataType, list[Any], list[Any]]] = {
    "array": (
        "ARRAY<INT>",
        ARRAY(INT),
        [[1, None, 3], [], None],
        [[1, None, 3], [], None],
    ),
    "array of texts": (
        "ARRAY<STRING>",
        ARRAY(STRING),
        [['a"b', "c,d", "[e]", "\n\\", None]],
        [['a"b', "c,d", "[e]", "\n\\", None]],
    ),
    "array of arrays": (
        "ARRAY<ARRAY<BIGINT>>",
        ARRAY(ARRAY(BIGINT)),
        [[[1], [], None, [2**62]]],
        [[[1], [], None, [2**62]]],
    ),
    "array of booleans": ("ARRAY<BOOLEAN>", ARRAY(BOOLEAN), [[True, False]], [[True, False]]),
    "map": (
        "MAP<STRING,INT>",
        MAP(STRING, INT),
        [[("k", 1), ('q"', None)], [], None],
        [{"k": 1, 'q"': None}, {}, None],
    ),
    "struct": (
        "STRUCT<a INT, b STRING>",
        ROW(("a", INT), ("b", STRING)),
        [{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
        [{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
    ),
    "row to json": (
        "JSON",
        ROW(("a", INT), ("b", ARRAY(STRING))),
        [{"a": 1, "b": ["x"]}, None],
        [{"a": 1, "b": ["x"]}, None],
    ),
    "map to text": ("STRING", MAP(STRING, INT), [[("k", 1)], None], [{"k": 1}, None]),
    "row to text": ("STRING", ROW(("a", INT)), [{"a": 1}, None], [{"a": 1}, None]),
}


@pytest.mark.parametrize("options", [FORMATS["auto"], FORMATS["json"]])
@pytest.mark.parametrize("case", NESTED)
def test_nested_values_are_exact(
    server: EmbeddedStarRocks, options: dict[str, str], case: str
) -> None:
    target, kind, values, expected = NESTED[case]
    found = round_trip(server, target, kind, values, options)
    assert [
        None if value is None else json.loads(value, strict=False) for value in found
    ] == expected


def test_a_value_csv_cannot_carry_makes_json(server: EmbeddedStarRocks) -> None:
    table = TargetTable(server, "(id INT, c0 STRING) PRIMARY KEY (id)")
    table.load(schema(STRING), [(1, "plain")])
    assert table.format == "csv"
    table.load(schema(STRING), [(2, "a\tb")])
    assert table.format == "csv"
    table.load(schema(STRING), [(3, "\\N")])
    assert table.format == "json"
    assert table.sql("SELECT c0 FROM d.t ORDER BY id") == [("plain",), ("a\tb",), ("\\N",)]
    table.close()
