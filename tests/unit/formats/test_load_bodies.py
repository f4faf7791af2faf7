"""Bodies of Stream Load: CSV where values allow it, JSON otherwise."""

import datetime as dt
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest

from penstock.formats.csv import (
    CONTROL,
    PLAIN,
    CsvDialect,
    choose_dialect,
    csv_fits,
    encode_csv,
    parse_separator,
)
from penstock.formats.json import encode_json
from penstock.formats.load_text import Form, load_column


def csv(*columns: pa.Array, dialect: CsvDialect = PLAIN) -> bytes:
    return b"".join(encode_csv([load_column(c) for c in columns], dialect))


def test_values_are_written_as_starrocks_reads_them() -> None:
    row = csv(
        pa.array([True, None]),
        pa.array([dt.date(2024, 1, 2), None]),
        pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 600, dt.UTC)] * 2, pa.timestamp("us", tz="UTC")),
        pa.array([decimal.Decimal("0E-10"), decimal.Decimal("1.5")], pa.decimal128(20, 10)),
        pa.array([10.1, float("nan")]),
        load_column(pa.array([b"\x01\x02", None]), Form.NUMBER),
    )
    assert row == (
        b"1\t2024-01-02\t2024-01-02 03:04:05.000600\t0.0000000000\t10.1\t258\n"
        b"\\N\t\\N\t2024-01-02 03:04:05.000600\t1.5000000000\t\\N\t\\N\n"
    )


def test_nested_values_are_json() -> None:
    column = pa.array([[1, None]], pa.list_(pa.int32()))
    assert load_column(column).to_pylist() == ["[1,null]"]
    column = pa.array([[("k", {"a": True})]], pa.map_(pa.string(), pa.struct([("a", pa.bool_())])))
    assert load_column(column).to_pylist() == ['{"k":{"a":true}}']


@pytest.mark.parametrize(
    ("value", "dialect"),
    [
        ("plain", PLAIN),
        ('a "quote"', PLAIN),
        ("tab\there", CONTROL),
        ("line\nend", CONTROL),
        ("line\rend", CONTROL),
        ("\\N", None),
        ("\x01\t", None),
        ("", PLAIN),
    ],
)
def test_dialect_follows_the_values(value: Any, dialect: Any) -> None:
    columns = [pa.array([1]), pa.array([value])]
    assert choose_dialect(columns) == dialect
    if dialect:
        expected = f"1{dialect.column}{value}{dialect.row}".encode()
        assert b"".join(encode_csv(columns, dialect)) == expected


def test_blank_rows_do_not_fit() -> None:
    assert not csv_fits([pa.array(["", "a"])], PLAIN)


def test_slices_and_long_separators() -> None:
    column = pa.array(["x", 'a"', None, "b"])[1:]
    assert csv(column, column, dialect=CsvDialect("||", "\n")) == b'a"||a"\n\\N||\\N\nb||b\n'


def test_separators_as_upstream() -> None:
    assert parse_separator("\\x0102") == "\x01\x02"
    for literal in ("\n", "|", "\\|", "\\0x2", "abcd"):
        assert parse_separator(literal) == literal
    for text, problem in [("\\x", "empty"), ("\\x1", "length"), ("\\xzz", "format")]:
        with pytest.raises(ValueError, match=problem):
            parse_separator(text)


def test_json_keeps_everything() -> None:
    columns = [
        pa.array([1, None]),
        pa.array(['a\\"\n\x01', "é"]),
        load_column(pa.array([decimal.Decimal("1.10"), None], pa.decimal128(10, 2))),
        pa.array([dt.date(2024, 1, 2), None]),
        load_column(pa.array([float("inf"), 1e300])),
    ]
    body = b"".join(encode_json(["a", "s", "d", "t", "f"], columns))
    assert json.loads(body) == [
        {"a": 1, "s": 'a\\"\n\x01', "d": "1.10", "t": "2024-01-02", "f": None},
        {"a": None, "s": "é", "d": None, "t": None, "f": 1e300},
    ]
    assert json.loads(b"".join(encode_json(["s"], [pa.array(['q"\\', None])]))) == [
        {"s": 'q"\\'},
        {"s": None},
    ]
