"""Rounding and division of decimals, by Arrow where Arrow is right.

Arrow divides 128- and 256-bit numbers by Knuth's algorithm and gets some quotient digits wrong,
those of 2**64 - 1 scaled by 10**17 for one. Each result is checked by what Arrow does well, adding
and multiplying; rows that fail the check are done by Python.

Source: observed on pyarrow 26.0.1, `round`, `divide` and `cast`.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS_MAX = 76
_EXACT = Context(prec=100)
_MODES = {
    "half_towards_infinity": ROUND_HALF_UP,
    "towards_zero": ROUND_DOWN,
    "down": ROUND_FLOOR,
    "up": ROUND_CEILING,
}


def round_decimals(array: Any, digits: int, mode: str) -> Any:
    """Decimals rounded to `digits` places, in a type as wide as Arrow has, of the same scale.

    Args:
        array: Decimals of more than `digits` places and room for one digit more.
        digits: Places to keep.
        mode: `half_towards_infinity`, `towards_zero`, `down` or `up`.

    Examples:
        >>> values = pa.array([Decimal(2**64 - 1), Decimal("0.5"), None], pa.decimal128(38, 17))
        >>> [v and int(v) for v in round_decimals(values, 0, "half_towards_infinity").to_pylist()]
        [18446744073709551615, 1, None]
    """
    scale = array.type.scale
    wide = array.cast(pa.decimal256(_DIGITS_MAX, scale))
    found = pc.round(wide, ndigits=digits, round_mode=mode)
    wrong = _misrounded(wide, found, Decimal(1).scaleb(-digits), mode)
    if not pc.any(wrong).as_py():
        return found
    unit, rounding = Decimal(1).scaleb(-digits), _MODES[mode]
    right = [v.quantize(unit, rounding, _EXACT) for v in wide.filter(wrong).to_pylist()]
    return pc.replace_with_mask(found, pc.fill_null(wrong, False), pa.array(right, found.type))  # noqa: FBT003


def _misrounded(values: Any, rounded: Any, unit: Decimal, mode: str) -> Any:
    """Which are too far from their values, or on the wrong side of them."""
    # A sum's type has one digit more than its operands'.
    x, y = (_typed(array, _DIGITS_MAX - 1) for array in (values, rounded))
    distance = pc.abs(pc.subtract(x, y))
    if mode == "half_towards_infinity":
        half = pa.scalar(unit / 2, distance.type)
        tie_down = pc.and_(pc.equal(distance, half), pc.less(pc.abs(y), pc.abs(x)))
        return pc.or_(pc.greater(distance, half), tie_down)
    too_far = pc.greater_equal(distance, pa.scalar(unit, distance.type))
    match mode:
        case "down":
            return pc.or_(too_far, pc.greater(y, x))
        case "up":
            return pc.or_(too_far, pc.less(y, x))
    return pc.or_(too_far, pc.greater(pc.abs(y), pc.abs(x)))


def narrowed(array: Any, wanted: Any) -> Any:
    """Decimals in a type of less scale, which loses no digit of theirs.

    Examples:
        >>> values = pa.array([Decimal(2**64 - 1), None], pa.decimal256(76, 17))
        >>> narrowed(values, pa.decimal128(20, 0)).to_pylist()
        [Decimal('18446744073709551615'), None]
    """
    try:
        found = array.cast(wanted)
        same = pc.all(pc.equal(found.cast(array.type), array)).as_py()
    except pa.ArrowInvalid:
        same = False
    if same is not False:
        return found
    unit = Decimal(1).scaleb(-wanted.scale)
    values = [v and v.quantize(unit, context=_EXACT) for v in array.to_pylist()]
    return pa.array(values, wanted)


def divide_decimals(dividend: Any, divisor: Any) -> Any:
    """Quotients of 256-bit decimals, cut to the scale that Arrow's `divide` gives them.

    Args:
        dividend: With room for the quotient's scale and the divisor's.
        divisor: None is zero.

    Examples:
        >>> x = pa.array([Decimal((2**64 - 1) * 10**17)], pa.decimal256(37, 0))
        >>> y = pa.array([Decimal(10**17)], pa.decimal256(18, 0))
        >>> [int(v) for v in divide_decimals(x, y).to_pylist()]
        [18446744073709551615]
    """
    found = pc.divide(dividend, divisor)
    scale = found.type.scale + divisor.type.scale
    product = pc.multiply(_typed(found, _DIGITS_MAX // 2 - 1), _typed(divisor, _DIGITS_MAX // 2))
    whole = _typed(dividend.cast(pa.decimal256(_DIGITS_MAX, scale)), _DIGITS_MAX - 1)
    rest = pc.abs(pc.subtract(whole, _typed(product, _DIGITS_MAX - 1)))
    # Both in units of the last place, as whole numbers are divided.
    wrong = pc.greater_equal(rest, pc.abs(_typed(divisor, _DIGITS_MAX - 1, scale)))
    if not pc.any(wrong).as_py():
        return found
    unit = Decimal(1).scaleb(-found.type.scale)
    pairs = zip(dividend.filter(wrong).to_pylist(), divisor.filter(wrong).to_pylist(), strict=True)
    right = [_EXACT.divide(x, y).quantize(unit, ROUND_DOWN, _EXACT) for x, y in pairs]
    return pc.replace_with_mask(found, pc.fill_null(wrong, False), pa.array(right, found.type))  # noqa: FBT003


def _typed(array: Any, precision: int, scale: int | None = None) -> Any:
    """The same 256-bit numbers, said to have `precision` digits."""
    kind = pa.decimal256(precision, array.type.scale if scale is None else scale)
    return pa.Array.from_buffers(kind, len(array), array.buffers(), offset=array.offset)
