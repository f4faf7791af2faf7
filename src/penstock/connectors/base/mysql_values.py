"""Casts MySQL values, as both readers give them, to the types the user declared."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.types import TypeRoot
from penstock.wire.mysql.geometry import geometry_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.types import DataType

    Array = Any

_DAY_US = 86_400_000_000
_BINARY_TEXT: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64-url-safe": base64.urlsafe_b64encode,
    "hex": lambda value: value.hex().encode(),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How values are shown where the declared type leaves a choice.

    Args:
        zone: Of TIMESTAMP where a wall clock is declared.
        binary: Text of bytes: "bytes" as they are (UTF-8), "base64", "base64-url-safe" or "hex".
        adjusts_years: Whether years 0 to 99 are moved to 1970 to 2069.
    """

    zone: str = "UTC"
    binary: str = "bytes"
    adjusts_years: bool = False


def to_declared(
    array: Array,
    declared: DataType,
    shown: Shown,
    *,
    table: str,
    column: str,
    is_geometry: bool = False,
) -> Array:
    """Values as the declared type's Arrow type.

    DATETIME keeps its wall clock; TIMESTAMP is an instant, shown in a zone where a wall clock is
    declared; TIME out of a day is NULL unless declared as text.

    Raises:
        DataError: A value does not fit the declared type.
    """
    target = declared.arrow()
    if shown.adjusts_years and (pa.types.is_date(array.type) or pa.types.is_timestamp(array.type)):
        array = _adjusted(array)
    if array.type == target and declared.root not in {TypeRoot.TIMESTAMP, TypeRoot.TIMESTAMP_LTZ}:
        return array
    try:
        if is_geometry and declared.root in {TypeRoot.CHAR, TypeRoot.VARCHAR}:
            texts = [None if v is None else geometry_text(v) for v in array.to_pylist()]
            return pa.array(texts, pa.string())
        return _convert(array, declared, target, shown)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        # Arrow's casts, and Python's where text is parsed value by value
        raise DataError(
            f"a value of type {array.type} does not fit the declared type {declared.sql()}",
            table=table,
            column=column,
            hint="Declare the column with the type the MySQL column maps to.",
        ) from error


def _convert(array: Array, declared: DataType, target: pa.DataType, shown: Shown) -> Array:
    source = array.type
    match declared.root:
        case TypeRoot.BOOLEAN if pa.types.is_integer(source):
            return pc.not_equal(array, pa.scalar(0, source))
        case TypeRoot.TIMESTAMP | TypeRoot.TIMESTAMP_LTZ:
            return _floor(_timestamp(array, declared, target, shown.zone), declared.precision)
        case TypeRoot.TIME if pa.types.is_duration(source):
            micros = array.cast(pa.int64())
            fits = pc.and_(pc.greater_equal(micros, 0), pc.less(micros, _DAY_US))
            micros = pc.if_else(fits, micros, pa.scalar(None, pa.int64()))
            return pc.divide(micros, 1000).cast(pa.int32()).cast(target)
        case TypeRoot.CHAR | TypeRoot.VARCHAR:
            return _text(array, shown.binary)
        case TypeRoot.ARRAY if pa.types.is_string(source):
            return pc.split_pattern(array, ",").cast(target)
        case TypeRoot.DATE if pa.types.is_timestamp(source):
            return array.cast(pa.date32(), safe=False)
    if pa.types.is_boolean(source) and pa.types.is_decimal(target):
        array = array.cast(pa.int8())
    if pa.types.is_integer(array.type) and pa.types.is_decimal(target):
        array = array.cast(pa.decimal128(20, 0)) if array.type != pa.uint64() else array
    return array.cast(target)


def _timestamp(array: Array, declared: DataType, target: pa.DataType, zone: str) -> Array:
    source = array.type
    if pa.types.is_timestamp(source):
        if declared.root is TypeRoot.TIMESTAMP and source.tz:
            return pc.local_timestamp(array.cast(pa.timestamp("us", tz=zone)))
        if declared.root is TypeRoot.TIMESTAMP_LTZ and not source.tz:
            instants = pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="earliest")
            return instants.cast(target)
    return array.cast(target)


def _floor(array: Array, precision: int) -> Array:
    if precision >= 6:
        return array
    step = 10 ** (6 - precision)
    micros = array.cast(pa.int64())
    rest = pc.subtract(micros, pc.multiply(pc.divide(micros, step), step))
    rest = pc.if_else(pc.less(rest, 0), pc.add(rest, step), rest)
    return pc.subtract(micros, rest).cast(array.type)


def _adjusted(array: Array) -> Array:
    """Years 0 to 69 become 2000 to 2069, 70 to 99 1970 to 1999; days and clocks stay."""
    local = pc.local_timestamp(array) if getattr(array.type, "tz", None) else array
    year = pc.year(local)
    if not pc.any(pc.less(year, 100)).as_py():
        return array
    found = [
        v if v is None or v.year > 99 else v.replace(year=v.year + (2000 if v.year < 70 else 1900))
        for v in array.to_pylist()
    ]
    return pa.array(found, array.type)


def _text(array: Array, binary: str) -> Array:
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_binary(array.type) and binary in _BINARY_TEXT:
        write = _BINARY_TEXT[binary]
        texts = [None if v is None else write(v).decode() for v in array.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_duration(array.type):
        return pa.array([_time_text(v) for v in array.cast(pa.int64()).to_pylist()], pa.string())
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = pc.local_timestamp(array)
    return array.cast(pa.string())


def _time_text(micros: int | None) -> str | None:
    if micros is None:
        return None
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if fraction:
        text += f".{fraction:06d}".rstrip("0")
    return "-" * (micros < 0) + text
