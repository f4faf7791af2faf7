"""Arithmetic operators over numbers, intervals and times, with Flink's wrapping and derivation."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, DivisionByZero
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import Literal, arrow_type, broadcast
from penstock.functions.cast import cast_array, fit_decimal, round_decimal, scaled_half_up, wrap
from penstock.functions.cast.decimals import divide_decimals, narrowed, round_decimals
from penstock.functions.registry import map_rows, same, scalar
from penstock.types import DECIMAL, DOUBLE, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame

R = TypeRoot
_EXACT = Context(prec=90, rounding=ROUND_HALF_UP)
_CUT = Context(prec=90, rounding=ROUND_DOWN)


def _number_type(operator: str) -> Any:
    def rule(args: list[Expr]) -> DataType | None:
        a, b = args[0].type, args[1].type
        roots = (a.root, b.root)
        if operator == "%" and set(roots) & set(co.APPROXIMATE):
            return None  # Flink takes the remainder of exact numbers only
        if R.DECIMAL in roots and set(roots) & set(co.APPROXIMATE):
            return DOUBLE
        if set(roots) & set(co.APPROXIMATE):
            return a if a.root in co.APPROXIMATE else b
        if R.DECIMAL in roots:
            return co.decimal_result(operator, a, b)
        return b if operator == "%" else co.common_type([a, b])

    return rule


def _zero_check(divisor: Any, dividend: Any) -> None:
    zero = pa.scalar(0, divisor.type)
    bad = pc.and_(pc.equal(divisor, zero), pc.is_valid(dividend))
    if pc.any(bad).as_py():
        raise DataError(
            "division by zero",
            code="division-by-zero",
            hint="Guard it: CASE WHEN divisor <> 0 THEN .. END.",
        )


def _arithmetic(call: Call, args: list[Any], frame: Frame) -> Any:
    operator = call.function.name
    operator = "%" if operator == "MOD" else operator
    types = [arg.type for arg in call.args]
    if call.type.root is R.DECIMAL:
        return _decimal(operator, args, types, call.type, frame)
    work = call.type
    if operator == "%" and call.type.root in co.INTEGERS:
        work = co.common_type(types) or call.type
    if call.type.root is R.FLOAT and DOUBLE.root in {t.root for t in types}:
        work = DOUBLE
    a, b = (
        cast_array(broadcast(value, frame.rows), t, work, frame.context)
        if not t.same_but_nullability(work)
        else value
        for value, t in zip(args, types, strict=True)
    )
    match operator:
        case "+":
            return pc.add(a, b)
        case "-":
            return pc.subtract(a, b)
        case "*":
            return pc.multiply(a, b)
    if work.root in co.APPROXIMATE:
        if operator == "/":
            return pc.divide(a, b)
        x, y = (broadcast(v, frame.rows) for v in (a, b))
        mask = np.asarray(pc.or_(pc.is_null(x), pc.is_null(y)))
        with np.errstate(all="ignore"):
            found = np.fmod(x.to_numpy(zero_copy_only=False), y.to_numpy(zero_copy_only=False))
        return pa.array(found, arrow_type(work), mask=mask)
    _zero_check(b, a)
    # Where the dividend is NULL the result is; Arrow divides under nulls and must not meet a zero.
    b = pc.if_else(pc.equal(b, pa.scalar(0, b.type)), pa.scalar(None, b.type), b)
    quotient = _divide(a, b)
    if operator == "/":
        return quotient
    return pc.subtract(a, pc.multiply(quotient, b)).cast(arrow_type(call.type), safe=False)


def _divide(a: Any, b: Any) -> Any:
    # Arrow gives 0 for MIN / -1 where Java wraps to MIN.
    quotient = pc.divide(a, b)
    return pc.if_else(pc.equal(b, pa.scalar(-1, b.type)), pc.negate(a), quotient)


def _decimal(
    operator: str, args: list[Any], types: list[DataType], result: DataType, frame: Frame
) -> Any:
    wide = [co.as_decimal(t) for t in types]
    pairs = [
        value
        if t.root is R.DECIMAL
        else cast_array(broadcast(value, frame.rows), t, w, frame.context)
        for value, t, w in zip(args, types, wide, strict=True)
    ]
    a, b = pairs
    p1, s1, p2, s2 = wide[0].precision, wide[0].scale, wide[1].precision, wide[1].scale
    grown = max(p1 - s1, p2 - s2) + max(s1, s2) + 1
    need = grown if operator in "+-" else p1 + p2 + 1
    if operator in "+-*":
        if need > 38:
            a, b = (v.cast(pa.decimal256(v.type.precision, v.type.scale)) for v in (a, b))
        function = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}[operator]
        if need <= 76:
            found = function(a, b)
            one = isinstance(found, pa.Scalar)
            array = pa.array([found.as_py()], found.type) if one else found
            fitted = fit_decimal(array, result)
            return fitted[0] if one else fitted

    if operator == "/":
        found = _fast_quotient(a, b, wide, result, frame)
        if found is not None:
            return found

    def compute(x: Decimal, y: Decimal) -> Decimal | None:
        if operator == "*":
            value = _EXACT.multiply(x, y)
        elif operator == "/":
            value = _EXACT.divide(x, y)
        else:
            value = _CUT.remainder(x, y)
        return round_decimal(value, result.precision, result.scale)

    try:
        return map_rows(compute, [a, b], frame, arrow_type(result))
    except (DivisionByZero, ArithmeticError) as error:
        raise DataError("division by zero", code="division-by-zero") from error


def _fast_quotient(a: Any, b: Any, types: list[DataType], result: DataType, frame: Frame) -> Any:
    """By Arrow's division, which cuts, one digit finer than wanted; None where that has no room."""
    p1, s1, p2, s2 = types[0].precision, types[0].scale, types[1].precision, types[1].scale
    finer = max(result.scale + 1 - max(4, s1 + p2 - s2 + 1), 0)
    scale = max(4, s1 + finer + p2 - s2 + 1)
    if p1 + finer > 76 or p1 - s1 + s2 + scale > 76 or scale <= result.scale:
        return None
    x, y = broadcast(a, frame.rows), broadcast(b, frame.rows)
    zero = pc.equal(y, pa.scalar(Decimal(0), y.type))
    if pc.any(pc.and_(zero, pc.is_valid(x))).as_py():
        raise DataError(
            "division by zero",
            code="division-by-zero",
            hint="Guard it: CASE WHEN divisor <> 0 THEN .. END.",
        )
    # Arrow divides under NULLs too, and must not meet a zero there.
    dividend = x.cast(pa.decimal256(p1 + finer, s1 + finer))
    divisor = y.cast(pa.decimal256(p2, s2))
    smallest = pa.scalar(Decimal(1).scaleb(-s2), divisor.type)
    safe = pc.if_else(pc.or_kleene(pc.is_null(y), zero), smallest, divisor)
    quotient = fit_decimal(divide_decimals(dividend, safe), result)
    known = pc.and_(pc.is_valid(x), pc.and_(pc.is_valid(y), pc.invert(pc.fill_null(zero, False))))  # noqa: FBT003
    return pc.if_else(known, quotient, pa.scalar(None, quotient.type))


for _name in "+-*":
    scalar(_name, "n n", _number_type(_name), operator=True)(_arithmetic)
scalar("/", "n n", _number_type("/"), operator=True, may_fail=True)(_arithmetic)
scalar("%", "n n", _number_type("%"), operator=True, may_fail=True)(_arithmetic)
scalar("MOD", "n n", _number_type("%"), may_fail=True)(_arithmetic)


@scalar("-", "nv", same(), operator=True)
def negative(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Wraps at the smallest integer."""
    if call.type.root is R.INTERVAL_DAY:
        return pc.multiply(args[0], -1)
    return pc.negate(args[0])


@scalar("ABS", "n", same())
def absolute(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Of the smallest integer is itself."""
    return pc.abs(args[0])


@scalar("SIGN", "n", same())
def sign_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """-1, 0 or 1 in the argument's type."""
    if call.type.root is not R.DECIMAL:
        return pc.sign(args[0]).cast(arrow_type(call.type))
    return map_rows(
        lambda value: round_decimal(
            Decimal((value > 0) - (value < 0)), call.type.precision, call.type.scale
        ),
        args,
        frame,
        arrow_type(call.type),
    )


def _whole_type(args: list[Expr]) -> DataType:
    given = args[0].type
    return DECIMAL(given.precision, 0) if given.root is R.DECIMAL else given


@scalar("FLOOR CEIL CEILING", "n", _whole_type)
def floor(call: Call, args: list[Any], frame: Frame) -> Any:
    """The nearest whole number below or above."""
    function = pc.floor if call.function.name == "FLOOR" else pc.ceil
    if call.type.root in co.INTEGERS:
        return args[0]
    if call.type.root is R.DECIMAL:
        mode = "down" if call.function.name == "FLOOR" else "up"
        array = broadcast(args[0], frame.rows)
        return narrowed(round_decimals(array, 0, mode), arrow_type(call.type))
    return function(args[0])


def _round_type(args: list[Expr]) -> DataType:
    from penstock.expressions import Literal

    given = args[0].type
    if given.root is not R.DECIMAL:
        return given
    digits = 0
    if len(args) > 1:
        second = args[1]
        digits = second.value if isinstance(second, Literal) else given.scale
    if digits is None or digits >= given.scale:
        return given
    if digits < 0:
        return DECIMAL(min(38, 1 + given.precision - given.scale), 0)
    return DECIMAL(given.precision - given.scale + 1 + digits, digits)


def _round_columns(call: Call, args: list[Any], frame: Frame) -> Any:
    """By Arrow and NumPy where the digits are constant; None where rows must be looked at."""
    digits = call.args[1].value if len(args) > 1 and isinstance(call.args[1], Literal) else 0
    if (len(args) > 1 and not isinstance(call.args[1], Literal)) or digits is None:
        return None
    cut = call.function.name == "TRUNCATE"
    array = broadcast(args[0], frame.rows)
    if call.type.root is R.DECIMAL:
        if digits >= array.type.scale:
            return array
        mode = "towards_zero" if cut else "half_towards_infinity"
        return narrowed(round_decimals(array, digits, mode), arrow_type(call.type))
    if call.type.root is R.DOUBLE and 0 <= digits <= 15:
        whole, sure = scaled_half_up(array.to_numpy(zero_copy_only=False), digits, cut=cut)
        nulls = np.asarray(array.is_null())
        found = pa.array(whole / 10.0**digits, mask=nulls)
        slow = pa.array(~sure & ~nulls)
        if not slow.true_count:
            return found
        rest = [_rounded(value, digits, cut=cut) for value in array.filter(slow).to_pylist()]
        return pc.replace_with_mask(found, slow, pa.array(rest, pa.float64()))
    return None


def _rounded(value: float, digits: int, *, cut: bool) -> float:
    """One double by its decimal text; what is not finite stays."""
    if value - value != 0:
        return value
    number = Decimal(repr(value))
    if -digits <= int(number.as_tuple().exponent):
        return value
    return float(number.quantize(Decimal(1).scaleb(-digits), context=_CUT if cut else _EXACT))


@scalar("ROUND TRUNCATE", "n i?", _round_type)
def round_(call: Call, args: list[Any], frame: Frame) -> Any:
    """HALF_UP on the decimal text, or cut; negative digits zero the integer part."""
    cut = call.function.name == "TRUNCATE"
    root = call.type.root
    columns = _round_columns(call, args, frame)
    if columns is not None:
        return columns

    def compute(value: Any, digits: int = 0) -> Any:
        if isinstance(value, float):
            return _rounded(value, digits, cut=cut)  # a FLOAT is widened bit by bit before
        number = Decimal(value)
        rounded = (
            number.quantize(Decimal(1).scaleb(-digits), context=_CUT if cut else _EXACT)
            if -digits > int(number.as_tuple().exponent)
            else number
        )
        if root in co.INTEGERS:
            bits = {R.TINYINT: 8, R.SMALLINT: 16, R.INT: 32, R.BIGINT: 64}[root]
            return wrap(int(rounded), bits)
        return round_decimal(rounded, call.type.precision, call.type.scale)

    return map_rows(compute, args, frame, arrow_type(call.type))
