"""Arrow columns as StarRocks reads them from CSV or JSON: numbers, texts, dates, nested as JSON.

Source: flink-connector-starrocks, value conversion of its serializers.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def load_column(column: pa.Array) -> pa.Array:
    """A column whose Arrow text is StarRocks' text: integer, float, string or temporal.

    BOOLEAN becomes 1 or 0; TIMESTAMP_LTZ its UTC wall clock; NaN and infinities NULL; BINARY(n) the
    big-endian number upstream sends; ARRAY, MAP and ROW compact JSON.

    Examples:
        >>> load_column(pa.array([True, None])).to_pylist()
        [1, None]
    """
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_floating(kind):
        finite = pc.is_finite(column)
        return column if pc.all(finite).as_py() is not False else pc.if_else(finite, column, None)
    if pa.types.is_decimal(kind):
        return column if kind.scale <= 6 else _plain_decimals(column)
    if pa.types.is_binary(kind):
        return pa.array([_number(value) for value in column.to_pylist()], pa.int64())
    if pa.types.is_nested(kind):
        texts = [None if v is None else _json(v, kind) for v in column.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return column


def as_text(column: pa.Array) -> pa.Array:
    """The text of a column made by `load_column`."""
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def is_text(column: pa.Array) -> bool:
    """Whether values are free text, which may hold separators or need escapes."""
    return bool(pa.types.is_string(column.type))


def bytes_of(texts: pa.Array) -> memoryview:
    """All values of a string array without NULLs, one after the other, without a copy."""
    if len(texts) == 0:
        return memoryview(b"")
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("B").cast("i")
    first, last = ends[texts.offset], ends[texts.offset + len(texts)]
    return memoryview(b"") if data is None else memoryview(data)[first:last]


def _plain_decimals(column: pa.Array) -> pa.Array:
    # Arrow writes values below 1e-6 with an exponent, which StarRocks does not read.
    texts = column.cast(pa.string())
    odd = pc.match_substring(texts, "E")
    if not pc.any(odd).as_py():
        return texts
    plain = [None if v is None else format(v, "f") for v in column.to_pylist()]
    return pa.array(plain, pa.string())


def _number(value: bytes | None) -> int | None:
    if value is None:
        return None
    number = int.from_bytes(value, "big") & 0xFFFF_FFFF_FFFF_FFFF
    return number - (1 << 64) if number >> 63 else number


def _json(value: object, kind: pa.DataType) -> str:
    return json.dumps(_shape(value, kind), ensure_ascii=False, separators=(",", ":"))


def _shape(value: Any, kind: pa.DataType) -> object:
    if value is None:
        return None
    if pa.types.is_map(kind):
        pairs = value.items() if isinstance(value, dict) else value
        return {_key(k): _shape(v, kind.item_type) for k, v in pairs}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_shape(v, kind.value_type) for v in value]
    if pa.types.is_struct(kind):
        return {f.name: _shape(value[f.name], f.type) for f in kind}
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        return None
    return value


def _key(key: object) -> str:
    if isinstance(key, decimal.Decimal):
        return format(key, "f")
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)
