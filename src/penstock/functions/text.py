"""Flink's texts of values: Java's numbers, upper-case booleans, intervals, collections."""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from typing import Any

import numpy as np

from penstock.types import DataType, TypeRoot

R = TypeRoot
_HALF = re.compile("[\ud800-\udfff]")


def whole_characters(text: str) -> str:
    """Halves of a character joined, a half without the other as `?`, as Java's UTF-8 writes it.

    Examples:
        >>> whole_characters("a" + chr(0xD83D) + chr(0xDE00) + chr(0xD83D))
        'a😀?'
    """
    if _HALF.search(text) is None:
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _HALF.sub("?", joined)


def java_float(value: float, *, single: bool = False) -> str:
    """A float as Java prints it.

    Examples:
        >>> java_float(1.0), java_float(1e7), java_float(0.001), java_float(1.5e-5)
        ('1.0', '1.0E7', '0.001', '1.5E-5')
        >>> java_float(0.1, single=True), java_float(float("inf"))
        ('0.1', 'Infinity')
    """
    if math.isnan(value):
        return "NaN"
    if abs(value) == 5e-324:
        return "-4.9E-324" if value < 0 else "4.9E-324"  # Java writes two digits at least
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    number = np.float32(value) if single else np.float64(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return str(np.format_float_positional(number, unique=True, trim="0"))
    text = str(np.format_float_scientific(number, unique=True, trim="0"))
    mantissa, exponent = text.split("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{int(exponent)}"


def interval_text(value: datetime.timedelta) -> str:
    """A day interval: sign, days, time to the millisecond.

    Examples:
        >>> interval_text(datetime.timedelta(days=-1))
        '-1 00:00:00.000'
    """
    ms = value // datetime.timedelta(milliseconds=1)
    sign, ms = ("-" if ms < 0 else "+"), abs(ms)
    days, ms = divmod(ms, 86_400_000)
    hours, ms = divmod(ms, 3_600_000)
    minutes, ms = divmod(ms, 60_000)
    return f"{sign}{days} {hours:02}:{minutes:02}:{ms // 1000:02}.{ms % 1000:03}"


def timestamp_text(value: datetime.datetime, precision: int) -> str:
    """A wall clock with exactly `precision` fraction digits."""
    text = f"{value.year:04}-{value.month:02}-{value.day:02} {value:%H:%M:%S}"
    if not precision:
        return text
    return f"{text}.{f'{value.microsecond:06}'.ljust(9, '0')[:precision]}"


def value_text(value: Any, data_type: DataType) -> str:  # noqa: PLR0911
    """The text of a Python value of an SQL type, as CAST to STRING gives it; NULL as `NULL`."""
    if value is None:
        return "NULL"
    match data_type.root:
        case R.BOOLEAN:
            return "TRUE" if value else "FALSE"
        case R.FLOAT | R.DOUBLE:
            return java_float(value, single=data_type.root is R.FLOAT)
        case R.DECIMAL:
            return format(Decimal(value), "f")
        case R.BINARY | R.VARBINARY:
            return str(value.decode("utf-8", "replace"))
        case R.TIMESTAMP | R.TIMESTAMP_LTZ:
            return timestamp_text(value, data_type.precision)
        case R.TIME:
            return f"{value:%H:%M:%S}"  # never a fraction (observed on 2.2.1)
        case R.DATE:
            return f"{value.year:04}-{value.month:02}-{value.day:02}"
        case R.INTERVAL_DAY:
            return interval_text(value)
        case R.INTERVAL_MONTH:
            return f"{'-' if value < 0 else '+'}{abs(value) // 12}-{abs(value) % 12:02}"
        case R.ARRAY:
            return f"[{', '.join(value_text(item, data_type.children[0]) for item in value)}]"
        case R.MAP | R.MULTISET:
            key = data_type.children[0]
            item = data_type.children[1] if data_type.root is R.MAP else DataType(R.INT)
            pairs = value.items() if isinstance(value, dict) else value
            texts = [f"{value_text(k, key)}={value_text(v, item)}" for k, v in pairs]
            return f"{{{', '.join(texts)}}}"
        case R.ROW:
            fields = zip(value.values(), data_type.fields, strict=True)
            return f"({', '.join(value_text(item, field.type) for item, field in fields)})"
    return str(value)
