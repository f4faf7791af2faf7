"""MySQL's text of values to Arrow."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.types import quote_identifier

if TYPE_CHECKING:
    from penstock.wire.mysql.column import MySqlColumn

# A month or day 00, or the year 0000, is MySQL's way to say "unknown".
_ZERO_DATE = r"^0000-|-00-|-00( |$)"
_TIME = r"^(?P<sign>-?)(?P<h>\d+):(?P<m>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d{1,6}))?$"
_FIRST_DAY_US = -62_135_596_800_000_000
_SECOND_US = 1_000_000


def select_expression(column: MySqlColumn) -> str:
    """What to write in a SELECT list so that `text_to_arrow` gets an exact text."""
    quoted = quote_identifier(column.name)
    # the text of a FLOAT has six digits only; as a double it is exact
    return f"({quoted} + 0e0)" if column.type_name == "float" else quoted


def text_to_arrow(column: MySqlColumn, array: pa.Array, zone: str = "UTC") -> pa.Array:
    """Values of `stream_text` for one column as `column.arrow_type`.

    Args:
        column: The column.
        array: A `binary` array of MySQL's text.
        zone: The session's time zone, for TIMESTAMP; `MySqlConnection` sets UTC.

    Raises:
        DataError: A text is none of the type.
    """
    target = column.arrow_type
    try:
        if target == pa.binary():
            return array
        if column.type_name == "bit":
            return pc.equal(array, pa.scalar(b"\x01", pa.binary()))
        if target == pa.string():
            return _to_string(array)
        text = array.view(pa.string())
        if pa.types.is_timestamp(target):
            naive = _to_temporal(text, pa.timestamp("us"))
            return _to_instant(naive, zone) if target.tz else naive
        if pa.types.is_date32(target):
            return _to_temporal(text, pa.date32())
        if pa.types.is_duration(target):
            return _to_duration(text)
        return text.cast(target)
    except pa.ArrowInvalid as error:
        raise DataError(f"text from MySQL is no {column.type_name}", column=column.name) from error


def _to_string(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        values = [v if v is None else v.decode("utf-8", "replace") for v in array.to_pylist()]
        return pa.array(values, pa.string())


def _to_temporal(text: pa.Array, target: pa.DataType) -> pa.Array:
    """DATE or DATETIME; what is no date of the calendar becomes NULL."""
    try:
        values = text.cast(target)
    except pa.ArrowInvalid:
        zero = pc.match_substring_regex(text, _ZERO_DATE)
        text = pc.if_else(zero, pa.scalar(None, pa.string()), text)
        try:
            values = text.cast(target)
        except pa.ArrowInvalid:
            text = pa.array([_real_date(value) for value in text.to_pylist()], pa.string())
            values = text.cast(target)
    first = _FIRST_DAY_US if pa.types.is_timestamp(target) else -719_162
    width = pa.int64() if pa.types.is_timestamp(target) else pa.int32()
    early = pc.less(values.view(width), pa.scalar(first, width))
    if pc.any(early).as_py():
        return pc.if_else(early, pa.scalar(None, target), values)
    return values


def _real_date(text: str | None) -> str | None:
    """The text, or None where its day does not exist (as 2024-02-31)."""
    if text is None or not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None
    return text


def _to_instant(naive: pa.Array, zone: str) -> pa.Array:
    target = pa.timestamp("us", tz="UTC")
    if zone in {"UTC", "+00:00"}:
        return naive.cast(target)
    aware = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    return aware.cast(target)


def _to_duration(text: pa.Array) -> pa.Array:
    parts = pc.extract_regex(text, _TIME)
    hours, minutes, seconds = (
        pc.struct_field(parts, name).cast(pa.int64()) for name in ("h", "m", "s")
    )
    fraction = pc.utf8_rpad(pc.struct_field(parts, "f"), 6, "0").cast(pa.int64())
    total = pc.add(pc.add(pc.multiply(hours, 3600), pc.multiply(minutes, 60)), seconds)
    micros = pc.add(pc.multiply(total, _SECOND_US), fraction)
    negative = pc.equal(pc.struct_field(parts, "sign"), "-")
    signed = pc.if_else(negative, pc.negate(micros), micros)
    return signed.cast(pa.duration("us"))
