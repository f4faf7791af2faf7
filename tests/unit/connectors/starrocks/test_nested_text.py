"""ARRAY, MAP and STRUCT as StarRocks prints them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from penstock.connectors.starrocks.nested_text import decode_nested, is_readable
from penstock.connectors.starrocks.read_types import decoder
from penstock.errors import DataError
from penstock.types import (
    ARRAY,
    BOOLEAN,
    BYTES,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    MAP,
    ROW,
    STRING,
    TIMESTAMP,
    DataType,
)

BIG = "12345678901234567890123456.123456789012"
CASES: list[tuple[DataType, str, Any]] = [
    (ARRAY(INT), "[1,null,-3]", [1, None, -3]),
    (ARRAY(STRING), r'["a\"b","c\\d","e,f"]', ['a"b', r"c\d", "e,f"]),
    (ARRAY(STRING), '["line\nbreak\ttab","\u7532"]', ["line\nbreak\ttab", "\u7532"]),
    (ARRAY(BOOLEAN), "[1,0,null]", [True, False, None]),
    (ARRAY(DECIMAL(38, 12)), f"[{BIG},null]", [Decimal(BIG), None]),
    (ARRAY(DOUBLE), "[1.5,1e300]", [1.5, 1e300]),
    (ARRAY(DATE), '["2024-02-29"]', [dt.date(2024, 2, 29)]),
    (
        ARRAY(TIMESTAMP(6)),
        '["2024-02-29 01:02:03.000004"]',
        [dt.datetime.fromisoformat("2024-02-29 01:02:03.000004")],
    ),
    (ARRAY(ARRAY(INT)), "[[1],[],null]", [[1], [], None]),
    (MAP(STRING, INT), '{"a":1,"b":null}', [("a", 1), ("b", None)]),
    (MAP(INT, STRING), '{1:"x:y",2:null}', [(1, "x:y"), (2, None)]),
    (MAP(DATE, ARRAY(INT)), '{"2024-01-01":[1,2]}', [(dt.date(2024, 1, 1), [1, 2])]),
    (MAP(INT, MAP(INT, INT)), "{1:{2:3}}", [(1, [(2, 3)])]),
    (ROW(("a", INT), ("b", STRING)), '{"a":7,"b":"x"}', {"a": 7, "b": "x"}),
    (ROW(("m", MAP(INT, INT))), '{"m":{-1:2}}', {"m": [(-1, 2)]}),
]


@pytest.mark.parametrize(("declared", "text", "value"), CASES)
def test_a_nested_text_is_read_exactly(declared: DataType, text: str, value: Any) -> None:
    found = decode_nested(pa.array([text.encode(), None], pa.binary()), declared)
    assert found.type == declared.arrow()
    assert found.to_pylist() == [value, None]


def test_a_text_of_another_type_fails_the_read_and_names_the_column() -> None:
    with pytest.raises(DataError) as failure:
        decoder(ARRAY(INT), "UTC", "c.d.t", "ar")(pa.array([b'["x"]'], pa.binary()))
    assert failure.value.column == "ar"
    assert failure.value.table == "c.d.t"


def test_bytes_inside_of_others_are_not_readable() -> None:
    assert not is_readable(ARRAY(BYTES))
    assert not is_readable(ROW(("a", MAP(STRING, BYTES))))
    assert is_readable(MAP(STRING, ARRAY(INT)))
