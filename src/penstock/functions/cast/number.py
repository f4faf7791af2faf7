"""Casts among numbers and BOOLEAN: wrapping, saturation, decimal rounding."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import arrow_type
from penstock.functions.cast.decimals import narrowed, round_decimals
from penstock.functions.text import java_float
from penstock.types import DECIMAL, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    pass

R = TypeRoot
BITS = {R.TINYINT: 8, R.SMALLINT: 16, R.INT: 32, R.BIGINT: 64}
_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)


def wrap(value: int, bits: int) -> int:
    """An integer cut to two's complement of `bits`.

    Examples:
        >>> wrap(300, 8), wrap(3_000_000_000, 32)
        (44, -1294967296)
    """
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


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
    if max(integer_digits, target.precision - target.scale + 1) + scale > 76:
        # Products of two wide decimals; nothing in Arrow is wider.
        values = [round_decimal(v, target.precision, target.scale) for v in array.to_pylist()]
        return pa.array(values, wanted)
    wide = array.cast(pa.decimal256(76, scale))
    if rounds:
        wide = round_decimals(wide, target.scale, "half_towards_infinity")
    limit = pa.scalar(Decimal(10) ** (target.precision - target.scale), pa.decimal256(76, scale))
    fits = pc.less(pc.abs(wide), limit)
    return narrowed(pc.if_else(fits, wide, pa.scalar(None, wide.type)), wanted)


def unscaled_int64(array: Any) -> Any:
    """The unscaled values of decimals of at most 18 digits, as NumPy int64; 0 where NULL.

    Reads the low words of the 128-bit values in place.
    """
    words = np.frombuffer(array.buffers()[1], np.int64)
    found = words[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    if array.null_count:
        found = np.where(np.asarray(array.is_null()), 0, found)
    return found


def decimal_of_unscaled(values: Any, mask: Any, wanted: Any) -> Any:
    """Decimals out of unscaled NumPy int64 values; NULL where `mask` or where there is no room."""
    mask = mask | (np.abs(values) >= 10 ** min(wanted.precision, 18))
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63
    validity = pa.array(~mask).buffers()[1]
    return pa.Array.from_buffers(wanted, len(values), [validity, pa.py_buffer(words)])


def scaled_half_up(numbers: Any, digits: int, *, cut: bool = False) -> tuple[Any, Any]:
    """Doubles times 10**digits, HALF_UP or cut on their decimal texts, as int64; and what is sure.

    Not sure are numbers too large, or so near to a tie that the text decides.
    """
    with np.errstate(all="ignore"):
        scaled = np.abs(numbers) * 10.0**digits
        whole = np.floor(scaled)
        rest = scaled - whole
        near = np.minimum(rest, 1 - rest) if cut else np.abs(rest - 0.5)
        sure = (scaled < 2.0**40) & (near > 1e-3)
        found = whole if cut else np.floor(scaled + 0.5)
        signed = np.where(sure, np.copysign(found, numbers), 0.0).astype(np.int64)
    return signed, sure


def decimal_to_double(array: Any) -> Any:
    """Decimals as doubles, each the nearest one, which Arrow's own cast is not."""
    if array.type.precision > 15:
        values = [None if value is None else float(value) for value in array.to_pylist()]
        return pa.array(values, pa.float64())
    # Both operands are exact, so that one division rounds once.
    doubles = unscaled_int64(array) / float(10**array.type.scale)
    return pa.array(doubles, pa.float64(), mask=np.asarray(array.is_null()))


def _to_decimal(array: Any, source: DataType, target: DataType) -> Any:
    if source.root in co.APPROXIMATE:
        return _float_to_decimal(array, source, target)
    if source.root is not R.DECIMAL:
        array = array.cast(arrow_type(DECIMAL(co.as_decimal(source).precision, 0)))
    return fit_decimal(array, target)


def _float_to_decimal(array: Any, source: DataType, target: DataType) -> Any:
    single, wanted = source.root is R.FLOAT, arrow_type(target)
    nulls = np.asarray(array.is_null())
    found: Any = None
    slow = ~nulls
    if not single and target.scale <= 15:
        numbers = array.to_numpy(zero_copy_only=False)
        unscaled, sure = scaled_half_up(numbers, target.scale)
        found, slow = decimal_of_unscaled(unscaled, nulls, wanted), ~nulls & ~sure
    if found is None or slow.all():
        return pa.array([_from_float(v, single, target) for v in array.to_pylist()], wanted)
    rest = [_from_float(v, single, target) for v in array.filter(pa.array(slow)).to_pylist()]
    return pc.replace_with_mask(found, pa.array(slow), pa.array(rest, wanted)) if rest else found


def _from_float(value: float | None, single: bool, target: DataType) -> Decimal | None:  # noqa: FBT001
    if value is None:
        return None
    if value - value != 0:  # NaN or infinite
        raise DataError(
            f"could not cast {java_float(value)} to {target.sql()}",
            code="cast",
            hint="TRY_CAST gives NULL instead.",
        )
    return round_decimal(Decimal(java_float(value, single=single)), target.precision, target.scale)


def cast_number(array: Any, source: DataType, target: DataType) -> Any:
    """Between any two of the numeric types and BOOLEAN."""
    wanted = arrow_type(target)
    s, t = source.root, target.root
    if t is R.BOOLEAN:
        zero = pa.scalar(Decimal(0) if s is R.DECIMAL else 0, array.type)
        return pc.not_equal(array, zero)
    if s is R.BOOLEAN:
        array, source, s = array.cast(pa.int8()), DataType(R.TINYINT), R.TINYINT
    if t is R.DECIMAL:
        return _to_decimal(array, source, target)
    if t in co.APPROXIMATE:
        if s is R.DECIMAL:
            array = decimal_to_double(array)
        return array.cast(wanted, safe=False)
    if s is R.DECIMAL:
        return _decimal_to_integer(array, t, wanted)
    if s in co.APPROXIMATE:
        return _float_to_integer(array, t, wanted)
    return array.cast(wanted, safe=False)


def _decimal_to_integer(array: Any, root: TypeRoot, wanted: Any) -> Any:
    """Cut towards zero, then wrapped."""
    if array.type.precision <= 18:
        unscaled = unscaled_int64(array)
        step = 10**array.type.scale
        whole = np.sign(unscaled) * (np.abs(unscaled) // step)
        return pa.array(whole, pa.int64(), mask=np.asarray(array.is_null())).cast(
            wanted, safe=False
        )
    bits = BITS[root]
    values = [None if value is None else wrap(int(value), bits) for value in array.to_pylist()]
    return pa.array(values, wanted)


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


def cast_interval(array: Any, source: DataType, target: DataType) -> Any:
    """Integers as months or days; intervals of one kind stay as they are."""
    if source.root is target.root:
        return array
    whole = cast_number(array, source, DataType(R.BIGINT))
    if target.root is R.INTERVAL_DAY:
        whole = pc.multiply(whole, 86_400_000)
    return whole.cast(arrow_type(target), safe=False)
