"""CAST and TRY_CAST between all types, with Flink's wrapping, rounding, trimming and failures.

Source: spec "Cast rules", observed on Flink 2.2.1.
"""

from __future__ import annotations

import datetime
import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError, InternalError
from penstock.expressions import ScalarFunction, arrow_type
from penstock.functions.text import java_float, value_text
from penstock.types import DECIMAL, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, EvalContext, Frame

R = TypeRoot
_BITS = {R.TINYINT: 8, R.SMALLINT: 16, R.INT: 32, R.BIGINT: 64}
_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)
_TRUE = {"t", "true", "yes", "y", "1"}
_FALSE = {"f", "false", "no", "n", "0"}
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})$")
_TIME = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?)?$")
_INTEGER = re.compile(r"([+-]?\d+)(?:\.\d*)?$")


def wrap(value: int, bits: int) -> int:
    """An integer cut to two's complement of `bits`.

    Examples:
        >>> wrap(300, 8), wrap(3_000_000_000, 32)
        (44, -1294967296)
    """
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def fit_decimal(array: Any, target: DataType) -> Any:
    """Decimals rounded HALF_UP to the target's scale; NULL where the integer part overflows."""
    wanted = arrow_type(target)
    if array.type == wanted:
        return array
    source_scale = array.type.scale
    integer_digits = array.type.precision - source_scale
    rounds = target.scale < source_scale
    if not rounds and integer_digits <= target.precision - target.scale:
        return array.cast(wanted)
    scale = max(source_scale, target.scale)
    if (
        max(integer_digits, target.precision - target.scale + 1) + scale > 76
    ):  # products of two wide decimals; nothing in Arrow is wider
        values = [round_decimal(v, target.precision, target.scale) for v in array.to_pylist()]
        return pa.array(values, wanted)
    wide = array.cast(pa.decimal256(76, scale))
    if rounds:
        wide = pc.round(wide, ndigits=target.scale, round_mode="half_towards_infinity")
    limit = pa.scalar(Decimal(10) ** (target.precision - target.scale), pa.decimal256(76, scale))
    fits = pc.less(pc.abs(wide), limit)
    return pc.if_else(fits, wide, pa.scalar(None, wide.type)).cast(wanted)


def round_decimal(value: Decimal | None, precision: int, scale: int) -> Decimal | None:
    """One decimal HALF_UP to a scale; None where it does not fit.

    Examples:
        >>> round_decimal(Decimal("1.005"), 5, 2), round_decimal(Decimal(1000), 5, 2)
        (Decimal('1.01'), None)
    """
    if value is None:
        return None
    rounded = value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    return rounded if abs(rounded) < Decimal(10) ** (precision - scale) else None


def parse_date(text: str) -> datetime.date | None:
    """A date out of `yyyy-M-d`, a time part ignored; None where it is none."""
    text = text.strip()
    found = _DATE.match(text.split(" ")[0])
    if not found:
        return None
    try:
        return datetime.date(*map(int, found.groups()))
    except ValueError:
        return None


def parse_time(text: str) -> datetime.time | None:
    """A time out of `H[:m[:s[.f]]]`, to the millisecond; None where it is none."""
    found = _TIME.match(text.strip())
    if not found:
        return None
    hour, minute, second, fraction = found.groups()
    micros = int((fraction or "").ljust(9, "0")[:6])
    try:
        return datetime.time(int(hour), int(minute or 0), int(second or 0), micros)
    except ValueError:
        return None


def _cut_time(time: datetime.time | None, precision: int) -> datetime.time | None:
    unit = 10 ** (6 - min(precision, 3))
    return time and time.replace(microsecond=time.microsecond // unit * unit)


def parse_timestamp(text: str, precision: int = 6) -> datetime.datetime | None:
    """A wall clock out of `yyyy-M-d[ H:m:s[.f]]`; None where it is none.

    Examples:
        >>> parse_timestamp("2020-1-1 1:02:03.123456", 3)
        datetime.datetime(2020, 1, 1, 1, 2, 3, 123000)
        >>> parse_timestamp("2020-01-01T00:00:00") is None
        True
    """
    head, _, tail = text.strip().partition(" ")
    found = _DATE.match(head)
    if not found:
        return None
    time = parse_time(tail) if tail else datetime.time()
    date = parse_date(head)
    if time is None or date is None:
        return None
    unit = 10 ** max(6 - precision, 0)
    time = time.replace(microsecond=time.microsecond // unit * unit)
    return datetime.datetime.combine(date, time)


def _parse_integer(text: str, bits: int) -> int:
    text = text.strip()
    if not text:
        raise ValueError("input is empty")
    found = _INTEGER.match(text)
    if not found:
        raise ValueError("invalid character found")
    value = int(found[1])
    if value != wrap(value, bits):
        raise ValueError("overflow")
    return value


def _parse_decimal(text: str, target: DataType) -> Decimal:
    try:
        found = Decimal(text.strip())
        value = round_decimal(found, target.precision, target.scale) if found.is_finite() else None
    except InvalidOperation:
        value = None
    if value is None:
        raise ValueError("it is no number or does not fit")
    return value


def _parse_float(text: str) -> float:
    text = text.strip()
    if "_" in text or (text.lower() in {"inf", "+inf", "-inf", "nan"} and text != "NaN"):
        raise ValueError("invalid number")
    if text[-1:] in "dDfF" and text[-2:-1].isdigit():
        text = text[:-1]
    return float(text)


def _parse_boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("it is neither true nor false")


def _or_fail(function: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        found = function(text)
        if found is None:
            raise ValueError("it is not in the expected format")
        return found

    return parse


def _parser(target: DataType) -> Callable[[str], Any]:
    match target.root:
        case R.BOOLEAN:
            return _parse_boolean
        case R.DECIMAL:
            return lambda text: _parse_decimal(text, target)
        case R.FLOAT | R.DOUBLE:
            return _parse_float
        case R.DATE:
            return _or_fail(parse_date)
        case R.TIME:
            return _or_fail(lambda text: _cut_time(parse_time(text), target.precision))
        case R.TIMESTAMP | R.TIMESTAMP_LTZ:
            return _or_fail(lambda text: parse_timestamp(text, target.precision))
    return lambda text: _parse_integer(text, _BITS[target.root])


def _from_string(
    array: Any, source: DataType, target: DataType, context: EvalContext, *, try_cast: bool
) -> Any:
    if target.root in co.INTEGERS:
        # Arrow reads plain digits as Flink does, and hexadecimal too; the rest goes the slow path.
        hexadecimal = pc.any(pc.match_substring(array, "x", ignore_case=True)).as_py()
        try:
            if not hexadecimal:
                return array.cast(arrow_type(target))
        except pa.ArrowInvalid:
            pass
    local = target
    if target.root is R.TIMESTAMP_LTZ:
        local = DataType(R.TIMESTAMP, precision=target.precision)
    parse = lru_cache(maxsize=65536)(_parser(local))
    values: list[Any] = []
    for text in array.to_pylist():
        try:
            values.append(None if text is None else parse(text))
        except ValueError as error:
            if not try_cast:
                raise DataError(
                    f"could not cast a {source.sql()} value to {target.sql()}",
                    code="cast",
                    detail=f"For the input: {error}.",
                    hint="TRY_CAST gives NULL instead.",
                ) from error
            values.append(None)
    found = pa.array(values, arrow_type(local))
    return found if local is target else local_to_instant(found, context.time_zone)


def local_to_instant(array: Any, zone: str) -> Any:
    """Wall clocks of a zone as instants; in a gap or an overlap the earlier offset counts."""
    found = pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest")
    return found.cast(pa.timestamp("us", tz="UTC"))


def instant_to_local(array: Any, zone: str) -> Any:
    """Instants as the wall clock of a zone."""
    if zone == "UTC":
        return pc.local_timestamp(array)
    return pc.local_timestamp(array.cast(pa.timestamp("us", tz=zone)))


def truncate_timestamp(array: Any, precision: int) -> Any:
    """Timestamps with the fraction cut to `precision` digits."""
    if precision >= 6:
        return array
    if precision > 3:
        return pc.floor_temporal(array, 10 ** (6 - precision), "microsecond")
    return pc.floor_temporal(array, 10 ** (3 - precision), "millisecond")


def _to_string(array: Any, source: DataType, target: DataType, context: EvalContext) -> Any:
    match source.root:
        case R.CHAR | R.VARCHAR:
            text = array
        case R.TINYINT | R.SMALLINT | R.INT | R.BIGINT:
            text = array.cast(pa.string())
        case R.BOOLEAN:
            text = pc.if_else(array, "TRUE", "FALSE")
        case R.FLOAT | R.DOUBLE:
            single = source.root is R.FLOAT
            values = [
                None if value is None else java_float(value, single=single)
                for value in array.to_pylist()
            ]
            text = pa.array(values, pa.string())
        case R.TIMESTAMP if source.precision <= 6:
            full = array.cast(pa.string())
            text = pc.utf8_slice_codeunits(
                full, 0, 20 + source.precision if source.precision else 19
            )
        case R.TIMESTAMP_LTZ:
            plain = DataType(R.TIMESTAMP, precision=source.precision)
            return _to_string(instant_to_local(array, context.time_zone), plain, target, context)
        case R.DATE:
            text = array.cast(pa.string())
        case _:
            values = [
                None if value is None else value_text(value, source) for value in array.to_pylist()
            ]
            text = pa.array(values, pa.string())
    return fit_string(text, target)


def fit_string(text: Any, target: DataType) -> Any:
    """Strings cut to the length of VARCHAR(n); for CHAR(n) also padded with blanks."""
    if target.length < 2_147_483_647:
        text = pc.utf8_slice_codeunits(text, 0, target.length)
        if target.root is R.CHAR:
            text = pc.utf8_rpad(text, target.length, " ")
    return text


def _fit_binary(array: Any, target: DataType) -> Any:
    if target.length == 2_147_483_647:
        return array
    size, pad = target.length, target.root is R.BINARY
    values = [
        None if v is None else (v[:size].ljust(size, b"\0") if pad else v[:size])
        for v in array.to_pylist()
    ]
    return pa.array(values, pa.binary())


def _number(array: Any, source: DataType, target: DataType) -> Any:
    wanted = arrow_type(target)
    s, t = source.root, target.root
    if t is R.BOOLEAN:
        zero = pa.scalar(0, array.type) if s is not R.DECIMAL else pa.scalar(Decimal(0), array.type)
        return pc.not_equal(array, zero)
    if s is R.BOOLEAN:
        array, source, s = array.cast(pa.int8()), DataType(R.TINYINT), R.TINYINT
    if t is R.DECIMAL:
        if s in co.APPROXIMATE:
            single = s is R.FLOAT
            values = [
                None
                if value is None or value != value or value in (float("inf"), -float("inf"))  # noqa: PLR0124
                else round_decimal(
                    Decimal(java_float(value, single=single)), target.precision, target.scale
                )
                for value in array.to_pylist()
            ]
            return pa.array(values, wanted)
        if s is not R.DECIMAL:
            array = array.cast(arrow_type(DECIMAL(co.as_decimal(source).precision, 0)))
        return fit_decimal(array, target)
    if t in co.APPROXIMATE:
        return array.cast(wanted, safe=False)
    if s is R.DECIMAL:
        whole = [
            None if value is None else wrap(int(value), _BITS[t]) for value in array.to_pylist()
        ]
        return pa.array(whole, wanted)
    if s in co.APPROXIMATE:
        return _float_to_integer(array, t, wanted)
    return array.cast(wanted, safe=False)


def _float_to_integer(array: Any, root: TypeRoot, wanted: Any) -> Any:
    mask = np.asarray(array.is_null())
    floats = np.trunc(np.nan_to_num(array.to_numpy(zero_copy_only=False), nan=0.0))
    # Java narrows floats to int or long with saturation, and from int to byte or short by wrapping.
    bits = 64 if root is R.BIGINT else 32
    top = float(2 ** (bits - 1))
    inside = np.where((floats >= top) | (floats < -top), 0.0, floats).astype(np.int64)
    limit = 2 ** (bits - 1) - 1
    whole = np.where(floats >= top, limit, np.where(floats < -top, -limit - 1, inside))
    return pa.array(whole.astype(np.int64), pa.int64(), mask=mask).cast(wanted, safe=False)


def _temporal(array: Any, source: DataType, target: DataType, context: EvalContext) -> Any:
    s, t, wanted = source.root, target.root, arrow_type(target)
    if s is t and t in co.TIMESTAMPS:
        return truncate_timestamp(array, target.precision)
    if s is R.TIMESTAMP_LTZ:
        array = instant_to_local(array, context.time_zone)
    elif s is R.DATE:
        array = array.cast(pa.timestamp("us"))
    elif s is R.TIME:
        if t is R.TIME:
            unit = 10 ** (3 - min(target.precision, 3))
            millis = array.cast(pa.int32())
            return pc.multiply(pc.divide(millis, unit), unit).cast(pa.int32()).cast(wanted)
        array = array.cast(pa.int32()).cast(pa.int64())
        array = pc.multiply(array, 1000).cast(pa.timestamp("us"))
    if t is R.DATE:
        return pc.floor_temporal(array, 1, "day").cast(wanted)
    if t is R.TIME:
        micros = pc.subtract(array, pc.floor_temporal(array, 1, "day")).cast(pa.int64())
        unit = 10 ** (6 - min(target.precision, 3))
        micros = pc.multiply(pc.divide(micros, unit), unit // 1000)
        return micros.cast(pa.int32()).cast(wanted)
    array = truncate_timestamp(array, target.precision)
    return local_to_instant(array, context.time_zone) if t is R.TIMESTAMP_LTZ else array


def _constructed(
    array: Any, source: DataType, target: DataType, context: EvalContext, *, try_cast: bool
) -> Any:
    array = array.take(pa.array(range(len(array)), pa.int64()))  # drops the slice's offset
    mask = array.is_null()
    if target.root is R.ARRAY:
        inner = cast_array(
            array.values, source.children[0], target.children[0], context, try_cast=try_cast
        )
        return pa.ListArray.from_arrays(array.offsets, inner, mask=mask)
    if target.root is R.ROW:
        fields = [
            cast_array(array.field(i), f.type, g.type, context, try_cast=try_cast)
            for i, (f, g) in enumerate(zip(source.fields, target.fields, strict=True))
        ]
        if not fields:
            return array
        return pa.StructArray.from_arrays(fields, fields=list(arrow_type(target)), mask=mask)
    if target.root is R.MULTISET:
        return array.cast(arrow_type(target))
    keys = cast_array(
        array.keys, source.children[0], target.children[0], context, try_cast=try_cast
    )
    items = cast_array(
        array.items, source.children[1], target.children[1], context, try_cast=try_cast
    )
    return pa.MapArray.from_arrays(array.offsets, keys, items, mask=mask)


def cast_array(  # noqa: PLR0911
    array: Any,
    source: DataType,
    target: DataType,
    context: EvalContext,
    *,
    try_cast: bool = False,
) -> Any:
    """An Arrow array of `source` as `target`.

    Raises:
        DataError: A value does not convert and `try_cast` is false.

    Examples:
        >>> from penstock.expressions import EvalContext
        >>> from penstock.types import INT, STRING
        >>> texts = pa.array([" 12 ", "12.7", None])
        >>> cast_array(texts, STRING, INT, EvalContext()).to_pylist()
        [12, 12, None]
    """
    s, t = source.root, target.root
    if source.same_but_nullability(target):
        return array
    if s is R.NULL:
        return pa.nulls(len(array), arrow_type(target))
    if t in co.STRINGS:
        return _to_string(array, source, target, context)
    if t in co.BINARIES:
        return _fit_binary(array.cast(pa.binary()), target)
    if s in co.STRINGS:
        return _from_string(array, source, target, context, try_cast=try_cast)
    if s in (*co.NUMERIC, R.BOOLEAN) and t in (*co.NUMERIC, R.BOOLEAN):
        return _number(array, source, target)
    if s in co.TEMPORAL and t in co.TEMPORAL:
        return _temporal(array, source, target, context)
    if s in co.CONSTRUCTED:
        return _constructed(array, source, target, context, try_cast=try_cast)
    if s in co.INTERVALS or t in co.INTERVALS:
        if s is t:
            return array
        if s in co.INTERVALS:
            whole = array.cast(pa.int64())
            return _number(whole, DataType(R.BIGINT), target)
        whole = _number(array, source, DataType(R.BIGINT))
        return whole.cast(arrow_type(target), safe=False)
    raise InternalError(f"no cast from {source.sql()} to {target.sql()}")


def _kernel(call: Call, args: list[Any], frame: Frame) -> Any:
    value = args[0]
    once = isinstance(value, pa.Scalar)
    array = pa.array([value.as_py()], value.type) if once else value
    try_cast = call.function is TRY_CAST
    found = cast_array(array, call.args[0].type, call.type, frame.context, try_cast=try_cast)
    return found[0] if once else found


CAST = ScalarFunction("CAST", _kernel, may_fail=True)
TRY_CAST = ScalarFunction("TRY_CAST", _kernel)
