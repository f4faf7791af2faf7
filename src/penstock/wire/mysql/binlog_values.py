"""Stored values of row events to Arrow, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.errors import DataError
from penstock.wire.mysql import table_map as t
from penstock.wire.mysql.charsets import decoder_of, is_utf8
from penstock.wire.mysql.gather import everywhere, integers_at
from penstock.wire.mysql.json_binary import decode_json
from penstock.wire.mysql.result_set import slices, validity

if TYPE_CHECKING:
    from penstock.wire.mysql.table_map import BinaryField

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]
_FEW_ROWS = 256
_DAY = 86_400
_MICRO = 1_000_000


class Gather(NamedTuple):
    """Where a column's values lie.

    Args:
        buffer: The bytes, for Arrow.
        data: The same, for NumPy.
        begin: Per row, where the value starts.
        end: Per row, where it ends; only for values with their own length.
        null: Rows without value; None if there are none.
    """

    buffer: pa.Buffer
    data: npt.NDArray[np.uint8]
    begin: _Ints
    end: _Ints
    null: _Bools | None


def decode_column(field: BinaryField, at: Gather) -> pa.Array:
    """Values as `field.column.arrow_type`."""
    target = field.column.arrow_type
    if len(at.begin) == 0:
        return pa.array([], target)
    try:
        values = _variable(field, at) if field.length_bytes else _fixed(field, at)
        return values if values.type == target else _cast(values, target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"a value of the binlog does not fit {field.column.type_name}",
            column=field.column.name,
            detail=str(error)[:200],
            hint="The column's type was changed after the row was written.",
        ) from error


def _cast(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_binary(values.type) and not (
        pa.types.is_string(target) or pa.types.is_binary(target)
    ):
        raise pa.ArrowInvalid("bytes where a number was expected")
    return values.cast(target)


def _make(kind: pa.DataType, data: npt.NDArray[np.generic], null: _Bools | None) -> pa.Array:
    marks = None if null is None else validity(null)
    return pa.Array.from_buffers(kind, len(data), [marks, pa.py_buffer(np.ascontiguousarray(data))])


def _bytes(at: Gather, width: int) -> npt.NDArray[np.uint8]:
    """The values as a matrix of bytes."""
    if len(at.begin) < _FEW_ROWS:
        few: npt.NDArray[np.uint8] = at.data[at.begin[:, None] + np.arange(width)]
        return few
    windows = np.lib.stride_tricks.sliding_window_view(at.data, width)
    return windows[at.begin]


def _big(at: Gather, first: int, last: int) -> _Ints:
    """Bytes `first` to `last` of each value, the highest first."""
    return integers_at(at.data, at.begin + first, last - first, big_endian=True)


def _little(at: Gather, width: int) -> _Ints:
    return integers_at(at.data, at.begin, width)


def _either(first: _Bools | None, second: _Bools) -> _Bools | None:
    if not second.any():
        return first
    return second if first is None else first | second


def _fixed(field: BinaryField, at: Gather) -> pa.Array:  # noqa: PLR0911
    kind, width, null = field.type, field.width, at.null
    if width == 0:
        return pa.nulls(len(at.begin), field.column.arrow_type)
    if kind in {t.TINY, t.SHORT, t.INT24, t.LONG, t.LONGLONG}:
        return _integers(field, at)
    if kind == t.NEWDECIMAL:
        return _decimals(field, at)
    if kind in {t.FLOAT, t.DOUBLE}:
        float_type, number = (pa.float32(), "<f4") if kind == t.FLOAT else (pa.float64(), "<f8")
        values = everywhere(at.data, number)[at.begin]
        return _make(float_type, _rounded(values, field.column.scale), null)
    if kind in {t.DATETIME2, t.TIMESTAMP2, t.TIME2}:
        return _clock(field, at)
    if kind in {t.DATE, t.NEWDATE}:
        value = _little(at, width)
        days, bad = _days(value >> 9, value >> 5 & 15, value & 31)
        return _make(pa.date32(), days.astype(np.int32), _either(null, bad))
    if kind == t.YEAR:
        year = at.data[at.begin].astype(np.int32)
        return _make(pa.int32(), np.where(year == 0, 0, year + 1900).astype(np.int32), null)
    if kind == t.BIT:
        if field.column.arrow_type == pa.bool_():
            return pa.array(at.data[at.begin + (width - 1)] == 1, pa.bool_(), mask=null)
        fixed = _make(pa.binary(width), _bytes(at, width), null)
        return fixed.cast(pa.binary())
    if kind in {t.ENUM, t.SET}:
        return _members(field, _little(at, width), null)
    return _old_clock(kind, _little(at, width), null)


def _rounded(values: npt.NDArray[Any], scale: int) -> npt.NDArray[Any]:
    """Values of FLOAT(M,D) and DOUBLE(M,D), of which the server shows no more digits."""
    if not scale:
        return values
    exact = [float(f"{value:.{scale}f}") for value in values.tolist()]
    return np.array(exact, values.dtype)


def _integers(field: BinaryField, at: Gather) -> pa.Array:
    unsigned, width, null = field.column.unsigned, field.width, at.null
    if field.type == t.INT24:
        value = _little(at, 3)
        if not unsigned:
            value = np.where(value >= 1 << 23, value - (1 << 24), value)
        return _make(pa.int32(), value.astype(np.int32), null)
    found = everywhere(at.data, f"<{'u' if unsigned else 'i'}{width}")[at.begin]
    if not unsigned:
        kind = {1: pa.int8(), 2: pa.int16(), 4: pa.int32(), 8: pa.int64()}[width]
        return _make(kind, found, null)
    if width == 8:
        limbs = np.zeros((len(found), 2), np.uint64)
        limbs[:, 0] = found
        return _make_wide(pa.decimal128(20, 0), limbs, null)
    wide = {1: (pa.int16(), np.int16), 2: (pa.int32(), np.int32), 4: (pa.int64(), np.int64)}
    arrow, number = wide[width]
    return _make(arrow, found.astype(number), null)


def _make_wide(kind: pa.DataType, limbs: npt.NDArray[np.generic], null: _Bools | None) -> pa.Array:
    marks = None if null is None else validity(null)
    return pa.Array.from_buffers(
        kind, len(limbs), [marks, pa.py_buffer(np.ascontiguousarray(limbs))]
    )


def _decimals(field: BinaryField, at: Gather) -> pa.Array:
    """DECIMAL: groups of nine digits in four bytes, big endian, sign in the first bit."""
    whole, scale, null = field.precision - field.scale, field.scale, at.null
    negative: _Bools = at.data[at.begin] & 0x80 == 0
    any_negative = bool(negative.any())
    groups = [whole % 9] * bool(whole % 9) + [9] * (whole // 9)
    groups += [9] * (scale // 9) + [scale % 9] * bool(scale % 9)
    values, place = [], 0
    for digits in groups:
        width = t.DIGIT_BYTES[digits]
        value = _big(at, place, place + width)
        if place == 0:
            value ^= 0x80 << 8 * (width - 1)
        if any_negative:
            value[negative] ^= (1 << 8 * width) - 1
        values.append(value)
        place += width
    if field.precision <= 18:
        total = values[0]
        for digits, value in zip(groups[1:], values[1:], strict=True):
            total = total * 10**digits + value
        if any_negative:
            total[negative] *= -1
        limbs = np.empty((len(total), 2), np.int64)
        limbs[:, 0] = total
        limbs[:, 1] = total >> 63
        return _make_wide(pa.decimal128(field.precision, scale), limbs, null)
    return _wide_decimals(field, list(zip(groups, values, strict=True)), negative, null)


def _wide_decimals(
    field: BinaryField, groups: list[tuple[int, _Ints]], negative: _Bools, null: _Bools | None
) -> pa.Array:
    """More than 18 digits: written as text, which Arrow reads."""
    rows, whole, scale = len(negative), field.precision - field.scale, field.scale
    text = np.full((rows, 1 + field.precision), ord("0"), np.uint8)
    place = 1
    for digits, value in groups:
        left = value
        for column in range(place + digits - 1, place - 1, -1):
            text[:, column] += (left % 10).astype(np.uint8)
            left = left // 10
        place += digits
    text[:, 0] = np.where(negative, ord("-"), ord("0"))
    if scale:
        dot = np.full((rows, 1), ord("."), np.uint8)
        text = np.hstack([text[:, : 1 + whole], dot, text[:, 1 + whole :]])
    width = text.shape[1]
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    marks = None if null is None else validity(null)
    array = pa.Array.from_buffers(
        pa.string(),
        rows,
        [marks, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))],
    )
    if field.precision <= 38:
        return array.cast(pa.decimal128(field.precision, scale))
    return pa.array([v if v is None else _plain(v) for v in array.to_pylist()], pa.string())


def _plain(text: str) -> str:
    """Without leading zeros, as MySQL prints it."""
    sign = "-" if text[0] == "-" else ""
    digits = text[1:].lstrip("0")
    return sign + ("0" + digits if digits[:1] in {"", "."} else digits)


def _days(year: _Ints, month: _Ints, day: _Ints) -> tuple[_Ints, _Bools]:
    """Days since 1970-01-01, and which rows are no date of the calendar."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], np.int64)
    last = lengths[month & 15] + ((month == 2) & leap)
    bad = (year < 1) | (year > 9999) | (day < 1) | (day > last)
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    of_era_days = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return era * 146_097 + of_era_days - 719_468, bad


def _clock(field: BinaryField, at: Gather) -> pa.Array:
    """DATETIME, TIMESTAMP and TIME since MySQL 5.6: big endian, then hundredths as bytes."""
    null = at.null
    fraction_bytes = (field.precision + 1) // 2
    unit = 10 ** (6 - 2 * fraction_bytes)
    base = field.width - fraction_bytes
    if field.type == t.TIME2:
        total = _big(at, 0, field.width) - (0x800000 << 8 * fraction_bytes)
        size = np.abs(total)
        clock = size >> 8 * fraction_bytes
        seconds = (clock >> 12 & 0x3FF) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63)
        micros = seconds * _MICRO + (size & (1 << 8 * fraction_bytes) - 1) * unit
        return _make(pa.duration("us"), np.where(total < 0, -micros, micros), null)
    fraction = _big(at, base, field.width) * unit if fraction_bytes else 0
    value = _big(at, 0, base)
    if field.type == t.TIMESTAMP2:
        micros = value * _MICRO + fraction
        zero = value == 0
        return _make(pa.timestamp("us", tz="UTC"), micros, _either(null, zero))
    value -= 0x8000000000
    month_number = value >> 22
    days, bad = _days(month_number // 13, month_number % 13, value >> 17 & 31)
    seconds = days * _DAY + (value >> 12 & 31) * 3600 + (value >> 6 & 63) * 60 + (value & 63)
    return _make(pa.timestamp("us"), seconds * _MICRO + fraction, _either(null, bad))


def _old_clock(kind: int, value: _Ints, null: _Bools | None) -> pa.Array:
    """TIMESTAMP, DATETIME and TIME as before MySQL 5.6."""
    if kind == t.TIMESTAMP:
        return _make(pa.timestamp("us", tz="UTC"), value * _MICRO, _either(null, value == 0))
    clock = value % 1_000_000
    seconds = clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100
    if kind == t.DATETIME:
        date = value // 1_000_000
        days, bad = _days(date // 10_000, date // 100 % 100, date % 100)
        micros = (days * _DAY + seconds) * _MICRO
        return _make(pa.timestamp("us"), micros, _either(null, bad))
    value = np.where(value >= 1 << 23, value - (1 << 24), value)
    size = np.abs(value)
    seconds = size // 10_000 * 3600 + size // 100 % 100 * 60 + size % 100
    return _make(pa.duration("us"), np.where(value < 0, -seconds, seconds) * _MICRO, null)


def _members(field: BinaryField, value: _Ints, null: _Bools | None) -> pa.Array:
    """ENUM by number, SET by bits; the names come from the table's definition."""
    members = field.column.members
    if not members:
        # the column became something else since
        return _make(pa.int64(), value, null)
    if field.type == t.ENUM:
        names = ("", *members)
        numbers = pa.array(np.where(value < len(names), value, 0), pa.int64(), mask=null)
        return pa.array(names, pa.string()).take(numbers)
    unique, inverse = np.unique(value, return_inverse=True)
    texts = [
        ",".join(name for bit, name in enumerate(members) if int(number) >> bit & 1)
        for number in unique
    ]
    return pa.array(texts, pa.string()).take(pa.array(inverse.ravel(), pa.int64(), mask=null))


def _variable(field: BinaryField, at: Gather) -> pa.Array:
    rows = len(at.begin)
    every_second = pa.array(np.arange(0, 2 * rows, 2, dtype=np.int64))
    values = slices(
        at.buffer, at.begin.astype(np.int32), at.end.astype(np.int32), every_second, at.null
    )
    column = field.column
    if field.type == t.JSON:
        point = not field.old_json
        texts = [
            v if v is None else decode_json(v, whole_with_point=point) for v in values.to_pylist()
        ]
        return pa.array(texts, pa.string())
    if column.arrow_type == pa.string():
        return _text(values, column.charset)
    if column.type_name == "binary" and column.length:
        # the server cuts trailing zero bytes off BINARY(n) in the binlog
        sizes = at.end - at.begin
        if bool((sizes != column.length).any()):
            padded = [v if v is None else v.ljust(column.length, b"\0") for v in values.to_pylist()]
            return pa.array(padded, pa.binary())
    return values


def _text(values: pa.Array, charset: str) -> pa.Array:
    if is_utf8(charset):
        try:
            return values.cast(pa.string())
        except pa.ArrowInvalid:
            charset = "utf8mb4"
    elif charset == "latin1":
        data = values.buffers()[2]
        if data is None or not bool((np.frombuffer(data, np.int8) < 0).any()):
            return values.view(pa.string())
    decode = decoder_of(charset)
    if decode is None:
        raise DataError(f"character set '{charset}' is not known")
    texts = [v if v is None else decode(v) for v in values.to_pylist()]
    return pa.array(texts, pa.string())
